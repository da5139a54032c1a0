"""Seals: the list of a finished dataset's small files with their hashes, so that `verify` can name a damaged one.

Units vouch for what units wrote; a seal vouches for the rest: manifests, cards, indexes, the frozen inputs. It is broken
before any of it changes and written after all of it, so a missing seal means that a run was stopped before its end.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.digest import file_sha256
from pipeline.errors import Damaged
from pipeline.store import Store

SEALS = "state/seals"
POOL, INPUTS = "pool", "inputs"


def mix_seal(name: str) -> str:
    return f"mix-{name}"


def seal(store: Store, name: str, paths: Iterable[str], present: Iterable[str] = ()) -> None:
    """Vouch for these files as they are now; the same files give the same bytes.

    present: files that vouch for their own content (indexes) and only must not get lost.
    """
    files = {path: file_sha256(store.path(path)) for path in sorted(set(paths))}
    store.write_sealed(f"{SEALS}/{name}.json", {"files": files, "present": sorted(set(present))})


def break_seal(store: Store, name: str) -> None:
    store.remove(f"{SEALS}/{name}.json")


def read_seal(store: Store, name: str) -> dict[str, Any] | None:
    """{files: sha256 by path, present: paths}; None where there is no seal, or no sound one."""
    try:
        return store.read_sealed(f"{SEALS}/{name}.json")
    except Damaged:
        return None


def is_intact(store: Store, name: str, path: str) -> bool:
    """Whether the file is there as it was sealed."""
    found = read_seal(store, name)
    return found is not None and store.exists(path) and found["files"].get(path) == file_sha256(store.path(path))
