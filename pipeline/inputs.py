"""Inputs are frozen at the first run: which files, how large, with what digest, in which slices."""

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from pipeline.digest import key_of
from pipeline.errors import UsageError
from pipeline.matching import matching
from pipeline.resolve import SourceRun
from pipeline.resolve_inputs import portable_pattern
from pipeline.seals import INPUTS as INPUTS_SEAL
from pipeline.seals import POOL, break_seal, is_intact, seal
from pipeline.stamps import Stamps
from pipeline.store import Store
from stages.base import Slice
from stages.parquet_files import read_whole

FROZEN = "state/inputs.parquet"
SLICE_BYTES = 8 << 20  # compressed; about half a minute of extraction, so little is redone after a kill

INPUTS = pa.schema(
    [
        ("source", pa.string()),
        ("key", pa.string()),
        ("dump", pa.string()),
        ("patterns", pa.string()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("digest", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Input:
    """One slice of one frozen file, and the source run it belongs to (index into the resolved recipe)."""

    run: int
    piece: Slice
    digest: str

    @property
    def identity(self) -> dict[str, Any]:
        """What of it a unit's output depends on: never where it lies or when it changed."""
        piece = {k: v for k, v in vars(self.piece).items() if k != "location"}
        return piece | {"digest": self.digest}


def frozen_inputs(runs: Sequence[SourceRun], store: Store, stamps: Stamps, refresh: bool = False) -> list[Input]:
    """The slices of every source, from the frozen list where there is one, else found now. Writes nothing.

    Sorted by key, path and start, so that the order of sources in a recipe means nothing; a file that two dumps of one
    source match is read once.
    """
    known = _frozen_rows(store)
    found: dict[tuple[str, str, int], Input] = {}
    for number, run in enumerate(runs):
        asked = (run.key, run.dump, patterns_key(run))
        old = [r for r in known if (r["key"], r["dump"], r["patterns"]) == asked]
        slices = discovered(number, run, stamps) if refresh or _moved(run, old) else _thaw(number, run, old, stamps)
        for one in slices:
            found.setdefault((one.piece.key, one.piece.path, one.piece.start), one)
    if not found:
        raise UsageError("the recipe's sources match no file; check the patterns under `sources:`")
    return [found[place] for place in sorted(found)]


def _moved(run: SourceRun, frozen: list[dict[str, Any]]) -> bool:
    """Nothing is frozen yet, or none of it lies where the recipe points now while other files do."""
    if any(_is_remote(loc) or os.path.exists(loc) for loc in (_location(run, r["path"]) for r in frozen)):
        return False
    return not frozen or any(True for _ in _matches(run))


def newcomers(runs: Sequence[SourceRun], inputs: Sequence[Input]) -> list[str]:
    """Files that match a source's patterns now but are not in its frozen list."""
    frozen = {(i.run, i.piece.path) for i in inputs}
    return [path for n, run in enumerate(runs) for path, _ in _matches(run) if (n, path) not in frozen]


def freeze(inputs: Sequence[Input], runs: Sequence[SourceRun], store: Store) -> None:
    """Publish the list of inputs; the same list gives the same bytes."""
    from pipeline.tables import TableWriter

    rows = [_row(i, runs[i.run]) for i in inputs]
    if rows and rows == _frozen_rows(store):
        return
    aside = store.scratch("inputs") / "inputs.parquet"
    with TableWriter(aside, INPUTS) as writer:
        writer.write(pa.Table.from_pylist(rows, INPUTS))
    break_seal(store, POOL)
    store.publish("state/tmp/inputs/inputs.parquet", FROZEN)
    seal(store, INPUTS_SEAL, [FROZEN])


def _row(one: Input, run: SourceRun) -> dict[str, Any]:
    piece = one.piece
    return {
        "source": piece.source,
        "key": piece.key,
        "dump": piece.dump,
        "patterns": patterns_key(run),
        "path": piece.path,
        "size": piece.size,
        "digest": one.digest,
        "start": piece.start,
        "end": piece.end,
    }


def patterns_key(run: SourceRun) -> str:
    """Identity of what a source asks for, wherever its root lies."""
    return key_of([portable_pattern(p, run.root) for p in run.asked])


def _below(path: str, root: str) -> str:
    return path[len(root) :].lstrip("/") if root and path.startswith(root) else path


def _frozen_rows(store: Store) -> list[dict[str, Any]]:
    """None where the list is lost or damaged: the inputs are found anew, and what they give is still known by key."""
    return read_whole(store.path(FROZEN)).to_pylist() if is_intact(store, INPUTS_SEAL, FROZEN) else []


def _thaw(number: int, run: SourceRun, rows: list[dict[str, Any]], stamps: Stamps) -> Iterator[Input]:
    """Frozen slices with the digest their file has now; a file that is gone keeps the digest it had."""
    for row in rows:
        location = _location(run, row["path"])
        there = os.path.exists(location)
        digest = stamps.digest(location) if there or _is_remote(location) else row["digest"]
        size = _size(location) if there else row["size"]
        piece = Slice(run.name, run.key, run.dump, row["path"], location, row["start"], row["end"], size)
        yield Input(number, piece, digest)


def discovered(number: int, run: SourceRun, stamps: Stamps) -> Iterator[Input]:
    """The slices of all files that match now, whatever was frozen. Raises UsageError if none does."""
    matches = sorted(_matches(run))
    if not matches:
        raise UsageError(
            f"source {run.name!r}: no file matches {', '.join(run.patterns)}\ncheck the path in the recipe"
        )
    for path, location in matches:
        _check_name(path, location)
        size, digest = _size(location), stamps.digest(location)
        for start, end in run.reader.cuts(location, size, SLICE_BYTES):
            yield Input(number, Slice(run.name, run.key, run.dump, path, location, start, end, size), digest)


def _check_name(path: str, location: str) -> None:
    """Paths are text in every table a run writes; the bytes of a name that is none could not be told again."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        shown = os.fsencode(location).decode("utf-8", "backslashreplace")
        raise UsageError(f"{shown}: a file name that is not UTF-8; rename the file") from None


def _matches(run: SourceRun) -> Iterator[tuple[str, str]]:
    """(path relative to the root, where it lies) of every file, each once, however many patterns it matches.

    Of several ways to a file, through linked directories or round and round them, the shortest one counts.
    """
    found = {_below(place, run.root): place for pattern in run.patterns for place in _expand(pattern, run)}
    real_folder, seen = cache(os.path.realpath), set()
    for path in sorted(found, key=lambda path: (path.count("/"), path)):
        folder, name = os.path.split(found[path])
        real = found[path] if _is_remote(found[path]) else os.path.join(real_folder(folder), name)
        if real not in seen:
            seen.add(real)
            yield path, found[path]


def _expand(pattern: str, run: SourceRun) -> list[str]:
    if _is_remote(pattern):
        return _expand_remote(pattern)
    if os.path.isdir(pattern):
        return [p for p in _files_below(pattern) if _wanted(p, run.reader.name) and _is_file(p)]
    return [p for p in matching(pattern) if _is_file(p)]


def _is_file(path: str) -> bool:
    """Directories, pipes, sockets and devices hold no documents. What can't be asked counts: reading it names the error."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _files_below(folder: str) -> list[str]:
    walk = os.walk(folder, onerror=_give_up)
    return [os.path.join(base, f) for base, _, names in walk for f in names if not f.startswith(".")]


def _give_up(error: OSError) -> None:
    """A folder that may not be looked into: its files would be missing without a word."""
    raise error


_ENDINGS = {
    "warc": ("*.warc", "*.warc.*", "*.arc", "*.arc.*"),
    "wet": ("*.wet", "*.wet.*"),
    "parquet": ("*.parquet",),
    "jsonl": ("*.jsonl", "*.jsonl.*", "*.ndjson", "*.json.gz"),
    "html": ("*.html", "*.htm", "*.xhtml"),
    "text": ("*.txt", "*.text"),
    "md": ("*.md", "*.markdown"),
    "run": ("pool/data/*.parquet",),
}


def _wanted(path: str, form: str) -> bool:
    """In a whole folder only the files of the source's format count."""
    return any(fnmatch.fnmatch(path.lower(), f"*{ending}") for ending in _ENDINGS.get(form, ("*",)))


def _is_remote(location: str) -> bool:
    return "://" in location


def _expand_remote(pattern: str) -> list[str]:
    import fsspec

    if not any(c in pattern for c in "*?["):
        return [pattern]
    scheme = pattern.split("://", 1)[0]
    system, path = fsspec.core.url_to_fs(pattern)
    return [p if "://" in p else f"{scheme}://{p}" for p in system.glob(path)]


def _location(run: SourceRun, path: str) -> str:
    return path if _is_remote(path) or not run.root else f"{run.root.rstrip('/')}/{path}"


def _size(location: str) -> int:
    if not _is_remote(location):
        return os.path.getsize(location)
    import fsspec

    system, path = fsspec.core.url_to_fs(location)
    return int(system.info(path)["size"] or 0)


def remote_digest(location: str) -> str:
    """Identity of a remote file: its size and ETag (or checksum), since reading it all would cost a download."""
    import fsspec

    system, path = fsspec.core.url_to_fs(location)
    info = system.info(path)
    mark = info.get("ETag") or info.get("etag") or info.get("md5") or ""
    return hashlib.sha256(f"{info.get('size')}/{mark}".encode()).hexdigest()
