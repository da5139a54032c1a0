"""Unit manifests: what is committed. One JSON beside the files while a step runs, one index when it is finished.

Each manifest carries its own hash; the index has one a line. A flipped bit costs the unit it hits, no other.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.digest import canonical, sealed, unsealed
from pipeline.stamps import Stamps
from pipeline.store import Store
from pipeline.unit import UNIT_SCHEMA, Unit

Manifest = dict[str, Any]
INDEX = "index.jsonl"


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
        found = (_manifest(line) for _, line in self._lines())
        return {m["key"]: m for m in found if m is not None}

    def damaged(self) -> list[str]:
        """Files that hold a manifest which is not what was written."""
        return sorted({path for path, line in self._lines() if _manifest(line) is None})

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        for path in [self.path, *self._loose()]:
            if self.store.exists(path):
                data = self.store.path(path).read_bytes()
                yield from ((path, line) for line in data.split(b"\n")[: data.count(b"\n") or 1])

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
        data = b"".join(canonical(sealed(units[k])) + b"\n" for k in sorted(units))
        if not self.store.holds(self.path, data) and (units or self.store.exists(self.path)):
            self.store.write_bytes(self.path, data)
        for path in loose:
            self.store.remove(path)


def _manifest(line: bytes) -> Manifest | None:
    try:
        value = unsealed(json.loads(line))
    except ValueError:
        return None
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
