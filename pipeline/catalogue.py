"""What recipes can name: every stage, filter, source and dedupe step with its settings, columns and rules."""

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from filters.rule import Rule
    from stages.base import Configured

SCHEMA = "winnow.stages/1"
KINDS = ("stages", "filters", "sources", "dedupe")


def catalogue(name: str | None = None) -> dict[str, Any]:
    """{schema, stages, filters, sources, dedupe}: each a list of {name, about, settings, reads, adds, replaces, rules}.

    With a name, only the entries of that name. Raises UsageError if there are none.
    """
    from stages.registry import UnknownName, names

    told: dict[str, Any] = {"stages": _stages(), "filters": _filters(), "sources": _sources(), "dedupe": _dedupe()}
    if name is not None:
        told = {kind: [e for e in entries if e["name"] == name] for kind, entries in told.items()}
        if not any(told.values()):
            raise UsageError(str(UnknownName("stage", name, names())))
    return {"schema": SCHEMA, **told}


def about(found: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(found) or "").split("\n", 1)[0]


def _stages() -> list[dict[str, Any]]:
    from stages.registry import stage_class, stage_names

    return [_stage(stage_class(name)) for name in stage_names()]


def _stage(found: Any) -> dict[str, Any]:
    """Columns and rules need an instance; a stage with required settings shows its settings alone."""
    columns: dict[str, Any] = {"reads": [], "adds": [], "replaces": [], "rules": []}
    if not any(info.is_required() for info in found.model_fields.values()):
        made = _with_defaults(found)
        if made is not None:
            columns = {kind: list(getattr(made, kind).names) for kind in ("reads", "adds", "replaces")}
            columns["rules"] = _rules(made.rules())
    return {"name": found.name, "about": about(found), "settings": _settings(found), **columns}


def _with_defaults(found: Any) -> Any:
    """The stage as a recipe gets it by its name alone; None if it needs a model that is not on this machine."""
    try:
        return found()
    except OSError:
        return None


def _filters() -> list[dict[str, Any]]:
    from filters.base import get_filter
    from stages.registry import filter_names

    entries = []
    for name in sorted(filter_names()):
        one = get_filter(name)
        entry = {"name": name, "about": about(one), "settings": {}, "reads": ["text"], "replaces": []}
        entries.append({**entry, "adds": list(one.adds.names), "rules": _rules(one.rules())})
    return entries


def _sources() -> list[dict[str, Any]]:
    from stages.read import SOURCES

    return [_bare(source) for source in SOURCES.values()]


def _dedupe() -> list[dict[str, Any]]:
    from stages.dedupe import KNOWN

    return [_bare(found) for found in KNOWN.values()]


def _bare(found: "type[Configured]") -> dict[str, Any]:
    """What has settings, but neither columns nor thresholds of its own."""
    columns: dict[str, Any] = {"reads": [], "adds": [], "replaces": [], "rules": []}
    return {"name": found.name, "about": about(found), "settings": _settings(found), **columns}


def _settings(model: "type[BaseModel]") -> dict[str, dict[str, Any]]:
    """name -> {default, about}, defaults as JSON values; a required setting has the default null."""
    described = model.model_json_schema(mode="serialization").get("properties", {})
    return {
        name: {"default": _plain_default(info), "about": described.get(name, {}).get("description", "")}
        for name, info in model.model_fields.items()
    }


def _plain_default(info: Any) -> Any:
    from pydantic_core import to_jsonable_python

    return None if info.is_required() else to_jsonable_python(info.get_default(call_default_factory=True))


def _rules(rules: "Iterable[Rule]") -> list[dict[str, Any]]:
    return [_rule(one) for one in rules]


def _rule(one: "Rule") -> dict[str, Any]:
    tests = [f"{c.column} {c.op}" + (f" {_value(c.value)}" if c.op != "not null" else "") for c in one.conditions]
    return {
        "path": one.path,
        "group": one.group,
        "reason": one.reason,
        "test": " and ".join(tests),
        "action": one.action,
        "gate": one.gate,
    }


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return "off" if value is None else str(value)
