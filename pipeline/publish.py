"""The end of a run: balance, manifest, card. The manifest comes last; without it there is no dataset."""

import operator
import platform
import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.card import pool_card
from pipeline.digest import canonical, key_of
from pipeline.errors import ExpectationFailed, WinnowError
from pipeline.index import Manifest
from pipeline.inputs import FROZEN
from pipeline.recordings import total
from pipeline.resolve import Resolved
from pipeline.seals import POOL, break_seal, seal
from pipeline.steps import POOL_MANIFEST, Outcome
from pipeline.store import Store

SCHEMA = "winnow.manifest/1"
_MEASURES = ("documents", "payload_bytes")
_ROOMS = {"drop": "dropped", "duplicate": "duplicate", "quarantine": "quarantined"}


def publish_dataset(
    store: Store, resolved: Resolved, outcome: Outcome, recordings: dict[str, int], indexes: Sequence[str] = ()
) -> Manifest:
    """Check the balance, remove files of earlier versions, write card and manifest, seal. Returns the manifest.

    indexes: of the steps the pool was made by, and recordings, for the seal.
    """
    manifest = pool_manifest(resolved, outcome, recordings)
    files = {
        "recipe.resolved.yaml": resolved_yaml(resolved.document),
        "state/slices.json": pretty(slice_map(outcome)),
        "pool/README.md": pool_card(manifest, _columns(outcome, store)).encode(),
        POOL_MANIFEST: pretty(manifest),
    }
    remove_strays(store, "pool/data", {f["path"] for f in manifest["files"]}, "pool/")
    remove_strays(store, "ledger", {f["path"] for m in outcome.ledger.values() for f in m["files"]}, "")
    write_dataset(store, POOL, files, indexes, ["state/run.json", FROZEN])
    return manifest


def write_dataset(
    store: Store, name: str, files: dict[str, bytes], indexes: Sequence[str], also: Sequence[str] = ()
) -> None:
    """The small files of a dataset, its manifest last, then the seal over them and what else it stands on.

    A dataset whose small files change is none until its manifest is there again.
    """
    changed = {path: data for path, data in files.items() if not store.holds(path, data)}
    if changed:
        break_seal(store, name)
        store.remove(list(files)[-1])
    for path, data in files.items():
        if not store.holds(path, data):
            store.write_bytes(path, data)
    seal(store, name, [*files, *also], indexes)


def slice_map(outcome: Outcome) -> list[dict[str, Any]]:
    """Where the measured rows and verdicts of every slice lie: what `explain` and later stages find documents by."""
    return [
        {
            "ordinal": s.ordinal,
            "parts": s.parts,
            "verdict": s.verdict,
            "columns": s.source.columns,
            "rules": s.source.rules,
            "clusters": outcome.clusters,
        }
        for s in outcome.slices
    ]


def pool_manifest(resolved: Resolved, outcome: Outcome, recordings: dict[str, int]) -> Manifest:
    files = [
        {
            "path": f["path"].removeprefix("pool/"),
            "split": "train",
            "rows": m["rows"],
            "bytes": f["bytes"],
            "tokens": None,
            "sha256": f["sha256"],
        }
        for m in outcome.pool.values()
        for f in m["files"]
    ]
    return {
        "schema": SCHEMA,
        "kind": "pool",
        "name": resolved.name,
        "recipe_sha256": _sha256(resolved.document),
        "seed": resolved.seed,
        "data_digest": key_of([m["data_digest"] for m in outcome.pool.values()]),
        "files": files,
        "balance": balance(outcome),
        "sources": _sources(resolved, outcome),
        "languages": _languages(outcome),
        "selected": None,
        "not_selected": None,
        "recordings": recordings | total([m for s in outcome.slices for m in s.measured]),
        "tokenizer": None,
        "informative": {"code_version": code_version(), "environment": environment()},
    }


def balance(outcome: Outcome) -> dict[str, Any]:
    """in = kept + dropped + duplicate + quarantined, in documents and in payload bytes. Raises if it does not hold."""
    result = {}
    for place, measure in enumerate(_MEASURES):
        rooms: dict[str, dict[str, int]] = {room: {} for room in _ROOMS.values()}
        for part in outcome.ledger.values():
            for action, name, *counts in part["extra"]["lost"]:
                room = rooms[_ROOMS[action]]
                room[name] = room.get(name, 0) + counts[place]
        kept = sum(counts[place] for m in outcome.pool.values() for counts in m["extra"]["kept"].values())
        total = sum(s.measured[0]["counters"].get(f"in_{measure}", 0) for s in outcome.slices)
        lost = sum(n for room in rooms.values() for n in room.values())
        if total != kept + lost:
            raise WinnowError(
                f"the balance does not hold: {total} {measure} in, {kept} kept, {lost} in the ledger\nplease report this"
            )
        result[measure] = {"in": total, "kept": kept, **{k: dict(sorted(v.items())) for k, v in rooms.items()}}
    return result


def _sources(resolved: Resolved, outcome: Outcome) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for run in resolved.sources:
        listed[run.name] = {"documents": 0, "bytes": 0, "tokens": None, "copies": None, "license": run.license}
    for shard in outcome.pool.values():
        for name, (documents, _, text_bytes) in shard["extra"]["kept"].items():
            listed[name]["documents"] += documents
            listed[name]["bytes"] += text_bytes
    return listed


def _languages(outcome: Outcome) -> dict[str, int]:
    """Documents kept per language."""
    total: Counter[str] = Counter()
    for shard in outcome.pool.values():
        total.update(shard["extra"]["languages"])
    return dict(sorted(total.items()))


def check_expectations(resolved: Resolved, manifest: Manifest) -> None:
    """Every `expect:` line against the finished pool. Raises ExpectationFailed (exit 3) listing all that failed."""
    if not resolved.expect:
        return
    figures = _figures(manifest)
    failed = [
        f"{name} is {_figure(figures, name)}, expected {wish}"
        for name, wish in resolved.expect.items()
        if not _met(figures, name, wish)
    ]
    if failed:
        raise ExpectationFailed(
            "done, but "
            + "; ".join(failed)
            + "\nthe ledger says where documents were lost: pool/manifest.json, ledger/"
        )


def _figures(manifest: Manifest) -> dict[str, float]:
    documents = manifest["balance"]["documents"]
    figures = {
        "documents": documents["kept"],
        "in": documents["in"],
        "bytes": sum(s["bytes"] for s in manifest["sources"].values()),
    }
    figures["kept_share"] = documents["kept"] / documents["in"] if documents["in"] else 0.0
    figures |= {f"source.{name}": s["documents"] for name, s in manifest["sources"].items()}
    figures |= {f"language.{name}": n / documents["kept"] for name, n in manifest["languages"].items()}
    return figures


def _figure(figures: dict[str, float], name: str) -> float:
    return figures.get(name, 0)


_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq, "<": operator.lt, ">": operator.gt}


def _met(figures: dict[str, float], name: str, wish: str) -> bool:
    match = re.fullmatch(r"\s*(<=|>=|==|<|>)\s*([0-9.eE+-]+)\s*", str(wish))
    assert match, f"{wish!r}: the recipe lets no other form through"
    return bool(_COMPARE[match[1]](_figure(figures, name), float(match[2])))


def remove_strays(store: Store, folder: str, wanted: set[str], prefix: str) -> None:
    for path in list(store.files(folder)) if store.exists(folder) else []:
        if path.removeprefix(prefix) not in wanted:
            store.remove(path)


def pretty(manifest: Any) -> bytes:
    import json

    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def resolved_yaml(document: Any) -> bytes:
    """The recipe as it was understood: every default and override in its place, no path of this machine."""
    import yaml

    return yaml.safe_dump(document, allow_unicode=True, sort_keys=True, width=120).encode()


def _sha256(document: Any) -> str:
    import hashlib

    return hashlib.sha256(canonical(document)).hexdigest()


def _columns(outcome: Outcome, store: Store) -> list[tuple[str, str]]:
    import pyarrow.parquet as pq

    first = next(iter(outcome.pool.values()))["files"][0]["path"]
    schema = pq.read_schema(store.path(first))
    return [(f.name, str(f.type)) for f in schema]


def code_version() -> str:
    try:
        return version("winnow")
    except PackageNotFoundError:
        return "source tree"


def environment() -> dict[str, str]:
    names = ("numpy", "pyarrow", "polars", "numba", "trafilatura", "resiliparse", "fastwarc", "datasketch")
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
