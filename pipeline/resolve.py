"""From a recipe to what will run: readers, files, stages and barriers, configured and checked; nothing is read yet.

The resolved document holds neither places nor spellings: two recipes that mean the same resolve to the same document.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from filters.rule import Rule
from pipeline.errors import RecipeError
from pipeline.recipe import Recipe
from pipeline.recipe_errors import did_you_mean
from pipeline.recipe_models import SourceSpec, Step
from pipeline.resolve_document import document_of
from pipeline.resolve_inputs import Files, portable_pattern
from pipeline.resolve_models import placed, portable, refuse_missing_models
from pipeline.resolve_rules import apply_overrides, effective, normal_overrides

if TYPE_CHECKING:
    from stages.base import Barrier, Source, Stage
    from stages.crawl import Crawl

# What the validators of stages, readers and barriers may say to a value they did not foresee.
ODD = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(frozen=True)
class SourceRun:
    """One source, or one dump of it: what to read, from where, and what to do with each document.

    key: identity that ids depend on, the same for all dumps. patterns: absolute or URLs, ready to glob. root: what
    relative paths are taken from. asked: the patterns as the recipe spells them.
    """

    name: str
    key: str
    license: str | None
    dump: str | None
    reader: "Source"
    patterns: Sequence[str]
    root: str
    stages: "tuple[Stage, ...]"
    asked: tuple[str, ...] = ()
    crawl: "Crawl | None" = None  # fetches the files before anything is read; patterns and root are known then


@dataclass(frozen=True)
class Resolved:
    """A recipe ready to run. overrides: rule values by normal path. document: the recipe as plain, place-free data.

    against: the earlier corpora that barriers compare with, by the barrier's name.
    """

    name: str
    seed: int
    sources: tuple[SourceRun, ...]
    barriers: "tuple[Barrier, ...]"
    overrides: dict[str, Any]
    expect: dict[str, str]
    document: dict[str, Any]
    recipe: Recipe
    against: dict[str, tuple[SourceRun, ...]]


def resolve(recipe: Recipe) -> Resolved:
    """Look up, configure and check everything a recipe names. Raises RecipeError with the place of the mistake."""
    pipelines = {name: _Pipeline(recipe, name, source) for name, source in recipe.sources.items()}
    runs = tuple(run for name, pipeline in pipelines.items() for run in _source_runs(recipe, name, pipeline.stages))
    lists = [_own_rules(run) for run in runs]
    overrides = effective(lists, normal_overrides(recipe, itertools.chain(*lists)))
    barriers, dedupe, against = _dedupe(recipe)
    expect = recipe.expect.plain()
    plain = {name: pipeline.plain for name, pipeline in pipelines.items()}
    document = document_of(recipe, runs, plain, overrides, dedupe)
    return Resolved(recipe.name, recipe.seed, runs, barriers, overrides, expect, document, recipe, against)


def resolved_rules(run: SourceRun, overrides: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Rules of the reader, then of every stage in order, with the overrides applied; one switched off keeps its place."""
    return apply_overrides(_own_rules(run), overrides)


def _own_rules(run: SourceRun) -> tuple[Rule, ...]:
    return tuple(itertools.chain(run.reader.rules(), *(stage.rules() for stage in run.stages)))


def _source_runs(recipe: Recipe, name: str, stages: "tuple[Stage, ...]") -> list[SourceRun]:
    """One run per combination of the `for:` values; the key, and so every id, is the same in all of them."""
    spec = recipe.sources[name]
    if spec.crawl is not None:
        return [_crawled(recipe, name, spec, stages)]
    reader = _reader(recipe, name, spec)
    runs = []
    for chosen in itertools.product(*spec.for_.values()):
        values = dict(zip(spec.for_, chosen, strict=True))
        assert spec.read is not None
        files = Files(recipe, name, spec.read, values)
        dump = values.get("dump")
        key = spec.key or name
        runs.append(SourceRun(name, key, spec.license, dump, reader, files.patterns, files.root, stages, files.asked))
    return runs


def _crawled(recipe: Recipe, name: str, spec: SourceSpec, stages: "tuple[Stage, ...]") -> SourceRun:
    from stages.crawl import Crawl
    from stages.registry import source_class

    try:
        crawl = Crawl(**(spec.crawl or {}))
    except ValidationError as error:
        raise recipe.misfit(("sources", name, "crawl"), error, Crawl.model_fields) from None
    except ODD as error:
        raise recipe.error(("sources", name, "crawl"), str(error)) from None
    return SourceRun(name, spec.key or name, spec.license, None, source_class("warc")(), (), "", stages, crawl=crawl)


def _reader(recipe: Recipe, name: str, spec: SourceSpec) -> "Source":
    from stages.registry import UnknownName, source_class

    assert spec.read is not None
    at = ("sources", name, "read")
    config: dict[str, Any] = {**spec.read.settings, **({"columns": spec.columns} if spec.columns else {})}
    try:
        found = source_class(spec.read.format)
    except UnknownName as error:
        raise recipe.error((*at, spec.read.format), str(error)) from None
    if spec.columns and "columns" not in found.model_fields:
        raise recipe.error(("sources", name, "columns"), f"{spec.read.format} has no columns to map")
    try:
        return found(**placed(recipe, found, config, at))
    except ValidationError as error:
        here = ("sources", name) if "columns" in error.errors()[0]["loc"][:1] else at
        raise recipe.misfit(here, error, found.model_fields) from None
    except ODD as error:
        raise recipe.error(at, str(error)) from None


class _Pipeline:
    """The stages one source goes through, with its own `set:` folded in."""

    def __init__(self, recipe: Recipe, name: str, source: SourceSpec) -> None:
        self.recipe, self.source = recipe, name
        self.name, steps = recipe.pipeline_of(name)
        self._refuse_unknown_settings(steps, source.set_)
        made = [self._stage(n, step, _own(step, source.set_)) for n, step in enumerate(steps)]
        self.stages: tuple[Stage, ...] = tuple(part for one in made for part in one.expand())
        self.plain = [{step.name: portable(one)} for step, one in zip(steps, made, strict=True)]

    def _refuse_unknown_settings(self, steps: tuple[Step, ...], settings: Mapping[str, Any]) -> None:
        names = [step.name for step in steps]
        for path in settings:
            stage, dot, _ = path.partition(".")
            if not dot:
                raise self._error(path, f"{path!r} should be stage.setting, like extract.engine")
            if stage not in names:
                there = f"its pipeline has {', '.join(names)}" if names else "it has no pipeline"
                raise self._error(path, f"no stage {stage!r} here{did_you_mean(stage, names)}; {there}")

    def _error(self, path: str, message: str) -> RecipeError:
        return self.recipe.error(("sources", self.source, "set", path), message)

    def _stage(self, place: int, step: Step, own: dict[str, Any]) -> "Stage":
        from stages.registry import filter_names, make_stage, stage_class

        at: tuple[Any, ...] = ("pipelines", self.name, place, step.name)
        try:
            found = stage_class("signals" if step.name in filter_names() else step.name)
            settings = placed(self.recipe, found, _deep(step.settings, own), at)
            made = make_stage(step.name, settings)
        except ValidationError as error:
            blamed = self._setting_of(error, step, own)
            raise self.recipe.misfit(blamed or at, error, found.model_fields, inside=blamed is None) from None
        except ODD as error:
            raise self.recipe.error(at, str(error)) from None
        refuse_missing_models(self.recipe, made, at)
        return made

    def _setting_of(self, error: ValidationError, step: Step, own: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The `set:` line that brought the wrong value; None if the pipeline did."""
        loc = error.errors()[0]["loc"]
        if not loc or loc[0] not in own:
            return None
        path = next(p for p in self.recipe.sources[self.source].set_ if p.startswith(f"{step.name}.{loc[0]}"))
        return ("sources", self.source, "set", path)


def _own(step: Step, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`{extract.engine: x, extract.a.b: y}` -> `{engine: x, a: {b: y}}` for the step `extract`."""
    own: dict[str, Any] = {}
    for path, value in settings.items():
        stage, *keys = path.split(".")
        if stage == step.name:
            for key in reversed(keys):
                value = {key: value}
            own = _deep(own, value)
    return own


def _deep(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {**under, **{k: _deep(under[k], v) if k in under else v for k, v in over.items()}}


def _dedupe(recipe: Recipe) -> "tuple[tuple[Barrier, ...], list[dict[str, Any]], dict[str, tuple[SourceRun, ...]]]":
    if not recipe.dedupe:
        return (), [], {}
    from pipeline.earlier import corpora
    from stages.dedupe import KNOWN, barriers

    made: list[Barrier] = []
    plain = []
    against: dict[str, tuple[SourceRun, ...]] = {}
    for place, step in enumerate(recipe.dedupe):
        at = ("dedupe", place, step.name)
        try:
            new = barriers(step.name, step.settings)
            configured: Any = KNOWN[step.name](**step.settings)
        except ValidationError as error:
            raise recipe.misfit(at, error, KNOWN[step.name].model_fields) from None
        except ODD as error:
            raise recipe.error(at, f"{error}{did_you_mean(step.name, KNOWN)}") from None
        if {b.name for b in new} & {b.name for b in made}:
            raise recipe.error(at, f"{step.name!r} is listed twice; once is enough")
        made += new
        earlier = corpora(recipe, at, getattr(configured, "against", ()))
        against |= {barrier.name: earlier for barrier in new} if earlier else {}
        plain.append({step.name: portable(configured) | _told_of(earlier)})
    return tuple(made), plain, against


def _told_of(earlier: "tuple[SourceRun, ...]") -> dict[str, Any]:
    """Which files are compared with, wherever they lie; what is in them enters the keys of the units that read them."""
    from pipeline.earlier import PARQUET

    names = [PARQUET + portable_pattern(p, run.root) for run in earlier for p in run.asked]
    return {"against": names} if names else {}
