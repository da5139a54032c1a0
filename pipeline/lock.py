"""One run at a time on an output. The kernel drops the lock with its holder, so a stale one never blocks.

The lock file also says who holds it. Before anything is published, the holder looks whether it still does (`store.fence`):
a run whose lock file was taken away, by hand or by a file system without locks, can commit nothing any more.
"""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.errors import Locked
from pipeline.store import Store, storage_error

LOCK = "run.lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}  # some network file systems


@contextmanager
def run_lock(store: Store) -> Iterator[None]:
    """Hold the output for this process. Raises Locked (exit 75) naming the holder and since when."""
    path = store.log_path(LOCK)
    handle = _acquire(store, path)
    try:
        _write_holder(handle, path)
        mine = os.fstat(handle).st_ino
        store.fence = lambda: _check_still_ours(store, path, mine)
        yield
    finally:
        store.fence = lambda: None
        with suppress(OSError):
            os.ftruncate(handle, 0)
        os.close(handle)


def _acquire(store: Store, path: Path) -> int:
    """An exclusively locked descriptor of the file that lies under the name now."""
    while True:
        handle = _open(path, os.O_CREAT)
        try:
            if not _flock(store, handle, path):
                return _without_locks(store, path)
            if _inode(path) == os.fstat(handle).st_ino:
                return os.dup(handle)
        finally:
            os.close(handle)  # its name was removed while we asked for it: try the new one


def _open(path: Path, how: int) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | how, 0o644)
    except OSError as error:
        raise storage_error(str(path), error) from error


def _flock(store: Store, handle: int, path: Path) -> bool:
    """Whether the kernel gave us the lock; False where the file system knows no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(f"{store.root} is in use by {_told(_holder(path))}") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise storage_error(str(path), error) from error
        return False
    return True


def _without_locks(store: Store, path: Path) -> int:
    """A lock file of our own in place of one whose holder is gone; a holder that wakes up finds it is no longer his."""
    holder = _holder(path)
    if _may_live(holder):
        raise Locked(f"{store.root} is in use by {_told(holder)}; if it is gone, remove {path}")
    path.unlink(missing_ok=True)
    return _open(path, os.O_CREAT | os.O_EXCL)


def _write_holder(handle: int, path: Path) -> None:
    who = {"host": socket.gethostname(), "pid": os.getpid(), "started": _start_of(os.getpid()), "since": time.time()}
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(who).encode(), 0)
    except OSError as error:
        raise storage_error(str(path), error) from error


def _check_still_ours(store: Store, path: Path, inode: int) -> None:
    if _inode(path) != inode:
        raise Locked(f"{store.root} was taken over: its lock {path} is no longer ours; nothing more is written")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _holder(path: Path) -> dict[str, Any]:
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return who if isinstance(who, dict) else {}


def _told(who: dict[str, Any]) -> str:
    try:
        minutes = (time.time() - who["since"]) / 60
        return f"process {who['pid']} on {who['host']} since {minutes:.0f} min; wait for it or stop it"
    except (KeyError, TypeError):
        return "another run; wait for it or stop it"


def _may_live(who: dict[str, Any]) -> bool:
    """Where the kernel cannot tell: a holder on another host counts as alive, one here if its process is that process."""
    if not who or who.get("host") != socket.gethostname():
        return bool(who)
    return _start_of(who.get("pid", 0)) == who.get("started")


def _start_of(pid: int) -> str | None:
    """When a process began, in ticks since boot, which tells it from a later one of the same number; None if it is gone."""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, ValueError, IndexError):
        return None
