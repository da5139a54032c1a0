"""The store fails or dies at its N-th operation, for every N of an end-to-end job; run again, nothing may differ.

In `make test` a slice: the first, a middle and the last operation of every kind. In `make faults` all of them.
"""

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.store import SCRATCH
from pipeline.verify import verify
from tests.faults.small_job import FULL, Job, differences, tree

ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)


class Death(BaseException):
    """The process is gone: no cleaning up may reach the disk any more."""


class Fault:
    """A store's hook: counts operations and strikes at the N-th. at=0 only counts."""

    def __init__(self, output: Path, kind: str = "", at: int = 0) -> None:
        self.output, self.kind, self.at = output, kind, at
        self.seen: list[str] = []

    def __call__(self, operation: str, path: str) -> None:
        self.seen.append(operation)
        if self.at and len(self.seen) >= self.at:
            getattr(self, self.kind)(operation, path, first=len(self.seen) == self.at)

    def fails(self, operation: str, path: str, first: bool) -> None:
        """Once; the next operation would work again."""
        if first:
            number = ERRORS[self.at % len(ERRORS)]
            raise OSError(number, os.strerror(number), path)

    def stays_full(self, operation: str, path: str, first: bool) -> None:
        """From now on nothing new finds room; taking away works."""
        if operation in STRIKES["stays_full"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def dies(self, operation: str, path: str, first: bool) -> None:
        raise Death

    def dies_half_way(self, operation: str, path: str, first: bool) -> None:
        """A write has begun: half of something lies aside."""
        if first and operation == "write":
            (self.output / SCRATCH / f"{path.replace('/', '~')}.{os.getpid()}").write_bytes(b'{"half": ')
        raise Death


STRIKES = {"stays_full": ("mkdir", "write", "flush"), "dies_half_way": ("write",)}
KINDS = ("fails", "stays_full", "dies", "dies_half_way")


@pytest.fixture(scope="module")
def operations(job: Job, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the undisturbed job asks of its store, in order."""
    output = job.start(tmp_path_factory.mktemp("counted") / "out")
    count = Fault(output)
    job.run(output, count)
    assert not differences(tree(output), job.files)
    return count.seen


def chosen(operations: list[str], kind: str) -> list[int]:
    """Numbers of the operations to strike at, from 1."""
    of_kind: dict[str, list[int]] = {}
    for number, operation in enumerate(operations, 1):
        if operation in STRIKES.get(kind, (operation,)):
            of_kind.setdefault(operation, []).append(number)
    if FULL:
        return sorted(n for numbers in of_kind.values() for n in numbers)
    place = KINDS.index(kind) + 1  # each kind of fault takes another one of the middle
    return sorted({numbers[len(numbers) * place // (len(KINDS) + 1)] for numbers in of_kind.values()})


@pytest.mark.parametrize("kind", [k for k in KINDS if not FULL])
def test_a_store_that_fails_or_dies_leaves_a_run_to_go_on_from(
    job: Job, operations: list[str], tmp_path: Path, kind: str
) -> None:
    """A slice: one operation of every kind."""
    strike_everywhere(job, operations, tmp_path, kind)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", [k for k in KINDS if FULL])
def test_every_operation_of_the_store_may_fail_or_be_the_last(
    job: Job, operations: list[str], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them."""
    points = strike_everywhere(job, operations, tmp_path, kind)
    with capsys.disabled():
        print(f"\nstore {kind}: {points} of {points} points: {dict(Counter(operations))}")


def strike_everywhere(job: Job, operations: list[str], folder: Path, kind: str) -> int:
    points = chosen(operations, kind)
    assert points
    for at in points:
        output = job.start(folder / f"{kind}-{at}")
        struck = strike(job, output, Fault(output, kind, at))
        job.run(output)
        wrong = differences(tree(output), job.files)
        assert not wrong, f"{kind} at operation {at} ({struck}): {wrong}"
        assert verify(output)["ok"]
    return len(points)


def strike(job: Job, output: Path, fault: Fault) -> str:
    """The disturbed run; it must end by the fault, a failure as exit code 74 with the place named."""
    expected = Death if fault.kind.startswith("dies") else StorageError
    with pytest.raises(expected) as caught:
        job.run(output, fault)
    if isinstance(caught.value, StorageError):
        assert caught.value.exit_code == 74 and str(output) in str(caught.value)
    return fault.seen[fault.at - 1]


def test_what_can_be_read_was_flushed_first(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Power cuts: a file is flushed before it gets its name, its directory after; a new directory is in its parent."""
    events: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        events.append(("sync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def note_replace(source: str, target: str) -> None:
        events.append(("sync+name" if ("sync", str(source)) in events else "name", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    output = job.start(tmp_path / "out")
    job.run(output)
    named = [
        (n, path)
        for n, (event, path) in enumerate(events)
        if event.endswith("name") and not any(room in path for room in ("/state/tmp", "/state/logs"))
    ]
    assert len(named) > 50
    for number, path in named:
        assert events[number][0] == "sync+name", path
        assert ("sync", str(Path(path).parent)) in events[number:], path
