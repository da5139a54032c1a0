"""Ten thousand texts, real and fuzzed: the engine that writes token shards gives the ids of the tokenizers library."""

import random

import numpy as np
import pytest

from stages.tokens import _NO_TOKEN, HuggingFaceEngine, fastest_engine, train_bpe
from tests.corpus import chinese, english

_ALPHABET = "ab'  \n\t\r1,.中文。é\u0301\u200d👍🇩🇪<|endoftext|>\u00a0\ufeffİß\U00010348٣"


def fuzzed(count: int) -> list[str]:
    rng = random.Random(11)
    anywhere = [chr(c) for c in range(1, 0x3000)] + list("龍龜𠮷🤷‍♀️")
    return ["".join(rng.choices(_ALPHABET if n % 2 else anywhere, k=rng.randint(0, 60))) for n in range(count)]


def prose(count: int) -> list[str]:
    rng = random.Random(12)
    return ["\n".join(chinese(rng, 2) if n % 2 else english(rng, 2)) for n in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bpe")
    train_bpe(prose(200), 1500, path)
    return path


def agree(folder, texts):
    quick, reference = fastest_engine(folder), HuggingFaceEngine(folder)
    assert quick.name == "tiktoken"
    pairs = zip(quick.encode(texts), reference.encode(texts), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_ten_thousand_fuzzed_texts_have_the_same_ids(folder):
    assert agree(folder, fuzzed(9_000) + prose(1_000))


def test_the_word_that_tiktoken_is_given_to_look_for_is_text_like_any_other(folder):
    rng = random.Random(13)
    parts = [_NO_TOKEN, _NO_TOKEN[1:], _NO_TOKEN[:-1], "\0", " no token", "a", "\n"]
    assert agree(folder, ["".join(rng.choices(parts, k=rng.randint(1, 12))) for _ in range(500)])


@pytest.mark.data
def test_ten_thousand_real_texts_have_the_same_ids(folder, data_dir):
    import json
    import lzma

    with lzma.open(data_dir / "neardup/docs.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for _, line in zip(range(10_000), file, strict=False)]
    assert len(texts) == 10_000
    assert agree(folder, texts)
