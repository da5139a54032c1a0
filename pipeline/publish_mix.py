"""The end of a mix: its tokenizer beside it, its card, and the manifest last. The directory can be copied as it is."""

from collections.abc import Sequence
from typing import Any

from pipeline.card import mix_card
from pipeline.digest import key_of
from pipeline.errors import WinnowError
from pipeline.index import Manifest
from pipeline.mix_steps import MixOutcome
from pipeline.publish import SCHEMA, pretty, remove_strays, write_dataset
from pipeline.seals import mix_seal
from pipeline.store import Store


def publish_mix(store: Store, outcome: MixOutcome, indexes: Sequence[str] = ()) -> Manifest:
    """Copy the tokenizer, remove strays of earlier versions, write card and manifest, seal. Returns the manifest."""
    room = f"mixes/{outcome.spec.name}"
    manifest = mix_manifest(outcome)
    tokenizer = {f"{room}/tokenizer/{f['path'].rsplit('/', 1)[1]}": f["path"] for f in outcome.tokenizer["files"]}
    files = {path: store.path(origin).read_bytes() for path, origin in tokenizer.items()}
    files[f"{room}/README.md"] = mix_card(manifest, outcome.selection["extra"]).encode()
    files[f"{room}/manifest.json"] = pretty(manifest)
    for part in ("data", "tokens"):
        remove_strays(store, f"{room}/{part}", {f["path"] for f in manifest["files"]}, f"{room}/")
    remove_strays(store, f"{room}/tokenizer", set(files), "")
    write_dataset(store, mix_seal(outcome.spec.name), files, indexes)
    return manifest


def mix_manifest(outcome: MixOutcome) -> Manifest:
    told = outcome.selection["extra"]
    shards = [outcome.shards[n] for n in sorted(outcome.shards)]
    files = [entry for shard in shards for entry in _entries(outcome.spec.name, shard)]
    selected = sum(told["documents"].values())
    _check(outcome, shards, selected)
    learned = outcome.tokenizer["extra"]
    names = ("eos", "eos_id", "bos", "special_tokens", "chat_template_sha256", "vocab_size")
    return {
        "schema": SCHEMA,
        "kind": "mix",
        "name": outcome.spec.name,
        "recipe_sha256": outcome.pool["recipe_sha256"],
        "seed": outcome.spec.seed,
        "data_digest": key_of([[s["data_digest"], s["extra"]["token_digest"]] for s in shards]),
        "files": files,
        "balance": outcome.pool["balance"],
        "sources": _sources(outcome.pool, told["sources"]),
        "selected": selected,
        "not_selected": told["not_selected"],
        "copies": sum(s["copies"] for s in told["sources"].values()),
        "splits": {s: {"documents": n, "tokens": told["tokens"][s]} for s, n in told["documents"].items()},
        "parts": told["parts"],
        "recordings": outcome.pool["recordings"],
        "tokenizer": {"sha256": learned["sha256"], "tokens_per_byte": told["tokens_per_byte"]}
        | {n: learned[n] for n in names},
        "informative": outcome.pool["informative"],
    }


def _entries(name: str, shard: Manifest) -> list[dict[str, Any]]:
    extra = shard["extra"]
    return [
        {
            "path": file["path"].removeprefix(f"mixes/{name}/"),
            "split": extra["split"],
            "rows": shard["rows"],
            "bytes": file["bytes"],
            "tokens": extra["tokens"],
            "sha256": file["sha256"],
        }
        for file in shard["files"]
    ]


def _check(outcome: MixOutcome, shards: list[Manifest], selected: int) -> None:
    """pool = selected + not_selected, and every selected document stands in exactly one shard."""
    pool = outcome.pool["balance"]["documents"]["kept"]
    written = sum(s["rows"] for s in shards)
    left = outcome.selection["extra"]["not_selected"]
    if pool != selected + left or written != selected:
        raise WinnowError(
            f"mix {outcome.spec.name!r} does not balance: pool {pool}, selected {selected}, not selected {left}, "
            f"written {written}\nplease report this"
        )


def _sources(pool: Manifest, chosen: dict[str, Any]) -> dict[str, Any]:
    nothing = {"documents": 0, "bytes": 0, "tokens": 0, "copies": 0}
    return {name: nothing | chosen.get(name, {}) | {"license": s["license"]} for name, s in pool["sources"].items()}
