"""The compiled lexicon, kept on disk: building it takes 2 to 4 s of CPU, reading it 0.01 s.

A file is named after all it is made from, so it is never out of date; one that can't be read, or that says anything
unexpected, is made again. Where nothing can be written, every process builds its own.
"""

import functools
import hashlib
import json
import os
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from filters.boilerplate.automaton import Compiled, Tables, compile_lexicon
from filters.boilerplate.jit import sources_digest
from filters.boilerplate.lexicon import LANGUAGES, digest, read_languages
from filters.kept import folder

_NAMES = "rule names"


@functools.cache
def tables_for(languages: tuple[str, ...] | None = None) -> Compiled:
    """The phrases of some languages (all if None), once per process."""
    chosen = LANGUAGES if languages is None else languages
    path = folder() / "lexicons" / f"{_key(chosen)}.npz"
    found = _read(path)
    if found is None:
        found = compile_lexicon(read_languages(chosen))
        _write(path, found)
    return found


def _key(languages: tuple[str, ...]) -> str:
    made_from = [sources_digest(), digest(), unicodedata.unidata_version, *languages]
    return hashlib.blake2b("\0".join(made_from).encode(), digest_size=16).hexdigest()


def _read(path: Path) -> Compiled | None:
    """None where there is no whole file: the archive's checksums vouch for its bytes."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return _compiled(kept)
    except Exception:  # no end to what a damaged archive makes its readers raise
        return None


def _compiled(kept: Mapping[str, Any]) -> Compiled:
    arrays = {name: kept[name] for name in Tables._fields if name != "space"}
    return Compiled(Tables(space=int(kept["space"]), **arrays), tuple(json.loads(kept[_NAMES].tobytes())))


def _write(path: Path, compiled: Compiled) -> None:
    """Whole or not at all, for other processes read it; a disk that refuses is nobody's fault here."""
    own = path.with_name(f"{path.stem}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(own, "wb") as file:
                names = np.frombuffer(json.dumps(compiled.names).encode(), np.uint8)
                arrays: dict[str, Any] = {**compiled.tables._asdict(), _NAMES: names}
                np.savez(file, **arrays)
            own.replace(path)
        finally:
            own.unlink(missing_ok=True)
