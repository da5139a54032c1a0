"""`winnow plan --measure`: against the oracle of the run itself."""

import pytest

from pipeline.planning import plan
from pipeline.runs import run
from tests.corpus import write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory, language_model):
    return write_project(tmp_path_factory.mktemp("forecast"))


def test_a_sample_of_everything_foretells_what_the_run_finds(project):
    told = plan(project, measure_seconds=600, workers=2)["forecast"]
    result = run(project, workers=2)
    balance = result.manifest["balance"]["documents"]
    assert told["documents"] == told["sampled"]["documents"] == balance["in"]
    assert told["kept_by_rules"] == balance["kept"] + sum(balance["duplicate"].values())
    assert told["seconds"] == pytest.approx(told["cpu_seconds"] / 2, abs=0.1)
    pool = sum(f["bytes"] for f in result.manifest["files"])
    assert pool < told["disk_bytes"]


def test_one_piece_is_enough_and_nothing_is_written(project, tmp_path):
    told = plan(project, output=tmp_path / "out", measure_seconds=0)
    assert told["forecast"]["sampled"]["documents"] > 0
    assert told["forecast"]["documents"] >= told["forecast"]["sampled"]["documents"]
    assert not (tmp_path / "out").exists()


def test_without_asking_nothing_is_measured(project, tmp_path):
    assert plan(project, output=tmp_path / "out")["forecast"] is None
