"""Every case that is known not to pass has a reason that a person can read."""

from __future__ import annotations

import known


def _matching(case, what):
    return [
        number
        for number, (cases, happens, _) in enumerate(known.reasons())
        if cases.search(case) and happens.search(what)
    ]


def test_every_limit_has_a_reason_and_every_reason_a_limit():
    rows = [(name, *row) for name, limits in known.lists().items() for row in limits.items()]
    used = {(name, case): _matching(case, what) for name, case, what in rows}
    assert [row for row, numbers in used.items() if not numbers] == [], "add them to reasons.tsv"
    idle = set(range(len(known.reasons()))) - {numbers[0] for numbers in used.values()}
    assert [known.reasons()[number] for number in sorted(idle)] == [], "no limit needs these"


def test_reasons_are_sentences():
    short = [why for _, _, why in known.reasons() if len(why.split()) < 4]
    assert short == []


def test_a_limit_without_a_reason_is_noticed():
    assert _matching("test_relu", "numbers differ") == []
