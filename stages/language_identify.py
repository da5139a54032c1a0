"""A language for each text: fastText's label, corrected for Chinese and Japanese by the characters themselves."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.language_codes import of_label
from stages.language_model import checked
from stages.scripts import JAPANESE_KANA, dominant_script, han_share, kana_share, script_counts

MOST_HAN = 0.5  # of the letters: from here a text is written in Han characters, whatever the model says
YUE_MARKS = ("嘅", "喺", "佢", "冇", "啲", "唔")  # characters of written Cantonese that Mandarin does without
FEWEST_YUE_MARKS = 3
YUE_DENSITY = 0.01  # marks among the characters; below it, Mandarin that quotes Cantonese
_IN_HAN = ("cmn", "yue", "wuu", "lzh", "hak", "nan", "gan", "hsn", "cdo", "jpn", "kor", "vie")


class Languages(NamedTuple):
    """One entry a text. language and score are null where the text is null or blank."""

    language: pa.Array  # ISO 639-3
    script: pa.Array  # ISO 15924
    score: pa.Array  # float32: probability of the label, or the script's share of the letters where that decided
    han: pa.Array  # float32, of the letters
    kana: pa.Array


class Identifier:
    """A fastText model whose labels are languages, asked a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._model = _loaded(path)
        self._codes = {label: of_label(label) for label in self._model.get_labels()}

    def __call__(self, texts: pa.Array, max_chars: int) -> Languages:
        """Identify by the first `max_chars` code points of each text."""
        heads = pc.utf8_slice_codeunits(pc.fill_null(texts, ""), 0, max_chars)
        blank = np.asarray(pc.equal(pc.utf8_trim_whitespace(heads), ""))
        counts = script_counts(heads)
        language, score = self._ask(heads)
        language, score = _corrected(language, score, heads, han_share(counts), kana_share(counts))
        return Languages(
            pa.array(language.tolist(), pa.string(), mask=blank),
            pa.array(dominant_script(counts), pa.string(), mask=blank),
            pa.array(score, pa.float32(), mask=blank),
            pa.array(han_share(counts), pa.float32(), mask=blank),
            pa.array(kana_share(counts), pa.float32(), mask=blank),
        )

    def _ask(self, heads: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        lines = pc.replace_substring(heads, "\n", " ").to_pylist()
        labels, probabilities = self._model.predict(lines) if lines else ([], [])
        codes = [self._codes[label[0]] if label else "und" for label in labels]
        scores = [float(p[0]) if len(p) else 0.0 for p in probabilities]
        return np.array(codes, "U3"), np.minimum(np.array(scores, np.float32), 1)


@lru_cache(maxsize=4)
def identifier(path: Path, sha256: str) -> Identifier:
    """The model in this file, loaded once per process. Raises ModelMissing if its bytes have another hash."""
    return Identifier(checked(path, sha256))


def _loaded(path: Path) -> Any:
    import fasttext

    try:
        return fasttext.load_model(str(path))
    except ValueError as error:
        raise ValueError(f"{path} is no fastText model: {error}") from None


def _corrected(
    language: npt.NDArray[Any],
    score: npt.NDArray[np.float32],
    heads: pa.Array,
    han: npt.NDArray[np.float32],
    kana: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Japanese, Cantonese and Mandarin by their characters; a label that cannot be written in Han gives way.

    The model is unsure of short texts, takes Han-only headlines for Japanese and Cantonese for Mandarin; kana and
    Cantonese characters are certain. Where the script decides, the score is its share of the letters.
    """
    in_han = han + kana >= MOST_HAN
    japanese = in_han & (kana > JAPANESE_KANA)
    cantonese = _cantonese_among(in_han & ~japanese & np.isin(language, ("cmn", "yue")), heads)
    misread = in_han & (~np.isin(language, _IN_HAN) | (language == "jpn"))
    chinese = ~japanese & ~cantonese & (misread | (language == "yue"))
    fresh = np.select([japanese, cantonese, chinese], ["jpn", "yue", "cmn"], language)
    # Between Cantonese and Mandarin the score stays: the model was that sure of Chinese.
    by_script = (fresh != language) & ~np.isin(language, ("cmn", "yue"))
    return fresh, np.where(by_script, han + kana, score).astype(np.float32)


def _cantonese_among(candidates: npt.NDArray[np.bool_], heads: pa.Array) -> npt.NDArray[np.bool_]:
    """Which of the candidates are Cantonese; the marks are looked for in them alone."""
    found = np.zeros(len(candidates), np.bool_)
    found[candidates] = _is_cantonese(heads.filter(pa.array(candidates)))
    return found


def _is_cantonese(heads: pa.Array) -> npt.NDArray[np.bool_]:
    marks = np.zeros(len(heads), np.int64)
    for mark in YUE_MARKS:
        marks += np.asarray(pc.count_substring(heads, pattern=mark))
    lengths = np.asarray(pc.utf8_length(heads))
    return (marks >= FEWEST_YUE_MARKS) & (marks >= YUE_DENSITY * lengths)


def identified(languages: Languages) -> list[tuple[str, str, float]]:
    """The columns as plain tuples; `und`, `Zyyy`, 0 for a blank text."""
    rows = zip(languages.language.to_pylist(), languages.script.to_pylist(), languages.score.to_pylist(), strict=True)
    return [(language or "und", script or "Zyyy", score or 0.0) for language, script, score in rows]
