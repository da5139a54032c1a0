"""Unit manifests: what is committed. One JSON beside the files while a step runs, one index when it is finished.

Each manifest carries its own hash; the index has one a line. A flipped bit costs the unit it hits, no other.
"""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.digest import canonical, sealed, unsealed
from pipeline.stamps import Stamps
from pipeline.store import Store
from pipeline.unit import UNIT_SCHEMA, Unit

Manifest = dict[str, Any]
INDEX, INDEX_SCHEMA = "index.jsonl", "winnow.index/1"


@dataclass
class Index:
    """The committed units of one step, by key."""

    store: Store
    step: str

    @property
    def path(self) -> str:
        return f"{self.step}/{INDEX}"

    def load(self) -> dict[str, Manifest]:
        """Every unit with a sound manifest. A damaged one counts as never committed."""
        found = (_unit(line) for path in self._files() for line in self._lines(path))
        return {m["key"]: m for m in found if m is not None}

    def damaged(self) -> list[str]:
        """Files that are not what was written: a manifest is harmed, or the last line misses some."""
        return [path for path in self._files() if not self._is_whole(path)]

    def _is_whole(self, path: str) -> bool:
        *units, last = self._lines(path)
        if path != self.path:
            return not units and _unit(last) is not None
        return all(_unit(line) for line in units) and _read(last) == _closing(len(units))

    def _files(self) -> list[str]:
        return [path for path in (self.path, *self._loose()) if self.store.exists(path)]

    def _lines(self, path: str) -> list[bytes]:
        return self.store.path(path).read_bytes().removesuffix(b"\n").split(b"\n")

    def _loose(self) -> list[str]:
        if not self.store.exists(self.step):
            return []
        folder = self.store.path(self.step)
        return [f"{self.step}/{p.name}" for p in sorted(folder.glob("*.unit.json"))]

    def commit(self, unit: Unit, manifest: Manifest) -> None:
        self.store.write_sealed(f"{self.step}/{unit.key}.unit.json", manifest)

    def compact(self) -> None:
        """One index file instead of many manifests; the same units give the same bytes."""
        self._write(self.load())

    def forget(self, keys: set[str]) -> None:
        """Units whose files are damaged, gone or about to be overwritten are no longer committed."""
        units = self.load()
        left = {k: m for k, m in units.items() if k not in keys}
        if len(left) < len(units):
            self._write(left)

    def _write(self, units: dict[str, Manifest]) -> None:
        loose = self._loose()
        lines = [units[k] for k in sorted(units)]
        data = b"".join(canonical(sealed(line)) + b"\n" for line in (*lines, _closing(len(lines))))
        if not self.store.holds(self.path, data) and (units or self.store.exists(self.path)):
            self.store.write_bytes(self.path, data)
        for path in loose:
            self.store.remove(path)


def _closing(units: int) -> dict[str, Any]:
    """The last line of an index: it was written to its end, and so many units are in it."""
    return {"schema": INDEX_SCHEMA, "units": units}


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        return unsealed(json.loads(line))
    except ValueError:
        return None


def _unit(line: bytes) -> Manifest | None:
    """A unit's manifest as it was written; None for anything else."""
    value = _read(line)
    return value if value is not None and value.get("schema") == UNIT_SCHEMA and "key" in value else None


def manifest_of(unit: Unit, produced: dict[str, Any]) -> Manifest:
    files = [{k: f[k] for k in ("path", "bytes", "sha256")} for f in produced["files"]]
    return {
        "schema": UNIT_SCHEMA,
        "key": unit.key,
        "kind": unit.kind,
        "ordinal": unit.ordinal,
        "rows": produced["rows"],
        "data_digest": produced["data_digest"],
        "counters": produced["counters"],
        "extra": produced["extra"],
        "files": files,
    }


def is_sound(store: Store, manifest: Manifest, stamps: Stamps) -> bool:
    """Whether every file of the unit is there with the bytes it was committed with."""
    return all(file_is_sound(store, f, stamps) for f in manifest["files"])


def file_is_sound(store: Store, file: dict[str, Any], stamps: Stamps) -> bool:
    path = store.path(file["path"])
    try:
        return bool(path.stat().st_size == file["bytes"] and stamps.digest(str(path)) == file["sha256"])
    except OSError:
        return False


def step_dirs(store: Store) -> list[str]:
    """Every directory that holds unit manifests, in the order steps run."""
    rooms = ("state/passes", "state/verdicts", "state/artifacts")
    files = (p for room in rooms for p in store.path(room).rglob("*.json*"))
    found = {p.parent for p in files if p.name == INDEX or p.name.endswith(".unit.json")}
    return sorted(p.relative_to(store.root).as_posix() for p in found)


def forget_damaged(store: Store, stamps: Stamps) -> None:
    """Once all that the recipe asks for is sound: damaged units of older settings are made by nobody, so none vouches for them."""
    for step in step_dirs(store):
        index = Index(store, step)
        harmed = {key for key, manifest in index.load().items() if not is_sound(store, manifest, stamps)}
        if harmed:
            index.forget(harmed)
        elif index.damaged():
            index.compact()
