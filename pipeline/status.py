"""`winnow status`: where a run stands, from its files alone."""

from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.index import Index, step_dirs
from pipeline.recordings import Recordings
from pipeline.runs import run_name
from pipeline.store import Store


def status(output: str | Path, logs: bool = False) -> dict[str, Any]:
    """Committed units by step, the balance of the finished pool, and with `logs` the tails of the workers' logs."""
    store = Store(output)
    name = run_name(store)
    if name is None:
        raise UsageError(f"{output}: no run there; `winnow run RECIPE --output {output}` starts one")
    manifest = store.read_json("pool/manifest.json")
    return {
        "schema": "winnow.status/1",
        "name": name,
        "output": str(store.root),
        "finished": manifest is not None,
        "steps": [_step(store, d) for d in step_dirs(store)],
        "balance": manifest["balance"] if manifest else None,
        "recordings": Recordings(store).counts(),
        "logs": _log_tails(store) if logs else {},
    }


def _step(store: Store, step: str) -> dict[str, Any]:
    units = Index(store, step).load().values()
    totals: dict[str, int] = {}
    for unit in units:
        for name, count in unit["counters"].items():
            totals[name] = totals.get(name, 0) + count
    return {"step": step, "committed": len(units), "rows": sum(u["rows"] for u in units), "counters": totals}


def _log_tails(store: Store, lines: int = 20) -> dict[str, list[str]]:
    folder = store.path("state/logs")
    return {
        p.name: p.read_text(errors="replace").splitlines()[-lines:]
        for p in sorted(folder.glob("worker-*.log"))
        if p.stat().st_size
    }
