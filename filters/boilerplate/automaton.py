"""Aho-Corasick over the keys of all phrases, and the rules as flat arrays, for the kernels."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.boilerplate.firsts import firsts_of
from filters.boilerplate.fold import WORD, fold_table, folded
from filters.boilerplate.lexicon import KINDS, Lexicon, Phrase

Ints = npt.NDArray[np.int32]

# What a match must still fulfil.
LEFT, RIGHT, AT_START, AT_END = 1, 2, 4, 8
EMPTY = np.int64(-1)
STATE_BITS = 24
STATE_MASK = np.int64((1 << STATE_BITS) - 1)


class Tables(NamedTuple):
    """Read-only arrays. Ragged lists are (low, values) pairs: list i is values[low[i]:low[i + 1]]."""

    packed: Ints  # code point -> class and kind
    space: int  # class of the space between words
    root: Ints  # (classes,) state after the first sign
    edges: npt.NDArray[np.int64]  # open addressing: (state * classes + class) << STATE_BITS | the state it leads to
    fail: Ints
    pairs: npt.NDArray[np.uint64]  # these six are `firsts.Firsts`
    singles: npt.NDArray[np.uint64]
    words: npt.NDArray[np.uint64]
    stems: npt.NDArray[np.uint64]
    openers: npt.NDArray[np.uint64]
    two: npt.NDArray[np.uint64]
    link: Ints  # nearest state on the failure path that ends a phrase
    out_low: Ints  # state -> phrases that end there
    out_cue: Ints
    out_length: Ints  # signs
    out_flags: Ints
    word_rule: Ints  # cue -> the rule of labels it belongs to, -1
    trigger_low: Ints  # cue -> rules whose first clause names it
    trigger_rule: Ints
    kind: Ints  # of each rule: 1 goes in company, 2 goes alone
    longest: Ints
    scope: Ints  # 1 judges sentences, 2 whole lines
    heading: Ints
    unstated: Ints  # spares statements
    flags: Ints  # HEADING, PROMOTION, INTERLEAVED
    clause_low: Ints  # rule -> clauses
    cue_low: Ints  # clause -> cues
    cue_value: Ints
    forbidden_low: Ints
    forbidden_cue: Ints


class Compiled(NamedTuple):
    """The arrays, and the names of the rules they number."""

    tables: Tables
    names: tuple[str, ...]


def compile_lexicon(lexicon: Lexicon) -> Compiled:
    """Build the automaton: states in order of depth, so that the same lexicon gives the same arrays."""
    fold = fold_table(sign for phrase in lexicon.phrases for sign in phrase.key)
    count = len(fold.classes) + 1
    trie = _Trie(count, {at for sign, at in fold.classes.items() if folded(sign)[1] == WORD})
    for phrase in lexicon.phrases:
        trie.add([fold.classes[sign] for sign in phrase.key], phrase)
    if len(trie.found) > STATE_MASK:
        raise ValueError(f"{len(trie.found)} states of phrases, {STATE_MASK} are the most")
    fail, link = trie.links()
    edges = _hash_edges(trie.edges)
    root = np.array([trie.edges.get(sign, 0) for sign in range(count)], np.int32)
    outs = [[(p.cue, len(p.key), _flags(p)) for p in found] for found in trie.found]
    out_low, flat = _ragged(outs)
    columns = np.array(flat, np.int32).reshape(-1, 3)
    tables = Tables(
        fold.packed, fold.classes[" "], root, edges, fail, *firsts_of(lexicon.phrases, fold.classes), link, out_low,
        *(np.ascontiguousarray(columns[:, at]) for at in range(3)), *_rule_arrays(lexicon),
    )  # fmt: skip
    return Compiled(tables, tuple(rule.name for rule in lexicon.rules))


class _Trie:
    """States and edges of the phrases; an edge is keyed state * classes + class."""

    def __init__(self, classes: int, words: Collection[int]) -> None:
        self.classes = classes
        self.words = words  # signs of scripts with spaces
        self.edges: dict[int, int] = {}
        self.found: list[list[Phrase]] = [[]]
        self.parents: list[tuple[int, int]] = [(0, 0)]

    def add(self, signs: Sequence[int], phrase: Phrase) -> None:
        state = 0
        for sign in signs:
            key = state * self.classes + sign
            if key not in self.edges:
                self.edges[key] = len(self.found)
                self.found.append([])
                self.parents.append((state, sign))
            state = self.edges[key]
        if phrase not in self.found[state]:
            self.found[state].append(phrase)

    def links(self) -> tuple[Ints, Ints]:
        """Failure links, and for each state the nearest failure state (itself included) that ends a phrase; 0 = none."""
        fail = np.zeros(len(self.found), np.int32)
        link = np.zeros(len(self.found), np.int32)
        for state in self._by_depth():
            parent, sign = self.parents[state]
            if parent:
                fail[state] = self._shorter(parent, sign, fail)
            link[state] = state if self.found[state] else link[fail[state]]
        return fail, link

    def _by_depth(self) -> Iterable[int]:
        children: dict[int, list[int]] = {}
        for state in range(1, len(self.found)):
            children.setdefault(self.parents[state][0], []).append(state)
        queue = deque(children.get(0, []))
        while queue:
            state = queue.popleft()
            yield state
            queue.extend(children.get(state, []))

    def _shorter(self, parent: int, sign: int, fail: Ints) -> int:
        """The state of the longest shorter ending; none that begins inside a word, where no phrase does."""
        state = int(fail[parent])
        while True:
            found = self.edges.get(state * self.classes + sign)
            if found is not None and (
                state != 0 or not (self._is_word(sign) and self._is_word(self.parents[parent][1]))
            ):
                return found
            if state == 0:
                return 0
            state = int(fail[state])

    def _is_word(self, sign: int) -> bool:
        return sign in self.words


def _hash_edges(edges: dict[int, int]) -> npt.NDArray[np.int64]:
    """Open addressing at a load of at most 1/2. Key and state in one place: a hit reads one line of memory, not two."""
    size = 1 << (2 * len(edges) + 1).bit_length()
    table = np.full(size, EMPTY, np.int64)
    for key, state in edges.items():
        slot = (key * 0x9E3779B1 >> 7) & (size - 1)
        while table[slot] != EMPTY:
            slot = (slot + 1) & (size - 1)
        table[slot] = key << STATE_BITS | state
    return table


def _flags(phrase: Phrase) -> int:
    """Phrases that begin or end with a letter of a script with spaces begin or end words."""
    left = LEFT if folded(phrase.key[0])[1] == WORD else 0
    right = RIGHT if folded(phrase.key[-1])[1] == WORD and not phrase.open_end else 0
    return left | right | (AT_START if phrase.at_start else 0) | (AT_END if phrase.at_end else 0)


def _ragged(lists: Iterable[Sequence[Any]]) -> tuple[Ints, list[Any]]:
    flat: list[Any] = []
    low = [0]
    for one in lists:
        flat.extend(one)
        low.append(len(flat))
    return np.array(low, np.int32), flat


def _rule_arrays(lexicon: Lexicon) -> list[Ints]:
    rules = lexicon.rules
    word_rule = np.full(len(lexicon.cues), -1, np.int32)
    triggers: list[list[int]] = [[] for _ in lexicon.cues]
    for number, rule in enumerate(rules):
        for cue in rule.clauses[0]:
            if rule.kind in ("F", "W"):
                word_rule[cue] = number
            else:
                triggers[cue].append(number)
    trigger_low, trigger_rule = _ragged(triggers)
    clause_low = np.cumsum([0, *(len(rule.clauses) for rule in rules)])
    cue_low, cue_value = _ragged([clause for rule in rules for clause in rule.clauses])
    forbidden_low, forbidden = _ragged([rule.forbidden for rule in rules])
    columns = [[KINDS[r.kind], r.longest, 1 + r.whole_line, r.heading, r.unstated, r.flags] for r in rules]
    parts = [word_rule, trigger_low, trigger_rule, *np.array(columns).T, clause_low, cue_low, cue_value, forbidden_low]
    return [np.ascontiguousarray(part, np.int32) for part in (*parts, forbidden)]
