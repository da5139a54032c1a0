"""A worker process: units as JSON lines on stdin, results as JSON lines on stdout, files in its scratch directory.

It commits nothing: the supervisor publishes what a worker reports, so a worker that was given up can't commit late.
"""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from pipeline.watch import NO_MEMORY, die_with_parent

_QUIET_SECONDS = 0.2  # progress lines at most this often


def main() -> None:
    """Serve units until stdin closes. `argv[1]` is the store's root."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # crashes are expected
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the protocol
    root = Path(sys.argv[1])
    for line in sys.stdin:
        task = json.loads(line)
        _answer(channel, _work(task, root, channel))


def _answer(channel: TextIO, value: dict[str, Any]) -> None:
    channel.write(json.dumps(value) + "\n")
    channel.flush()


def _work(task: dict[str, Any], root: Path, channel: TextIO) -> dict[str, Any]:
    from pipeline.errors import WinnowError
    from pipeline.reading import ReaderFailed
    from pipeline.store import refusal, storage_error
    from pipeline.work import Job, describe_files

    try:
        unit = task["unit"]
        report = _Reporter(channel)
        job = Job(unit, root, root / task["scratch"], report, lambda value: _answer(channel, value))
        job.careful = task.get("careful")
        produced = unit_function(unit["kind"])(job)
        files = describe_files(job)
        report.tell()
    except WinnowError as error:
        return {"failed": str(error), "exit_code": error.exit_code}
    except (MemoryError, ReaderFailed) as error:  # like a crash: the supervisor finds out whose fault it is
        traceback.print_exc()
        os._exit(NO_MEMORY if isinstance(error, MemoryError) else 1)
    except Exception as error:  # whatever it is, the supervisor must hear of it
        traceback.print_exc()
        refused = refusal(error)
        if refused is not None:
            failed = storage_error(refused.filename or str(root), refused)
            return {"failed": str(failed), "exit_code": failed.exit_code}
        return {"failed": f"{type(error).__name__}: {error}", "exit_code": 1}
    done = {k: getattr(produced, k) for k in ("rows", "data_digest", "counters", "extra")}
    return {"done": done | {"files": files, "key": job.key}}


def unit_function(kind: str) -> Callable[[Any], Any]:
    """The function for a kind of unit. Imported late: a worker that only measures needs no polars."""
    if kind in ("measure", "judge"):
        from pipeline import work

        return work.measure if kind == "measure" else work.judge
    if kind == "scout":
        from pipeline.scout import scout

        return scout
    if kind in ("sketch", "sketch_earlier", "reduce", "combine"):
        from pipeline import barriers

        return getattr(barriers, kind)  # type: ignore[no-any-return]
    if kind == "clusters":
        from pipeline.clusters import clusters

        return clusters
    if kind == "pool":
        from pipeline.pool import pool_shard

        return pool_shard
    if kind == "ledger":
        from pipeline.ledger import ledger_part

        return ledger_part
    from pipeline import mix_work

    names = {"tokenizer": "tokenizer", "count": "count", "select": "choose", "scatter": "scatter", "gather": "gather"}
    return getattr(mix_work, names[kind])  # type: ignore[no-any-return]


class _Reporter:
    """Adds up what a unit reports and tells the supervisor of it now and then."""

    def __init__(self, channel: TextIO) -> None:
        self._channel, self._last, self._waiting = channel, monotonic(), [0, 0, 0]

    def __call__(self, documents: int, size: int, kept: int) -> None:
        self._waiting = [a + b for a, b in zip(self._waiting, (documents, size, kept), strict=True)]
        if monotonic() - self._last > _QUIET_SECONDS:
            self.tell()

    def tell(self) -> None:
        if any(self._waiting):
            _answer(self._channel, {"progress": self._waiting})
        self._waiting, self._last = [0, 0, 0], monotonic()


if __name__ == "__main__":
    main()
