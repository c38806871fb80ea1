"""One case: made, run, held against every gate."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto
from onnx.checker import ValidationError

from interop.errors import InteropError
from interop.parity.verdict.compare import OutputParity, Verdict, compare_outputs
from interop.workers.tensors import write_tensors
from scorecard.cases import Case
from scorecard.equivalence import Difference, Original, distance
from scorecard.evidence import QUICK, Evidence, Outputs
from scorecard.executors import DoesNotRunError, Session, Setting, run_elsewhere, settings
from scorecard.gates.peers import Peers
from scorecard.gates.usual import TESTS, blames
from scorecard.ledger import Row
from scorecard.mutators import MUTATORS, mutate
from scorecard.rewrites import REWRITES, rewrite

OURS = "interop"

#: A rewrite that differs more than this in float64 is none of that model (a shape that the file
#: declares may not be true); weights that are rounded anew differ by float32's rounding.
FAITHFUL = 1e-6


#: An error of so many times the floor is no rounding, whoever computes it.
OBVIOUS = 1000.0


def obvious(evidence: Evidence, outputs: Sequence[Outputs]) -> Difference | None:
    """How far a mutant is from the original, on the first set of inputs where float32 shows it beyond
    doubt: another shape, other integers or infinities, or an error that is far more than rounding."""
    for one, truth, noise, given in zip(
        evidence.sets, evidence.truth, evidence.noise, outputs, strict=False
    ):
        if any(floor.disputed for floor in noise.values()):
            continue
        found = compare_outputs(truth, given, noise)
        if any(p.verdict is Verdict.NOT_COMPARABLE or _other_integers(p) for p in found):
            return Difference(math.inf, one.label)
        if any(p.multiple is not None and p.multiple.worst >= OBVIOUS for p in found):
            size = max(
                distance(true, given[name].astype(true.dtype)) for name, true in truth.items()
            )
            return Difference(size, one.label)
    return None


def _other_integers(parity: OutputParity) -> bool:
    return parity.verdict is Verdict.DIVERGENT and parity.multiple is None


class Judge:
    """Judges the cases of one subject."""

    def __init__(self, name: str, evidence: Evidence, peers: Peers | None, scratch: Path) -> None:
        self._name, self._evidence, self._peers = name, evidence, peers
        self._scratch = scratch
        self._original = Original(evidence)
        self._differences: dict[str, Difference] = {}  # of rewrites, which are run twice

    def judge(self, case: Case) -> Row:
        method = {"mutant": self._mutant, "setting": self._setting, "rewrite": self._rewrite}
        return method.get(case.kind, self._backend)(case)

    def _row(self, case: Case, status: str, **found: object) -> Row:
        return Row(self._name, case.kind, case.name, case.site, status, **found)  # type: ignore[arg-type]

    def _mutant(self, case: Case) -> Row:
        try:
            mutant = mutate(MUTATORS[case.name], self._evidence.model, case.site).model
            session = Session(mutant)
            quick = [session.run(one) for one in self._evidence.sets[:QUICK]]
        except (ValidationError, DoesNotRunError) as error:
            return self._row(case, "does not run", reason=str(error)[:120])
        found = obvious(self._evidence, quick) or self._original.difference(mutant)
        status = "changed" if found.changed else "equivalent"
        verdicts = self._verdicts(quick, session)
        exact = None
        if found.changed and not verdicts["blamed"][OURS]:  # type: ignore[index]
            exact = tuple(
                self._original.exact_multiple(mutant, count)
                for count in (QUICK, len(self._evidence.sets))
            )
        return self._row(
            case, status, difference=found.size, on=found.inputs, exact=exact, **verdicts
        )

    def _setting(self, case: Case) -> Row:
        setting = next(one for one in settings() if str(one) == case.name)
        return self._faithful(case, self._evidence.model, Session(self._evidence.model, setting))

    def _rewrite(self, case: Case) -> Row:
        row = next(one for one in REWRITES if one.name == case.name)
        model, count = rewrite(row, self._evidence.model)
        if not count:
            return self._row(case, "left out", reason="it applies nowhere")
        if row.name not in self._differences:
            self._differences[row.name] = self._original.difference(model, enough=FAITHFUL)
        difference = self._differences[row.name]
        if difference.size > FAITHFUL:
            return self._row(
                case, "left out", difference=difference.size, on=difference.inputs,
                reason="in float64 it is another function",
            )  # fmt: skip
        setting = Setting(case.site) if case.site else Setting()
        return self._faithful(case, model, Session(model, setting))

    def _faithful(self, case: Case, model: ModelProto, session: Session) -> Row:
        quick = [session.run(one) for one in self._evidence.sets[:QUICK]]
        return self._row(case, "faithful", **self._verdicts(quick, session))

    def _backend(self, case: Case) -> Row:
        count = len(self._evidence.sets)
        try:
            outputs = run_elsewhere(
                case.name,
                self._evidence.path,
                self._evidence.folders("inputs", count),
                self._scratch,
            )
        except InteropError as error:
            return self._row(case, "left out", reason=str(error)[:200])
        return self._row(case, "faithful", **self._verdicts(outputs[:QUICK], outputs[QUICK:]))

    def _verdicts(
        self, quick: Sequence[Outputs], more: Session | Sequence[Outputs]
    ) -> dict[str, object]:
        """What every gate says on the quick sets; ours and the formulas also on all."""
        evidence = self._evidence
        found = evidence.compared(quick)
        blamed = {OURS: not evidence.grade(quick, found).passes, **self._formulas(quick, 0)}
        if self._peers is not None:
            blamed.update(self._peers.judge(evidence.folders("plain"), self._written(quick)))
        try:
            rest = (
                [more.run(one) for one in evidence.sets[QUICK:]]
                if isinstance(more, Session)
                else more
            )
        except DoesNotRunError:  # on sizes that it was not made for
            return {"blamed": blamed, "blamed_wide": dict.fromkeys((OURS, *TESTS), True)}
        whole = evidence.grade([*quick, *rest], [*found, *evidence.compared(rest, QUICK)])
        later = self._formulas(rest, QUICK)
        wide = {OURS: not whole.passes, **{name: blamed[name] or later[name] for name in TESTS}}
        bits = whole.effective_bits
        return {
            "blamed": blamed, "blamed_wide": wide,
            "bits": round(bits, 2) if bits is not None and math.isfinite(bits) else None,
        }  # fmt: skip

    def _formulas(self, outputs: Sequence[Outputs], first: int) -> dict[str, bool]:
        pairs = list(zip(self._evidence.plain[first:], outputs, strict=False))
        return {
            name: any(blames(test, plain, given) for plain, given in pairs)
            for name, test in TESTS.items()
        }

    def _written(self, outputs: Sequence[Outputs]) -> list[str]:
        folders = []
        for index, arrays in enumerate(outputs):
            folder = self._scratch / "candidate" / str(index)
            shutil.rmtree(folder, ignore_errors=True)
            write_tensors(folder, dict(arrays))
            folders.append(str(folder))
        return folders
