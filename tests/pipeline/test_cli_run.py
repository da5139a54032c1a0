"""The commands around a run, on a real one: run, plan, status, verify, explain."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli

WORDS = "river mountain city harbour market bridge winter summer morning evening road garden forest island".split()
RECIPE = """name: small
seed: 3
output: out
sources: {pages: {read: {html: "pages/*.html"}}}
stages: [extract, language, length]
rules: {en.length.min_chars: 60}
dedupe: [exact]
"""


def page(number: int) -> str:
    sentences = [f"The {WORDS[(number + n) % 14]} lies behind the {WORDS[(number * n + 1) % 14]}." for n in range(9)]
    return f"<html><body><article><p>{' '.join(sentences)}</p></article></body></html>"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, language_model: Path) -> Path:
    """A finished run over six pages: a copy, an empty one, a short one and three others."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pages").mkdir()
    texts = [page(1), page(2), page(3), page(3), "<html></html>", "<p>short</p>"]
    for n, text in enumerate(texts):
        (folder / f"pages/{n}.html").write_text(text)
    (folder / "r.yaml").write_text(RECIPE)
    assert cli.invoke(["run", str(folder / "r.yaml"), "--workers", "1"]) == 0
    return folder


@pytest.fixture
def here(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """One command in this process: (exit code, stdout, stderr)."""
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.invoke(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


Here = Callable[..., tuple[int, str, str]]


def test_run_again_reuses_everything_and_shows_the_funnel(project: Path, here: Here) -> None:
    """The end of every run says where each document went."""
    code, out, _ = here("run", str(project / "r.yaml"))
    assert code == 0 and "0 units done" in out
    rows = [line.split() for line in out.splitlines() if line]
    assert rows[1][:2] == ["in", "6"] and ["kept", "3"] in [row[:2] for row in rows]


def test_run_as_json_is_one_document(project: Path, here: Here) -> None:
    """Scripts read the manifest from here, or from the output."""
    code, out, _ = here("run", str(project / "r.yaml"), "--json")
    told = json.loads(out)
    assert code == 0 and told["schema"] == "winnow.result/1" and not any(told["done"].values())
    assert told["manifest"] == json.loads((project / "out/pool/manifest.json").read_text())


def test_an_expectation_that_fails_still_shows_the_figures(project: Path, here: Here) -> None:
    """Exit code 3: done, but not as hoped."""
    arguments = ["run", str(project / "r.yaml"), "--set", "expect.documents=>= 1000"]
    code, out, err = here(*arguments)
    assert code == 3 and "documents is 3, expected >= 1000" in err and len(err.splitlines()) <= 3
    assert "kept" in out
    code, out, _ = here(*arguments, "--json")
    assert code == 3 and json.loads(out)["manifest"]["balance"]["documents"]["kept"] == 3


def test_plan_tells_what_a_changed_threshold_costs(project: Path, here: Here) -> None:
    """Nothing is measured again, only judged."""
    code, out, _ = here("plan", str(project / "r.yaml"), "--set", "rules.en.length.min_chars=70", "--json")
    steps = {step["label"]: step for step in json.loads(out)["steps"]}
    assert code == 0 and steps["measure 1"]["todo"] == 0 and steps["judge 1"]["todo"] > 0
    code, out, _ = here("plan", str(project / "r.yaml"))
    assert code == 0 and out.count("done") >= 3


def test_plan_reads_the_index_of_a_step_once_however_many_units_are_missing(
    project: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once per missing unit, a plan over n inputs whose rules changed cost n times n."""
    from pipeline.index import Index

    read, load = [], Index.load
    monkeypatch.setattr(Index, "load", lambda index: read.append(index.step) or load(index))
    code, out, _ = here("plan", str(project / "r.yaml"), "--set", "rules.en.length.min_chars=70", "--json")
    judged = json.loads(out)["steps"][-1]
    assert code == 0 and judged["todo"] == 6
    assert max(read.count(step) for step in read) <= 2


def test_output_on_the_command_line_is_taken_from_here(
    project: Path, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While `output:` in the recipe is taken from the recipe's directory."""
    monkeypatch.chdir(tmp_path)
    told = json.loads(here("plan", str(project / "r.yaml"), "--output", "other", "--json")[1])
    assert told["output"] == str(tmp_path / "other") and not (tmp_path / "other").exists()
    told = json.loads(here("plan", str(project / "r.yaml"), "--json")[1])
    assert told["output"] == str(project / "out")


def test_status_and_verify_speak_of_the_run(project: Path, here: Here) -> None:
    """For people as tables, for programs as JSON."""
    code, out, _ = here("status", str(project / "out"))
    assert code == 0 and "small, finished" in out
    assert json.loads(here("status", str(project / "out"), "--json")[1])["schema"] == "winnow.status/1"
    code, out, _ = here("verify", str(project / "out"))
    assert code == 0 and "all sound" in out


def test_every_fate_can_be_explained(project: Path, here: Here) -> None:
    """By record key here; the file's name is the key of a page from a folder."""
    fates = {}
    for n in range(6):
        code, out, _ = here("explain", str(project / "out"), f"{n}.html", "--json")
        assert code == 0
        fates[n] = json.loads(out)["documents"][0]["fate"]["action"]
    assert sorted(fates.values()) == ["drop", "drop", "duplicate", "keep", "keep", "keep"]
    code, out, _ = here("explain", str(project / "out"), "5.html")
    assert code == 0 and "length" in out and "min_chars" in out
    assert here("explain", str(project / "out"), "nope.html")[0] == 2


def test_another_name_may_not_take_the_output(project: Path, here: Here) -> None:
    """Exit code 2, and how to go on."""
    code, _, err = here("run", str(project / "r.yaml"), "--set", "name=other")
    assert code == 2 and "holds the run 'small', not 'other'" in err and "--replace" in err


def test_a_damaged_file_is_named_and_made_anew(project: Path, here: Here) -> None:
    """Exit code 5, then `run` mends it. Last: it changes the project."""
    shard = next((project / "out/pool/data").glob("*.parquet"))
    sound = shard.read_bytes()
    shard.write_bytes(sound[:-20] + bytes(20))
    code, out, _ = here("verify", str(project / "out"))
    assert code == 5 and f"pool/data/{shard.name}" in out
    assert here("run", str(project / "r.yaml"), "--workers", "1")[0] == 0
    assert shard.read_bytes() == sound and here("verify", str(project / "out"))[0] == 0
