"""Each file of a finished run deleted, cut and flipped, one at a time: `verify` names it, the next run makes it again."""

import random
import shutil
from pathlib import Path

import pytest

from pipeline.errors import Damaged
from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.store import Store
from pipeline.verify import verify
from tests.faults.small_job import FULL, Job, differences, tree

HARMS = ("deleted", "cut", "flipped")
FETCHED = "state/crawl/"


def harm(path: Path, how: str, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: rng.randrange(len(data))])
    else:
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        path.write_bytes(data)


def victims(job: Job, how: str) -> list[str]:
    """Every file; in the slice a ninth of them for each harm."""
    files = [path for path in sorted(job.files) if not path.startswith(FETCHED)]
    return files if FULL else files[HARMS.index(how) :: 3 * len(HARMS)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", HARMS)
def test_every_harmed_file_is_named_and_made_again(job: Job, tmp_path: Path, how: str) -> None:
    """One file at a time. A lost or damaged index costs its step, everything else only its own unit."""
    wrong = [
        told for n, path in enumerate(victims(job, how)) if (told := trouble(job, tmp_path / str(n), path, how, n))
    ]
    assert not wrong, "\n".join(wrong)


def trouble(job: Job, output: Path, path: str, how: str, seed: int) -> str:
    """Harm one file of a finished run; what is wrong with what `verify` and `run` make of it, or nothing."""
    job.copy(output)
    harm(output / path, how, random.Random(seed))
    named = [d["path"] for d in verify(output)["damaged"]]
    job.run(output)
    left = differences(tree(output), job.files)
    sound = verify(output)["ok"]
    shutil.rmtree(output)
    return (
        "" if named == [path] and not left and sound else f"{how} {path}: named {named}, differs {left}, sound {sound}"
    )


def test_what_was_fetched_is_checked_too_and_never_silently_replaced(job: Job, tmp_path: Path) -> None:
    """A second crawl would bring other pages, so a changed WARC ends the run by name."""
    output = job.copy(tmp_path / "out")
    (warc,) = output.glob("state/crawl/*/*.warc.gz")
    whole = warc.read_bytes()
    harm(warc, "flipped", random.Random(1))
    assert [d["path"] for d in verify(output)["damaged"]] == [warc.relative_to(output).as_posix()]
    with pytest.raises(Damaged, match=str(warc)) as caught:
        job.run(output)
    assert caught.value.exit_code == 5
    warc.write_bytes(whole)
    assert not any(job.run(output).done.values())


@pytest.mark.parametrize("name", ["crawl.json", "config.json"])
@pytest.mark.parametrize("how", HARMS)
def test_the_notes_beside_a_finished_crawl_are_made_again(job: Job, tmp_path: Path, name: str, how: str) -> None:
    """They say nothing that the frontier and the recipe do not know."""
    output = job.copy(tmp_path / "out")
    (notes,) = output.glob(f"state/crawl/*/{name}")
    harm(notes, how, random.Random(5))
    job.run(output)
    assert not [p for p in differences(tree(output), job.files) if "frontier" not in p and "lock" not in p]


def test_what_no_setting_asks_for_any_more_is_not_vouched_for(job: Job, tmp_path: Path) -> None:
    """Verdicts of older thresholds, harmed before the recipe was edited: the next run can't make them again."""
    output = job.copy(tmp_path / "out")
    harmed = [*output.glob("state/verdicts/*/*.parquet"), *output.glob("state/verdicts/*/index.jsonl")]
    for number, path in enumerate(sorted(harmed)):
        harm(path, HARMS[number % len(HARMS)], random.Random(number))
    assert len(verify(output)["damaged"]) > 2
    run_with(InlineExecutor(Store(output)), Recipe.from_yaml(job.recipe, ["rules.language.keep=[en]"]))
    assert verify(output)["ok"]
    job.run(output)
    assert verify(output, clean=True)["ok"]


def test_without_its_state_a_run_is_made_again(job: Job, tmp_path: Path) -> None:
    """`state/` may be removed as a whole, at the price of the work; what was fetched is kept here."""
    output = job.copy(tmp_path / "out")
    shutil.move(output / "state/crawl", tmp_path / "crawl")
    shutil.rmtree(output / "state")
    (output / "state").mkdir()
    shutil.move(tmp_path / "crawl", output / "state/crawl")
    job.run(output)
    assert not differences(tree(output), job.files)


def test_verify_clean_takes_what_no_unit_names_and_nothing_else(job: Job, tmp_path: Path) -> None:
    """Parts of settings that were left lie about until they are swept on request."""
    output = job.copy(tmp_path / "out")
    stray = output / "state/passes/01-web-00000000/old.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"old")
    told = verify(output)
    assert told["ok"] and told["superseded"] == ["state/passes/01-web-00000000/old.parquet"]
    verify(output, clean=True)
    assert not differences(tree(output), job.files)
