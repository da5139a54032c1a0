"""The numbers themselves: what the rules measure on fixed texts. They may change only together with a version."""

import hashlib
import json

import pyarrow as pa

from filters import c4_lines, words
from filters.base import all_filters
from stages.base import Context
from stages.c4_lines import C4Lines
from stages.rules import Rules, Signals
from tests.filters.chinese_texts import CANTONESE, NEWS, NOVEL, TECHNICAL, TRADITIONAL
from tests.filters.world_texts import ENGLISH, WORLD

PAGE = (
    "Cookie Policy here\n"
    + ENGLISH
    + "[1] See the report [12].\nEnable javascript to see it.\nBuy now\n"
    + ENGLISH[:200]
)
TEXTS = [ENGLISH, PAGE, NEWS, NOVEL, TECHNICAL, TRADITIONAL, CANTONESE, *WORLD.values(), "", None]
LANGUAGES = ["eng", "eng", "cmn", "cmn", "cmn", "cmn", "yue", *WORLD, "und", None]
GOLDEN = "80d4ec7e251e4038af5dbbc1738b275a"
VERSIONS = {
    "c4": 1,
    "chinese": 1,
    "fineweb": 1,
    "gopher_quality": 1,
    "gopher_repetition": 1,
    "length": 1,
    "lines": 2,
}


def plain(rows: list[dict[str, object]]) -> str:
    """Rows as JSON, floats to nine digits: below lies the logarithm of the machine."""
    return json.dumps(
        [{key: round(value, 9) if isinstance(value, float) else value for key, value in row.items()} for row in rows],
        ensure_ascii=False,
        sort_keys=True,
    )


def test_output_changes_only_with_a_version():
    """Stored signals are found again by a key with these versions; other numbers under the same key would be mixed.

    If this fails because a filter, the splitting or the rewriting changed on purpose: raise its version, then the digest.
    """
    rows = pa.record_batch({"text": pa.array(TEXTS, pa.string()), "language": pa.array(LANGUAGES, pa.string())})
    digest = hashlib.blake2b(digest_size=16)
    for stage in Rules().expand():
        found = stage.open(Context())(rows.select(stage.reads.names))
        digest.update(plain(found.to_pylist()).encode())
    assert digest.hexdigest() == GOLDEN
    assert {one.name: one.version for one in all_filters().values()} == VERSIONS
    assert (words.VERSION, c4_lines.VERSION, Signals.version, C4Lines.version) == (1, 1, 1, 1)
