"""What a word is: three ways of splitting, one per family of scripts. docs/explanation/filters.md gives the reasons.

* english: chunks between white space lose punctuation, quotes, currency signs and icons at either end, one word per
  sign; `...`, `'s`, a unit behind digits and a full stop after a small letter, a digit or two capitals part from the end;
  inside, hyphens between letters, `: < > = /` before a letter, a comma between letters and a full stop between a small
  letter and a capital part the word; web addresses, mail addresses, abbreviations and faces such as :) stay whole;
  n't, 've, 'll, 're, 'd, 'm and the `not` of `cannot` are words. These are the habits of spaCy's English tokenizer,
  which datatrove asks.
* unicode: runs of letters, digits and marks of one script family (Han, hiragana, katakana, other), with ' ’ . · between
  letters and . , ' between digits; every other sign alone. For Korean and all scripts with spaces; Japanese parts at
  each change of script; Thai, Lao, Khmer and Burmese are not segmented: a run between spaces or signs is one word.
* segmented: rjieba's words (a dictionary and an HMM, the algorithm of jieba). For Chinese.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from filters.word_lists import UNITS, WHOLES

if TYPE_CHECKING:
    import pyarrow as pa

Splitter = Literal["by_language", "english", "unicode", "segmented"]
VERSION = 1  # bump when the same text would give other words
PACKAGES = ("rjieba",)

# Languages written in Chinese characters that rjieba's dictionary serves (ISO 639-3).
SEGMENTED_LANGUAGES = ("cmn", "zho", "yue", "wuu", "hak", "nan", "gan", "hsn", "lzh")
ENGLISH_LANGUAGES = ("eng", "sco")
UNKNOWN_LANGUAGES = ("", "und", "mul", "zxx")
LONGEST_PIECE = 100_000  # characters handed to rjieba at once; a longer line is cut there

Sizes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Words:
    """Where the words of n texts lie: word k of text i is data[bases[i] + spans[k, 0] : bases[i] + spans[k, 1]],
    for rows[i] <= k < rows[i + 1]."""

    data: npt.NDArray[np.uint8]
    bases: npt.NDArray[np.int64]
    spans: Sizes
    rows: npt.NDArray[np.int64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many words each text has."""
        return np.diff(self.rows)

    def lists(self) -> list[list[str]]:
        """The words as Python strings (for people and tests)."""
        raw = self.data.tobytes()
        starts, ends = self.spans[:, 0], self.spans[:, 1]
        return [
            [raw[base + starts[k] : base + ends[k]].decode("utf-8", "replace") for k in range(low, high)]
            for base, low, high in zip(self.bases, self.rows[:-1], self.rows[1:], strict=True)
        ]


def given_words(words: Sequence[Sequence[str]]) -> Words:
    """Words somebody else split: one sequence of strings per text, taken as they are."""
    import pyarrow as pa

    array = pa.array(words, pa.large_list(pa.large_string()))
    data, offsets = string_buffers(array.values)
    rows = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1) if len(array) else np.zeros(1, np.int64)
    bases = offsets[rows[:-1]]
    base_of_word = np.repeat(bases, np.diff(rows))
    spans = np.stack([offsets[:-1] - base_of_word, offsets[1:] - base_of_word], axis=1)
    return Words(data, bases, spans.astype(np.int32), rows)


def string_buffers(array: "pa.Array") -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """UTF-8 bytes and (n + 1) offsets of a large_string array, without copying."""
    if len(array) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = array.buffers()
    bytes_ = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return bytes_, np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]


def modes(
    splitter: Splitter,
    languages: Sequence[str | None] | None,
    guess: Callable[[], npt.NDArray[np.uint8]],
    count: int,
    own: Mapping[str, str] | None = None,
) -> npt.NDArray[np.uint8]:
    """How each text is split: a code of kernels/split.py per text; `guess` looks at the letters of the texts.

    own: splitters of languages that do not follow the table.
    """
    from filters.kernels.split import ENGLISH, SEGMENTED, UNICODE

    fixed = {"english": ENGLISH, "unicode": UNICODE, "segmented": SEGMENTED}
    if splitter != "by_language":
        return np.full(count, fixed[splitter], np.uint8)
    if languages is None:
        return guess()
    known = {**dict.fromkeys(SEGMENTED_LANGUAGES, SEGMENTED), **dict.fromkeys(ENGLISH_LANGUAGES, ENGLISH)}
    known |= {code: fixed[one] for code, one in (own or {}).items()}
    chosen = np.fromiter((known.get(one or "", UNICODE) for one in languages), np.uint8, count)
    unknown = np.fromiter(((one or "") in UNKNOWN_LANGUAGES for one in languages), np.bool_, count)
    return np.where(unknown, guess(), chosen) if unknown.any() else chosen


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of at most LONGEST_PIECE characters, cut behind a newline where there is one."""
    at = 0
    while len(text) - at > LONGEST_PIECE:
        cut = text.rfind("\n", at, at + LONGEST_PIECE) + 1 or at + LONGEST_PIECE
        yield text[at:cut]
        at = cut
    yield text[at:] if at else text


def segment(texts: "pa.Array", chosen: npt.NDArray[np.bool_]) -> tuple[Sizes, npt.NDArray[np.int64]]:
    """Word lengths in characters by rjieba of the chosen texts, one after the other, and (n + 1) offsets into them."""
    import rjieba

    sizes: list[Sizes] = []
    offsets = np.zeros(len(texts) + 1, np.int64)
    for row in np.flatnonzero(chosen):
        for piece in pieces(texts[int(row)].as_py()):
            found = rjieba.cut(piece)
            sizes.append(np.fromiter(map(len, found), np.int32, len(found)))
            offsets[row + 1] += len(found)
    return np.concatenate(sizes) if sizes else np.zeros(0, np.int32), np.cumsum(offsets)


@functools.cache
def hash_list(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """The kernels' hashes of a list of words, sorted."""
    from filters.kernels.text import hash_of

    return np.sort(np.array([hash_of(word) for word in dict.fromkeys(words)], np.uint64))


def split(texts: "pa.Array", how: npt.NDArray[np.uint8]) -> Words:
    """Words of a large_string array without nulls; `how` has a code of kernels/split.py per text."""
    from filters.kernels.split import SEGMENTED

    data, offsets = string_buffers(texts)
    return split_ranges(data, offsets[:-1], offsets[1:], how, segment(texts, how == SEGMENTED))


def split_ranges(
    data: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    how: npt.NDArray[np.uint8],
    segments: tuple[Sizes, npt.NDArray[np.int64]],
) -> Words:
    """Words of the texts data[begins[i]:stops[i]]; `segments` as `segment` returns them."""
    from filters import characters
    from filters.kernels import split as kernels

    spans = np.empty((int((stops - begins).sum()), 2), np.int32)
    rows = np.zeros(len(begins) + 1, np.int64)
    known = hash_list(WHOLES + UNITS)
    kernels.split(data, begins, stops, how, *segments, characters.table(), known, spans, rows)
    return Words(data, begins, spans[: rows[-1]], rows)  # room that was never touched takes no memory
