"""Before a step begins: is there room for what it will write at the very least? Better refused at once than after hours."""

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import StorageError
from pipeline.progress import size
from pipeline.store import Store
from pipeline.unit import Unit

# Bytes written per byte of input, the smallest share seen: Common Crawl's WARCs leave about 8 % of their size as text,
# plain text more than 30 %. A run that is let in may still find the disk full; it then ends as resumable.
LEAST_SHARE = 0.05


def check_space(store: Store, todo: Sequence[Unit]) -> None:
    """Raises StorageError (exit 74) naming place, need and room where the input to be read cannot fit in any case."""
    need = LEAST_SHARE * sum(_input_bytes(unit) for unit in todo)
    free = free_bytes(store.root)
    if need > free:
        raise StorageError(
            f"{store.root}: {size(free)} free, this run writes at least {size(need)} there\n"
            "free some space or choose another --output, then run again"
        )


def _input_bytes(unit: Unit) -> int:
    piece = unit.params.get("slice")
    return piece["end"] - piece["start"] if piece else 0


def free_bytes(place: Path) -> int:
    """What a user may still write in the file system of the nearest directory that is there."""
    there = next(p for p in (place, *place.parents) if p.exists())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize
