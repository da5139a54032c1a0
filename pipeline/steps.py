"""The plan of a run as a generator: each step's units can be named once the step before is done.

`run` executes what is missing, `plan` and `status` only look: all three walk the same generator.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.barriers import partitions_for
from pipeline.digest import key_of
from pipeline.earlier import Earlier, EarlierSlice
from pipeline.index import Manifest
from pipeline.inputs import Input
from pipeline.layout import Layout, SourceLayout, step_dir
from pipeline.unit import Unit
from stages.base import Barrier

Replay = Callable[[Unit], Unit]
Done = dict[int, Manifest]  # ordinal -> manifest
SHARD_BYTES = 500 << 20
POOL_MANIFEST = "pool/manifest.json"
EARLIER_UNIT = 1 << 30  # ordinals of units that read an earlier corpus: above those of a run's own slices


@dataclass(frozen=True)
class Step:
    """Units that may run side by side. `label` is what people see; `dataset` the manifest whose files they overwrite."""

    label: str
    units: tuple[Unit, ...]
    dataset: str = ""


Steps = Generator[Step, Done, "Outcome"]


@dataclass
class Outcome:
    """All that the final manifest is made from."""

    slices: list["SliceState"]
    pool: Done
    ledger: Done
    clusters: str


@dataclass
class SliceState:
    """What is known of one slice so far: its parts and verdicts, with the digests later keys depend on."""

    ordinal: int
    input: Input
    source: SourceLayout
    parts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    measured: list[Manifest] = field(default_factory=list)
    verdict: str = ""
    judged: Manifest = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)  # digests of what each deduper takes from this slice
    repeats: str = ""  # digest of which pages are read elsewhere in the run


def all_steps(layout: Layout, inputs: Sequence[Input], earlier: Earlier, replay: Replay = lambda unit: unit) -> Steps:
    """Measure and judge pass by pass, then dedupe, also against earlier corpora, then pool and ledger.

    replay: puts a unit's recordings into it.
    """
    slices = [SliceState(n, i, layout.sources[i.run]) for n, i in enumerate(inputs)]
    repeats = yield from _scout(layout, slices, replay)
    for number in range(max(len(s.source.passes) for s in slices)):
        here = [s for s in slices if number < len(s.source.passes)]
        done = yield Step(f"measure {number + 1}", tuple(replay(_measure(layout, s, number, repeats)) for s in here))
        for state in here:
            _take_part(state, done[state.ordinal])
        done = yield Step(f"judge {number + 1}", tuple(_judge(s, number) for s in here))
        for state in here:
            state.judged = done[state.ordinal]
            state.verdict = state.judged["files"][0]["path"]
    dedupers = yield from _dedupe(layout, slices, earlier)
    return (yield from _finish(layout, slices, dedupers))


def _scout(layout: Layout, slices: list[SliceState], replay: Replay) -> Generator[Step, Done, str]:
    """Compare what was received before anything is extracted. Returns the artifact's path; none without `pages`."""
    if layout.pages is None:
        return ""
    shared = _Shared(layout.pages, _barrier_config(layout.pages), {}, [], layout.seed)
    slug = f"00-{layout.pages.name}"
    found = yield from _compared(shared, slug, [replay(shared.scout(s, slug)) for s in slices])
    for state in slices:
        state.repeats = found["extra"].get("removed_by_slice", {}).get(str(state.ordinal), "")
    return str(found["files"][0]["path"])


def _compared(shared: "_Shared", slug: str, sketches: Sequence[Unit]) -> Generator[Step, Done, Manifest]:
    """A barrier's three steps. Returns the manifest of its artifact."""
    name = shared.barrier.name
    done = yield Step(f"{name}: sketch", tuple(sketches))
    reduced = yield Step(f"{name}: reduce", shared.reduces(done, slug))
    combined = yield Step(f"{name}: combine", (shared.combine(reduced, slug),))
    return combined[0]


def _take_part(state: SliceState, manifest: Manifest) -> None:
    state.parts.append(manifest["files"][0]["path"])
    state.digests.append(manifest["data_digest"])
    state.measured.append(manifest)


def _measure(layout: Layout, state: SliceState, number: int, repeats: str) -> Unit:
    here = state.source.passes[number]
    identity: dict[str, Any] = {"pass": here.config, "seed": layout.seed}
    params: dict[str, Any] = {"stages": here.stages, "schema": here.schema, "seed": layout.seed}
    if number == 0:
        identity["input"] = state.input.identity
        params |= {"reader": state.source.reader, "slice": vars(state.input.piece)}
        if layout.pages:
            identity["repeats"], params["repeats"] = state.repeats, repeats
    else:
        identity |= {"parts": state.digests[:], "alive": state.judged["extra"]["alive_digest"]}
        params |= {"parts": state.parts[:], "verdict": state.verdict}
    return Unit(
        state.source.measure_dirs[number],
        "measure",
        state.ordinal,
        identity,
        params,
    )


def _judge(state: SliceState, number: int) -> Unit:
    rules = state.source.rules_until(number)
    identity = {"rules": rules, "parts": state.digests[:]}
    params = {"rules": rules, "parts": state.parts[:]}
    return Unit(state.source.judge_dirs[number], "judge", state.ordinal, identity, params)


def _dedupe(layout: Layout, slices: list[SliceState], earlier: Earlier) -> Generator[Step, Done, dict[str, str]]:
    """Each barrier: sketch every slice, reduce every partition, combine. Returns name -> artifact of the dedupers."""
    artifacts: dict[str, Manifest] = {}
    dedupers: dict[str, str] = {}
    for number, barrier in enumerate(layout.barriers):
        config = _barrier_config(barrier)
        slug = f"{50 + number}-{barrier.name}"
        given = {n: artifacts[n] for n in barrier.needs}
        shared = _Shared(barrier, config, given, list(dedupers.values()), layout.seed)
        own = [shared.sketch(s, slug) for s in slices]
        older = [shared.sketch_earlier(n, e) for n, e in enumerate(earlier.get(barrier.name, ()), EARLIER_UNIT)]
        artifacts[barrier.name] = found = yield from _compared(shared, slug, (*own, *older))
        if "removed_by_slice" in found["extra"]:
            told = barrier.name if barrier.name not in dedupers else f"{barrier.name}_{number}"
            dedupers[told] = found["files"][0]["path"]
            _take_removed(slices, found)
    return dedupers


def _barrier_config(barrier: Barrier) -> dict[str, Any]:
    return {"name": barrier.name, "config": barrier.model_dump(mode="json")}


def _take_removed(slices: list[SliceState], artifact: Manifest) -> None:
    for state in slices:
        state.removed.append(artifact["extra"]["removed_by_slice"].get(str(state.ordinal), ""))


@dataclass(frozen=True)
class _Shared:
    """What all units of one barrier have in common."""

    barrier: Barrier
    config: dict[str, Any]
    given: dict[str, Manifest]
    removed: list[str]
    seed: int

    def _identity(self) -> dict[str, Any]:
        needs = {n: m["data_digest"] for n, m in self.given.items()}
        return {"barrier": self.barrier.measure_config(), "needs": needs, "seed": self.seed}

    def _params(self) -> dict[str, Any]:
        artifacts = {n: m["files"][0]["path"] for n, m in self.given.items()}
        return {"barrier": self.config, "artifacts": artifacts, "seed": self.seed}

    def _dir(self, slug: str) -> str:
        return step_dir("passes", slug, self.barrier.measure_config())

    def scout(self, state: SliceState, slug: str) -> Unit:
        """Read from the input itself: keyed by what the reader and the stages before any page say of it."""
        first = state.source.passes[0].config
        told = {"reader": first["reader"], "reader_gates": first["reader_gates"], "stages": state.source.early_config}
        identity = self._identity() | told | {"input": state.input.identity, "ordinal": state.ordinal}
        params = self._params() | {
            "reader": state.source.reader,
            "slice": vars(state.input.piece),
            "stages": state.source.early_stages,
        }
        return Unit(f"{self._dir(slug)}/sketch", "scout", state.ordinal, identity, params)

    def sketch(self, state: SliceState, slug: str) -> Unit:
        kept = [state.judged["extra"]["kept_digest"], *state.removed]
        identity = self._identity() | {"ordinal": state.ordinal, "parts": state.digests[:], "kept": kept}
        params = self._params() | {
            "parts": state.parts[:],
            "verdict": state.verdict,
            "removed": self.removed,
            "columns": state.source.columns,
        }
        return Unit(f"{self._dir(slug)}/sketch", "sketch", state.ordinal, identity, params)

    def sketch_earlier(self, ordinal: int, earlier: EarlierSlice) -> Unit:
        """Keyed by content, not by run: the same files keep their sketches when the run's own inputs change."""
        piece = earlier.piece
        part = {"digest": earlier.digest, "start": piece.start, "end": piece.end, "name": piece.path}
        identity = self._identity() | {"earlier": part, "number": earlier.number}
        params = self._params() | {"slice": vars(piece), "number": earlier.number}
        return Unit(f"{self._dir('earlier-' + self.barrier.name)}/sketch", "sketch_earlier", ordinal, identity, params)

    def reduces(self, sketches: Done, slug: str) -> tuple[Unit, ...]:
        files = [f for m in sketches.values() for f in m["files"]]
        count = partitions_for(sum(f["bytes"] for f in files))
        identity = self._identity() | {"sketches": [m["data_digest"] for m in sketches.values()], "partitions": count}
        params = self._params() | {"sketches": [f["path"] for f in files], "partitions": count}
        return tuple(
            Unit(f"{self._dir(slug)}/reduce", "reduce", n, identity | {"partition": n}, params | {"partition": n})
            for n in range(count)
        )

    def combine(self, reduced: Done, slug: str) -> Unit:
        identity = self._identity() | {"reduced": [m["data_digest"] for m in reduced.values()]}
        params = self._params() | {"reduced": [f["path"] for m in reduced.values() for f in m["files"]]}
        # The artifact's directory carries the key of its content, so that two versions never share a name.
        step = f"state/artifacts/{self.barrier.name}-{key_of(identity)[:8]}"
        return Unit(step, "combine", 0, identity, params)


def _finish(layout: Layout, slices: list[SliceState], dedupers: dict[str, str]) -> Steps:
    identity = {"slices": [_final_identity(s) for s in slices], "dedupers": list(dedupers)}
    step = f"state/artifacts/clusters-{key_of(identity)[:8]}"
    params = {"dedupers": list(dedupers.items())}
    told = yield Step("clusters", (Unit(step, "clusters", 0, identity, params),))
    shared = {"clusters": told[0]["files"][0]["path"], "removed": list(dedupers.values()), "seed": layout.seed}
    told_digest = told[0]["data_digest"]
    pool = yield Step("pool", _shards(layout, slices, shared, told_digest), POOL_MANIFEST)
    ledger = yield Step("ledger", _ledger_parts(slices, shared, told_digest), POOL_MANIFEST)
    return Outcome(slices, pool, ledger, shared["clusters"])


def _final_identity(state: SliceState) -> list[Any]:
    return [state.ordinal, *state.digests, state.judged["data_digest"], *state.removed]


def _shards(layout: Layout, slices: list[SliceState], shared: dict[str, Any], told: str) -> tuple[Unit, ...]:
    groups = _grouped(slices, SHARD_BYTES)
    extra = {"schema": layout.pool_schema, "validation_share": layout.validation_share}
    units = []
    for n, group in enumerate(groups):
        final = f"pool/data/train-{n:05d}-of-{len(groups):05d}.parquet"
        identity = extra | {
            "slices": [_final_identity(s) for s in group],
            "clusters": told,
            "seed": layout.seed,
            "final": final,
        }
        params = shared | extra | {"slices": [_piece(s) for s in group], "final": final}
        units.append(Unit("state/passes/90-pool", "pool", n, identity, params))
    return tuple(units)


def _ledger_parts(slices: list[SliceState], shared: dict[str, Any], told: str) -> tuple[Unit, ...]:
    units = []
    for n, group in enumerate(_grouped(slices, SHARD_BYTES)):
        final = f"ledger/part-{n:05d}.parquet"
        rules = [s.source.rules for s in group]
        identity = {"slices": [_final_identity(s) for s in group], "rules": rules, "clusters": told, "final": final}
        params = shared | {"slices": [_piece(s) | {"rules": s.source.rules} for s in group], "final": final}
        units.append(Unit("state/passes/91-ledger", "ledger", n, identity, params))
    return tuple(units)


def _piece(state: SliceState) -> dict[str, Any]:
    return {
        "ordinal": state.ordinal,
        "parts": state.parts,
        "verdict": state.verdict,
        "columns": state.source.columns,
        "source": state.source.name,
    }


def _grouped(slices: list[SliceState], limit: int) -> list[list[SliceState]]:
    """Consecutive slices, about `limit` bytes of first parts together; every group has at least one."""
    groups: list[list[SliceState]] = []
    room = 0
    for state in slices:
        size = state.measured[0]["files"][0]["bytes"] * 3  # zstd-1 text unpacks to about three times its size
        if not groups or size > room:
            groups.append([])
            room = limit
        groups[-1].append(state)
        room -= size
    return groups
