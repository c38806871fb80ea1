"""Deployment readiness: what a model is, what stands in its way, and where it runs.

facts.py     what the file says of itself
rules.py     what stands in the way wherever it goes: a table of rules
support/     which operators each target takes: tables with their sources
cost.py      operations and memory of one run
static.py    all of these, of one model; nothing is run
"""

from interop.audit.static import StaticAudit, static_audit

__all__ = ["StaticAudit", "static_audit"]
