"""Units: the atoms of work, retry and resume. A unit is plain JSON, its result is a manifest beside its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pipeline.digest import key_of

UNIT_SCHEMA = "winnow.unit/1"
RECORDED = "recordings"


@dataclass(frozen=True)
class Unit:
    """One piece of work. `key` is the hash of everything its output depends on; `params` says how to do it here and now.

    step: directory of the step, relative to the store. kind: which function does it (see pipeline.work).
    params may hold places (where an input lies now); they never enter the key.
    """

    step: str
    kind: str
    ordinal: int
    identity: dict[str, Any]
    params: dict[str, Any] = field(default_factory=dict)

    def recorded(self, recordings: Sequence[Mapping[str, Any]]) -> "Unit":
        """The same unit with the verdicts recorded on its documents: without any, the unit itself."""
        if not recordings:
            return self
        told = [dict(r) for r in recordings]
        return replace(self, identity=self.identity | {RECORDED: told}, params=self.params | {RECORDED: told})

    @cached_property
    def request(self) -> str:
        """The key without recordings: what they are stored under."""
        if RECORDED not in self.identity:
            return self.key
        return key_of([self.kind, {k: v for k, v in self.identity.items() if k != RECORDED}])

    @cached_property
    def key(self) -> str:
        return key_of([self.kind, self.identity])

    def as_json(self) -> dict[str, Any]:
        return {"step": self.step, "kind": self.kind, "ordinal": self.ordinal, "key": self.key, "params": self.params}


@dataclass
class Produced:
    """What a worker made in its scratch directory: files by final name, and what is to be said of them."""

    files: dict[str, str] = field(default_factory=dict)  # name in scratch -> final path relative to the store
    rows: int = 0
    data_digest: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
