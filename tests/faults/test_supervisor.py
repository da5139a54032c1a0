"""Signals from outside: to workers, to the supervisor, to all of them. Nothing is incriminated, no process is left."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pipeline.runs import run
from pipeline.watch import Limits
from tests.e2e.test_core import tree
from tests.faults import evil
from tests.faults.test_evil_stages import LIMITS, project, texts_with

ROOT = Path(__file__).resolve().parents[2]
STAGES = "[{evil: {work_ms: 10}}, evil_too]"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two passes over 100 documents, of which two end their worker."""
    evil.install(tmp_path / "plugin", monkeypatch)
    return project(tmp_path / "p", texts_with("abort", "segfault", honest=100), STAGES)


def processes() -> dict[int, tuple[int, str]]:
    """pid -> (parent, command line) of everything that is alive."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if fields[0] != "Z":
                found[int(folder.name)] = (int(fields[1]), command)
    return found


def below(root: int) -> list[int]:
    """Every descendant of a process, nurses' children included."""
    parents = {pid: parent for pid, (parent, _) in processes().items()}
    wanted = {root}
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sorted(wanted - {root})


def workers_of(output: Path) -> list[int]:
    return [pid for pid, (_, command) in processes().items() if "pipeline.worker" in command and str(output) in command]


def gone(output: Path) -> bool:
    """Whether no worker of that output is left; the kernel is given a moment."""
    for _ in range(100):
        if not workers_of(output):
            return True
        time.sleep(0.1)
    return False


@contextmanager
def killing(output: Path, count: int, seed: int) -> Iterator[list[int]]:
    """SIGKILL for single workers (and children of nurses) at random moments until `count` have been hit."""
    rng, hit, over = random.Random(seed), [], threading.Event()

    def kill() -> None:
        while len(hit) < count and not over.wait(rng.uniform(0.05, 0.6)):
            workers = workers_of(output)
            if workers:
                victim = rng.choice(workers)
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    hit.append(victim)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield hit
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_workers_killed_from_outside_cost_time_and_nothing_else(recipe: Path, tmp_path: Path, count: int) -> None:
    """Byte-identical, with the two guilty documents found all the same and nobody else beside them."""
    undisturbed = run(recipe, output=tmp_path / "undisturbed", workers=2, limits=LIMITS)
    assert undisturbed.manifest["recordings"] == {"crashed": 2}
    killed = 0
    for number in range(1000):
        output = tmp_path / f"killed-{number}"
        with killing(output, min(5, count - killed), seed=number) as hit:
            disturbed = run(recipe, output=output, workers=2, limits=LIMITS)
        killed += len(hit)
        assert tree(disturbed.output) == tree(undisturbed.output)
        if killed >= count:
            break
    assert killed >= count


def command(recipe: Path, output: Path, *more: str) -> "subprocess.Popen[bytes]":
    """`winnow run` as a process of its own."""
    line = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--output", str(output), "--workers", "2", *more]
    path = os.pathsep.join([str(ROOT), *sys.path])
    quiet = subprocess.DEVNULL
    return subprocess.Popen(line, env=os.environ | {"PYTHONPATH": path}, stdout=quiet, stderr=quiet, cwd=ROOT)


@pytest.mark.slow
def test_fifty_stops_at_random_moments(recipe: Path, tmp_path: Path) -> None:
    """With guilty documents and nurses at work; other jobs and other signals are in test_signals.py."""
    undisturbed = run(recipe, output=tmp_path / "undisturbed", workers=2, limits=LIMITS)
    for number in range(50):
        output = tmp_path / f"out-{number}"
        process = command(recipe, output)
        while not output.exists() and process.poll() is None:  # before that Python itself is starting
            time.sleep(0.02)
        time.sleep(random.Random(number).uniform(0.0, 6.0))
        process.terminate()
        assert process.wait(timeout=120) in (143, 0)
        assert gone(output)
        run(recipe, output=output, workers=2, limits=LIMITS)
        assert tree(output) == tree(undisturbed.output)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [6, 60])
def test_a_run_that_is_stopped_and_continued_incriminates_nobody(recipe: Path, tmp_path: Path, seconds: int) -> None:
    """SIGSTOP for all processes at once, for longer than any budget, as a suspended machine would."""
    undisturbed = run(recipe, output=tmp_path / "undisturbed", workers=2, limits=LIMITS)
    output = tmp_path / "stopped"
    process = command(recipe, output, "--document-seconds", "3", "--idle-seconds", "3")
    while not workers_of(output) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(3)
    tree_of_all = [process.pid, *below(process.pid)]
    for sent in (signal.SIGSTOP, signal.SIGCONT):
        for pid in tree_of_all:
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
        time.sleep(seconds if sent == signal.SIGSTOP else 0)
    assert process.wait(timeout=300) == 0
    assert tree(output) == tree(undisturbed.output)


def test_what_a_worker_has_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grandchild holds the dead worker's pipe: its end is noticed all the same, and the grandchild is ended."""
    evil.install(tmp_path / "plugin", monkeypatch)
    recipe = project(tmp_path / "p", texts_with("leave_a_child", honest=8), "[evil]")
    result = run(recipe, workers=1, limits=LIMITS)
    assert result.manifest["recordings"] == {"crashed": 1}
    assert not [pid for pid, (_, told) in processes().items() if "evil grandchild" in told]


def test_workers_are_replaced_after_their_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaks over many units is given back; the result does not know of it."""
    evil.install(tmp_path / "plugin", monkeypatch)
    recipe = project(tmp_path / "p", texts_with(honest=5), "[evil]")
    plain = run(recipe, output=tmp_path / "plain", workers=1)
    fresh = run(recipe, output=tmp_path / "fresh", workers=1, limits=Limits(units_per_worker=3))
    logs = [len(list((one.output / "state/logs").glob("worker-*.log"))) for one in (plain, fresh)]
    assert logs == [1, -(-sum(fresh.done.values()) // 3)] and logs[1] > 1
    assert tree(fresh.output) == tree(plain.output)


def test_workers_die_with_a_supervisor_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL leaves it no time to end them: the kernel does, the one at work on a document that never ends included."""
    evil.install(tmp_path / "plugin", monkeypatch)
    recipe, output = project(tmp_path / "p", texts_with("sleep", honest=3), "[evil]"), tmp_path / "out"
    process = command(recipe, output)
    while not workers_of(output):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert gone(output)
