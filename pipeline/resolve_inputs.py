"""From what a recipe says about a source's files to patterns ready to glob, and the root that paths are relative to.

The root is the part of the pattern before the first wildcard or {placeholder}, so the files of all dumps of one source
have different relative paths, and a document's id needs nothing of the dump. With `base:` the root is the base.
"""

import glob
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from pipeline.errors import RecipeError, StorageError
from pipeline.matching import matching
from pipeline.recipe import Recipe
from pipeline.recipe_models import Read, filled, without_placeholders

LIST_ENDINGS = (".paths", ".paths.gz")
MAX_LIST_BYTES = 256 << 20  # unpacked; a list of all WARC files of a Common Crawl dump is 13 MB


class Files:
    """The files of one source and dump. patterns: absolute or URLs; asked: as the recipe spells them."""

    def __init__(self, recipe: Recipe, name: str, read: Read, values: dict[str, str]) -> None:
        self.asked = tuple(filled(p, values) for p in read.patterns)
        base = filled(read.base, values) if read.base else None
        lists = [base is not None or p.endswith(LIST_ENDINGS) for p in self.asked]
        where = ("sources", name, "read")
        if any(lists) and not all(lists):
            raise recipe.error(where, "lists of files (*.paths) and patterns can't be mixed; make two sources of them")
        self.patterns: Sequence[str]
        if any(lists):
            self.root = recipe.place(base) if base else ""
            self.patterns = Listed(tuple(_ready(recipe, p) for p in self.asked), self.root)
        else:
            self.root = _common_root(recipe, where, [recipe.place(p) for p in read.patterns])
            self.patterns = tuple(_ready(recipe, p) for p in self.asked)
        self.portable = {"patterns": [portable_pattern(p, self.root) for p in self.asked]}
        if base is not None:
            self.portable["base"] = [portable_pattern(base, self.root)]


class Listed(Sequence[str]):
    """Locations named in list files, one a line. The lists are read when the first one is asked for."""

    def __init__(self, lists: tuple[str, ...], base: str) -> None:
        self.lists, self.base = lists, base

    @cached_property
    def _locations(self) -> tuple[str, ...]:
        files = [f for pattern in self.lists for f in ([pattern] if "://" in pattern else sorted(matching(pattern)))]
        if not files:
            raise RecipeError(f"no list of files matches {', '.join(self.lists)}; check `read:`")
        return tuple(dict.fromkeys(self._joined(line, file) for file in files for line in _lines(file)))

    def _joined(self, line: str, file: str) -> str:
        if "://" in line:
            return line
        if not self.base:
            raise RecipeError(f"{file}: {line[:80]!r} is no URL, and the source has no `base:` to put before it")
        if line.startswith("/") or ".." in line.split("/") or "\0" in line:
            raise RecipeError(f"{file}: {line[:80]!r} does not lie below the source's `base:`")
        return (
            glob.escape(f"{self.base.rstrip('/')}/{line}")
            if "://" not in self.base
            else f"{self.base.rstrip('/')}/{line}"
        )

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._locations[index]

    def __len__(self) -> int:
        return len(self._locations)


def _lines(file: str) -> Iterator[str]:
    data = _content(file)
    for line in data.decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _content(file: str) -> bytes:
    try:
        raw = _fetched(file) if "://" in file else Path(file).read_bytes()
        data = _unpacked(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise RecipeError(f"{file}: damaged gzip; fetch the list again") from None
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror or error}; check the address, then run again") from None
    if len(data) > MAX_LIST_BYTES:
        raise RecipeError(f"{file}: larger than {MAX_LIST_BYTES >> 20} MiB, which no list of files is")
    return data


def _unpacked(raw: bytes) -> bytes:
    import io

    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        return file.read(MAX_LIST_BYTES + 1)


def _fetched(location: str) -> bytes:
    import fsspec

    with fsspec.open(location, "rb") as file:
        data: bytes = file.read(MAX_LIST_BYTES + 1)
    return data


def _ready(recipe: Recipe, pattern: str) -> str:
    """Absolute, with wildcards only where the recipe has them: the recipe's own directory may hold brackets."""
    if "://" in pattern:
        return pattern
    place = recipe.place(pattern)
    if glob.has_magic(pattern):
        return place if os.path.isabs(pattern) else os.path.normpath(Path(glob.escape(str(recipe.folder)), pattern))
    return place if os.path.isdir(place) else glob.escape(place)


def _common_root(recipe: Recipe, where: tuple[str, ...], places: list[str]) -> str:
    roots = [_root(recipe, place) for place in places]
    heads = {_head(root) for root in roots}
    if len(heads) > 1:
        raise recipe.error(where, "patterns on different hosts or storages; make a source of each")
    head = heads.pop()
    return head + os.path.commonpath([root[len(head) :] or "/" for root in roots])


def _head(place: str) -> str:
    """`https://host` of a URL, nothing of a path."""
    scheme, colon, rest = place.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}" if colon else ""


def _root(recipe: Recipe, place: str) -> str:
    """The directory before the first wildcard or placeholder; a directory given as such is its own root."""
    folder = str(recipe.folder)
    inside = "://" not in place and place.startswith(folder + os.sep)
    parts = without_placeholders(place[len(folder) :] if inside else place, "*").split("/")
    plain = next((n for n, part in enumerate(parts) if glob.has_magic(part)), None)
    if plain is None:
        plain = len(parts) if "://" not in place and os.path.isdir(place) else len(parts) - 1
    root = "/".join(parts[:plain])
    return (folder + root if inside else root) or "/"


def portable_pattern(pattern: str, root: str) -> str:
    """How the resolved recipe names a pattern: never as an absolute path."""
    if "://" in pattern or not os.path.isabs(pattern):
        return pattern
    return pattern[len(root) :].lstrip("/") if pattern.startswith(root) else os.path.basename(pattern)
