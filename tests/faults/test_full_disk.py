"""A disk that is full, of bytes or of inodes: exit 74 naming the place, and the same result once there is room.

In mount namespaces; skipped where those are not permitted.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import StorageError
from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.space import check_space
from pipeline.store import Store
from pipeline.unit import Unit
from tests.faults.small_job import FULL, ROOT, finish, tree, write_job

MIB = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
PLAIN = """\
name: plain
output: out
sources: {rows: {read: {jsonl: "in/*.jsonl"}, pipeline: none}}
dedupe: [exact]
"""


def sweep(recipe: Path, folder: Path, rounds: list[str], **environment: str) -> list[dict[str, Any]]:
    place = folder / "disk"
    place.mkdir()
    command = [
        "unshare",
        "-m",
        sys.executable,
        "-m",
        "tests.faults.full_disk",
        str(recipe),
        str(place / "out"),
        *rounds,
    ]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    if "unshare" in told.stderr or "mount:" in told.stderr:
        pytest.skip(f"mount namespaces are not permitted here: {told.stderr.strip()[:100]}")
    assert told.returncode == 0, told.stderr[-2000:]
    return [json.loads(line) for line in told.stdout.splitlines()]


def check(told: list[dict[str, Any]], expected: dict[str, str], place: Path) -> int:
    """Each round fitted, or ended as 74 with the place in its first line; the second run always ends the same."""
    full = 0
    for one in told:
        assert one["first"] in (0, 74), one
        if one["first"] == 74:
            full += 1
            assert str(place) in one["said"] and len(one["said"].splitlines()) <= 3, one
        assert one["second"] == 0 and one["files"] == expected, one["round"]
    return full


@pytest.mark.timeout(3600)
def test_a_full_disk_ends_the_run_resumably(tmp_path: Path) -> None:
    """Sizes from nearly nothing to enough."""
    job = finish(tmp_path / "job")
    used = sum(p.stat().st_size for p in job.undisturbed.rglob("*")) >> 10
    steps = 24 if FULL else 4
    rounds = [f"size={max(16, used * n // steps)}k" for n in range(1, steps + 1)]
    assert check(sweep(job.recipe, tmp_path, rounds), job.files, tmp_path / "disk") > steps / 3


@pytest.mark.timeout(3600)
def test_a_disk_without_inodes_ends_the_run_resumably(tmp_path: Path) -> None:
    """Room enough, but no more names."""
    job = finish(tmp_path / "job")
    rounds = [f"size=64m,nr_inodes={n}" for n in (range(8, 80, 6) if FULL else (20, 50))]
    assert check(sweep(job.recipe, tmp_path, rounds), job.files, tmp_path / "disk") > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_disks_of_1_to_64_mib(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job that writes some 30 MiB."""
    rng = random.Random(1)
    (tmp_path / "job/in").mkdir(parents=True)
    rows = (json.dumps({"text": rng.randbytes(600_000).hex()}) for _ in range(16))
    (tmp_path / "job/in/rows.jsonl").write_text("\n".join(rows))
    recipe = tmp_path / "job/recipe.yaml"
    recipe.write_text(PLAIN)
    result = run_with(InlineExecutor(Store(tmp_path / "job/out")), Recipe.from_yaml(recipe))
    told = sweep(recipe, tmp_path, [f"size={n}m" for n in MIB])
    full = check(told, tree(result.output), tmp_path / "disk")
    with capsys.disabled():
        print(f"\ndisks of {MIB} MiB: {full} full (exit 74), {len(MIB) - full} large enough, all the same in the end")
    assert 3 < full < len(MIB)


def test_a_full_temporary_directory_does_not_matter(tmp_path: Path) -> None:
    """A run writes nowhere but into its output."""
    recipe = write_job(tmp_path / "job")
    command = "mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs {0} && echo > {0}/full; exec {1} -m pipeline.cli run {2} --workers 1"
    script = command.format(tmp_path / "t", sys.executable, recipe)
    (tmp_path / "t").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "t")}
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if "unshare" in told.stderr or "mount:" in told.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert told.returncode == 0, told.stderr[-2000:]


def test_what_cannot_fit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """The estimate is a lower bound, so nothing is refused that might have fitted."""
    huge = Unit("state/passes/x", "measure", 0, {}, {"slice": {"start": 0, "end": 1 << 60}})
    with pytest.raises(StorageError, match="free, this run writes at least") as caught:
        check_space(Store(tmp_path / "not/there"), [huge])
    assert caught.value.exit_code == 74 and str(tmp_path) in str(caught.value)
    check_space(Store(tmp_path), [Unit("state/passes/x", "pool", 0, {}, {})])
