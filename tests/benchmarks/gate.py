"""The regression gate: ratios of this run against ratios committed earlier. Times would say something about the machine."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.contest import Outcome

ACCEPTED = Path(__file__).with_name("ratios.json")
TOLERANCE = 0.6  # a ratio may fall to this share of the accepted one: caches and neighbours move it by a third


def ratios(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """`contest: ours / peer` -> median ratio."""
    return {
        f"{one.contest.name}: {ours} / {peer}": round(median(one.ratios(ours, peer)), 2)
        for one in outcomes
        for ours, peer in one.pairs()
    }


def regressions(found: dict[str, float], accepted: dict[str, float]) -> list[str]:
    """A line for every pair that fell below TOLERANCE of what was accepted; pairs measured on one side only say nothing."""
    return [
        f"{name}: {found[name]:.2f}, accepted {old:.2f}, least {old * TOLERANCE:.2f}"
        for name, old in accepted.items()
        if name in found and found[name] < old * TOLERANCE
    ]


def load() -> dict[str, float]:
    return dict(json.loads(ACCEPTED.read_text())) if ACCEPTED.exists() else {}


def accept(found: dict[str, float]) -> None:
    """Take these ratios as the measure from now on; pairs not measured this time keep theirs."""
    ACCEPTED.write_text(json.dumps(load() | found, indent=1, sort_keys=True) + "\n")
