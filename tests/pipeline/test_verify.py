"""What `verify` finds besides flipped bytes: lost seals, rows, balances, leftovers; and whom it does not disturb."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.digest import canonical, sealed
from pipeline.errors import StorageError, UsageError
from pipeline.index import INDEX
from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.seals import POOL, read_seal, seal
from pipeline.steps import POOL_MANIFEST
from pipeline.store import Store
from pipeline.verify import verify

RECIPE = """\
name: rows
output: out
sources: {rows: {read: {jsonl: rows.jsonl}, pipeline: none}}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "rows.jsonl").write_text("\n".join(json.dumps({"text": f"text {n}"}) for n in range(3)))
    (folder / "recipe.yaml").write_text(RECIPE)
    run_with(InlineExecutor(Store(folder / "out")), Recipe.from_yaml(folder / "recipe.yaml"))
    return folder / "out"


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> Store:
    return Store(shutil.copytree(finished, tmp_path / "out"))


def damage(store: Store) -> dict[str, str]:
    return {d["path"]: d["why"] for d in verify(store.root)["damaged"]}


def test_a_whole_run_is_sound_and_no_run_is_a_mistake(store: Store, tmp_path: Path) -> None:
    told = verify(store.root)
    assert told["ok"] and told["balance_ok"] and told["files"] > 5 and not told["superseded"]
    with pytest.raises(UsageError, match="no run there"):
        verify(tmp_path / "nowhere")


def test_what_no_unit_names_is_told_and_goes_only_when_asked(store: Store) -> None:
    store.write_bytes("state/passes/01-old/x.parquet", b"left over")
    assert verify(store.root)["superseded"] == ["state/passes/01-old/x.parquet"]
    assert verify(store.root, clean=True)["ok"]
    assert not store.exists("state/passes/01-old/x.parquet")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("state/seals/pool.json", "missing, or the run was stopped at its very end"),
        ("state/seals/inputs.json", "missing"),
        ("state/run.json", "missing or not what was written"),
        ("state/passes/90-pool/index.jsonl", "missing"),
        ("pool/README.md", "missing"),
    ],
)
def test_a_lost_file_is_missed(store: Store, path: str, why: str) -> None:
    store.path(path).unlink()
    assert damage(store)[path] == why


@pytest.mark.parametrize("path", ["state/seals/pool.json", "state/run.json", "state/recordings/1.json"])
def test_a_file_that_is_no_seal_is_not_what_was_written(store: Store, path: str) -> None:
    store.write_bytes(path, b'{"files": {}}')
    assert "not what was written" in damage(store)[path]


def rewritten(store: Store, path: str, change: Callable[[dict[str, object]], None]) -> None:
    """A manifest that says something else, with all the right hashes."""
    value = json.loads(store.path(path).read_bytes())
    change(value)
    store.write_json(path, value)
    files = read_seal(store, POOL)
    assert files is not None
    seal(store, POOL, files["files"], files["present"])


def test_a_balance_that_does_not_hold_is_told(store: Store) -> None:
    """More documents kept than rows in the pool; or a document that is in neither room."""

    def keep_more(manifest: dict[str, object]) -> None:
        manifest["balance"]["documents"]["kept"] += 1  # type: ignore[index]

    def take_more(manifest: dict[str, object]) -> None:
        manifest["balance"]["documents"]["kept"] -= 1  # type: ignore[index]
        manifest["balance"]["documents"]["in"] += 1  # type: ignore[index]

    for change in (keep_more, take_more):
        rewritten(store, POOL_MANIFEST, change)
        told = verify(store.root)
        assert not told["damaged"] and not told["balance_ok"] and not told["ok"]


def test_a_file_of_other_rows_than_its_manifest_is_told(store: Store) -> None:
    """With the right bytes, so a manifest that lies."""
    path = f"state/passes/90-pool/{INDEX}"
    *units, closing = store.path(path).read_bytes().splitlines()
    unit = {k: v for k, v in json.loads(units[0]).items() if k != "check"}
    lines = [canonical(sealed(unit | {"rows": unit["rows"] + 1})), closing]
    store.write_bytes(path, b"\n".join(lines) + b"\n")
    (file,) = unit["files"]
    assert damage(store) == {file["path"]: "row count differs from its manifest"}


def test_an_unfinished_run_is_sound_as_far_as_it_goes(store: Store) -> None:
    """Without a pool there is no balance to hold."""
    for gone in ("pool", "state/seals/pool.json"):
        store.remove(gone)
    told = verify(store.root)
    assert told["balance_ok"] and {d["why"] for d in told["damaged"]} == {"missing"}


@pytest.mark.parametrize(("number", "checked"), [(errno.EROFS, True), (errno.EACCES, True), (errno.EIO, False)])
def test_what_cannot_be_written_can_still_be_verified(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, checked: bool
) -> None:
    """No run is at work on a read-only disk; any other refusal of the lock ends the command."""

    def refuse(of: Store) -> None:
        raise StorageError("no lock") from OSError(number, "refused")

    monkeypatch.setattr("pipeline.verify.run_lock", refuse)
    if checked:
        assert verify(store.root)["ok"]
    else:
        with pytest.raises(StorageError, match="no lock"):
            verify(store.root)
