"""`make bench`: hold every contest, write docs/benchmarks.md, fail where a ratio fell."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import gate, growth, limits
from tests.benchmarks.contest import PEERS_PYTHON, ROOT, Contest, Outcome, hold, remembered
from tests.benchmarks.data import prepare
from tests.benchmarks.machine import machine, versions
from tests.benchmarks.report import Measured, page
from tests.benchmarks.suite import contests

REPORT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """0, or 1 where a ratio fell below the gate."""
    options = _options()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["HF_HOME"] = str(folder / "cache")  # where datatrove keeps its copy of the language model
    if not PEERS_PYTHON.exists():
        print(
            "no .venv-bench: only what lives in our own environment is compared (make bench builds it)", file=sys.stderr
        )
    data = prepare(folder, options.pages)
    everything = contests(data, folder, options.rounds)
    chosen = [one for one in everything if not options.only or one.name in options.only]
    results = (
        folder / "results.json"
    )  # the latest of every contest: one that is held alone replaces its own part of the page
    known = json.loads(results.read_text()) if results.exists() else {}
    for contest in chosen:
        known[contest.name] = _held(contest).as_json()
        results.write_text(json.dumps(known))
    outcomes = [remembered(one, known[one.name]) for one in everything if one.name in known]
    missing = [one.title for one in everything if one.name not in known]
    measured = Measured(datetime.now(UTC).date().isoformat(), machine(), versions(), data, outcomes, missing)
    if not options.only:
        measured.limits += limits.measure(folder, data.warcs, options.inputs) if options.inputs else []
        measured.growth = growth.measure(folder, options.documents) if options.documents else None
    _write(REPORT, measured)
    return _judge(
        gate.ratios([one for one in outcomes if one.contest.name in {c.name for c in chosen}]), options.accept
    )


def _write(path: Path, measured: Measured) -> None:
    path.write_text(page(measured), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--pages", type=int, default=1_500, help="records of the input, about (1500)")
    add("--rounds", type=int, default=3, help="rounds of every contest (3)")
    add("--documents", type=int, default=100_000, help="the largest run of the growth curve; 0 = none (100000)")
    add("--inputs", type=int, default=1_000, help="files that `winnow plan` is asked about; 0 = no limits (1000)")
    add("--only", nargs="*", default=[], help="these contests; the page keeps the last figures of the others")
    add("--accept", action="store_true", help="take the ratios as the gate's measure")
    add("--folder", type=Path, default=ROOT / "runs" / "bench", help="input and scratch (runs/bench)")
    return parser.parse_args()


def _held(contest: Contest) -> Outcome:
    print(f"{contest.title} ...", file=sys.stderr, flush=True)
    outcome = hold(contest)
    for name, ratio in gate.ratios([outcome]).items():
        print(f"  {name}: {ratio:.2f}x", flush=True)
    return outcome


def _judge(found: dict[str, float], accept: bool) -> int:
    fallen = gate.regressions(found, gate.load())
    for line in fallen:
        print(f"fell: {line}", file=sys.stderr)
    if accept:
        gate.accept(found)
    return 1 if fallen and not accept else 0


if __name__ == "__main__":
    sys.exit(main())
