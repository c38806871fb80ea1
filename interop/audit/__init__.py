"""Deployment readiness: what a model is, what stands in its way, where it runs, and what that costs.

facts.py       what the file says of itself
rules.py       what stands in the way wherever it goes: a table of rules
support/       which operators each target takes: tables with their sources
cost.py        operations and memory of one run
static.py      all of these, of one model; nothing is run
ways.py        one backend that was tried: grade, reasons, next steps, latency
memory.py      what a backend will need of memory, estimated before it is tried
variants.py    the model in fewer bits
accuracy.py    how often a backend is right, where labels say what that is
policy.py      what a team requires
ledger.py      what is finished, on disk, so that a killed audit goes on
tries.py       what is run, as far as the ledger has it not
run.py         the whole audit
listing.py     several models, as a list names them
packages.py    models that ship inside packages
several.py     several audits, and one index
record.py      the JSON document that it ends in
difference.py  two of these documents compared
"""
