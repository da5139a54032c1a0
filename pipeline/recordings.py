"""Verdicts on documents that depend on clocks, memory or crashes: made once, kept, replayed by every later run.

They lie in `state/recordings/<request>.json`, the request being the key of the unit without them. A unit with recordings
has them in its key: it is a pure function of its inputs and of what was recorded. Nothing in them has a clock.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import Damaged
from pipeline.reading import END
from pipeline.store import Store
from pipeline.unit import Unit

FOLDER = "state/recordings"
SCHEMA = "winnow.recordings/1"
# Row of the unit, id of the document, reason, stage at work; of a stretch of a file also where it begins and ends.
Recording = Mapping[str, Any]


class Recordings:
    """What has been recorded in one output, by the request of the unit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, unit: Unit) -> list[Recording]:
        """In row order; none where the file is absent or damaged: then the documents are tried again."""
        return self._read(f"{FOLDER}/{unit.request}.json") or []

    def replayed(self, unit: Unit) -> Unit:
        return unit.recorded(self.of(unit))

    def add(self, unit: Unit, recording: Recording) -> None:
        """Commit one more; a document has one verdict. A stretch that no reader survives shifts the rows behind it."""
        before = [r for r in self.of(unit) if END not in recording or r["row"] < recording["row"]]
        known = {r["row"]: r for r in (*before, recording)}
        listed = [known[row] for row in sorted(known)]
        told = {"schema": SCHEMA, "step": unit.step, "documents": listed}
        self._store.write_sealed(f"{FOLDER}/{unit.request}.json", told)

    def forget(self) -> None:
        """Have all these documents tried again."""
        self._store.remove(FOLDER)

    def counts(self) -> dict[str, int]:
        """Documents by reason, of every version of the recipe this output has seen; one that two steps have met counts once."""
        told = {(r["id"], r["reason"]) for path in self.paths() for r in self._read(path) or []}
        return dict(sorted(Counter(reason for _, reason in told).items()))

    def damaged(self) -> list[str]:
        return [path for path in self.paths() if self._read(path) is None]

    def paths(self) -> list[str]:
        return list(self._store.files(FOLDER)) if self._store.exists(FOLDER) else []

    def _read(self, path: str) -> list[Recording] | None:
        try:
            told = self._store.read_sealed(path)
        except Damaged:
            return None
        return told["documents"] if told and told.get("schema") == SCHEMA else None


def total(manifests: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Recordings that went into these units, by reason."""
    found: Counter[str] = Counter()
    for manifest in manifests:
        found.update(manifest["extra"].get("recordings", {}))
    return dict(sorted(found.items()))
