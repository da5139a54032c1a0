"""A short, always equal slice of `make fuzz`, and every input that once broke something."""

from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import CRASHERS, fuzz, keep

KEPT = sorted(path for path in CRASHERS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("layer", TARGETS)
def test_a_slice_of_every_layer_holds(layer: str) -> None:
    target = TARGETS[layer]
    check, seeds = target.make(), target.seeds()
    for number in range(target.slice):
        check(mutated(1, number, seeds, target.words))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_once_broke_something_does_no_more(path: Path) -> None:
    TARGETS[path.parent.name].make()(path.read_bytes())


def test_an_input_is_the_same_for_ever() -> None:
    """A number and a seed name it in a report; another order of trying changes nothing."""
    seeds, words = [b"some seed 123", b"another"], [b"word"]
    assert [mutated(1, n, seeds, words) for n in range(50)] == [mutated(1, n, seeds, words) for n in range(50)]
    assert len({mutated(1, n, seeds, words) for n in range(50)}) > 40


def test_one_input_is_kept_for_each_way_of_failing(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for data in (b"a", b"b", b"c"):
        keep("warc", data, f"here line 1 Error: {data!r}", seen, tmp_path)
    assert seen == {"here line 1 Error": 3}
    assert [path.read_bytes() for path in tmp_path.glob("warc/*")] == [b"a"]


def test_the_watched_child_counts_its_inputs(tmp_path: Path) -> None:
    found = fuzz("recipe", 1, 0, 20, folder=tmp_path)
    assert (found.inputs, sum(found.failures.values())) == (20, 0)
