"""Remembers the sha256 of files by size and modification time, so that an unchanged file is not read again.

A hint only: it lies under state/logs, enters no key, and a file whose stamp differs is hashed afresh.
"""

import json
import os
from contextlib import suppress
from typing import Any

from pipeline.digest import file_sha256
from pipeline.errors import StorageError
from pipeline.store import Store

NAME = "stamps.json"


class Stamps:
    """sha256 of local files, from memory where size, mtime and inode are what they were."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, list[Any]] = _load(store)

    def digest(self, location: str) -> str:
        if "://" in location:
            from pipeline.inputs import remote_digest

            return remote_digest(location)
        stamp = _stamp(location)
        known = self._known.get(location)
        if known is None or known[:3] != stamp:
            known = [*stamp, file_sha256(location)]
            self._known[location] = known
        return str(known[3])

    def note(self, location: str, sha256: str) -> None:
        """A file just published with a known hash."""
        self._known[location] = [*_stamp(location), sha256]

    def forget(self, location: str) -> None:
        self._known.pop(location, None)

    def save(self) -> None:
        """Best effort: without them the next run only reads more."""
        with suppress(OSError, StorageError):
            path = self._store.log_path(NAME)
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(self._known, sort_keys=True), encoding="utf-8")
            aside.replace(path)


def _stamp(location: str) -> list[int]:
    info = os.stat(location)
    return [info.st_size, info.st_mtime_ns, info.st_ino]


def _load(store: Store) -> dict[str, list[Any]]:
    path = store.root / "state" / "logs" / NAME
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
