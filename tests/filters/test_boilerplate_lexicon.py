"""The files of phrases: read, checked, compiled; the automaton finds what a naive search finds."""

import random

import numpy as np
import pyarrow as pa
import pytest

from filters.boilerplate.automaton import compile_lexicon
from filters.boilerplate.fold import WORD, folded, key_of
from filters.boilerplate.judge import judge, rule_names
from filters.boilerplate.kept import tables_for
from filters.boilerplate.lexicon import LANGUAGES, LexiconError, digest, needed, read_languages, read_lexicon, variants


@pytest.fixture(scope="module")
def lexicon():
    return read_languages(LANGUAGES)


def test_slots_multiply():
    """One line of YAML stands for many phrases."""
    assert variants("{扫|长按}{下方|}二维码") == ["扫下方二维码", "扫二维码", "长按下方二维码", "长按二维码"]
    assert variants("plain") == ["plain"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules:\n  - {id: a.b, kind: X, say: [a]}", "kind H or S"),
        ("rules:\n  - {id: a.b, kind: H, say: [a], colour: red}", "colour"),
        ("rules:\n  - {id: a.b, kind: H, all: [nothing]}", "no cue 'nothing'"),
        ("rules:\n  - {id: a.b, kind: H}", "neither"),
        ("rulez: []", "unknown section 'rulez'"),
        ("rules:\n  - {id: a.b, kind: H, say: ['12']}", "any number"),
        ("rules:\n  - {id: a.b, kind: H, say: ['关注「']}", "no key does"),
        ("rules:\n  - {id: a.b, kind: H, say: [x]}\n  - {id: a.b, kind: H, say: [y]}", "named twice"),
        ("cues:\n  far: ['" + "{a|b|c|d|e|f|g|h|i|j}" * 5 + "']", "variants"),
    ],
)
def test_a_slip_of_the_pen_is_refused(content, message):
    """A rule that quietly never fires, or fires on every number, is worse than an error."""
    with pytest.raises(LexiconError, match=message):
        read_lexicon([("xx", content)])


def test_every_rule_is_named_by_language_family_and_what(lexicon):
    """The name is the reason users see."""
    assert all(
        len(name.split(".")) == 3 and name.split(".")[0] in LANGUAGES for name in (r.name for r in lexicon.rules)
    )
    assert {name.split(".")[0] for name in rule_names()} == {*LANGUAGES, "block", "learned"}


def test_every_language_has_its_families():
    """Cookie banners, newsletters, sharing, reading on, log-in, counters, legal notices: in each language of the package."""
    for language in LANGUAGES[1:]:
        families = {one.family for one in read_languages([language]).rules}
        assert {"cookie", "newsletter", "follow", "related", "login", "counter", "legal", "button", "share"} <= families
    chinese = {one.family for one in read_languages(["zh"]).rules}
    assert chinese >= set(
        "qr free contact follow applause tip paywall login counter button image pager crumb meta share date legal filing "
        "report related thanks course material sales".split()
    )


def test_phrases_that_a_shorter_one_finds_are_left_out():
    """They would only make the automaton larger."""
    found = read_lexicon([("zh", "rules:\n  - {id: a.b, kind: H, say: ['扫码{领取|}', '马上扫码']}")])
    assert [one.key for one in found.phrases] == ["扫码"]
    assert needed([]) == []


def naive(text: str, phrases) -> set[int]:
    """Cues of one sentence by looking for each phrase in turn."""
    key = key_of(text)
    found = set()
    for phrase in phrases:
        at = key.find(phrase.key)
        while at >= 0:
            end = at + len(phrase.key)
            before = folded(key[at - 1])[1] if at else None
            after = folded(key[end])[1] if end < len(key) else None
            left = folded(phrase.key[0])[1] != WORD or before != WORD
            right = phrase.open_end or folded(phrase.key[-1])[1] != WORD or after != WORD
            if left and right:
                found.add(phrase.cue)
            at = key.find(phrase.key, at + 1)
    return found


def test_the_automaton_finds_what_a_naive_search_finds(lexicon):
    """Failure links that skip the insides of words must not skip a phrase."""
    phrases = [one for one in lexicon.phrases if not one.at_start and not one.at_end]
    rng = random.Random(3)
    some = rng.sample(phrases, 400)
    cues = sorted({one.cue for one in some})
    content = "rules:\n" + "".join(
        f"  - {{id: c.n{cue}, kind: S, longest: 400, say: {_yaml(some, cue)}}}\n" for cue in cues
    )
    small = read_lexicon([("xx", content)])
    compiled = compile_lexicon(small)
    texts = [_noise(rng, some) for _ in range(300)]
    numbers = {rule.clauses[0][0]: number for number, rule in enumerate(small.rules)}
    for text in texts:
        expected = {numbers[cue] for cue in naive(text, small.phrases)}
        judged = judge(pa.array([text]), compiled)
        found = int(judged.lines.rule[0])
        assert found == (min(expected) if expected else -1), text


def _yaml(phrases, cue: int) -> str:
    return "[" + ", ".join(repr(one.key + ("*" if one.open_end else "")) for one in phrases if one.cue == cue) + "]"


def _noise(rng: random.Random, phrases) -> str:
    parts = [
        rng.choice([rng.choice(phrases).key, "abc", "的", " ", "read", "扫", rng.choice(phrases).key[:2]])
        for _ in range(5)
    ]
    return rng.choice(["", " "]).join(parts).replace("!", "").replace("。", "").replace(".", "").strip()


def test_the_same_files_give_the_same_arrays():
    """The arrays decide what is removed: no order of sets, no hash seed may enter them."""
    again = compile_lexicon(read_languages(LANGUAGES)).tables
    for one, other in zip(tables_for().tables, again, strict=True):
        assert np.array_equal(one, other)
    assert len(digest()) == 32
