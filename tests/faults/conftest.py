"""One undisturbed run for all faults."""

from collections.abc import Iterator

import pytest

from tests.faults.forge import Forge
from tests.faults.small_job import Job, finish, small_site


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Crawled on loopback once; every later run replays what was fetched."""
    with small_site() as url:
        return finish(tmp_path_factory.mktemp("job"), crawl=url)


@pytest.fixture(scope="session")
def forge(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Runs of that job without workers; what they import is imported once."""
    with Forge(job.recipe, tmp_path_factory.mktemp("forge") / "log") as forge:
        yield forge
