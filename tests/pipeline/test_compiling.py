"""Compiling once: the first process loads a stage alone, later ones do not wait for each other."""

import fcntl
import select
import signal
import subprocess
import sys

import pytest

from filters.kept import folder
from pipeline import compiling
from pipeline.compiling import one_at_a_time

# Says when it is inside, and leaves on a line from the test.
INSIDE = (
    "import sys\nfrom pipeline.compiling import one_at_a_time\n"
    "with one_at_a_time('rules'):\n    print('in', flush=True)\n    sys.stdin.readline()"
)


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    running = []

    def start():
        command = [sys.executable, "-c", INSIDE]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def let_go(process):
    process.communicate("\n", timeout=60)


def test_the_second_process_comes_in_when_the_first_has_left(start):
    first = start()
    assert first.stdout.readline() == "in\n"
    second = start()
    assert select.select([second.stdout], [], [], 3)[0] == []
    let_go(first)
    assert second.stdout.readline() == "in\n"


def test_nobody_waits_once_it_is_compiled(start):
    let_go(start())
    assert [p.stdout.readline() for p in (start(), start())] == ["in\n", "in\n"]


def test_a_process_that_dies_lets_the_next_one_in(start):
    first, second = start(), start()
    first.kill()
    assert second.stdout.readline() == "in\n"


def test_a_process_that_was_stopped_holds_up_nobody_for_ever(start, monkeypatch):
    stopped = start()
    assert stopped.stdout.readline() == "in\n"
    stopped.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(compiling, "_PATIENCE_SECONDS", 0.3)
    with one_at_a_time("rules"):
        assert stopped.poll() is None


def test_another_installation_is_not_waited_for(start, monkeypatch):
    """Its kernels are others: other code, or another place."""
    assert start().stdout.readline() == "in\n"
    monkeypatch.setattr(compiling, "_sources", lambda: "another")
    monkeypatch.setattr(compiling, "_wait_for", _must_be_free)
    with one_at_a_time("rules"):
        pass


def _must_be_free(handle):
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_stage_that_cannot_be_loaded_is_not_called_compiled(start):
    with pytest.raises(ValueError), one_at_a_time("rules"):
        raise ValueError
    assert [path.suffix for path in (folder() / "compiled").iterdir()] == [".lock"]


def test_without_a_place_for_the_lock_everyone_compiles(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    with one_at_a_time("rules"):
        pass
