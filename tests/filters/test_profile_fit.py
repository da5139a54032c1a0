"""Profiles estimated from a sample: reproducible, never stricter than what is published, and they keep the language."""

import gzip
import json
import random
from collections import defaultdict
from dataclasses import asdict

import pytest

from filters.profile_fit import BASE, fit_profile, stop_words
from tests.filters.test_profiles import reasons

WORDS = "haus garten fluss brücke wanderung geschichte großmutter schule winter bahnhof zeitung nachbar".split()
SMALL = "der die das und in ist nicht mit".split()


def sample(count: int, seed: int = 1, long: str = "") -> list[str]:
    """Texts with a vocabulary like a language's: few words that are everywhere, many that are not."""
    draw = random.Random(seed)

    def sentence() -> str:
        words = [
            draw.choice(SMALL) if draw.random() < 0.4 else draw.choice(WORDS) + long + str(draw.choice("abcdefgh"))
            for _ in range(draw.randint(8, 14))
        ]
        return " ".join(words).capitalize() + "."

    return ["\n".join(sentence() for _ in range(draw.randint(8, 15))) for _ in range(count)]


def test_the_same_sample_in_any_order_gives_the_same_profile():
    texts = sample(120)
    shuffled = [*texts, *texts[:10]]
    random.Random(7).shuffle(shuffled)
    assert asdict(fit_profile(texts, "deu")) == asdict(fit_profile(shuffled, "deu"))
    assert asdict(fit_profile(texts, "deu", seed=18)) != asdict(fit_profile(texts, "deu"))


def test_a_threshold_is_only_ever_loosened_but_for_the_word_lengths():
    fitted = fit_profile(sample(200), "deu").profile.filters
    for name, values in fitted.items():
        for key, value in values.items():
            if key in ("min_avg_word_length", "max_avg_word_length"):
                continue
            assert (value <= BASE[name][key]) if key.startswith("min_") else (value >= BASE[name][key]), key


def test_a_language_of_long_words_gets_long_words():
    """Published for English, 10 letters on average is the most; here nearly all texts have more."""
    texts = sample(200, long="donaudampfschiff")
    values = fit_profile(texts, "deu").profile.filters["gopher_quality"]
    assert values["max_avg_word_length"] > 20
    assert values["min_avg_word_length"] > 3


def test_at_most_the_tail_of_the_held_out_part_goes_by_each_threshold():
    fitted = fit_profile(sample(400), "deu", tail=0.02)
    assert fitted.fitted_on == 320
    assert fitted.held_out == fitted.kept + sum(fitted.dropped_by.values()) == 80
    assert all(count <= 6 for count in fitted.dropped_by.values())


def test_stop_words_are_the_frequent_words_without_digits():
    found = stop_words([*sample(50), "7 7 7 7 7 7 7 7" * 50], "deu")
    assert set(SMALL) <= set(found)
    assert "7" not in found


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="49 different texts"):
        fit_profile([*sample(49), "", " "], "deu")


@pytest.mark.data
def test_the_default_keeps_sane_prose_in_every_language(data_dir):
    """Five paragraphs each of the Declaration of Human Rights in more than 400 languages: none but the profiled may lose one."""
    paragraphs: dict[str, list[str]] = defaultdict(list)
    with gzip.open(data_dir / "lid" / "lid.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["source"].startswith("udhr") and row["lang"] not in ("eng", "cmn", "yue", "wuu"):
                paragraphs[row["lang"]].append(row["text"])
    documents = [
        (language, "\n".join(texts[at : at + 5]))
        for language, texts in paragraphs.items()
        for at in range(0, len(texts) - 4, 5)
    ]
    assert len(paragraphs) > 400
    assert not any(reasons([text for _, text in documents], [language for language, _ in documents]))
