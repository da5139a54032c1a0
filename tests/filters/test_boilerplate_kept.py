"""The compiled phrases on disk: the same as built anew, whatever became of the file."""

from pathlib import Path

import numpy as np
import pytest

from filters.boilerplate.automaton import Compiled, compile_lexicon
from filters.boilerplate.kept import tables_for
from filters.boilerplate.lexicon import read_languages

LANGUAGES = ("ko",)  # the smallest
fresh_process = tables_for.__wrapped__


@pytest.fixture(scope="module")
def built() -> Compiled:
    return compile_lexicon(read_languages(LANGUAGES))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path / "winnow" / "lexicons"


def same(one: Compiled, other: Compiled) -> bool:
    arrays = zip(one.tables, other.tables, strict=True)
    return one.names == other.names and all(
        np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype for a, b in arrays
    )


def test_what_was_kept_is_what_is_built(place: Path, built: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    assert same(fresh_process(LANGUAGES), built)
    monkeypatch.setattr("filters.boilerplate.kept.compile_lexicon", None)  # from here on it can only be read
    assert same(fresh_process(LANGUAGES), built)
    assert len(list(place.iterdir())) == 1


def test_other_languages_have_a_file_of_their_own(place: Path) -> None:
    assert not same(fresh_process(LANGUAGES), fresh_process(("fr",)))
    assert len(list(place.iterdir())) == 2


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "another archive"])
def test_a_damaged_file_is_made_again(place: Path, built: Compiled, harm: str) -> None:
    fresh_process(LANGUAGES)
    (kept,) = place.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(_harmed(whole, harm))
    assert same(fresh_process(LANGUAGES), built)
    assert kept.read_bytes() == whole


def _harmed(whole: bytes, harm: str) -> bytes:
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
    other = b"PK\x05\x06" + bytes(18)  # an archive of nothing
    return {"cut": whole[:middle], "flipped": flipped, "emptied": b"", "another archive": other}[harm]


def test_where_nothing_can_be_written_it_is_built(place: Path, built: Compiled) -> None:
    place.parent.mkdir()
    place.write_text("a file where the folder should be")
    assert same(fresh_process(LANGUAGES), built)


def test_a_user_without_a_home_builds_it(built: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert same(fresh_process(LANGUAGES), built)


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")
