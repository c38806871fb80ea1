"""How fast a model is on each backend, said only as far as the measurements carry.

samples.py      seconds of every run, by process, block and run
intervals.py    the ratio of two contenders, its interval, and when that is a tie
percentiles.py  which percentiles a sample supports
warmup.py       when a contender has warmed up
turns.py        contenders taking turns, in random order
"""
