"""The whole matrix: every model of the zoo, from every source, to every target, each cell graded.

A group (one model from one source, to all targets) is a process of its own, and is exported once;
every finished cell is one line in a ledger, so a run that was killed goes on where it ended.
"""
