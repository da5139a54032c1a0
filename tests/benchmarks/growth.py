"""Does the cost of a document stay the same when there are more of them? Runs over made-up texts, 10^4 documents and up."""

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path

from tests.benchmarks.contest import Side, rounds_of
from tests.corpus import english

STEPS = 3  # sizes between the smallest and the largest, both included
SMALLEST = 10_000
_START_UP = 100  # documents of a run that costs what every run costs
_PART = 10_000  # documents of an input file
_RECIPE = """\
name: growth
seed: 17
sources:
  rows: {{read: {{jsonl: "{texts}/*.jsonl"}}}}
stages: [language, {{rules: {{profile: fineweb}}}}]
dedupe: [exact, minhash]
"""


@dataclass(frozen=True)
class Growth:
    """CPU seconds of a run by its number of documents, the start-up taken off; bytes of the largest worker."""

    start_up: float
    cpu: dict[int, float]
    worker: dict[int, int]

    @property
    def slope(self) -> float:
        """Of log(CPU) over log(documents): 1 where a document costs the same however many there are."""
        return slope_of(self.cpu)


def slope_of(cpu: Mapping[int, float]) -> float:
    """The exponent by which seconds grow with the number they are keyed by, by least squares of the logarithms."""
    xs, ys = [log(n) for n in cpu], [log(s) for s in cpu.values()]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in xs)


def measure(folder: Path, largest: int) -> Growth:
    """Runs at STEPS sizes from SMALLEST to `largest`, evenly spaced in the logarithm."""
    sizes = [round(SMALLEST * (largest / SMALLEST) ** (k / (STEPS - 1))) for k in range(STEPS)]
    start_up, _ = _run(folder, _START_UP)
    found = {size: _run(folder, size) for size in sizes}
    return Growth(start_up, {n: cpu - start_up for n, (cpu, _) in found.items()}, {n: w for n, (_, w) in found.items()})


def _run(folder: Path, size: int) -> tuple[float, int]:
    texts = folder / f"growth-{size}"
    _write_texts(texts, size)
    (texts / "recipe.yaml").write_text(_RECIPE.format(texts=texts))
    cpu, worker = rounds_of(Side("growth", "run_recipe", {"recipe": str(texts / "recipe.yaml")}), 1)
    shutil.rmtree(texts)
    return cpu[0], worker


def _write_texts(folder: Path, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, size, _PART):
        rng = random.Random(first)
        rows = (json.dumps({"text": "\n".join(english(rng, 3))}) for _ in range(min(_PART, size - first)))
        (folder / f"{first:09d}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
