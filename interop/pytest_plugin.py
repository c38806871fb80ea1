"""pytest: parity as a test. The fixture `parity` is there wherever interop is installed.

    def test_my_model(parity):
        parity.check("model.onnx", on=["onnxruntime:cpu", "tensorflow:cpu"])

    @pytest.mark.parity(on=["onnxruntime:cpu"], baseline="baselines/model.json")
    def test_as_reviewed(parity):
        parity.check("model.onnx")

A baseline is a file of grades and bits that people review; `pytest --parity-update` writes it anew.
Where a check fails, its whole record is kept below --parity-records (one JSON file a check).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

#: Effective bits by which a run may fall below its baseline: what another draw of inputs may move.
BITS = 1.0


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("parity", "model parity (interop)")
    group.addoption(
        "--parity-update", action="store_true", help="Write the baselines of parity checks anew."
    )
    group.addoption(
        "--parity-records",
        metavar="DIR",
        default="parity-records",
        help="Folder for the records of parity checks that fail. [default: parity-records]",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "parity(on, baseline, **options): what the `parity` fixture checks with."
    )


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Parity:
    """Checks of models; what `@pytest.mark.parity(...)` gives counts where a call gives nothing."""
    marker = request.node.get_closest_marker("parity")
    return Parity(
        request.node.nodeid,
        Path(request.config.getoption("--parity-records")),
        request.node.path.parent,
        bool(request.config.getoption("--parity-update")),
        {} if marker is None else marker.kwargs,
    )


class Parity:
    """One test's checks.

    records: folder for what failed. home: relative baselines are looked for there.
    """

    def __init__(
        self, test: str, records: Path, home: Path, update: bool, usual: Mapping[str, Any]
    ) -> None:
        self._test, self._records, self._home = test, records, home
        self._update, self._usual = update, usual

    def check(
        self,
        model: str | Path,
        *others: str,
        on: str | Sequence[str] = (),
        baseline: str | Path | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Fail the test where a side does not run or computes something else; returns the record.

        `on` and `options` are as for `interop.check`. With a `baseline`, each backend's grade and bits
        must not fall below what it holds, either; one that does not exist fails, too, until
        `--parity-update` has written it.
        """
        import interop  # it is slow to import, and pytest imports this module always

        given = {**self._usual, **options}
        usual_on, usual_baseline = given.pop("on", ()), given.pop("baseline", None)
        path = baseline or usual_baseline
        document = interop.check(str(model), *others, on=on or usual_on, **given).document
        complaints = [_told(row) for row in document["rows"] if not row["passes"]]
        complaints += _told_besides(document)
        if path is not None:
            complaints += self._compare(self._home / path, document)
        if complaints:
            kept = self._keep(document)
            pytest.fail("\n".join([*complaints, f"record: {kept}"]), pytrace=False)
        return document

    def _compare(self, path: Path, document: Mapping[str, Any]) -> list[str]:
        found = {
            row["label"]: {"grade": row["grade"], "effective_bits": row["effective_bits"]}
            for row in document["rows"]
            if row["kind"] == "backend"
        }
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            return []
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return [f"baseline {path} cannot be read ({error}): write it with --parity-update"]
        return [
            complaint
            for label, was in before.items()
            for complaint in _fallen(label, was, found.get(label))
        ]

    def _keep(self, document: Mapping[str, Any]) -> Path:
        self._records.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "_", self._test)
        number = len(list(self._records.glob(f"{name}-*.json")))
        path = self._records / f"{name}-{number}.json"
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        return path


def _told(row: Mapping[str, Any]) -> str:
    error = row["error"]
    if error is not None:
        return f"{row['label']}: {error['message']}" + (
            f"\n  next: {error['hint']}" if error["hint"] else ""
        )
    return f"{row['label']}: {row['grade'] or row['verdict']}: {row['sentence']}"


def _told_besides(document: Mapping[str, Any]) -> list[str]:
    """What else was looked at, and is wrong: rows of a batch, gradients, and so on."""
    from interop.checks.aspects import ASPECTS  # slow, as below

    return [
        f"{side['label']}: {aspect}: {side['reason']}"
        for aspect in ASPECTS
        for side in document[aspect] or ()
        if side["passes"] is False
    ]


def _fallen(label: str, was: Mapping[str, Any], now: Mapping[str, Any] | None) -> list[str]:
    if now is None:
        return [f"{label} is in the baseline and was not checked"]
    from interop.parity.verdict.grade import rank  # slow, as above

    if rank(now["grade"]) > rank(was["grade"]):
        return [f"{label} had grade {was['grade']} in the baseline, and has {now['grade']}"]
    bits = was["effective_bits"], now["effective_bits"]
    if None not in bits and bits[1] < bits[0] - BITS:
        return [f"{label} had {bits[0]:.1f} effective bits in the baseline, and has {bits[1]:.1f}"]
    return []
