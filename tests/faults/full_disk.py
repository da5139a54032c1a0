"""Runs on a small tmpfs of their own: `unshare -m python -m tests.faults.full_disk RECIPE OUTPUT ROUND...`.

A round is the mount options of the disturbed run (`size=300k`, `nr_inodes=40`). Each starts on an empty disk, then goes on
with room. Prints one JSON line a round: how both ended, what the first said, the sha256 of every file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.forge import ending
from tests.faults.small_job import tree


def main(recipe: str, output: str, *rounds: str) -> None:
    place = Path(output).parent
    for options in rounds:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
        first, said = _apart(recipe, output)
        subprocess.run(["mount", "-o", "remount,size=1g,nr_inodes=0", str(place)], check=True)
        second, _ = _apart(recipe, output)
        told = {"round": options, "first": first, "said": said, "second": second, "files": tree(Path(output))}
        print(json.dumps(told), flush=True)
        subprocess.run(["umount", str(place)], check=True)


def _apart(recipe: str, output: str) -> tuple[int, str]:
    """The run in a process of its own; its exit code and what it said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 2)
        os.close(write)
        os._exit(ending(recipe, output))
    os.close(write)
    with os.fdopen(read, errors="replace") as said:
        words = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words


if __name__ == "__main__":
    main(*sys.argv[1:])
