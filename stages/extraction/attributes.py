"""The attributes of a tag: class, id and role words as hashes, what hides an element, what <meta> says of a page."""

from stages.extraction.bytes import APOSTROPHE, EQUALS, GREATER, QUOTE, SLASH, is_space, lower
from stages.extraction.jit import Array, Number, helper
from stages.extraction.layout import IS_ARIA_HIDDEN, IS_HIDDEN, S_KIND, S_TOKENS
from stages.extraction.tags import FNV_BASIS, FNV_MASK, FNV_PRIME, TAG, fnv

_CLASS, _ID, _ROLE, _ITEMPROP, _STYLE, _HIDDEN, _ARIA, _NAME, _PROPERTY, _CONTENT, _TEST = map(
    fnv,
    "class id role itemprop style hidden aria-hidden name property content data-testid".split(),
)
_OG_TYPE = fnv("og:type")
_SALT_ID, _SALT_ROLE, _SALT_ITEM = 0x1234567, 0x2345671, 0x3456712
_META = TAG["meta"]
_MOST_WORDS = 24  # of one attribute
_MOST_LETTERS = 80  # of one word


@helper
def attributes(source: Array, at: Number, tag: Number, tokens: Array, s: Array) -> tuple[Number, Number, Number]:
    """Read up to the end of a tag: (where it ends or -1 if it never does, flags, whether it closes itself)."""
    n = len(source)
    flags, slash, named, content, content_end = 0, False, 0, 0, 0
    while True:
        while at < n and (is_space(source[at]) or source[at] == SLASH):
            slash = source[at] == SLASH
            at += 1
        if at >= n:
            return -1, flags, 0
        if source[at] == GREATER:
            break
        slash = False
        name, at = _name(source, at)
        start, end, at = _value(source, at)
        if tag == _META:
            if name == _NAME or name == _PROPERTY:
                named = _folded(source, start, end)
            elif name == _CONTENT:
                content, content_end = start, end
        else:
            flags |= _attribute(source, name, start, end, tokens, s)
    if named == _OG_TYPE and content < content_end:
        s[S_KIND] = _kind(source[content] | 32)
    return at + 1, flags, 1 if slash else 0


@helper
def _name(source: Array, at: Number) -> tuple[Number, Number]:
    n, start, value = len(source), at, FNV_BASIS
    while at < n:
        byte = source[at]
        if (byte == EQUALS and at > start) or byte == GREATER or byte == SLASH or is_space(byte):
            break
        value = ((value ^ lower(byte)) * FNV_PRIME) & FNV_MASK
        at += 1
    return value, at


@helper
def _value(source: Array, at: Number) -> tuple[Number, Number, Number]:
    """(start, end, where to go on) of an attribute's value; an unclosed quote runs to the end of the page."""
    n, after_name = len(source), at
    while at < n and is_space(source[at]):
        at += 1
    if at >= n or source[at] != EQUALS:
        return after_name, after_name, at
    at += 1
    while at < n and is_space(source[at]):
        at += 1
    if at < n and (source[at] == QUOTE or source[at] == APOSTROPHE):
        quote, start = source[at], at + 1
        at = start
        while at < n and source[at] != quote:
            at += 1
        return start, at, at + 1 if at < n else n
    start = at
    while at < n and source[at] != GREATER and not is_space(source[at]):
        at += 1
    return start, at, at


@helper
def _folded(source: Array, start: Number, end: Number) -> Number:
    value = FNV_BASIS
    for i in range(start, end):
        value = ((value ^ lower(source[i])) * FNV_PRIME) & FNV_MASK
    return value


@helper
def _kind(letter: Number) -> Number:
    if letter == 97:  # article
        return 1
    if letter == 119:  # website
        return 2
    return 3 if letter == 112 else 4  # product, profile


@helper
def _attribute(source: Array, name: Number, start: Number, end: Number, tokens: Array, s: Array) -> Number:
    """Remember the words of an attribute that names its element's purpose; returns flags."""
    if name == _CLASS:
        _words(source, start, end, 0, tokens, s)
    elif name == _ID or name == _TEST:
        _words(source, start, end, _SALT_ID, tokens, s)
    elif name == _ROLE:
        _words(source, start, end, _SALT_ROLE, tokens, s)
    elif name == _ITEMPROP:
        _words(source, start, end, _SALT_ITEM, tokens, s)
    elif name == _HIDDEN:
        return IS_HIDDEN
    elif name == _ARIA:
        return IS_ARIA_HIDDEN if end - start == 4 and source[start] | 32 == 116 else 0
    elif name == _STYLE:
        return IS_HIDDEN if _hides(source, start, end) else 0
    return 0


@helper
def _words(source: Array, at: Number, end: Number, salt: Number, tokens: Array, s: Array) -> None:
    """Append the words of a value and their parts: `post-body` gives post, body and post-body; digits are alike."""
    words = 0
    while at < end and words < _MOST_WORDS:
        while at < end and is_space(source[at]):
            at += 1
        if at < end:
            at = _word(source, at, end, FNV_BASIS ^ salt, tokens, s)
            words += 1


@helper
def _word(source: Array, at: Number, end: Number, basis: Number, tokens: Array, s: Array) -> Number:
    whole, part, letters, parts, after_small, start = basis, basis, 0, 0, False, at
    while at < end and not is_space(source[at]) and at - start < _MOST_LETTERS:
        byte = source[at]
        is_capital = 65 <= byte <= 90
        folded = lower(byte)
        is_letter = 97 <= folded <= 122 or byte >= 128
        if 48 <= byte <= 57:
            folded = 48
        whole = ((whole ^ folded) * FNV_PRIME) & FNV_MASK
        if not is_letter or (is_capital and after_small):
            if letters >= 2:
                _remember(part, tokens, s)
                parts += 1
            part, letters = basis, 0
        if is_letter:
            part = ((part ^ folded) * FNV_PRIME) & FNV_MASK
            letters += 1
        after_small = bool(is_letter and not is_capital)
        at += 1
    while at < end and not is_space(source[at]):
        at += 1
    if letters >= 2 and parts > 0:
        _remember(part, tokens, s)
    _remember(whole, tokens, s)
    return at


@helper
def _remember(token: Number, tokens: Array, s: Array) -> None:
    if s[S_TOKENS] < len(tokens):
        tokens[s[S_TOKENS]] = token
        s[S_TOKENS] += 1


@helper
def _hides(source: Array, start: Number, end: Number) -> Number:
    """Whether a style holds display:none."""
    for i in range(start, end - 10):
        if (
            source[i] | 32 == 100  # d
            and source[i + 1] | 32 == 105  # i
            and source[i + 2] | 32 == 115  # s
            and source[i + 6] | 32 == 121  # y
        ):
            j = i + 7
            while j < end and j < i + 20 and (source[j] == 58 or is_space(source[j])):
                j += 1
            if j + 2 < end and source[j] | 32 == 110 and source[j + 1] | 32 == 111 and source[j + 2] | 32 == 110:
                return True
    return False
