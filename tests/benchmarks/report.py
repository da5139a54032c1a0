"""docs/benchmarks.md, from what one run has measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.contest import Outcome
from tests.benchmarks.data import Data
from tests.benchmarks.growth import Growth
from tests.benchmarks.limits import Limit

_HEAD = """\
# Benchmarks

Written by `make bench` (`python -m tests.benchmarks`); do not edit. What the figures mean and where the limits are:
[performance](explanation/performance.md).

Every contest gives all sides the same input, one thread each, in processes of their own that take turns round by round. A rate counts
CPU seconds, children included; a ratio is the peer's CPU time over ours in the same round: median (least .. most). Rates
say something about the machine, ratios about the programs. Memory is the process's high-water mark, imports and input included.
Where extraction is trafilatura, two versions meet: datatrove pins 1.11, Winnow uses 2.3; both are shown.
"""


@dataclass
class Measured:
    """All of one run, as far as it has come. date: of the day it was made."""

    date: str
    machine: str
    versions: dict[str, str]
    data: Data
    outcomes: list[Outcome] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # titles of contests without figures
    limits: list[Limit] = field(default_factory=list)
    growth: Growth | None = None


def page(measured: Measured) -> str:
    """The whole page."""
    parts = [_HEAD, "\n".join(_setting(measured)), "## Summary\n\n" + _table(_SUMMARY, _summary(measured.outcomes))]
    parts += [_contest(outcome) for outcome in measured.outcomes]
    if measured.limits:
        parts.append("## Limits\n\n" + _table(("what", "measured", "target"), map(_limit, measured.limits)))
    if measured.growth:
        parts.append(_growth(measured.growth))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _setting(measured: Measured) -> Iterator[str]:
    data = measured.data
    yield f"* {measured.date}, {measured.machine}."
    yield f"* Input: {data.told}; {data.pages:,} pages, {data.texts:,} texts, {data.english:,} of them English."
    for name, told in measured.versions.items():
        yield f"* {name}: {told}."
    if measured.missing:
        yield f"* Not measured for this page: {'; '.join(measured.missing)}."


_SUMMARY = ("stage", "Winnow", "peer", "ratio", "target")


def _summary(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """The pairs that have a target."""
    for outcome in outcomes:
        for (ours, peer), least in outcome.contest.targets.items():
            if peer in outcome.cpu:
                yield (
                    outcome.contest.title,
                    ours,
                    peer,
                    _ratio(outcome.ratios(ours, peer)),
                    _met(outcome, ours, peer, least),
                )


def _met(outcome: Outcome, ours: str, peer: str, least: float) -> str:
    verdict = "met" if median(outcome.ratios(ours, peer)) >= least else "missed"
    return f"{least:g}x: {verdict}"


def _contest(outcome: Outcome) -> str:
    contest = outcome.contest
    head = ("side", f"{contest.unit} / CPU s", "memory", *(f"x {s.label}" for s in contest.sides if s.peer))
    rounds = len(next(iter(outcome.cpu.values())))
    size = (
        f"{_number(contest.amount)} {contest.unit}, {rounds} rounds"
        if rounds > 1
        else f"{_number(contest.amount)} {contest.unit}, one round"
    )
    return f"## {contest.title}\n\n{size}.\n\n" + _table(head, (_side(outcome, side.label) for side in contest.sides))


def _side(outcome: Outcome, label: str) -> tuple[str, ...]:
    peers = [side.label for side in outcome.contest.sides if side.peer]
    memory = max(outcome.peak[label], outcome.worker[label])
    ratios = ["" if label in peers else _ratio(outcome.ratios(label, peer)) for peer in peers]
    return label, _number(outcome.rate(label)), f"{memory / 2**20:,.0f} MiB", *ratios


def _limit(limit: Limit) -> tuple[str, ...]:
    if limit.most is None:
        return limit.what, f"{limit.value:.2f} {limit.unit}", ""
    verdict = "met" if limit.value <= limit.most else "missed"
    return limit.what, f"{limit.value:.2f} {limit.unit}", f"<= {limit.most:g} {limit.unit}: {verdict}"


def _growth(growth: Growth) -> str:
    rows = [
        (f"{n:,}", f"{cpu:.1f}", f"{cpu / n * 1e3:.3f}", f"{growth.worker[n] / 2**20:,.0f} MiB")
        for n, cpu in growth.cpu.items()
    ]
    table = _table(("documents", "CPU s", "ms a document", "largest process"), rows)
    return (
        "## Growth\n\nRuns over made-up English texts (language, FineWeb's rules, exact and near-duplicates), the start-up of "
        f"{growth.start_up:.1f} CPU s taken off. Slope of log(CPU) over log(documents): {growth.slope:.2f} "
        f"(target 1.00 +- 0.05).\n\n{table}"
    )


def _ratio(ratios: Sequence[float]) -> str:
    least, most = min(ratios), max(ratios)
    return f"{_number(median(ratios))}x ({_number(least)} .. {_number(most)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(
    head: Sequence[str], rows: "Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]] | map[tuple[str, ...]]"
) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
