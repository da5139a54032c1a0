"""What may differ between two machines and may not show in a byte: workers, hash seeds, time zones, locales, umask, listings.

`make test` takes one run in which everything differs at once, `make faults` each by itself.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.small_job import ROOT, Job, differences, tree

RUN = """
import os, random, sys
sys.argv = ["winnow", "run", *sys.argv[1:]]
shuffle = random.Random(int(os.environ["SHUFFLED"])).shuffle
listed, scanned = os.listdir, os.scandir
class Shuffled:
    def __init__(self, found): self.found = list(found); shuffle(self.found)
    def __iter__(self): return iter(self.found)
    def __enter__(self): return iter(self.found)
    def __exit__(self, *error): return None
    def close(self): return None
def listdir(*where):
    found = listed(*where); shuffle(found); return found
if os.environ["SHUFFLED"] != "0":
    os.listdir, os.scandir = listdir, lambda *where: Shuffled(scanned(*where))
os.umask(int(os.environ["UMASK"], 8))
from pipeline.cli import main
main()
"""
USUAL = {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "UMASK": "022", "SHUFFLED": "0", "workers": "2"}
ZONES = ("UTC", "Pacific/Kiritimati", "America/St_Johns")
LOCALES = ("C", "C.UTF-8", "POSIX")
CHANGES = (
    *({"workers": n} for n in ("1", "7")),
    *({"PYTHONHASHSEED": str(n)} for n in range(1, 21)),
    *({"TZ": zone} for zone in ZONES),
    *({"LC_ALL": locale} for locale in LOCALES),
    *({"UMASK": mask} for mask in ("000", "077")),
    *({"SHUFFLED": str(n)} for n in range(1, 6)),
)
ALL_AT_ONCE = {"workers": "3", "PYTHONHASHSEED": "77", "TZ": ZONES[1], "LC_ALL": "C", "UMASK": "077", "SHUFFLED": "9"}


def run_under(job: Job, output: Path, change: dict[str, str]) -> None:
    """The command line in a changed environment, from another directory."""
    settings = USUAL | change
    workers = settings.pop("workers")
    command = [sys.executable, "-c", RUN, str(job.recipe), "--output", str(output), "--workers", workers]
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, cwd=output.parent, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, f"{change}: {told.stderr[-2000:]}"


def test_everything_different_at_once_leaves_no_trace(job: Job, tmp_path: Path) -> None:
    """Three workers, another hash seed, zone, locale, umask, shuffled listings."""
    run_under(job, job.start(tmp_path / "out"), ALL_AT_ONCE)
    assert not differences(tree(tmp_path / "out"), job.files)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_matrix_leaves_no_trace(job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each change by itself, in an order of its own."""
    for number, change in enumerate(random.Random(4).sample(CHANGES, len(CHANGES))):
        output = job.start(tmp_path / str(number))
        run_under(job, output, change)
        assert not differences(tree(output), job.files), change
    with capsys.disabled():
        print(f"\ndeterminism: {len(CHANGES)} of {len(CHANGES)} environments give the same bytes")
