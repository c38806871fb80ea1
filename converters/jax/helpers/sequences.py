"""Sequences as Python lists, which are never changed in place."""


def inserted(sequence, value, place):
    """A copy with `value` before `place`; None appends."""
    place = len(sequence) if place is None else place % len(sequence) if place < 0 else place
    return [*sequence[:place], value, *sequence[place:]]


def erased(sequence, place):
    """A copy without the entry at `place`."""
    place = place % len(sequence)
    return [*sequence[:place], *sequence[place + 1 :]]
