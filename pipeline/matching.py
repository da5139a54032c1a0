"""Paths that match a pattern with wildcards. `**` looks into every folder once, however many links lead to it.

The standard library follows links round and round: two that lead upwards make 2^40 paths of one file.
"""

import glob
import os
from collections import deque
from collections.abc import Iterator

ANY_DEPTH = "/**/"


def matching(pattern: str) -> list[str]:
    """Files and folders that match, hidden ones only where the pattern names them. In no order; one may come twice."""
    pattern = f"{pattern}/*" if pattern.endswith("/**") else pattern
    before, deep, after = pattern.partition(ANY_DEPTH)
    if not deep:
        return glob.glob(pattern)
    tops = glob.glob(before or "/")
    return [p for top in tops for folder in folders(top) for p in matching(f"{glob.escape(folder)}/{after}")]


def folders(top: str) -> Iterator[str]:
    """A folder and those below it, links followed, each by one of its shortest paths."""
    seen, waiting = {os.path.realpath(top)}, deque([top])
    while waiting:
        folder = waiting.popleft()
        yield folder
        for path in _inside(folder):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                waiting.append(path)


def _inside(folder: str) -> list[str]:
    with os.scandir(folder) as entries:  # one that may not be looked into is an error: its files would be missing
        return sorted(e.path for e in entries if not e.name.startswith(".") and os.path.isdir(e.path))
