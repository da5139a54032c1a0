"""Two runs on one output: the second leaves with the holder's name, a stale lock blocks nobody, a zombie commits nothing."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import Locked, StorageError
from pipeline.lock import run_lock
from pipeline.store import Store
from tests.faults.small_job import ROOT, Job

HOLD = """
import sys, time
from pipeline.lock import run_lock
from pipeline.store import Store
with run_lock(Store(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(output: Path) -> "subprocess.Popen[bytes]":
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(output)], cwd=ROOT, stdout=subprocess.PIPE)
    assert held.stdout is not None and held.stdout.readline() == b"held\n"
    return held


def test_the_second_run_leaves_with_75_and_names_the_first(job: Job, tmp_path: Path) -> None:
    """By the command line: code, host, process and age; nothing of the output is touched."""
    output = tmp_path / "out"
    with holder(output) as held:
        command = [sys.executable, "-m", "pipeline.cli", "run", str(job.recipe), "--output", str(output)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        held.kill()
    assert second.returncode == 75
    assert f"process {held.pid} on " in second.stderr and "since 0 min" in second.stderr
    assert [p.name for p in output.rglob("*") if p.is_file()] == ["run.lock"]


def test_the_lock_of_a_dead_run_blocks_nobody(tmp_path: Path) -> None:
    """SIGKILL leaves the lock file with a name in it."""
    with holder(tmp_path) as held:
        held.send_signal(signal.SIGKILL)
    assert json.loads((tmp_path / "state/logs/run.lock").read_text())["pid"] == held.pid
    with run_lock(Store(tmp_path)):
        assert json.loads((tmp_path / "state/logs/run.lock").read_text())["pid"] == os.getpid()


def test_a_run_whose_lock_was_taken_away_commits_nothing_more(tmp_path: Path) -> None:
    """Somebody removes the lock file and starts a second run; the first wakes up late."""
    first, second = Store(tmp_path), Store(tmp_path)
    with run_lock(first):
        first.write_bytes("state/a", b"1")
        (tmp_path / "state/logs/run.lock").unlink()
        with run_lock(second):
            second.write_bytes("state/a", b"2")
            with pytest.raises(Locked, match="taken over"):
                first.write_bytes("state/a", b"3")
    assert (tmp_path / "state/a").read_bytes() == b"2"


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system that does not know flock."""

    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_kernel_locks_a_living_holder_blocks_and_a_dead_one_does_not(tmp_path: Path, no_locks: None) -> None:
    """The holder's host, process and start time decide."""
    path = tmp_path / "state/logs/run.lock"
    with run_lock(Store(tmp_path)):
        with pytest.raises(Locked, match=f"process {os.getpid()} on "), run_lock(Store(tmp_path)):
            pass
        mine = json.loads(path.read_text())
    for gone in ({"pid": 2**22 + 1}, {"started": "1"}):
        path.write_text(json.dumps(mine | gone))
        with run_lock(Store(tmp_path)):
            pass
    path.write_text(json.dumps(mine | {"host": "elsewhere"}))
    with pytest.raises(Locked, match=r"on elsewhere.*remove"), run_lock(Store(tmp_path)):
        pass


def test_a_zombie_without_kernel_locks_finds_its_lock_gone(tmp_path: Path, no_locks: None) -> None:
    """It slept so long that its process counted as dead."""
    zombie, heir = Store(tmp_path), Store(tmp_path)
    path = tmp_path / "state/logs/run.lock"
    with run_lock(zombie):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"started": "1"}))
        with run_lock(heir), pytest.raises(Locked, match="taken over"):
            zombie.write_bytes("state/late", b"")


def test_a_lock_file_that_is_removed_while_it_is_asked_for_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a file without a name holds nothing: the new file is asked for."""
    path, asked = tmp_path / "state/logs/run.lock", []

    def flock(handle: int, how: int) -> None:
        asked.append(handle)
        if len(asked) == 1:
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    with run_lock(Store(tmp_path)):
        assert len(asked) == 2 and json.loads(path.read_text())["pid"] == os.getpid()


def test_a_holder_that_says_nothing_of_itself_blocks_too(tmp_path: Path) -> None:
    path = tmp_path / "state/logs/run.lock"
    path.parent.mkdir(parents=True)
    for told in ("", "no JSON", "[1]", '{"pid": 1}'):
        path.write_text(told)
        with path.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(Locked, match="in use by another run; wait"), run_lock(Store(tmp_path)):
                pass


def refuse(*given: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(("module", "call"), [(fcntl, "flock"), (os, "pwrite"), (os, "open")])
def test_a_disk_that_refuses_the_lock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, call: str
) -> None:
    """Exit 74 with the place; nothing stays locked."""
    (tmp_path / "state/logs").mkdir(parents=True)
    with monkeypatch.context() as broken:
        broken.setattr(module, call, refuse)
        with pytest.raises(StorageError, match=r"run\.lock: Input/output error"), run_lock(Store(tmp_path)):
            pass
    with run_lock(Store(tmp_path)):
        pass


def test_without_kernel_locks_nobody_is_asked_who_has_left_no_name(tmp_path: Path, no_locks: None) -> None:
    """An empty lock file is what a run leaves that ended in order."""
    with run_lock(Store(tmp_path)):
        pass
    assert (tmp_path / "state/logs/run.lock").read_text() == ""
    with run_lock(Store(tmp_path)):
        pass
