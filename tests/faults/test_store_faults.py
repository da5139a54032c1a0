"""The store fails or dies at its N-th operation, for every N of an end-to-end job; run again, nothing may differ.

In `make test` a slice: the first, a middle and the last operation of every kind. In `make faults` all of them.
"""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.digest import key_of
from pipeline.errors import StorageError
from pipeline.store import SCRATCH
from pipeline.verify import verify
from tests.faults.small_job import FULL, Job, differences, tree

ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)


class Fault:
    """A store's hook that counts operations and refuses from the N-th on."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.at, self.count = kind, at, 0

    def __call__(self, operation: str, path: str) -> None:
        self.count += 1
        if self.kind == "fails" and self.count == self.at:
            number = ERRORS[self.at % len(ERRORS)]
            raise OSError(number, os.strerror(number), path)
        if self.kind == "stays_full" and self.count >= self.at and operation in STRIKES["stays_full"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


STRIKES = {"stays_full": ("mkdir", "write", "flush"), "dies_half_way": ("write",)}
KINDS = ("fails", "stays_full", "dies", "dies_half_way")


@dataclass(frozen=True)
class Film:
    """The undisturbed run, with a picture of the disk before each operation: what is there if the process dies then."""

    operations: list[str]
    pictures: list[dict[str, str]]
    folder: Path

    def develop(self, number: int, output: Path) -> Path:
        """The disk as it was before that operation, counted from 1."""
        return Path(shutil.copytree(self.folder / str(number), output))


@pytest.fixture(scope="module")
def film(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Taken by the store's own hook."""
    folder = tmp_path_factory.mktemp("film")
    output, film = job.start(folder / "out"), Film([], [], folder)

    def shoot(operation: str, path: str) -> None:
        film.operations.append(operation)
        shutil.copytree(output, folder / str(len(film.operations)), copy_function=os.link)
        film.pictures.append(tree(output))

    job.run(output, shoot)
    assert not differences(tree(output), job.files)
    return film


def chosen(film: Film, kind: str) -> list[int]:
    """Numbers of the operations to strike at, from 1: all, or a middle one of every operation."""
    of_kind: dict[str, list[int]] = {}
    for number, operation in enumerate(film.operations, 1):
        if operation in STRIKES.get(kind, (operation,)):
            of_kind.setdefault(operation, []).append(number)
    if FULL:
        return sorted(n for numbers in of_kind.values() for n in numbers)
    place = KINDS.index(kind) + 1  # each kind of fault takes another one of the middle
    return sorted({numbers[len(numbers) * place // (len(KINDS) + 1)] for numbers in of_kind.values()})


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_every_operation_of_the_store_may_fail_or_be_the_last(
    job: Job, film: Film, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Disturbed, then run again: the undisturbed tree, and all of it sound."""
    points, resumed = chosen(film, kind), 0
    assert points
    proven: dict[str, bool] = {}
    for at in points:
        output = disturbed(job, film, tmp_path / str(at), kind, at)
        left = key_of(tree(output))
        if left not in proven:  # many operations leave the same files: what follows from them is the same too
            finish_and_compare(job, output, f"{kind} at operation {at} ({film.operations[at - 1]})")
            proven[left] = True
            resumed += 1
        shutil.rmtree(output)
    if FULL:
        with capsys.disabled():
            print(f"\nstore {kind}: {len(points)} of {len(points)} points pass, {resumed} different states of the disk")


def disturbed(job: Job, film: Film, output: Path, kind: str, at: int) -> Path:
    """The output as the fault leaves it. A death needs no second run: it leaves what the film shows."""
    if kind == "dies":
        return film.develop(at, output)
    if kind == "dies_half_way":
        film.develop(at, output)
        (output / SCRATCH / "half~written.json").write_bytes(b'{"half": ')
        return output
    strike(job, job.start(output), Fault(kind, at))
    return output


def strike(job: Job, output: Path, fault: Fault) -> None:
    """A failure ends the run as exit code 74, with the place named."""
    with pytest.raises(StorageError) as caught:
        job.run(output, fault)
    assert caught.value.exit_code == 74 and str(output) in str(caught.value)


def finish_and_compare(job: Job, output: Path, point: str) -> None:
    job.run(output)
    wrong = differences(tree(output), job.files)
    assert not wrong, f"{point}: {wrong}"
    assert verify(output)["ok"], point


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


def test_death_by_exception_leaves_what_the_film_shows(job: Job, film: Film, tmp_path: Path) -> None:
    """The film is believed because a run that is cut off there leaves the same files."""
    at = len(film.operations) // 2

    class Death(BaseException):
        """No cleaning up may reach the disk any more."""

    count = 0

    def die(operation: str, path: str) -> None:
        nonlocal count
        count += 1
        if count >= at:
            raise Death

    output = job.start(tmp_path / "out")
    with pytest.raises(Death):
        job.run(output, die)
    assert not differences(tree(output), film.pictures[at - 1])
