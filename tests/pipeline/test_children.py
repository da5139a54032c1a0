"""Children of a nurse: how each end of one is told, and that what was said is heard whatever happened then."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import children as module
from pipeline.children import Children, Mouth, Speaker
from pipeline.errors import Incomplete, WinnowError
from pipeline.isolate import STAGE_ERROR
from pipeline.reading import ReaderFailed
from pipeline.watch import CRASHED, OUT_OF_MEMORY, TIMEOUT, Limits
from pipeline.work import Job

LIMITS = Limits(cpu_seconds=60.0, idle_seconds=1.0)


@pytest.fixture
def children(tmp_path: Path) -> Children:
    unit = {"params": {}, "step": "state/passes/01", "key": "k", "ordinal": 3}
    return Children(Job(unit, tmp_path, tmp_path, lambda *told: None), LIMITS, 2 << 30)


def ended(children: Children, work: Callable[[], None]) -> str | None:
    return children.reason(*children.wait(children.fork(work), lambda: False, lambda: 1.0))


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (os.abort, CRASHED),
        (lambda: os._exit(3), CRASHED),
        (raising(KeyError("unforeseen")), CRASHED),
        (raising(MemoryError()), OUT_OF_MEMORY),
        (raising(ReaderFailed("broken")), STAGE_ERROR),
        (lambda: time.sleep(100), TIMEOUT),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), None),
    ],
)
def test_every_end_has_its_reason(children: Children, work: Callable[[], None], reason: str | None) -> None:
    assert ended(children, work) == reason


def test_what_is_no_documents_fault_is_raised_here(children: Children, tmp_path: Path) -> None:
    """With all an error says: the place decides what the user is told."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "spool"))
    with pytest.raises(OSError) as caught:
        ended(children, raising(full))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, full.filename)
    with pytest.raises(WinnowError, match="a broken contract"):
        ended(children, raising(WinnowError("a broken contract")))


def test_deaths_from_outside_end_a_unit_once_there_are_too_many(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OUTSIDE_ATTEMPTS", 2)
    killed = lambda: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
    assert [ended(children, killed) for _ in range(2)] == [None, None]
    with pytest.raises(Incomplete, match=r"unit 3 .* again and again"):
        ended(children, killed)


def test_only_what_comes_to_its_end_survives(children: Children) -> None:
    assert children.survives(lambda: None)
    assert not children.survives(os.abort)
    assert not children.survives(lambda: time.sleep(100))


def say_and(then: Callable[[], object]) -> Callable[[Mouth], None]:
    def speak(mouth: Mouth) -> None:
        mouth.say({"number": 1}, b"one")
        mouth.say({"number": 2})
        then()

    return speak


BOTH = [({"number": 1}, b"one"), ({"number": 2}, b"")]


@pytest.mark.parametrize(("then", "why"), [(lambda: None, ""), (os.abort, CRASHED), (lambda: time.sleep(100), TIMEOUT)])
def test_what_was_said_is_heard(children: Children, then: Callable[[], object], why: str) -> None:
    speaker = Speaker(children, say_and(then))
    assert list(speaker) == BOTH
    assert speaker.why == why


def test_a_torn_message_is_left_out(children: Children) -> None:
    def speak(mouth: Mouth) -> None:
        mouth.say({"number": 1}, b"one")
        mouth._file.write(b"\x05")
        mouth._file.flush()
        os.abort()

    speaker = Speaker(children, speak)
    assert list(speaker) == BOTH[:1]
    assert speaker.why == CRASHED


def test_a_grandchild_that_holds_the_pipe_keeps_nobody_waiting(children: Children, tmp_path: Path) -> None:
    def leave_a_child() -> None:
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], close_fds=False)
        (tmp_path / "left").write_text(str(left.pid))
        os.abort()

    speaker = Speaker(children, say_and(leave_a_child))
    assert list(speaker) == BOTH
    assert speaker.why == CRASHED
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)  # it was still there


def test_nobody_goes_on_talking_to_nobody(children: Children) -> None:
    speaker = Speaker(children, say_and(lambda: time.sleep(100)))
    for told, _ in speaker:
        assert told == {"number": 1}
        break
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(speaker._pid, 0)
            time.sleep(0.05)
