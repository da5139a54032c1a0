"""`winnow plan`: what a run would reuse and what it would do, and why. Touches nothing."""

import os
from pathlib import Path
from typing import Any

from pipeline.acquire import is_fetched, located
from pipeline.earlier import earlier_slices
from pipeline.index import Index, is_sound
from pipeline.inputs import Input, frozen_inputs, newcomers
from pipeline.layout import Layout, lay_out
from pipeline.recipe import Recipe
from pipeline.recordings import Recordings
from pipeline.resolve import Resolved, resolve
from pipeline.runs import output_of, run_name, validation_share
from pipeline.stamps import Stamps
from pipeline.steps import Done, Step, all_steps
from pipeline.store import Store


def plan(
    recipe: Recipe | str | Path,
    output: str | Path | None = None,
    refresh: bool = False,
    measure_seconds: float | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Steps in order with units reused and to do, up to the first step whose inputs are not there yet.

    Returns plain data: {schema, output, inputs, newcomers, steps: [{label, units, reused, todo, why}], rest, forecast};
    forecast is what `measure_seconds` of trying a sample foretell for all inputs, None where nothing was tried.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_yaml(recipe)
    resolved = resolve(recipe)
    layout = lay_out(resolved, validation_share(resolved))
    store = Store(output_of(recipe, output))
    stamps = Stamps(store)
    waiting = [run.name for run in resolved.sources if not is_fetched(run, store)]
    if waiting:
        return _before_crawl(store, resolved, waiting)
    sources = [located(run, store) for run in resolved.sources]
    inputs = frozen_inputs(sources, store, stamps, refresh)
    steps, complete = walk_done(store, stamps, layout, inputs)
    return {
        "schema": "winnow.plan/1",
        "output": str(store.root),
        "name_clash": _name_clash(store, resolved),
        "inputs": {
            "files": len({(i.run, i.piece.path) for i in inputs}),
            "slices": len(inputs),
            "bytes": _bytes(inputs),
        },
        "newcomers": newcomers(sources, inputs),
        "steps": steps,
        "recordings": Recordings(store).counts(),
        "complete": complete,
        "rest": "" if complete else "what follows depends on the steps above",
        "forecast": _forecast(layout, inputs, measure_seconds, workers),
    }


def _forecast(layout: Layout, inputs: list[Input], seconds: float | None, workers: int | None) -> dict[str, Any] | None:
    if seconds is None:
        return None
    from pipeline.forecast import forecast

    return forecast(layout, inputs, seconds, workers or os.cpu_count() or 1)


def _before_crawl(store: Store, resolved: Resolved, waiting: list[str]) -> dict[str, Any]:
    """What a run would do while its crawls are not finished: fetch first, the rest is known after."""
    steps = [
        {"label": f"crawl {name}", "units": 1, "reused": 0, "todo": 1, "why": "not fetched yet"} for name in waiting
    ]
    return {
        "schema": "winnow.plan/1",
        "output": str(store.root),
        "name_clash": _name_clash(store, resolved),
        "inputs": {"files": 0, "slices": 0, "bytes": 0},
        "newcomers": [],
        "steps": steps,
        "recordings": {},
        "complete": False,
        "rest": "what follows depends on what is fetched",
        "forecast": None,
    }


def _name_clash(store: Store, resolved: Resolved) -> str | None:
    known = run_name(store)
    return known if known != resolved.name else None


def _bytes(inputs: list[Input]) -> int:
    return sum({(i.run, i.piece.path): i.piece.size for i in inputs}.values())


def walk_done(store: Store, stamps: Stamps, layout: Layout, inputs: list[Input]) -> tuple[list[dict[str, Any]], bool]:
    """Follow the steps as far as they are done; the first step with something to do is the last one told of."""
    told = []
    walker = all_steps(layout, inputs, earlier_slices(layout.against, stamps), Recordings(store).replayed)
    try:
        step = next(walker)
        while True:
            done = committed(store, stamps, step)
            told.append(_tell(store, step, done))
            if len(done) < len(step.units):
                return told, False
            step = walker.send(done)
    except StopIteration:
        return told, True


def committed(store: Store, stamps: Stamps, step: Step) -> Done:
    """Units of the step that are committed and whose files are sound, by ordinal."""
    known = {k: m for d in dict.fromkeys(u.step for u in step.units) for k, m in Index(store, d).load().items()}
    return {u.ordinal: known[u.key] for u in step.units if u.key in known and is_sound(store, known[u.key], stamps)}


def _tell(store: Store, step: Step, done: Done) -> dict[str, Any]:
    todo = len(step.units) - len(done)
    return {
        "label": step.label,
        "units": len(step.units),
        "reused": len(done),
        "todo": todo,
        "why": _why(store, step, done),
    }


def _why(store: Store, step: Step, done: Done) -> str:
    if len(done) == len(step.units):
        return "done"
    missing = [u for u in step.units if u.ordinal not in done]
    places = dict.fromkeys(u.step for u in missing)  # one for thousands of units: an index is read once
    known = {key for place in places for key in Index(store, place).load()}
    if any(u.key in known for u in missing):
        return "files of finished units are damaged or gone"
    if not any(store.exists(place) for place in places):
        return (
            "new"
            if not store.exists("state/inputs.parquet")
            else "its settings, rules or code changed, or it was never run"
        )
    return "inputs changed, or the last run stopped here"
