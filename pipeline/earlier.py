"""`against:` of a dedupe step: the files of an earlier corpus, cut into slices; they are read, never written."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.inputs import Input, discovered
from pipeline.recipe import Recipe
from pipeline.recipe_models import Read
from pipeline.resolve import SourceRun
from pipeline.resolve_inputs import Files
from pipeline.stamps import Stamps
from stages.base import Slice
from stages.read_input import open_binary
from stages.tables import Parquet

PARQUET = "parquet:"


@dataclass(frozen=True)
class EarlierSlice:
    """A piece of an earlier corpus. number: of its file among all of them, in an order that depends on content alone."""

    number: int
    piece: Slice
    digest: str


Earlier = Mapping[str, Sequence[EarlierSlice]]  # barrier -> slices it is compared with


def earlier_slices(against: Mapping[str, Sequence[SourceRun]], stamps: Stamps) -> Earlier:
    """For every barrier the slices of its earlier corpora. Raises UsageError for what is no corpus."""
    return {barrier: _slices(runs, stamps) for barrier, runs in against.items()}


def _slices(runs: Sequence[SourceRun], stamps: Stamps) -> list[EarlierSlice]:
    for run in runs:
        _refuse_unfinished(run)
    found = [one for run in runs for one in discovered(0, run, stamps)]
    files = {(one.digest, one.piece.path): one for one in found}
    for one in files.values():
        _check(one)
    digests = sorted({one.digest for one in found})  # the same file twice is one file
    first = {d: min(path for digest, path in files if digest == d) for d in digests}
    chosen = {(o.digest, o.piece.start): o for o in found if o.piece.path == first[o.digest]}
    return [_slice(digests.index(digest), one) for (digest, _), one in sorted(chosen.items(), key=lambda kv: kv[0])]


def _slice(number: int, one: Input) -> EarlierSlice:
    """Under the one name `earlier`, so that ids made for rows without one do not depend on the recipe's spelling."""
    return EarlierSlice(number, replace(one.piece, source="earlier", key="earlier"), one.digest)


def _refuse_unfinished(run: SourceRun) -> None:
    """A pool without its manifest is being written, or was given up."""
    pool = os.path.dirname(run.root)
    if not run.name.startswith(PARQUET) and "://" not in pool and not os.path.isfile(f"{pool}/manifest.json"):
        raise UsageError(f"against: no finished run in {run.name!r}; name the output of one, or parquet:PATTERN")


def _check(one: Input) -> None:
    place = one.piece.location
    try:
        with open_binary(place) as file:
            names = pq.ParquetFile(file).schema_arrow.names
    except (pa.ArrowException, ValueError):
        raise UsageError(f"against: {place} is no Parquet file, or damaged; fetch it again") from None
    if "text" not in names:
        raise UsageError(f"against: {place} has no column `text`; its columns are {', '.join(names[:8])}")


def corpora(recipe: Recipe, at: tuple[Any, ...], against: Sequence[str]) -> tuple[SourceRun, ...]:
    """`against:` as sources: `parquet:PATTERN`, or the directory of a finished run. Raises RecipeError; reads nothing."""
    return tuple(_corpus(recipe, at, one) for one in against)


def _corpus(recipe: Recipe, at: tuple[Any, ...], one: str) -> SourceRun:
    pattern = one.removeprefix(PARQUET).strip()
    if not one.startswith(PARQUET):
        pattern = f"{one.rstrip('/')}/pool/data/*.parquet"
    if not pattern:
        raise recipe.error(at, "against: `parquet:` names no file; write parquet:PATTERN")
    try:
        read = Read(parquet=(pattern,), base=None)
    except ValidationError as error:
        raise recipe.error(at, f"against: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    files = Files(recipe, "against", read, {})
    return SourceRun(one, "earlier", None, None, Parquet(), files.patterns, files.root, (), files.asked)
