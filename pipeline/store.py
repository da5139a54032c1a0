"""The only module that writes a run's files: write aside, flush, re-open and check, publish, manifest last.

A store is a directory. Every change is one of the operations in `OPERATIONS`; each passes `_operation` first, so that a
test can let the N-th one fail or die there. What a place has to be able to do is said by `Place`: whole objects, put
atomically. Nothing above it renames anything, so an object store with conditional puts can stand in for a disk.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pipeline.digest import canonical, file_sha256, sealed, unsealed
from pipeline.errors import Damaged, StorageError, UsageError

SCRATCH = "state/tmp"
LOGS = "state/logs"
OPERATIONS = ("mkdir", "write", "flush", "read_back", "publish", "remove")
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_QUOTED = re.compile(r"\((?:os error|errno) (\d+)\)")
Hook = Callable[[str, str], None]  # operation, path relative to the store


class Place(Protocol):
    """Where finished objects lie. Readers see an object as it was or as it is now, never a part of it."""

    def put(self, source: Path, name: str) -> None:
        """Make the finished local file the object `name`, durably; an older object of that name is replaced."""

    def remove(self, name: str) -> None:
        """Take away an object, or all below a prefix: first none of them is under its name any more, then space is freed."""


class Disk:
    """A local directory: put is a rename within one file system, flushed with the directory it happens in."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, name: str) -> None:
        target = self._root / name
        os.replace(source, target)
        sync(target.parent)

    def remove(self, name: str) -> None:
        full = self._root / name
        if full.is_dir() and not full.is_symlink():
            gone = self._aside(full)
            os.replace(full, gone)
            sync(full.parent)
            shutil.rmtree(gone)
        else:
            full.unlink(missing_ok=True)
            sync(full.parent)

    def _aside(self, full: Path) -> Path:
        """A free name in scratch, where a half removed tree is nobody's data; what is in scratch is removed in place."""
        scratch = self._root / SCRATCH
        if full == scratch or scratch in full.parents:
            return full
        make_dirs(scratch)
        return scratch / f"gone-{os.getpid()}-{full.stat().st_ino}"


class Store:
    """One output directory. Paths are relative to it, '/' separated; what would lie outside is refused."""

    def __init__(self, root: str | Path, operation: Hook | None = None) -> None:
        self.root = Path(root).absolute()
        self._root = os.path.normpath(self.root)
        self.fence: Callable[[], None] = lambda: None  # raises Locked once another run has taken over
        self._hook = operation or (lambda name, path: None)
        self._place: Place = Disk(self.root)

    def path(self, relative: str) -> Path:
        full = os.path.normpath(os.path.join(self._root, relative))
        if full != self._root and not full.startswith(self._root + os.sep):
            raise UsageError(f"{relative!r} lies outside the output directory {self.root}")
        return Path(full)

    def exists(self, relative: str) -> bool:
        return self.path(relative).exists()

    def scratch(self, attempt: str) -> Path:
        """A fresh directory for one attempt of one unit; what it leaves behind is swept by the next run."""
        return self.mkdir(f"{SCRATCH}/{attempt}")

    def mkdir(self, relative: str) -> Path:
        full = self._own(relative)
        if not full.is_dir():
            with self._operation("mkdir", relative):
                make_dirs(full)
        return full

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Publish a small file atomically: readers see the old bytes or the new ones."""
        aside = f"{SCRATCH}/{relative.replace('/', '~')}.{os.getpid()}"
        self.mkdir(SCRATCH)
        with self._operation("write", relative):
            self.path(aside).write_bytes(data)
        self.publish(aside, relative)

    def write_json(self, relative: str, value: Any) -> None:
        text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        self.write_bytes(relative, text.encode() + b"\n")

    def write_sealed(self, relative: str, value: dict[str, Any]) -> None:
        """A JSON object that carries its own hash, so that `read_sealed` knows a flipped bit when it sees one."""
        data = canonical(sealed(value)) + b"\n"
        if not self.holds(relative, data):
            self.write_bytes(relative, data)

    def holds(self, relative: str, data: bytes) -> bool:
        """Whether the file is there with exactly these bytes."""
        try:
            return self.path(relative).read_bytes() == data
        except FileNotFoundError:
            return False

    def publish(self, aside: str, final: str, sha256: str | None = None) -> None:
        """Move a finished file into place, durably. With `sha256` the bytes are read back and checked first.

        Raises Locked where another run has taken this output over, StorageError where the disk refuses.
        """
        source = self.path(aside)
        with self._operation("flush", final):
            sync(source)
        if sha256 is not None:
            self._read_back(source, final, sha256)
        self.mkdir(str(Path(final).parent))
        self._own(final)
        self.fence()
        with self._operation("publish", final):
            self._place.put(source, final)

    def _read_back(self, source: Path, final: str, sha256: str) -> None:
        with self._operation("read_back", final):
            if file_sha256(source) != sha256:
                raise StorageError(
                    f"{final}: the bytes on disk are not the bytes written; check the disk, then run again"
                )

    def remove(self, relative: str) -> None:
        """Remove a file or a whole directory; absent is fine."""
        if os.path.lexists(self._own(relative)):
            with self._operation("remove", relative):
                self._place.remove(relative)

    def read_json(self, relative: str) -> Any:
        """A committed JSON file; None if absent. Raises Damaged naming the file if it is no JSON."""
        try:
            return json.loads(self.path(relative).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise Damaged(f"{relative}: not readable as JSON; `winnow run` rebuilds it") from None

    def read_sealed(self, relative: str) -> dict[str, Any] | None:
        """What `write_sealed` wrote; None if absent. Raises Damaged naming the file if a bit of it has changed."""
        found = self.read_json(relative)
        value = unsealed(found)
        if found is not None and value is None:
            raise Damaged(f"{relative}: not what was written; `winnow run` rebuilds it")
        return value

    def log_path(self, name: str) -> Path:
        """A file under state/logs, where clocks and rates may live."""
        return self.mkdir(LOGS) / name

    def sweep(self) -> None:
        """Remove what earlier, interrupted runs left aside."""
        self.remove(SCRATCH)

    def files(self, relative: str = "") -> Iterator[str]:
        """Every file below, relative to the store, sorted."""
        base = self.path(relative) if relative else self.root
        for full in sorted(p for p in base.rglob("*") if p.is_file()):
            yield full.relative_to(self.root).as_posix()

    def _own(self, relative: str) -> Path:
        """The path of something to be changed. A link in the output may not lead the change to somewhere else."""
        full = self.path(relative)
        real = os.path.realpath(full.parent) + os.sep
        if full != self.root and not real.startswith(os.path.realpath(self._root) + os.sep):
            raise UsageError(f"{full.parent} is a link out of the output directory; put a real directory there")
        return full

    @contextmanager
    def _operation(self, name: str, relative: str) -> Iterator[None]:
        """Turns the operating system's refusal into one sentence that names the place."""
        try:
            self._hook(name, relative)
            yield
        except OSError as error:
            raise storage_error(f"{self.root}/{relative}", error) from error


def refusal(error: Exception) -> OSError | None:
    """The operating system's refusal behind an exception; libraries in other languages only quote it. None: it is another error."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    quoted = _QUOTED.search(str(error))
    return OSError(int(quoted[1]), os.strerror(int(quoted[1]))) if quoted else None


def storage_error(place: str, error: OSError) -> StorageError:
    hint = "free some space there" if error.errno in _NO_SPACE else "mend it"
    return StorageError(f"{place}: {error.strerror or error}; {hint}, then run again")


def make_dirs(full: Path) -> None:
    """The directory and what is missing above it, each durable in its parent."""
    missing = [p for p in (full, *full.parents) if not p.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Flush a file, or a directory's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
