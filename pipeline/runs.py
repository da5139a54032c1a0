"""One run: freeze the inputs, walk the steps, commit unit by unit, publish pool, ledger and manifest."""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pipeline.acquire import acquire
from pipeline.earlier import earlier_slices
from pipeline.errors import Damaged, UsageError
from pipeline.executor import LocalExecutor
from pipeline.index import Index, Manifest, forget_damaged, is_sound, manifest_of
from pipeline.inputs import freeze, frozen_inputs
from pipeline.layout import Layout, lay_out
from pipeline.lock import run_lock
from pipeline.mix_steps import MixPlan, mix_steps, plan_of
from pipeline.publish import check_expectations, publish_dataset
from pipeline.publish_mix import publish_mix
from pipeline.recipe import Recipe
from pipeline.recordings import Recordings
from pipeline.resolve import Resolved, resolve
from pipeline.seals import POOL, SEALS, break_seal, mix_seal
from pipeline.space import check_space
from pipeline.stamps import Stamps
from pipeline.steps import POOL_MANIFEST, Done, Step, all_steps
from pipeline.store import Store
from pipeline.training import train_after
from pipeline.unit import Unit
from pipeline.watch import Limits

if TYPE_CHECKING:
    import polars as pl

RUN_FILE = "state/run.json"
# What a run leaves in its output; --replace removes all of it.
ROOMS = (
    *("pool", "mixes", "ledger", "train", "recipe.resolved.yaml", "state/passes", "state/verdicts", "state/artifacts"),
    *("state/recordings", "state/crawl", "state/inputs.parquet", "state/slices.json", "state/train.json", SEALS),
)
T = TypeVar("T")


class Executor(Protocol):
    """Who does the units of a step: processes here, the caller's own process, or a cluster."""

    store: Store

    def run(self, units: Sequence[Unit], commit: Callable[[Unit, dict[str, Any], str], None]) -> None: ...
    def close(self) -> None: ...


class Progress(Protocol):
    def step(self, name: str, units_total: int, units_done: int) -> None: ...
    def unit_done(self) -> None: ...
    def tell(self, line: str) -> None: ...
    def advance(self, documents: int, bytes: int, kept: int) -> None: ...
    def close(self) -> None: ...


class Quiet:
    """No progress shown: for the Python API and tests."""

    def step(self, name: str, units_total: int, units_done: int) -> None:
        return None

    def unit_done(self) -> None:
        return None

    def tell(self, line: str) -> None:
        return None

    def advance(self, documents: int, bytes: int, kept: int) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass(frozen=True)
class Result:
    """A finished run: where it lies, its manifest, what was done and what was reused."""

    output: Path
    manifest: Manifest
    mixes: dict[str, Manifest]
    trained: dict[str, Any] | None
    done: dict[str, int]
    reused: dict[str, int]

    def funnel(self) -> "pl.DataFrame":
        """One row per fate in recipe order: documents and payload bytes, from `in` to `kept`."""
        from pipeline.funnel import funnel

        return funnel(self.manifest)


def run(
    recipe: Recipe | str | Path,
    output: str | Path | None = None,
    workers: int | None = None,
    refresh: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
    retry_quarantined: bool = False,
    limits: Limits | None = None,
) -> Result:
    """Do all of the recipe that is not done yet. Running it again resumes; the result does not depend on `workers`.

    retry_quarantined: try the documents again that once ended a worker. limits: what one worker may use.
    Raises UsageError / RecipeError (exit 2), ExpectationFailed (3), Incomplete (4), StorageError (74), Locked (75).
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_yaml(recipe)
    progress = progress or Quiet()
    store = Store(output_of(recipe, output))
    executor = LocalExecutor(store, workers or os.cpu_count() or 1, progress.advance, limits or Limits())
    return run_with(executor, recipe, refresh, replace, progress, retry_quarantined)


def run_with(
    executor: Executor,
    recipe: Recipe,
    refresh: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
    retry_quarantined: bool = False,
) -> Result:
    """`run` with an executor of your own, into its store."""
    resolved = resolve(recipe)
    layout = lay_out(resolved, validation_share(resolved))
    with run_lock(executor.store):
        claim(executor.store, resolved.name, replace)
        if retry_quarantined:
            Recordings(executor.store).forget()
        return _locked_run(resolved, layout, executor, refresh, progress or Quiet())


def validation_share(resolved: Resolved) -> float:
    """The largest share any mix asks for; 0.5 % where none does."""
    shares = [mix.validation.share for mix in resolved.recipe.mixes.values()]
    return max(shares, default=0.005)


def output_of(recipe: Recipe, output: str | Path | None) -> Path:
    place = str(output if output is not None else recipe.output_path)
    if "://" in place:
        raise UsageError(f"{place}: outputs on object stores are not available yet; give a local directory")
    return Path(place)


def _locked_run(resolved: Resolved, layout: Layout, executor: Executor, refresh: bool, progress: Progress) -> Result:
    store = executor.store
    store.sweep()
    stamps = Stamps(store)
    sources, recordings = acquire(resolved.sources, store, stamps, progress.tell)
    inputs = frozen_inputs(sources, store, stamps, refresh)
    freeze(inputs, sources, store)
    with Runner(store, stamps, executor, progress) as runner:
        replay = Recordings(store)
        earlier = earlier_slices(layout.against, stamps)
        outcome = runner.walk(all_steps(layout, inputs, earlier, replay.replayed), POOL)
        present = [*runner.indexes, *replay.paths()]
        manifest = publish_dataset(store, resolved, outcome, recordings, present)
        mixes = {spec.name: make_mix(runner, spec, manifest) for spec in mix_specs(resolved)}
        forget_damaged(store, stamps)
    store.sweep()
    check_expectations(resolved, manifest)
    trained = train_after(store, resolved, mixes, progress.tell)
    return Result(store.root, manifest, mixes, trained, runner.done, runner.reused)


def mix_specs(resolved: Resolved) -> list[MixPlan]:
    return [plan_of(name, mix, resolved.seed) for name, mix in resolved.recipe.mixes.items()]


def make_mix(runner: "Runner", spec: MixPlan, pool: Manifest) -> Manifest:
    """Whatever of the mix is not done yet, then its manifest. Needs a finished pool, runs none of its steps."""
    return publish_mix(runner.store, runner.walk(mix_steps(spec, pool), mix_seal(spec.name)), runner.indexes)


def claim(store: Store, name: str, replace: bool) -> None:
    """An output directory belongs to one recipe name. Raises UsageError where it is another's, or holds no run at all."""
    known = run_name(store)
    if known is None:
        _refuse_strangers(store)
    elif known != name and not replace:
        raise UsageError(
            f"{store.root} holds the run {known!r}, not {name!r}\n"
            "choose another --output, or --replace to remove that run"
        )
    elif known != name:
        for room in ROOMS:
            store.remove(room)
    store.write_sealed(RUN_FILE, {"name": name, "schema": "winnow.run/1"})


def run_name(store: Store) -> str | None:
    """The name of the run that lies there; where its file is lost or damaged, what the pool says. None: no run."""
    try:
        known = store.read_sealed(RUN_FILE)
    except Damaged:
        known = None
    try:
        known = known or store.read_json(POOL_MANIFEST)
    except Damaged:
        known = None
    return str(known["name"]) if isinstance(known, dict) and "name" in known else None


def _refuse_strangers(store: Store) -> None:
    """Never write among files that are not ours. What was left of a run without its name is ours."""
    ours = {room.split("/")[0] for room in ROOMS} if store.exists("state") else {"state"}
    others = sorted(p.name for p in store.root.iterdir() if p.name not in ours) if store.root.exists() else []
    if others:
        raise UsageError(
            f"{store.root} is not empty ({', '.join(others[:3])}) and holds no run\nchoose another --output"
        )


class Runner:
    """Walks the steps: reuses what is committed and sound, has the rest done, commits it."""

    def __init__(self, store: Store, stamps: Stamps, executor: Executor, progress: Progress) -> None:
        self.store, self.stamps, self.executor, self.progress = store, stamps, executor, progress
        self.indexes: list[str] = []
        self.done: dict[str, int] = {}
        self.reused: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.executor.close()
        self.progress.close()
        self.stamps.save()

    def walk(self, steps: Generator[Step, Done, T], seal: str) -> T:
        """Do every step the generator names; its return value is the outcome. `seal` vouches for what they change."""
        self.indexes = []
        try:
            step = next(steps)
            while True:
                step = steps.send(self.do(step, seal))
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def do(self, step: Step, seal: str) -> Done:
        indexes = {d: Index(self.store, d) for d in dict.fromkeys(u.step for u in step.units)}
        known = {k: m for i in indexes.values() for k, m in i.load().items()}
        sound = {
            k for k, m in known.items() if k in {u.key for u in step.units} and is_sound(self.store, m, self.stamps)
        }
        todo = [u for u in step.units if u.key not in sound]
        self.progress.step(step.label, len(step.units), len(sound))
        if todo:
            check_space(self.store, todo)
            break_seal(self.store, seal)
        if todo and step.dataset:
            self._open_for_change(step.dataset, indexes, sound)
        fresh: Done = {}
        self.executor.run(todo, self._committer(indexes, fresh))
        for index in indexes.values():
            index.compact()
            self.indexes.append(index.path)
        self.done[step.label] = len(todo)
        self.reused[step.label] = len(sound)
        return {u.ordinal: fresh.get(u.ordinal) or known[u.key] for u in step.units}

    def _open_for_change(self, dataset: str, indexes: dict[str, Index], sound: set[str]) -> None:
        """No dataset while its files change, and no manifest of what is about to be overwritten."""
        self.store.remove(dataset)
        for index in indexes.values():
            index.forget(set(index.load()) - sound)

    def _committer(self, indexes: dict[str, Index], fresh: Done) -> Callable[[Unit, dict[str, Any], str], None]:
        def commit(unit: Unit, produced: dict[str, Any], scratch: str) -> None:
            for file in produced["files"]:
                self.store.publish(f"{scratch}/{file['name']}", file["path"], file["sha256"])
                self.stamps.note(str(self.store.path(file["path"])), file["sha256"])
            manifest = manifest_of(unit, produced)
            indexes[unit.step].commit(unit, manifest)
            fresh[unit.ordinal] = manifest
            self.progress.unit_done()

        return commit


@dataclass(frozen=True)
class LoadedRun:
    """A finished run on disk."""

    output: Path
    manifest: Manifest

    def funnel(self) -> "pl.DataFrame":
        from pipeline.funnel import funnel

        return funnel(self.manifest)

    def pool(self) -> "pl.LazyFrame":
        """The survivors, lazily."""
        import polars as pl

        return pl.scan_parquet(self.output / "pool" / "data" / "*.parquet")

    def ledger(self) -> "pl.LazyFrame":
        import polars as pl

        return pl.scan_parquet(self.output / "ledger" / "*.parquet")


def load_run(output: str | Path) -> LoadedRun:
    """Open a finished run. Raises UsageError where there is none."""
    store = Store(output)
    manifest = store.read_json("pool/manifest.json")
    if manifest is None:
        raise UsageError(f"{output}: no finished run there (pool/manifest.json is missing); `winnow run` finishes it")
    return LoadedRun(Path(output), manifest)
