"""Bounds that no peer is needed for: start-up, planning, compiling, memory."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.contest import Side, rounds_of
from tests.benchmarks.ours import FINEWEB_RECIPE

_PLAN_RECIPE = """\
name: plan
seed: 17
sources:
  rows: {{read: {{jsonl: "{texts}/*.jsonl"}}}}
stages: []
"""


@dataclass(frozen=True)
class Limit:
    what: str
    value: float
    unit: str
    most: float | None  # the target


def measure(folder: Path, warcs: Path, inputs: int) -> list[Limit]:
    """inputs: how many files `winnow plan` is asked about after a run has taken them in."""
    helped = median(_command(["--help"], 5))
    planned = _planned(folder / "plan", inputs)
    cold = [_cold(folder, warcs, workers) for workers in (1, 2)]
    return [
        Limit("`winnow --help`", helped, "s of CPU", 0.4),
        Limit(f"`winnow plan` on {inputs:,} local inputs already known", planned, "s of CPU", 5.0 * inputs / 10_000),
        Limit("the first run after an installation beyond the second, 1 worker", cold[0], "s of CPU", None),
        Limit("the same, 2 workers", cold[1], "s of CPU", None),
    ]


def _planned(folder: Path, inputs: int) -> float:
    recipe = folder / "recipe.yaml"
    if not recipe.exists():
        (folder / "in").mkdir(parents=True, exist_ok=True)
        for n in range(inputs):
            (folder / "in" / f"{n:06d}.jsonl").write_text(json.dumps({"text": f"text {n}"}) + "\n")
        recipe.write_text(_PLAN_RECIPE.format(texts=folder / "in"))
    _command(["run", str(recipe), "--output", str(folder / "out")], 1)
    return median(_command(["plan", str(recipe), "--output", str(folder / "out")], 3))


def _cold(folder: Path, warcs: Path, workers: int) -> float:
    """CPU seconds that compiling costs a run of `workers`."""
    recipe = folder / f"cold-{workers}.yaml"
    recipe.write_text(FINEWEB_RECIPE.format(warcs=warcs, extract=json.dumps({"engine": "resiliparse"})))
    arguments = {"recipe": str(recipe), "workers": workers}
    (cold,), _ = rounds_of(Side("cold", "run_recipe", arguments | {"empty_cache": True}), 1)
    (warm,), _ = rounds_of(Side("warm", "run_recipe", arguments), 1)
    return cold - warm


def _command(arguments: list[str], rounds: int) -> list[float]:
    return rounds_of(Side("winnow", "command_line", {"arguments": arguments}), rounds)[0]
