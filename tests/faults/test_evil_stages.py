"""Stages that crash, hang, leak and raise: the run ends well, only the guilty documents are in quarantine."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import WinnowError
from pipeline.explain import explain
from pipeline.runs import Result, load_run, run
from pipeline.verify import verify
from pipeline.watch import Limits
from tests.e2e.test_core import tree
from tests.faults import evil

LIMITS = Limits(cpu_seconds=3, idle_seconds=3, memory_bytes=700 << 20)
REASONS = {
    "spin": "timeout",
    "spin_nogil": "timeout",
    "sleep": "timeout",
    "leak": "out_of_memory",
    "memory_error": "out_of_memory",
    "segfault": "crashed",
    "abort": "crashed",
    "leave": "crashed",
    "fpe": "crashed",
    "raise": "stage_error",
    "leave_a_child": "crashed",
}
STAGE = "evil"


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil.install(tmp_path / "plugin", monkeypatch)


def project(folder: Path, texts: list[str], stages: str) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({"id": f"row-{n}", "text": text}) for n, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("\n".join(rows))
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: evil\noutput: out\nsources: {{rows: {{read: {{jsonl: rows.jsonl}}}}}}\nstages: {stages}\n"
    )
    return recipe


def texts_with(*deeds: str, honest: int = 40) -> list[str]:
    """Honest texts, the evil ones spread among them."""
    texts = [f"honest text {n}" for n in range(honest)]
    for number, deed in enumerate(deeds):
        texts.insert((number + 1) * honest // (len(deeds) + 1), f"EVIL {deed} {number}")
    return texts


def fates(result: Result) -> dict[str, tuple[str, str]]:
    """record key -> (reason, stage at work) of all in quarantine."""
    rows = load_run(result.output).ledger().filter(pl.col("action") == "quarantine").collect().to_dicts()
    assert {row["stage"] for row in rows} <= {"worker"}
    return {row["record_key"]: (row["reason"], row["value_str"]) for row in rows}


def expected(texts: list[str], stage: str = STAGE) -> dict[str, tuple[str, str]]:
    evil_ones = {f"row-{n}": t.split()[1] for n, t in enumerate(texts) if t.startswith("EVIL")}
    return {key: (REASONS[deed], stage) for key, deed in evil_ones.items()}


@pytest.mark.parametrize(
    "deeds", [("segfault", "raise", "sleep"), pytest.param(tuple(REASONS), marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_deed_costs_its_document_and_no_other(tmp_path: Path, deeds: tuple[str, ...]) -> None:
    """Each guilty document with the right reason and stage, the rest kept, and the same bytes from a second run's replay."""
    texts = texts_with(*deeds)
    recipe = project(tmp_path / "p", texts, "[evil]")
    result = run(recipe, workers=2, limits=LIMITS)
    assert fates(result) == expected(texts)
    documents = result.manifest["balance"]["documents"]
    assert documents["kept"] == 40 and sum(documents["quarantined"].values()) == len(deeds)
    recorded = dict(Counter(REASONS[deed] for deed in deeds if deed != "raise"))
    assert result.manifest["recordings"] == recorded
    assert len(list((result.output / "state/logs/quarantined").iterdir())) == sum(recorded.values())
    before = tree(result.output)
    assert verify(result.output)["ok"]
    replay_measures_to_the_same_bytes(result, recipe, before)


def replay_measures_to_the_same_bytes(result: Result, recipe: Path, before: dict[str, str]) -> None:
    """A unit is a pure function of its inputs and recordings: no budget can be exceeded any more."""
    for folder in ("state/passes", "state/verdicts", "pool", "ledger"):
        for path in sorted((result.output / folder).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    again = run(recipe, workers=1, limits=Limits(cpu_seconds=60))
    assert again.done["measure 1"] > 0
    assert tree(again.output) == before
    guilty = load_run(again.output).ledger().select("record_key", "reason").collect().to_dicts()[0]
    assert explain(again.output, guilty["record_key"])["documents"][0]["fate"]["reason"] == guilty["reason"]


def test_a_later_pass_knows_the_verdicts_of_an_earlier_one(tmp_path: Path) -> None:
    """Each pass has its own guilty document, each is counted once."""
    texts = texts_with("abort", "raise", honest=12)
    flag = tmp_path / "p" / "flag"
    recipe = project(tmp_path / "p", texts, f"[{{evil: {{flag: {flag}}}}}, evil_too]")
    flag.touch()  # the first pass behaves
    result = run(recipe, workers=2, limits=LIMITS)
    assert [label for label in result.done if label.startswith("measure")] == ["measure 1", "measure 2"]
    assert fates(result) == expected(texts, "evil_too")
    assert result.manifest["recordings"] == {"crashed": 1}
    flag.unlink()  # and now it does not: another output, since nothing it depends on has changed
    other = run(recipe, output=tmp_path / "other", workers=2, limits=LIMITS)
    assert fates(other) == expected(texts, "evil")


def test_a_verdict_is_kept_until_somebody_asks_for_another_try(tmp_path: Path) -> None:
    """The machine may have been short of memory that day."""
    flag = tmp_path / "p" / "flag"
    recipe = project(tmp_path / "p", texts_with("memory_error", honest=8), f"[{{evil: {{flag: {flag}}}}}]")
    first = run(recipe, workers=1, limits=LIMITS)
    assert first.manifest["balance"]["documents"]["quarantined"] == {"out_of_memory": 1}
    flag.touch()
    assert run(recipe, workers=1).manifest == first.manifest
    retried = run(recipe, workers=1, retry_quarantined=True)
    assert retried.manifest["balance"]["documents"]["kept"] == 9
    assert retried.manifest["recordings"] == {}
    assert verify(retried.output)["ok"]


@pytest.mark.parametrize("deed", ["raise", "abort"])
def test_a_stage_that_cannot_be_loaded_is_a_matter_for_the_user(tmp_path: Path, deed: str) -> None:
    """Fails fast, exit 2, named; no document has been at work."""
    recipe = project(tmp_path / "p", texts_with(honest=3), f"[{{evil: {{at_load: {deed}}}}}]")
    with pytest.raises(WinnowError, match=r"stage 'evil'") as caught:
        run(recipe, workers=1, limits=LIMITS)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("deed", ["raise", "segfault"])
def test_a_stage_that_fails_on_most_documents_is_at_fault_itself(tmp_path: Path, deed: str) -> None:
    """An empty corpus and exit 0 would be the worst of answers."""
    recipe = project(tmp_path / "p", texts_with(honest=60), f"[{{evil: {{always: {deed}}}}}]")
    with pytest.raises(WinnowError, match="the stage is at fault") as caught:
        run(recipe, workers=1, limits=LIMITS)
    assert caught.value.exit_code == 1


def test_a_damaged_recording_is_found_out_again(tmp_path: Path) -> None:
    """As any other file of a run: verify names it, the next run mends it."""
    result = run(project(tmp_path / "p", texts_with("abort", honest=8), "[evil]"), workers=1, limits=LIMITS)
    before = tree(result.output)
    (victim,) = (result.output / "state/recordings").iterdir()
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    told = verify(result.output)
    assert [d["path"] for d in told["damaged"]] == [f"state/recordings/{victim.name}"]
    run(tmp_path / "p" / "recipe.yaml", workers=1, limits=LIMITS)
    assert tree(result.output) == before
