"""Units done one after the other in this process: for debugging, and for tests that must see every operation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.store import SCRATCH, Store, refusal, storage_error
from pipeline.unit import Unit


@dataclass
class InlineExecutor:
    """Does what a worker does, without the worker: an error is the unit's own, nothing is retried."""

    store: Store
    _attempts: int = 0

    def run(self, units: Sequence[Unit], commit: Callable[[Unit, dict[str, Any], str], None]) -> None:
        for unit in units:
            self._attempts += 1
            scratch = f"{SCRATCH}/inline-{self._attempts}"
            commit(unit, self._work(unit, self.store.mkdir(scratch)), scratch)
            self.store.remove(scratch)

    def _work(self, unit: Unit, scratch: Path) -> dict[str, Any]:
        from pipeline.work import Job, describe_files
        from pipeline.worker import unit_function

        job = Job(unit.as_json(), self.store.root, scratch, lambda documents, size, kept: None)
        try:
            produced = unit_function(unit.kind)(job)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
            raise storage_error(refused.filename or str(self.store.root), refused) from error
        done = {k: getattr(produced, k) for k in ("rows", "data_digest", "counters", "extra")}
        return done | {"files": describe_files(job)}

    def close(self) -> None:
        """Nothing lives on between units."""
