"""Acquisition: a source that crawls fetches its WARC files first, once; then it is a WARC source like any other."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pipeline.errors import Damaged, Incomplete, Locked, StorageError, UsageError, WinnowError
from pipeline.recipe import Recipe
from pipeline.resolve import SourceRun, resolve
from pipeline.stamps import Stamps
from pipeline.store import Store

_BY_CODE: dict[int, type[WinnowError]] = {2: UsageError, 4: Incomplete, 74: StorageError, 75: Locked}


def crawl_dir(run: SourceRun) -> str:
    return f"state/crawl/{run.key}"


def acquire(
    runs: Sequence[SourceRun], store: Store, stamps: Stamps, tell: Callable[[str], None] = lambda line: None
) -> tuple[list[SourceRun], dict[str, int]]:
    """Finish every crawl the recipe asks for. Returns the sources with their files, and recordings made per kind.

    A finished crawl is frozen and costs nothing. Raises Incomplete where a crawl was stopped before its end.
    """
    fetched = 0
    found = []
    for run in runs:
        if run.crawl is not None:
            result = _crawl(run, store, tell)
            _check_unharmed(run, store, stamps, result["files"])
            fetched += int(result["counts"].get("fetched", 0))
        found.append(located(run, store))
    return found, {"crawl": fetched} if any(r.crawl for r in runs) else {}


def _check_unharmed(run: SourceRun, store: Store, stamps: Stamps, files: Sequence[dict[str, Any]]) -> None:
    """What was fetched can't be made again: a changed file is refused by name. A removed one is missed once it is read."""
    for file in files:
        path = store.path(f"{crawl_dir(run)}/{file['path']}")
        if path.exists() and stamps.digest(str(path)) != file["sha256"]:
            raise Damaged(
                f"source {run.name!r}: {path} is not what was fetched\n"
                f"put a copy of it back, or remove {path.parent} to fetch everything anew"
            )


def located(run: SourceRun, store: Store) -> SourceRun:
    """A crawl's source with its WARC files as patterns; any other as it is."""
    if run.crawl is None:
        return run
    folder = str(store.path(crawl_dir(run)))
    return replace(run, patterns=(f"{folder}/*.warc.gz",), root=folder, asked=("*.warc.gz",))


def is_fetched(run: SourceRun, store: Store) -> bool:
    return run.crawl is None or store.exists(f"{crawl_dir(run)}/crawl.json")


def _crawl(run: SourceRun, store: Store, tell: Callable[[str], None]) -> dict[str, Any]:
    from stages.crawl import CrawlError, crawl, progress_line

    assert run.crawl is not None
    store.mkdir("state/crawl")
    try:
        result = crawl(run.crawl, store.path(crawl_dir(run)), progress=lambda figures: tell(progress_line(figures)))
    except CrawlError as error:
        raise _BY_CODE.get(error.code, WinnowError)(f"source {run.name!r}: {error}") from None
    if not result["finished"]:
        raise Incomplete(f"source {run.name!r}: the crawl was stopped before its end; run again to go on")
    return result


def acquire_only(recipe: Recipe, output: str | None, tell: Callable[[str], None]) -> dict[str, Any]:
    """Finish the crawls of a recipe and nothing else. {source: counts, files, place}. Raises UsageError if it has none."""
    from pipeline.lock import run_lock
    from pipeline.runs import claim, output_of

    resolved = resolve(recipe)
    crawls = [run for run in resolved.sources if run.crawl is not None]
    if not crawls:
        raise UsageError("the recipe has no `crawl:` source; `winnow run` reads the others")
    store = Store(output_of(recipe, output))
    with run_lock(store):
        claim(store, resolved.name, replace=False)
        return {r.name: _crawl(r, store, tell) | {"place": str(store.path(crawl_dir(r)))} for r in crawls}
