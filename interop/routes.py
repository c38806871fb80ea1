"""The ways between frameworks: through which libraries, what is limited on them, what they need.

What each converter knows of itself is data beside it, `routes.toml`: a table for the way out of
the framework ("source") and one for the way into it ("target").
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from interop.doctor import FrameworkState, examine_frameworks
from interop.errors import EnvironmentUnavailable, InteropError, UsageError
from interop.frameworks import Framework, able, known
from interop.plugins import ROUTES

#: What is limited on every way, by the proof.
ALWAYS = "random operators and sequences as outputs are refused: the float64 truth has none"


@dataclass(frozen=True)
class Limit:
    """What a way does not carry; operators: of ONNX that are refused for it (not all of them)."""

    what: str
    operators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """One role of one framework. by: the library that does it; instead: what to do without it."""

    framework: str
    role: str
    by: str = ""
    limits: tuple[Limit, ...] = ()
    instead: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a route: what comes of it, by what, in which framework's environment."""

    what: str
    by: str
    framework: str  # empty: in the toolkit's own process


@dataclass(frozen=True)
class Route:
    """The way from `source` to `target`, and why it cannot be gone, if it cannot.

    error: what a conversion would raise, before any work; nearest: ways that can be gone.
    """

    source: str
    target: str
    steps: tuple[Step, ...]
    limits: dict[str, tuple[Limit, ...]]
    homes: tuple[FrameworkState, ...]
    error: InteropError | None = None
    nearest: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> str:
        """ "ready", "on first use" (environments are still to be made), "unavailable", or "none"."""
        if isinstance(self.error, UsageError):
            return "none"
        states = {home.state for home in self.homes}
        return next((s for s in ("unavailable", "on first use") if s in states), "ready")

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "target": self.target,
            "state": self.state,
            "steps": [asdict(step) for step in self.steps],
            "limits": {
                name: [{"what": one.what, "operators": list(one.operators)} for one in limits]
                for name, limits in self.limits.items()
            },
            "environments": [asdict(home) for home in self.homes],
            "error": None if self.error is None else self.error.message,
            "nearest": [list(pair) for pair in self.nearest],
        }


def way(framework: str, role: str) -> Way:
    """What is known of that role ("source", "target"); a plugin may say nothing."""
    table = _table(known()[framework]).get(role, {})
    limits = tuple(
        Limit(one["what"], tuple(one.get("operators", ()))) for one in table.get("limits", ())
    )
    return Way(framework, role, table.get("by", ""), limits, table.get("instead", ""))


@cache
def _table(row: Framework) -> dict[str, Any]:
    try:
        return tomllib.loads((row.folder / ROUTES).read_text("utf-8"))
    except FileNotFoundError:
        return {}


def route(source: str, target: str, homes: dict[str, FrameworkState]) -> Route:
    """The way from `source` to `target`; homes: of every framework, from `find_homes`."""
    error = _obstacle(source, target, homes)
    if isinstance(error, UsageError):
        return Route(source, target, (), {}, (), error, _nearest(source, target, homes))
    out, into = way(source, "source"), way(target, "target")
    used = tuple(homes[name] for name in dict.fromkeys((source, target, "onnx")))
    limits = {"every way": (Limit(ALWAYS),), f"out of {source}": out.limits}
    limits[f"into {target}"] = into.limits
    nearest = () if error is None else _nearest(source, target, homes)
    return Route(source, target, _steps(out, into), limits, used, error, nearest)


def _steps(out: Way, into: Way) -> tuple[Step, ...]:
    from interop.graph.load import CANONICAL_OPSET

    kind = known()[into.framework].kind
    assert kind is not None
    artifact = f"{kind.artifact}: {kind.what}"
    written: tuple[Step, ...] = (Step(artifact, into.by, ""),)
    if kind.has_source:
        written = (
            Step(f"readable source, {kind.source}", "our lowerings, an operator each", ""),
            Step(artifact, into.by or "the framework itself", into.framework),
        )
    return (
        Step("ONNX", out.by or "its exporter", out.framework),
        Step(f"canonical ONNX, opset {CANONICAL_OPSET}", "onnx and onnx-ir", ""),
        *written,
        Step("a grade", "both ends on the same inputs, against the float64 truth", "onnx"),
    )


def _obstacle(source: str, target: str, homes: dict[str, FrameworkState]) -> InteropError | None:
    for name, role, verb in ((source, "source", "from"), (target, "target", "to")):
        row = known()[name]
        if role not in row.roles:
            return UsageError(
                f"converting {verb} {row.title} is not possible yet", hint=way(name, role).instead
            )
    for name in dict.fromkeys((source, target, "onnx")):
        if homes[name].state == "unavailable":
            return EnvironmentUnavailable(homes[name].reason, hint=homes[name].hint)
    return None


def _nearest(
    source: str, target: str, homes: dict[str, FrameworkState]
) -> tuple[tuple[str, str], ...]:
    """Ways that can be gone here, one end kept: first those that are ready, then the least limited."""

    def worth(pair: tuple[str, str]) -> tuple[int, int]:
        to_make = sum(homes[end].state == "on first use" for end in pair)
        limits = way(pair[0], "source").limits + way(pair[1], "target").limits
        return to_make, len(limits)

    def best(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return sorted((pair for pair in pairs if _obstacle(*pair, homes) is None), key=worth)

    same_source = best([(source, name) for name in able("target") if name != source])
    same_target = best([(name, target) for name in ("onnx", *able("source")) if name != target])
    return tuple(dict.fromkeys([*same_source[:2], *same_target[:2]]))


def find_homes() -> dict[str, FrameworkState]:
    """Where every framework runs, or would; nothing is made, and no framework is imported."""
    return {state.framework: state for state in examine_frameworks()}


def all_routes(homes: dict[str, FrameworkState]) -> tuple[Route, ...]:
    """Every pair of a source and a target, same or not, in the order of their names."""
    return tuple(
        route(source, target, homes) for source in able("source") for target in able("target")
    )
