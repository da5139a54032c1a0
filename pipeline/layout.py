"""From a resolved recipe to passes: what is measured where, under which rules, with which columns. Checked before a byte is read."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from filters.rule import Condition, Rule
from pipeline.digest import key_of
from pipeline.errors import RecipeError
from pipeline.passes import cut_passes
from pipeline.resolve import Resolved, SourceRun, resolved_rules
from pipeline.schemas import REPEATS, WORKER, pool_schema, schema_json
from stages.base import TRANSIENT, Barrier, Source, Stage
from stages.dedupe_pages import Pages
from stages.select import KeepTop

OPTIONAL = {"quality_score"}  # a barrier or rule may ask for it although no stage of this recipe adds it


@dataclass(frozen=True)
class PassLayout:
    """One pass as plain JSON: its stages for the worker, its config for the key, the schema of what it stores."""

    stages: list[dict[str, Any]]
    config: dict[str, Any]
    schema: list[list[str]]


@dataclass(frozen=True)
class SourceLayout:
    name: str
    slug: str  # in directory names: from the key, so that a new display name renames nothing
    reader: dict[str, Any]
    passes: tuple[PassLayout, ...]
    rules: list[dict[str, Any]]
    rules_by_pass: tuple[int, ...]  # how many of `rules` can be judged after each pass
    columns: list[str]  # stored columns, all passes together
    early_stages: list[dict[str, Any]]  # those that judge a page unseen, for the worker
    early_config: list[dict[str, Any]]  # and for the key

    def rules_until(self, number: int) -> list[dict[str, Any]]:
        return self.rules[: self.rules_by_pass[number]]

    @cached_property
    def measure_dirs(self) -> list[str]:
        """Where each pass stores what it measures, relative to the output."""
        return [step_dir("passes", f"{n:02d}-{self.slug}", one.config) for n, one in enumerate(self.passes, 1)]

    @cached_property
    def judge_dirs(self) -> list[str]:
        """Where the verdicts after each pass lie."""
        return [step_dir("verdicts", f"{n + 1:02d}-{self.slug}", self.rules_until(n)) for n in range(len(self.passes))]


def step_dir(room: str, name: str, config: Any) -> str:
    """The directory of a step's units; other settings, another directory."""
    return f"state/{room}/{name}-{key_of(config)[:8]}"


@dataclass(frozen=True)
class Layout:
    name: str
    seed: int
    sources: tuple[SourceLayout, ...]
    barriers: tuple[Barrier, ...]
    pool_schema: list[list[str]]
    validation_share: float
    against: dict[str, tuple[SourceRun, ...]]  # earlier corpora, by barrier
    pages: Pages | None  # what is compared before anything is extracted


# First of all rules: whatever was measured before, a document that ended its worker is in quarantine.
WORKER_RULE = Rule(
    group="worker",
    conditions=(Condition(column="worker__error", op="not null"), Condition(column="worker__stage", op="not null")),
    reason=None,
    action="quarantine",
    gate=True,
)


# Next: a page that was received more than once is read once.
PAGES_RULE = Rule(
    group=Pages.name,
    conditions=(Condition(column=REPEATS.names[0], op="not null"),),
    reason="repeated_page",
    action="duplicate",
    gate=True,
    null="keep",
)


def lay_out(resolved: Resolved, validation_share: float = 0.005) -> Layout:
    """Fold the schemas of every pipeline. Raises RecipeError naming the stage and the missing or clashing column."""
    pages, others = _parted(resolved)
    laid = [_lay_out_source(resolved, run, pages is not None) for run in resolved.sources]
    fields: dict[str, pa.Field] = {}
    for run, (_, stored) in zip(resolved.sources, laid, strict=True):
        for column in stored:
            known = fields.setdefault(column.name, column)
            if known.type != column.type:
                raise RecipeError(
                    f"column {column.name!r} is {known.type} in one source but {column.type} in {run.name!r}"
                )
    barriers = (*others, *_cuts(resolved, fields))
    for barrier in barriers:
        _require(barrier.reads.names, [*fields, *OPTIONAL], f"dedupe step {barrier.name!r}")
    pool = pool_schema(fields.values())
    return Layout(
        resolved.name,
        resolved.seed,
        tuple(layout for layout, _ in laid),
        barriers,
        schema_json(pool),
        validation_share,
        resolved.against,
        pages,
    )


def _parted(resolved: Resolved) -> tuple[Pages | None, list[Barrier]]:
    """`pages` looks at what was received, the other steps at texts. Raises RecipeError where it does not come first."""
    first, others = next(iter(resolved.barriers), None), [b for b in resolved.barriers if not isinstance(b, Pages)]
    if len(others) < len(resolved.barriers) and not isinstance(first, Pages):
        raise RecipeError("dedupe: 'pages' looks at pages before their text is extracted\nlist it first")
    return first if isinstance(first, Pages) else None, others


def _cuts(resolved: Resolved, fields: dict[str, pa.Field]) -> list[KeepTop]:
    """The recipe's `select:` as barriers, told the types of the columns they look at."""
    cuts = []
    for number, cut in enumerate(resolved.recipe.select):
        names = dict.fromkeys([cut.by, *(cut.within or ()), *cut.where])
        _require(list(names), fields, f"select {number + 1}")
        types = tuple((n, str(fields[n].type)) for n in names)
        within = tuple(cut.within or ())
        cuts.append(
            KeepTop(number=number + 1, keep_top=cut.keep_top, by=cut.by, within=within, where=cut.where, types=types)
        )
    return cuts


def _lay_out_source(resolved: Resolved, run: SourceRun, pages: bool) -> tuple[SourceLayout, pa.Schema]:
    rules = list(resolved_rules(run, resolved.overrides))
    reader_rules, by_stage = _rules_by_stage(run, rules)
    tunable = [any(r.gate and r.threshold for r in mine) for mine in by_stage]
    own = [WORKER_RULE, PAGES_RULE] if pages else [WORKER_RULE]
    stored = pa.schema([*_stored_by_reader(run.reader), *WORKER, *(REPEATS if pages else ())])
    columns = dict(zip(stored.names, stored.types, strict=True))
    visible = columns | dict(zip(TRANSIENT.names, TRANSIENT.types, strict=True))
    passes, counts, at = [], [], 0
    done = len(own) + len(reader_rules)
    for number, stages in enumerate(cut_passes(run.stages, tunable)):
        gates = by_stage[at : at + len(stages)]
        at += len(stages)
        new = _fold(run, stages, visible)
        columns |= new
        done += sum(len(g) for g in gates)
        counts.append(done)
        first = (
            pa.schema([*columns.items()]) if number == 0 else pa.schema([("id", pa.string()), *WORKER, *new.items()])
        )
        passes.append(_lay_out_pass(run, stages, gates, reader_rules, first, number))
    _check_rules(run, rules, columns)
    reader = {
        "format": run.reader.name,
        "config": run.reader.model_dump(mode="json"),
        "gates": _gates(reader_rules),
        "license": run.license,
    }
    plain = [r.model_dump(mode="json") for r in (*own, *rules)]
    early = _early(run, by_stage)
    layout = SourceLayout(run.name, _slug(run.key), reader, tuple(passes), plain, tuple(counts), list(columns), *early)
    return layout, pa.schema([*columns.items()])


def _early(run: SourceRun, rules: list[list[Rule]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The stages that need no page, with all their gates: what is refused there must not stand for another page."""
    pairs = zip(run.stages, rules, strict=True)
    early = list(itertools.takewhile(lambda pair: not set(pair[0].reads.names) & set(TRANSIENT.names), pairs))
    return [_described(*pair) for pair in early], [_keyed(*pair) for pair in early]


def _stored_by_reader(reader: Source) -> pa.Schema:
    return pa.schema([f for f in reader.schema if f.name not in TRANSIENT.names])


def _rules_by_stage(run: SourceRun, rules: list[Rule]) -> tuple[list[Rule], list[list[Rule]]]:
    """The resolved rules, dealt back to the reader and the stages they came from, in order."""
    given = iter(rules)
    reader = [next(given) for _ in run.reader.rules()]
    return reader, [[next(given) for _ in stage.rules()] for stage in run.stages]


def _fold(run: SourceRun, stages: tuple[Stage, ...], visible: dict[str, pa.DataType]) -> dict[str, pa.DataType]:
    """What a pass adds or replaces, in order; `visible` grows with it."""
    new: dict[str, pa.DataType] = {}
    for stage in stages:
        where = f"source {run.name!r}, stage {stage.name!r}"
        _require([*stage.reads.names, *stage.replaces.names], visible, where)
        for column in stage.reads:
            if visible[column.name] != column.type:
                raise RecipeError(f"{where} reads {column.name!r} as {column.type}, but it is {visible[column.name]}")
        clash = [n for n in stage.adds.names if n in visible]
        if clash:
            raise RecipeError(f"{where} adds {', '.join(clash)}, which is there already; use the stage once")
        for column in (*stage.adds, *stage.replaces):
            visible[column.name] = column.type
            new[column.name] = column.type
    return new


def _require(names: list[str], there: Any, where: str) -> None:
    missing = [n for n in names if n not in there]
    if missing:
        raise RecipeError(
            f"{where} needs the column {', '.join(missing)}, which no earlier stage adds\nadd that stage before it"
        )


def _check_rules(run: SourceRun, rules: list[Rule], columns: dict[str, pa.DataType]) -> None:
    for rule in rules:
        _require(list(rule.columns), columns, f"source {run.name!r}, rule {rule.path or rule.group!r}")


def _lay_out_pass(
    run: SourceRun,
    stages: tuple[Stage, ...],
    rules: list[list[Rule]],
    reader_rules: list[Rule],
    schema: pa.Schema,
    number: int,
) -> PassLayout:
    described = []
    config: dict[str, Any] = {"stages": [], "schema": schema_json(schema)}
    if number == 0:
        config["reader"] = run.reader.measure_config() | {"license": run.license}
        config["reader_gates"] = _gates(reader_rules)
    for place, (stage, mine) in enumerate(zip(stages, rules, strict=True)):
        stopping = mine if place + 1 < len(stages) else []  # a gate behind the last stage of a pass stops nothing in it
        described.append(_described(stage, stopping))
        config["stages"].append(_keyed(stage, stopping))
    return PassLayout(described, config, schema_json(schema))


def _described(stage: Stage, rules: list[Rule]) -> dict[str, Any]:
    """A stage for the worker."""
    return {"name": stage.name, "config": stage.model_dump(mode="json"), "gates": _gates(rules)}


def _keyed(stage: Stage, rules: list[Rule]) -> dict[str, Any]:
    """A stage for the key."""
    return stage.measure_config() | {"gates": _gates(rules)}


def _gates(rules: list[Rule]) -> list[dict[str, Any]]:
    return [r.model_dump(mode="json") for r in rules if r.gate]


def _slug(key: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in key)[:40]
