"""`interop check`: does a model compute the same everywhere, held against the float64 truth?

request.py    what was asked for
later.py      work in the background
attempts.py   one side's outputs on disk, or why there are none
lineup.py     the backends, one after the other on the cores
others.py     other artifacts, each run by its own framework
pairing.py    which tensor of one model is which of another
recorded.py   outputs that were recorded earlier
held.py       each side against the truth, and against the others
drawn.py      models that draw random numbers: distributions are compared
unaided.py    each side against itself: a second run, rows of a batch
rebuilt.py    what a backend runs, built twice
labels.py     what the user says is right; tasks.py: what a difference does to that, and to tokens
gradients.py, layers.py   where they are asked for: derivatives, and every node by itself
aspects.py    what one of these last found of one side
sides.py      all sides in order
run.py        the whole check
record.py     the JSON document that it ends in
"""

from interop.checks.request import CheckRequest
from interop.checks.run import Check, run

__all__ = ["Check", "CheckRequest", "run"]
