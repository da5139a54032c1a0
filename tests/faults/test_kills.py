"""SIGKILL of a whole run at a random moment, then the same run again: byte for byte the undisturbed one.

`make test` tries a few seeds, `make faults` WINNOW_KILLS of them (200). Runs with real workers are in test_signals.py.
"""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from pipeline.verify import verify
from tests.faults.forge import Forge
from tests.faults.small_job import Job, differences, tree

KILLS = int(os.environ.get("WINNOW_KILLS", "200"))


def survive(job: Job, forge: Forge, folder: Path, seeds: range) -> Counter[str]:
    """One kill or more per seed, then to the end. Returns at which step the kills hit."""
    code, seconds = forge.whole(job.start(folder / "undisturbed"))
    assert code == 0, forge.log.read_text()
    hits: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        output = job.start(folder / f"seed-{seed}")
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            code = forge.killed(output, chance.uniform(0, seconds))
            hits["killed" if code == -9 else "was over before"] += 1
        hits[_reached(output)] += 1
        code, _ = forge.whole(output)
        assert code == 0, f"seed {seed}: {forge.log.read_text()[-2000:]}"
        assert not differences(tree(output), job.files), f"seed {seed}"
        assert verify(output)["ok"], f"seed {seed}"
        shutil.rmtree(output)
    return hits


def _reached(output: Path) -> str:
    if (output / "mixes").exists():
        return "reached: mix"
    if (output / "pool").exists():
        return "reached: pool"
    return "reached: passes" if (output / "state/passes").exists() else "reached: nothing"


def test_a_killed_run_ends_like_an_undisturbed_one(job: Job, forge: Forge, tmp_path: Path) -> None:
    """A few seeds."""
    hits = survive(job, forge, tmp_path, range(3))
    assert hits["killed"] > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_killed_runs_end_like_an_undisturbed_one(
    job: Job, forge: Forge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hits = survive(job, forge, tmp_path, range(1000, 1000 + KILLS))
    with capsys.disabled():
        print(f"\nkills: {KILLS} of {KILLS} seeds byte-identical; {dict(hits)}")
    assert hits["killed"] > KILLS / 2
