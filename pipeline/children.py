"""Forked children of a nurse: each is a fresh copy that works on a suspect; whose doing its end was is judged from outside."""

import contextlib
import gc
import json
import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, NoReturn

from pipeline.errors import Incomplete, WinnowError
from pipeline.isolate import STAGE_ERROR
from pipeline.reading import ReaderFailed
from pipeline.watch import (
    CRASHED,
    NO_MEMORY,
    OUT_OF_MEMORY,
    OUTSIDE_ATTEMPTS,
    TICK_SECONDS,
    Limits,
    Watch,
    die_with_parent,
    own_doing,
    told_status,
)

if TYPE_CHECKING:
    from pipeline.work import Job

SEARCH = 1 / 8  # share of the budgets of CPU and sleep that a child has whose end is no verdict
ALONE = 2  # fresh children a suspect has to end before it is guilty
_FAILED = 72  # exit status of a child whose error is no document's fault
_RAISED = 73  # of one whose reader raised
_LIFE_SECONDS = 2.0  # a sign of life to the supervisor at least so often
_LENGTHS = struct.Struct("=qq")  # bytes of a message's JSON and of what follows it
Message = tuple[dict[str, Any], bytes]


class Children:
    """Starts children of this process one at a time, watches them, says how they ended."""

    def __init__(self, job: "Job", limits: Limits, memory: int) -> None:
        self._job, self._limits, self._memory = job, limits, memory
        self._outside, self._said = 0, 0.0

    def fork(self, work: Callable[[], None]) -> int:
        """The process number of a copy of this process that does the work and nothing else."""
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            self._run(work)
        return pid

    def wait(self, pid: int, moved: Callable[[], bool], share: Callable[[], float]) -> tuple[int, str]:
        """Exit status of the child as `Popen.returncode`, and the budget it was ended for, if any.

        moved: whether it has got on since the last call. share: of the budgets, for what it is at now.
        """
        watch, why = self.watch(pid), ""
        while True:
            gone, status = reaped(pid, TICK_SECONDS)
            if gone:
                return status, why
            if moved():
                watch.progressed()
            watch.share = share()
            why = why or self.look(watch)

    def survives(self, work: Callable[[], None]) -> bool:
        """Whether a copy of this process comes to the end of the work."""
        return self.wait(self.fork(work), lambda: False, lambda: SEARCH) == (0, "")

    def watch(self, pid: int, share: float = 1.0) -> Watch:
        return Watch(pid, self._limits, self._memory, loading=False, share=share)

    def look(self, watch: Watch) -> str:
        """End a child that is beyond its budgets, and say which; also a sign of life to the supervisor."""
        if time.monotonic() - self._said > _LIFE_SECONDS:
            self._said = time.monotonic()
            self._job.at("nurse")
        if why := watch.look():
            os.kill(watch.pid, signal.SIGKILL)
        return why

    def reason(self, status: int, ended_for: str) -> str | None:
        """Why a child ended before it was done; None: by a signal from outside, `replaced` counts those.

        Raises the child's own error where that is no document's fault.
        """
        if ended_for:
            return ended_for
        if status == _FAILED:
            self._raise_failure()
        if status in (NO_MEMORY, _RAISED):
            return OUT_OF_MEMORY if status == NO_MEMORY else STAGE_ERROR
        print(f"a document ended its process: {told_status(status)}", file=sys.stderr, flush=True)
        if own_doing(status):
            return CRASHED
        self._replaced()
        return None

    def _replaced(self) -> None:
        self._outside += 1
        if self._outside > OUTSIDE_ATTEMPTS:
            raise Incomplete(f"{self._job.step}: unit {self._job.ordinal} was killed from outside again and again")

    def _run(self, work: Callable[[], None]) -> NoReturn:
        """In the child: never returns, never cleans up what belongs to the parent."""
        status = 0
        try:
            die_with_parent()
            work()
        except MemoryError:
            status = NO_MEMORY
        except (OSError, WinnowError) as error:
            (self._job.scratch / "failure.json").write_text(json.dumps(_told(error)))
            status = _FAILED
        except BaseException as error:
            traceback.print_exc()
            status = _RAISED if isinstance(error, ReaderFailed) else 1
        finally:
            os._exit(status)

    def _raise_failure(self) -> NoReturn:
        told = json.loads((self._job.scratch / "failure.json").read_text())
        raise OSError(*told) if len(told) > 1 else WinnowError(*told)


class Speaker:
    """A child and what it says through a pipe. `why`: how it ended, "" once it has said all, else as `Children.reason`."""

    def __init__(self, children: Children, speak: Callable[["Mouth"], None], share: float = 1.0) -> None:
        self._children, self._speak, self._share = children, speak, share
        self._pid = self._status = 0
        self._ended = False
        self.why: str | None = None

    def __iter__(self) -> Iterator[Message]:
        ours, theirs = os.pipe()
        self._pid = self._children.fork(lambda: self._say_all(theirs))
        os.close(theirs)
        try:
            yield from self._heard(ours)
        finally:
            os.close(ours)
            self._end()

    def _say_all(self, pipe: int) -> None:
        with os.fdopen(pipe, "wb") as file:
            mouth = Mouth(file)
            self._speak(mouth)
            mouth.say({"end": True})

    def _heard(self, pipe: int) -> Iterator[Message]:
        """Message after message, until the last one or until the child is gone; a torn one is left out."""
        watch, why, heard, looked = self._children.watch(self._pid, self._share), "", bytearray(), time.monotonic()
        while True:
            if select.select([pipe], [], [], TICK_SECONDS)[0]:
                data = os.read(pipe, 1 << 20)
                heard += data
                watch.progressed()
                for message in _whole(heard):
                    if "end" in message[0]:
                        self.why = ""
                        return
                    yield message
                if not data:
                    break
            elif self._gone(0.0):  # what it has started may still hold its pipe
                break
            if time.monotonic() - looked > TICK_SECONDS and not why:
                looked, why = time.monotonic(), self._children.look(watch)
        while not self._gone(TICK_SECONDS):
            why = why or self._children.look(watch)
        self.why = self._children.reason(self._status, why)

    def _gone(self, seconds: float) -> bool:
        if not self._ended:
            self._ended, self._status = reaped(self._pid, seconds)
        return self._ended

    def _end(self) -> None:
        """Nobody listens any more."""
        if not self._gone(0.0):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._ended = True


class Mouth:
    """The child's end of the pipe. What was said is heard, whatever happens to the child then."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def say(self, told: dict[str, Any], data: bytes | memoryview = b"") -> None:
        head = json.dumps(told).encode()
        self._file.write(_LENGTHS.pack(len(head), len(data)) + head)
        self._file.write(data)
        self._file.flush()


def _whole(heard: bytearray) -> Iterator[Message]:
    """The whole messages at the beginning of what was heard; they are taken from it."""
    while len(heard) >= _LENGTHS.size:
        head, data = _LENGTHS.unpack_from(heard)
        begin = _LENGTHS.size + head
        if len(heard) < begin + data:
            return
        message = json.loads(heard[_LENGTHS.size : begin]), bytes(heard[begin : begin + data])
        del heard[: begin + data]
        yield message


def _told(error: OSError | WinnowError) -> list[Any]:
    """What makes the error anew on the other side."""
    return [error.errno, error.strerror, error.filename] if isinstance(error, OSError) else [str(error)]


def reaped(pid: int, seconds: float) -> tuple[bool, int]:
    """Wait so long for a child's end. (whether it has ended, its exit status as `Popen.returncode`)."""
    handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    if handle is not None:
        select.select([handle], [], [], seconds)
        os.close(handle)
    else:
        time.sleep(min(seconds, 0.01))
    gone, status = os.waitpid(pid, os.WNOHANG)
    return gone == pid, os.waitstatus_to_exitcode(status) if gone == pid else 0
