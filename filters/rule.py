"""Rules: judgement as data. A rule looks at columns and says why a document has to go."""

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Scalar = bool | int | float | str | None
PerLanguage = dict[str, Scalar]
Value = Scalar | tuple[Scalar, ...] | PerLanguage
Op = Literal["<", "<=", ">", ">=", "==", "!=", "in", "not in", "not null"]
Action = Literal["drop", "quarantine", "duplicate"]


class Condition(BaseModel):
    """`column op value`; a `{language: value, default: value}` map picks the value by the row's language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    op: Op
    value: Value = None

    @model_validator(mode="after")
    def _no_nan(self) -> Self:
        values = self.value.values() if isinstance(self.value, dict) else [self.value]
        if any(isinstance(v, float) and math.isnan(v) for v in values):
            raise ValueError(f"threshold of {self.column!r} is NaN")
        return self


class Rule(BaseModel):
    """All conditions hold -> the document is dropped or quarantined with `reason`, or a duplicate of whom the column names.

    group: the name shown as `stage` in the ledger, `<group>.<reason>` in the balance.
    threshold: last part of the override path `rules.<group>.<threshold>`; empty = not tunable.
    reason: None takes the value of the first condition's column as the reason.
    gate: later stages of the pass no longer measure a failing row.
    null: what a null or NaN signal means; "fail" (the default) lets the rule fire. `not null` never fires on null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    conditions: tuple[Condition, ...]
    reason: str | None
    threshold: str = ""
    action: Action = "drop"
    gate: bool = False
    null: Literal["fail", "keep"] = "fail"

    @property
    def path(self) -> str:
        """Where the recipe overrides it: `gopher_quality.min_words`; empty if it cannot be."""
        return f"{self.group}.{self.threshold}" if self.threshold else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the rule reads, the language first where a per-language value needs it."""
        per_language = any(isinstance(c.value, dict) for c in self.conditions)
        names = [c.column for c in self.conditions]
        return tuple(dict.fromkeys(["language", *names] if per_language else names))


def rule(
    group: str,
    column: str,
    op: Op,
    value: Value = None,
    reason: str | None = None,
    *,
    threshold: str = "",
    action: Action = "drop",
    gate: bool = False,
    null: Literal["fail", "keep"] = "fail",
) -> Rule:
    """A rule of one condition, the usual case."""
    condition = Condition(column=column, op=op, value=value)
    return Rule(
        group=group, conditions=(condition,), reason=reason, threshold=threshold, action=action, gate=gate, null=null
    )


def with_value(one: Rule, value: Any) -> Rule:
    """The same rule with another value in its last condition (the one a threshold names)."""
    *kept, last = one.conditions
    fresh = Condition(column=last.column, op=last.op, value=value)
    return one.model_copy(update={"conditions": (*kept, fresh)})
