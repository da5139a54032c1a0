"""Damage to bytes, fast and repeatable: input number n of a seed is the same for ever, so a number is a crasher's name."""

import random
import re
from collections.abc import Callable, Sequence

MAX_INPUT = 256 << 10  # bytes; larger inputs find nothing that these do not, and fewer of them are tried
_NUMBER = re.compile(rb"\d{1,18}")
_ODD_NUMBERS = (b"0", b"1", b"-1", b"65536", b"99999999999", b"4294967296", b"9" * 30, b"1e9", b"0x10", b"")

Damage = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(seed: int, number: int, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Input `number`: one of the seeds after 1 to 6 damages, or, one time in 64, as it is."""
    chance = random.Random(f"{seed}/{number}")
    data = bytearray(chance.choice(seeds))
    if chance.randrange(64):
        for _ in range(chance.randint(1, 6)):
            chance.choice(DAMAGES)(chance, data, chance.choice((seeds, words)))
    return bytes(data[:MAX_INPUT])


def _place(chance: random.Random, data: bytearray) -> int:
    return chance.randrange(len(data) + 1)


def _span(chance: random.Random, data: bytearray) -> tuple[int, int]:
    """A range, short more often than long."""
    begin = _place(chance, data)
    return begin, min(len(data), begin + int(2 ** (chance.random() * 14)))


def _flip(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    begin, end = _span(chance, data)
    data[begin:end] = chance.choice((b"\0", b"\xff", b"\n", b" ", b"<", chance.randbytes(1))) * (end - begin)


def _delete(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    begin, end = _span(chance, data)
    del data[begin:end]


def _double(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    begin, end = _span(chance, data)
    data[begin:begin] = data[begin:end] * chance.choice((1, 1, 2, 30))
    del data[MAX_INPUT:]


def _truncate(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[_place(chance, data) :]


def _noise(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(chance, data)
    data[at:at] = chance.randbytes(int(2 ** (chance.random() * 9)))


def _splice(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """A part of another seed, or a word of the format."""
    other = chance.choice(others)
    begin = chance.randrange(len(other) + 1) if len(other) > 40 else 0
    at = _place(chance, data)
    data[at : at + chance.choice((0, 0, len(other)))] = other[begin : begin + (1 << chance.randrange(5, 15))]


def _number(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    found = _NUMBER.search(data, _place(chance, data))
    if found:
        data[found.start() : found.end()] = chance.choice(_ODD_NUMBERS)


DAMAGES: tuple[Damage, ...] = (_flip, _flip, _overwrite, _delete, _double, _truncate, _noise, _splice, _splice, _number)
