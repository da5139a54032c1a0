"""The footer and the page headers of a Parquet file, as they are and as damage makes them."""

import io
import random

import pytest

from stages.parquet_pages import Page, chunks, pages, structure
from tests.fuzz import seeds
from tests.stages import parquet_forging as forging


def found(data: bytes) -> list[Page]:
    file = io.BytesIO(data)
    return [page for group in chunks(file, len(data)) for chunk in group for page in pages(file, chunk)]


def test_pages_are_as_their_headers_say():
    (dictionary, data) = found(forging.repeated(1000, 7))
    assert (dictionary.size, dictionary.values, dictionary.is_dictionary) == (1004, 1, True)
    assert (data.values, data.is_dictionary) == (7, False)


@pytest.mark.parametrize("number", range(5))
def test_the_files_of_pyarrow_are_understood(number):
    """A page of each kind in every column of three row groups."""
    assert len(found(seeds.parquets()[number])) % 6 == 0


@pytest.mark.parametrize(
    "data", [b"\x19\xf3" + forging.varint(1 << 60), b"\x17", b"\x18\x7f", b"\x1c" * 40, b"\x15" + b"\xff" * 20, b"\x1d"]
)
def test_what_is_no_struct_ends_at_once(data):
    """A list that claims 2^60 bytes, values beyond the end, structs within structs, endless numbers, unknown types."""
    with pytest.raises((ValueError, IndexError)):
        structure(data, 0)


def test_any_damage_gives_pages_or_a_value_error():
    """Places before the file begins or beyond what a file can be must not look like a failing disk."""
    chance, sound = random.Random(3), seeds.parquets()[0]
    for _ in range(500):
        data = bytearray(sound)
        for _ in range(4):
            data[-chance.randrange(1, 2000)] ^= 1 << chance.randrange(8)
        try:
            assert all(min(page[:3]) >= 0 for page in found(bytes(data)))
        except ValueError:
            continue
