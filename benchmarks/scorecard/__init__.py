"""The mutation scorecard: which gates tell a converter's faults from rounding, and which do not.

edit.py        an ONNX graph under the knife
mutators/      faults of converters, as changes to a graph (an explicit table)
rewrites/      faithful ways to say the same function
nets.py        small networks with the operators that the other subjects lack
subjects.py    the models that faults are planted in
executors.py   who runs a graph: ONNX Runtime in every setting, other frameworks
evidence.py    inputs, truth, floor and reference runs of a subject
equivalence.py does a mutant compute another function at all? in float64
gates/         what says "the same" or "not the same": ours, the usual formulas, other tools' own code
cases.py       which case is run, in which order, by seed
judging.py     one case: made, run, held against every gate
ledger.py      one JSON line a case: a run that was killed goes on where it was
summary.py     the figures; tables.py, plot.py: as Markdown and as SVG; report.py: all of it as files
"""
