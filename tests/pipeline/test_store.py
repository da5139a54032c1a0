"""The store, its manifests and seals: what is refused, what counts as damaged, what is told."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import Damaged, StorageError, UsageError
from pipeline.index import Index, file_is_sound, manifest_of
from pipeline.seals import break_seal, is_intact, read_seal, seal
from pipeline.stamps import Stamps
from pipeline.store import SCRATCH, Store, refusal, storage_error
from pipeline.unit import Unit

STEP = "state/passes/01-x"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "out")


@pytest.mark.parametrize("name", ["../elsewhere", "a/../../elsewhere", "/etc/passwd"])
def test_nothing_outside_has_a_path(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="outside the output directory"):
        store.path(name)


def test_bytes_that_changed_on_their_way_are_not_published(store: Store) -> None:
    """A file is read back before it gets its name."""
    folder = store.scratch("attempt")
    (folder / "000").write_bytes(b"something else")
    with pytest.raises(StorageError, match="not the bytes written"):
        store.publish(f"{SCRATCH}/attempt/000", "pool/data/x", sha256="0" * 64)
    assert not store.exists("pool/data/x")


def test_the_root_itself_and_scratch_can_be_removed(store: Store) -> None:
    """What is in scratch is removed in place, the rest is renamed aside first; what is not there is removed already."""
    store.write_bytes("pool/data/x", b"1")
    store.scratch("attempt")
    store.sweep()
    store.remove("pool")
    store.remove("pool")
    assert list(store.files("state/tmp")) == [] and not store.exists("pool")


def test_a_sealed_file_is_what_was_written_or_damaged(store: Store) -> None:
    assert store.read_sealed("state/x.json") is None
    store.write_sealed("state/x.json", {"a": 1})
    assert store.read_sealed("state/x.json") == {"a": 1}
    for harmed in (b'{"a": 2}', b"[1]", b"{"):
        store.write_bytes("state/x.json", harmed)
        with pytest.raises(Damaged, match=r"state/x\.json"):
            store.read_sealed("state/x.json")


def test_a_refusal_names_its_place_and_what_to_do() -> None:
    """The system's own words, also where a library only quotes their number."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(storage_error("here", full)) == "here: No space left on device; free some space there, then run again"
    assert "mend it" in str(storage_error("here", OSError(errno.EIO, "Input/output error")))
    assert str(storage_error("here", OSError("odd"))) == "here: odd; mend it, then run again"
    assert refusal(full) is full
    quoted = refusal(RuntimeError("cannot write (os error 28)"))
    assert quoted is not None and quoted.errno == errno.ENOSPC
    assert refusal(RuntimeError("28")) is None and refusal(OSError("no number")) is None


def unit(ordinal: int) -> Unit:
    return Unit(STEP, "measure", ordinal, {"n": ordinal}, {})


def committed(store: Store, *ordinals: int) -> Index:
    """Units of one file each, as a run commits them."""
    index = Index(store, STEP)
    stamps = Stamps(store)
    for n in ordinals:
        path = f"{STEP}/{n}.parquet"
        store.write_bytes(path, bytes([n]))
        file = {"path": path, "bytes": 1, "sha256": stamps.digest(str(store.path(path)))}
        made = {"rows": 1, "data_digest": str(n), "counters": {}, "extra": {}, "files": [file]}
        index.commit(unit(n), manifest_of(unit(n), made))
    return index


def test_an_index_is_the_same_in_whatever_order_its_units_came(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    committed(store, 1, 2, 3).compact()
    committed(other, 3, 1, 2).compact()
    path = f"{STEP}/index.jsonl"
    assert store.path(path).read_bytes() == other.path(path).read_bytes()
    assert not Index(store, STEP).damaged() and len(Index(store, STEP).load()) == 3


def test_what_is_forgotten_is_not_committed_any_more(store: Store) -> None:
    index = committed(store, 1, 2)
    index.forget({unit(1).key})
    index.forget({"unknown"})
    assert set(index.load()) == {unit(2).key}


def test_a_step_without_units_leaves_no_index(store: Store) -> None:
    """Unless there was one."""
    Index(store, STEP).compact()
    assert not store.root.exists()
    committed(store, 1).forget({unit(1).key})
    assert Index(store, STEP).load() == {} and not Index(store, STEP).damaged()


def test_every_harm_to_manifests_is_named_and_costs_its_unit_alone(store: Store) -> None:
    """A loose manifest, a line of an index, its closing line, its end."""
    index = committed(store, 1, 2, 3)
    loose = store.path(f"{STEP}/{unit(1).key}.unit.json")
    loose.write_bytes(loose.read_bytes().replace(b'"rows":1', b'"rows":2'))
    assert index.damaged() == [f"{STEP}/{unit(1).key}.unit.json"] and len(index.load()) == 2
    index.compact()
    assert not index.damaged()
    whole = store.path(index.path).read_bytes()
    *lines, _ = whole.removesuffix(b"\n").split(b"\n")
    for harmed in (whole[:-9], lines[0] + b"\n", b"\n".join([b"{}", *lines]), b"", b"nothing", b'{"a":1}\n' + whole):
        store.path(index.path).write_bytes(harmed)
        assert index.damaged() == [index.path]


def test_a_file_is_sound_by_size_and_bytes(store: Store) -> None:
    (manifest,) = committed(store, 7).load().values()
    (file,) = manifest["files"]
    assert file_is_sound(store, file, Stamps(store))
    assert not file_is_sound(store, file | {"bytes": 2}, Stamps(store))
    assert not file_is_sound(store, file | {"sha256": "0"}, Stamps(store))
    assert not file_is_sound(store, file | {"path": f"{STEP}/gone"}, Stamps(store))


def test_a_seal_vouches_for_files_as_they_are(store: Store) -> None:
    store.write_bytes("state/a", b"1")
    assert read_seal(store, "x") is None and not is_intact(store, "x", "state/a")
    seal(store, "x", ["state/a"], ["state/b"])
    assert read_seal(store, "x") == {"files": {"state/a": store_sha(store, "state/a")}, "present": ["state/b"]}
    assert is_intact(store, "x", "state/a") and not is_intact(store, "x", "state/b")
    store.write_bytes("state/a", b"2")
    assert not is_intact(store, "x", "state/a")
    store.write_bytes("state/seals/x.json", b"{}")
    assert read_seal(store, "x") is None
    break_seal(store, "x")
    break_seal(store, "x")
    assert not store.exists("state/seals/x.json")


def store_sha(store: Store, path: str) -> str:
    return Stamps(store).digest(str(store.path(path)))
