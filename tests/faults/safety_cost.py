"""What safety costs a clean run, as shares of its CPU: `python -m tests.faults.safety_cost WARC... [--pairs 3]`.

Two measures, both in one process, after a first run that loads and compiles. By the clock: CPU seconds inside each safety
function of a run. By pairs: runs as they are and with hashes and flushes switched off, interleaved; the median of the ratios.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

from pipeline import ledger, seals, stamps, store, work
from pipeline.digest import DataDigest
from pipeline.index import Index
from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.store import Store
from pipeline.verify import verify

RECIPE = """\
name: cost
output: out
sources: {{web: {{read: {{warc: [{warcs}]}}}}}}
stages: [url_rules, extract, clean_lines, {{language: {{keep: [en, zh]}}}}, rules]
dedupe: [exact, minhash]
"""
READERS_OF_FILES = (store, work, seals, stamps)
MOVES = ("publish", "write_bytes", "write_sealed", "mkdir", "remove")
MANIFESTS = ("commit", "compact", "load", "forget")


class Clock:
    """CPU seconds by name; what is called inside another is taken from that one."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._inner = [0.0]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*given, **named)
            finally:
                took = time.process_time() - began
                self.spent[name] += took - self._inner.pop()
                self._inner[-1] += took

        return call


@contextmanager
def clocked(clock: Clock) -> Iterator[None]:
    """Every safety function under the clock."""
    places = [("hashes of values", DataDigest, ("update", "hexdigest"))]
    places += [("hashes of files", module, ("file_sha256",)) for module in READERS_OF_FILES]
    places += [("flushes", store, ("sync",)), ("publishing", Store, MOVES), ("manifests", Index, MANIFESTS)]
    places += [("manifests", seals, ("seal",)), ("ledger", ledger, ("ledger_part",))]
    with ExitStack() as patches:
        for name, owner, functions in places:
            for function in functions:
                timed = clock.timed(name, getattr(owner, function))
                patches.enter_context(mock.patch.object(owner, function, timed))
        yield


@contextmanager
def unsafe() -> Iterator[None]:
    """No hash looks at the bytes, nothing is flushed."""

    def count(digest: DataDigest, batch: pa.RecordBatch) -> None:
        digest.rows += batch.num_rows

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(store, "sync", lambda path: None))
        patches.enter_context(mock.patch.object(DataDigest, "update", count))
        for module in READERS_OF_FILES:
            patches.enter_context(
                mock.patch.object(module, "file_sha256", lambda path: f"{os.path.getsize(path):064x}")
            )
        yield


def cpu_of(recipe: Path, output: Path) -> float:
    began = time.process_time()
    run_with(InlineExecutor(Store(output)), Recipe.from_yaml(recipe))
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("warcs", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        recipe = folder / "recipe.yaml"
        recipe.write_text(RECIPE.format(warcs=", ".join(f'"{w.resolve()}"' for w in asked.warcs)))
        print(f"first run, loading and compiling: {cpu_of(recipe, folder / 'first'):.1f} s of CPU", flush=True)
        by_clock(recipe, folder / "clocked")
        by_pairs(recipe, folder, asked.pairs)


def by_clock(recipe: Path, output: Path) -> None:
    clock = Clock()
    with clocked(clock):
        whole = cpu_of(recipe, output)
    print(f"a run: {whole:.1f} s of CPU")
    for name, seconds in clock.spent.most_common():
        print(f"  {name:20} {seconds:6.2f} s {100 * seconds / whole:6.2f} %")
    print(f"  {'together':20} {clock.spent.total():6.2f} s {100 * clock.spent.total() / whole:6.2f} %")
    began = time.process_time()
    assert verify(output)["ok"]
    took = time.process_time() - began
    print(f"  verify afterwards    {took:6.2f} s {100 * took / whole:6.2f} %", flush=True)


def by_pairs(recipe: Path, folder: Path, pairs: int) -> None:
    costs = []
    for number in range(pairs):
        safe = cpu_of(recipe, folder / f"safe-{number}")
        with unsafe():
            bare = cpu_of(recipe, folder / f"bare-{number}")
        costs.append(100 * (safe / bare - 1))
        print(
            f"pair {number}: {safe:.2f} s with, {bare:.2f} s without hashes and flushes: {costs[-1]:+.2f} %", flush=True
        )
    if costs:
        print(f"median {statistics.median(costs):+.2f} %")


if __name__ == "__main__":
    main()
