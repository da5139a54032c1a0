"""One undisturbed run for all faults."""

import pytest

from tests.faults.small_job import Job, finish, small_site


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Crawled on loopback once; every later run replays what was fetched."""
    with small_site() as url:
        return finish(tmp_path_factory.mktemp("job"), crawl=url)
