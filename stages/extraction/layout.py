"""Columns of the tables a parsed page consists of. Rows of elements and blocks are int32."""

# An element; element 0 stands above all. Numbers grow in document order, so of two open ones the greater is deeper.
(
    E_TAG,
    E_PARENT,
    E_TOKENS,  # its class, id and role tokens: from here ...
    E_TOKENS_END,  # ... to here
    E_FLAGS,
    E_DEPTH,
    E_FIRST,  # its blocks: from here ...
    E_END,  # ... to here
    E_SHADOWED,  # the open element of the same name around it
    E_BLOCK,  # the nearest block-level element, itself included
) = range(10)
E_COLUMNS = 10
IS_HIDDEN, IS_ARIA_HIDDEN, IS_NOSCRIPT = 1, 2, 4  # flags; children have their parents'

# A block: text between two block-level tags or blank lines.
(
    B_START,
    B_END,
    B_ELEMENT,
    B_LINKED,  # bytes inside links
    B_LINKS,
    B_CELL,  # follows another cell of its table row
    B_PRE,
    B_BOLD,  # bytes inside <b>, <strong>
) = range(8)
B_COLUMNS = 8

# The parser's state.
(
    S_TEXT,  # bytes written
    S_ELEMENTS,
    S_BLOCKS,
    S_TOKENS,
    S_CURRENT,  # the innermost open element
    S_OPEN,  # whether a block is open
    S_SPACE,  # a space is due before the next character
    S_BREAKS,  # <br> since the last character
    S_LINKED,  # open links, <pre>, <b> and elements nobody reads
    S_PRE,
    S_BOLD,
    S_HIDDEN,
    S_NEW_LINK,
    S_CELL,
    S_TITLE,  # where <title> stands in the source
    S_TITLE_END,
    S_KIND,  # og:type: 0 none, 1 article, 2 website, 3 product or profile, 4 else
    S_FRESH_PRE,  # directly after <pre>: a first line break does not count
) = range(18)
S_COLUMNS = 18
