"""Signatures against datasketch, golden vectors, and the share of equal values they promise."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import minhash_signatures, shingle_sets
from dedup.minhash import EMPTY, is_empty, permutations
from tests.dedup import reference

PANGRAM = "The quick brown fox jumps over the lazy dog"


def by_datasketch(text: str, ngram: int, count: int, seed: int) -> list[int]:
    """The library itself over the reference's shingle hashes."""
    sketch = MinHash(num_perm=count, seed=seed, hashfunc=int, scheme="affine32")
    sketch.update_batch([h & 0xFFFFFFFF for h in reference.hashes(text, ngram)])
    return sketch.hashvalues.tolist()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(max_size=50), max_size=4), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_signatures_are_datasketch_s_own(texts, ngram, seed):
    """A signature of ours has to be worth something outside: same permutations, same minima."""
    ours = minhash_signatures(texts, ngram=ngram, bands=3, rows=4, seed=seed)
    assert ours.tolist() == [by_datasketch(t, ngram, 12, seed) for t in texts]


def test_a_long_text_crosses_every_buffer_and_stays_the_same():
    """The kernel works in blocks of 2,048 shingles; a seam must not lose or repeat one."""
    text = " ".join(f"w{k}" for k in range(10_000)) + "字" * 5000 + "ﷺ" * 3000
    assert minhash_signatures([text])[0].tolist() == by_datasketch(text, 5, 112, 1)


def test_both_engines_agree_on_awkward_texts():
    """`engine: datasketch` is the reference, so equal means equal here too."""
    texts = ["", PANGRAM, "e\u0301te\u0301 x y z w v", "字" * 9, None, "a"]
    ours = minhash_signatures(texts, bands=4, rows=4)
    np.testing.assert_array_equal(ours, minhash_signatures(texts, bands=4, rows=4, engine="datasketch"))


def test_golden_signature():
    """A hash may never change under us: stored signatures of an earlier corpus would silently match nothing."""
    texts = [PANGRAM, "今天天气很好，我们去公园散步吧。", "short", "e\u0301te\u0301 NAÏVE ﬁne Straße ΟΔΟΣ end"]
    signatures = minhash_signatures(texts)
    assert signatures[:, :3].tolist() == GOLDEN_HEAD
    assert hashlib.sha256(signatures.astype("<u4").tobytes()).hexdigest() == GOLDEN_SHA256


GOLDEN_HEAD = [
    [374938919, 280919501, 156564720],
    [114854636, 161153235, 770724982],
    [3645655325, 1251513947, 3959836063],
    [3157062641, 628329215, 453219643],
]
GOLDEN_SHA256 = "b68d84e0039abe1dc4a5c83a184f20fc683596af403ebee18249d861e5282e91"


def test_permutations_are_those_datasketch_draws():
    """Pinned by golden values too: numpy promises never to change this generator."""
    np.testing.assert_array_equal(permutations(16, 7), MinHash(num_perm=16, seed=7).permutations)


def test_a_signature_can_be_handed_to_datasketch():
    """Users may query our signatures with its LSH, forest or HNSW."""
    signatures = minhash_signatures([PANGRAM, PANGRAM + " again"])
    a, b = (MinHash(hashvalues=row, seed=1, scheme="affine32") for row in signatures)
    assert a.jaccard(b) == (signatures[0] == signatures[1]).mean()


def test_signatures_live_in_datasketch_s_index_and_other_schemes_are_refused():
    """The lean form is what indexes are filled with; values of another scheme must not look like ours."""
    signatures = minhash_signatures([PANGRAM, PANGRAM, "nothing of the kind is said anywhere in this one"])
    lean = [LeanMinHash(hashvalues=row, seed=1, scheme="affine32") for row in signatures]
    index = MinHashLSH(num_perm=112, params=(14, 8))
    for name, one in zip("ac", (lean[0], lean[2]), strict=True):
        index.insert(name, one)
    assert index.query(lean[1]) == ["a"]
    for seed, scheme, values in ((1, "legacy", 112), (1, "affine64", 112), (2, "affine32", 112), (1, "affine32", 104)):
        stranger = LeanMinHash(hashvalues=signatures[1][:values], seed=seed, scheme=scheme)
        with pytest.raises(ValueError, match=r"different|num_perm"):
            lean[0].jaccard(stranger)


def test_fifty_megabytes_of_one_letter_and_of_one_word_have_one_shingle():
    """One endless word is one token; a repeated word is one shingle. Neither overflows a buffer or takes minutes."""
    texts = ["a" * 50_000_000, "word " * 10_000_000, "a", "word word word word word"]
    signatures = minhash_signatures(texts, bands=2, rows=2)
    assert (signatures[1] == signatures[3]).all()
    assert not (signatures[0] == signatures[2]).any()
    assert [len(shingle_sets([text])[0]) for text in texts] == [1, 1, 1, 1]


def test_astral_characters_and_marks_have_a_defined_result():
    """Rare Han is a token a character; emoji and lone marks are none; mathematical letters fold to plain ones."""
    signatures = minhash_signatures(["𠀀𠀁𠀂𠀃𠀄", "𠀀𠀁𠀂𠀃𠀅", "😀😀😀", "\u0301\u0302", "𝐚𝐛𝐜", "abc"])
    assert is_empty(signatures).tolist() == [False, False, True, True, False, False]
    assert (signatures[4] == signatures[5]).all()
    assert not (signatures[0] == signatures[1]).all()


def test_the_share_of_equal_values_estimates_jaccard_without_bias():
    """A biased estimator would bend the S-curve; 200 pairs of known similarity, 112 values each."""
    rng = np.random.default_rng(5)
    words = np.array([f"t{k}" for k in range(5000)])
    exact, texts = [], []
    for _ in range(200):
        base = rng.choice(words, 150)
        other = np.concatenate([base[: rng.integers(20, 150)], rng.choice(words, 40)])
        texts += [" ".join(base), " ".join(other)]
        exact.append(reference.jaccard(reference.shingles(texts[-2]), reference.shingles(texts[-1])))
    signatures = minhash_signatures(texts)
    estimate = (signatures[::2] == signatures[1::2]).mean(axis=1)
    truth = np.array(exact)
    spread = np.sqrt((truth * (1 - truth)).sum() / 112) / len(truth)
    assert abs((estimate - truth).mean()) < 4 * spread


def test_a_text_without_tokens_is_marked_and_no_other():
    """Emptiness must be recognisable, or all empty pages are one cluster."""
    signatures = minhash_signatures(["", None, "...", "\u0301", "a", "字"])
    assert is_empty(signatures).tolist() == [True] * 4 + [False] * 2
    assert (signatures[0] == EMPTY).all()


@pytest.mark.parametrize(
    "texts", [["ab " * 200_000], ["x" * 1_000_000], ["\u0301" * 100_000], ["é" * 99_999 + " e\u0301"]]
)
def test_degenerate_long_texts_have_a_defined_result(texts):
    """One repeated word, one endless word, marks alone: nothing overflows, nothing hangs."""
    assert minhash_signatures(texts, bands=2, rows=2).shape == (1, 4)


@pytest.mark.parametrize("sizes", [{"ngram": 0}, {"bands": 0}, {"rows": 0}])
def test_sizes_below_one_are_refused(sizes):
    """An empty signature would make everything a candidate."""
    with pytest.raises(ValueError, match="must be at least 1"):
        minhash_signatures(["x"], **sizes)


def test_an_unknown_engine_is_refused():
    """A typo must not fall back to something else."""
    with pytest.raises(ValueError, match="not 'rensa'"):
        minhash_signatures(["x"], engine="rensa")


def test_any_split_of_a_batch_gives_the_same_signatures():
    """State left over from one text must not colour the next."""
    texts = [PANGRAM, "", "字字字字字字", "one", "e\u0301 e\u0301", PANGRAM + " x", None, "end of the list here"]
    whole = minhash_signatures(pa.array(texts))
    apart = np.concatenate([minhash_signatures(pa.array(texts).slice(k, 1)) for k in range(len(texts))])
    np.testing.assert_array_equal(whole, apart)
