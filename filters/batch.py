"""A batch of texts on its way through the filters: what several of them need is computed once."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from filters import characters
from filters import words as splitting
from filters.word_lists import CANTONESE_STOP_WORDS, CHINESE_STOP_WORDS, ENGLISH_STOP_WORDS
from filters.words import Splitter, Words, string_buffers

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.c4_lines import C4Pass
    from filters.profiles.of_language import LanguageProfile

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def as_texts(texts: "Sequence[str | None] | pa.Array | pa.ChunkedArray") -> "pa.Array":
    """One large_string array. Lone surrogates and broken UTF-8 become U+FFFD; nulls stay."""
    import pyarrow as pa

    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if not isinstance(texts, pa.Array):
        return _from_python(texts)
    array = texts.cast(pa.large_string()) if texts.type != pa.large_string() else texts
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.large_binary()).to_pylist()
        return pa.array([None if one is None else one.decode("utf-8", "replace") for one in raw], pa.large_string())
    return array


def _from_python(texts: "Sequence[str | None]") -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        sound = [
            None if one is None else one.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for one in texts
        ]
        return pa.array(sound, pa.large_string())


class TextBatch:
    """Texts with their languages, and what kernels found in them, each computed on first use.

    texts: strings, or a string array; a null is measured as an empty text and its signals are null again.
    languages: ISO 639-3 by text; None = unknown, then the letters decide how a text is split.
    profiles: languages with stop words and a splitter of their own.
    words: words to use instead of our splitting, one list per text.
    """

    def __init__(
        self,
        texts: "Sequence[str | None] | pa.Array | pa.ChunkedArray",
        languages: "Sequence[str | None] | None" = None,
        *,
        splitter: Splitter = "by_language",
        profiles: "Mapping[str, LanguageProfile] | None" = None,
        given: Sequence[Sequence[str]] | None = None,
    ) -> None:
        import pyarrow.compute as pc

        array = as_texts(texts)
        self.missing = np.asarray(pc.is_null(array).to_numpy(zero_copy_only=False), np.bool_)
        self.texts = pc.fill_null(array, "") if array.null_count else array
        self.languages = None if languages is None else list(languages)
        self.splitter = splitter
        self.profiles = profiles or {}
        self._given = given
        for name, column in (("languages", self.languages), ("words", given)):
            if column is not None and len(column) != len(array):
                raise ValueError(f"{len(column)} {name} for {len(array)} texts")

    def __len__(self) -> int:
        return len(self.texts)

    @functools.cached_property
    def modes(self) -> npt.NDArray[np.uint8]:
        """How each text is split into words (codes of kernels/split.py)."""
        own = {code: one.splitter for code, one in self.profiles.items() if one.splitter}
        return splitting.modes(self.splitter, self.languages, self._guess_modes, len(self), own)

    def _guess_modes(self) -> npt.NDArray[np.uint8]:
        from filters.kernels.script import guess_modes

        guessed = np.zeros(len(self), np.uint8)
        guess_modes(*string_buffers(self.texts), characters.table(), guessed)
        return guessed

    @functools.cached_property
    def words(self) -> Words:
        """The words of every text."""
        return splitting.split(self.texts, self.modes) if self._given is None else splitting.given_words(self._given)

    @functools.cached_property
    def word_counts(self) -> Counts:
        """(n, COLUMNS) of kernels/wordcounts.py; the columns of repeated n-grams only if `repeats` came first."""
        return self._count_words(False)

    @functools.cached_property
    def repeats(self) -> Counts:
        """`word_counts` with the columns of repeated n-grams filled, in the same pass."""
        self.word_counts = self._count_words(True)
        return self.word_counts

    def _count_words(self, repeats: bool) -> Counts:
        from filters.kernels import wordcounts

        out = np.zeros((len(self), wordcounts.COLUMNS), np.int64)
        found = self.words
        where = (found.data, found.bases, found.spans, found.rows)
        wordcounts.count_words(*where, characters.table(), *self._stop_lists(), repeats, out)
        return out

    def _stop_lists(self) -> tuple[Any, Any, Any]:
        """Hashes of all lists one after the other, and where the list of each text begins and ends."""
        from filters.kernels.split import SEGMENTED

        own = self._own_stop_words
        lists = (ENGLISH_STOP_WORDS, CHINESE_STOP_WORDS, CANTONESE_STOP_WORDS, *own.values())
        parts = [splitting.hash_list(one) for one in lists]
        edges = np.cumsum([0, *map(len, parts)])
        by_language = {"yue": 2} | {code: number for number, code in enumerate(own, 3)}
        named = np.array([by_language.get(one or "", 0) for one in self.languages or [None] * len(self)], np.int64)
        chinese = self.modes == SEGMENTED
        which = np.where(named > 2, named, np.where(chinese, np.maximum(named, 1), 0))
        return np.concatenate(parts), edges[which], edges[which + 1]

    @property
    def _own_stop_words(self) -> dict[str, tuple[str, ...]]:
        return {code: one.stop_words for code, one in self.profiles.items() if one.stop_words}

    @functools.cached_property
    def has_stop_words(self) -> npt.NDArray[np.bool_]:
        """Whether there is a list of stop words for the text's language."""
        from filters.kernels.split import UNICODE

        own = self._own_stop_words
        listed = np.array([one in own for one in self.languages or [None] * len(self)], np.bool_)
        return np.not_equal(self.modes, UNICODE) | listed

    @functools.cached_property
    def lines(self) -> Counts:
        """(n, COLUMNS) of kernels/lines.py, all but those of paragraphs and breaks."""
        from filters.kernels import lines

        out = np.zeros((len(self), lines.COLUMNS), np.int64)
        lines.count_text_lines(*string_buffers(self.texts), characters.table(), out)
        return out

    @functools.cached_property
    def paragraphs(self) -> Counts:
        """`lines` with the columns of paragraphs filled too."""
        from filters.kernels import lines

        lines.count_text_paragraphs(*string_buffers(self.texts), characters.table(), self.lines)
        return self.lines

    @functools.cached_property
    def breaks(self) -> Counts:
        """(n, COLUMNS) of kernels/lines.py, those of signs and of str.splitlines."""
        from filters.kernels import lines

        out = np.zeros((len(self), lines.COLUMNS), np.int64)
        lines.count_text_breaks(*string_buffers(self.texts), characters.table(), out)
        return out

    @functools.cached_property
    def c4(self) -> "C4Pass":
        """What C4's line rules leave of the texts, and counts of it."""
        from filters.c4_lines import rewrite

        return rewrite(self.texts)

    @functools.cached_property
    def c4_words(self) -> Words:
        """The words of what C4's line rules leave."""
        from filters.c4_lines import words_left

        split = self.words if self._given is None else splitting.split(self.texts, self.modes)
        return words_left(split, self.modes, self.c4)

    @functools.cached_property
    def c4_sentences(self) -> Counts:
        """Sentences in the lines that C4's line rules leave."""
        from filters.c4_lines import count_sentences

        return count_sentences(self.c4_words)

    def after_c4(self, left: "C4Pass") -> "TextBatch":
        """The texts that a pass of C4's line rules left; their `c4` signals are those of that pass."""
        self.c4 = left
        batch = TextBatch(left.texts, self.languages, splitter=self.splitter, profiles=self.profiles)
        batch.missing, batch.modes, batch.words, batch.c4 = self.missing, self.modes, self.c4_words, left
        batch.c4_sentences = self.c4_sentences
        return batch

    @functools.cached_property
    def is_chinese(self) -> npt.NDArray[np.bool_]:
        """Texts split as Chinese."""
        from filters.kernels.split import SEGMENTED

        return np.equal(self.modes, SEGMENTED)

    @functools.cached_property
    def chinese(self) -> Values:
        """(n, COLUMNS) of kernels/chinese.py; zeros where the text is not Chinese."""
        from filters.kernels import chinese

        out = np.zeros((len(self), chinese.COLUMNS), np.float64)
        chosen = self.is_chinese.astype(np.uint8)
        chinese.measure_chinese(*string_buffers(self.texts), chosen, characters.table(), out)
        return out
