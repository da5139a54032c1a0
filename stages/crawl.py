"""Crawl: seed URLs in, standard WARC files out, politely. The rest of Winnow reads them like any other WARC."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from stages.base import Configured

CONFIG, RESULT, LOG = "config.json", "crawl.json", "worker.log"
SCHEMA = "winnow.crawl/1"
HOST = re.compile(r"(\*\.)?([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?")
PATIENCE = 8.0  # seconds a stopped worker gets before it is killed; every state on disk is one to go on from


class CrawlError(RuntimeError):
    """A crawl that cannot go on. `code` is the exit code the contract has for it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Crawl(Configured):
    """A polite crawl of some hosts. robots.txt and Crawl-delay are always respected; there is no switch."""

    name: ClassVar[str] = "crawl"
    version: ClassVar[int] = 1

    seeds: tuple[str, ...] = Field(min_length=1)
    hosts: tuple[str, ...] = ()  # host, host:port or *.host; empty: the hosts of the seeds
    max_pages: int = Field(1_000, ge=1)  # answers kept, error pages and redirects included
    max_depth: int = Field(20, ge=0)  # links away from the seeds
    max_per_host: int | None = Field(None, ge=1)  # pages of one host; None: max_pages
    max_per_pattern: int = Field(
        2_000, ge=1
    )  # URLs of one host that differ in numbers and ids only: calendars, sessions
    delay: float = Field(1.0, ge=0, le=3600, allow_inf_nan=False)  # seconds between two requests to one host
    max_crawl_delay: float = Field(60.0, ge=0, le=3600, allow_inf_nan=False)  # a longer Crawl-delay counts as this
    parallel_per_host: int = Field(1, ge=1, le=16)
    hosts_at_once: int = Field(32, ge=1, le=1024)
    user_agent: str = "winnow/1"  # begins with the name that robots.txt is asked about
    contact: str = Field("", pattern=r"^[\x21-\x7e]*$")  # a mail address or page where you can be reached
    timeout: float = Field(30.0, gt=0, le=600, allow_inf_nan=False)  # seconds for one whole answer
    max_bytes: int = Field(10 << 20, ge=1_024)  # of one body; what is longer is cut and marked
    retries: int = Field(2, ge=0, le=10)  # further tries of a page
    retry_wait: float = Field(5.0, ge=0, le=3600, allow_inf_nan=False)  # seconds; doubles with each failure of a host
    warc_bytes: int = Field(256 << 20, ge=1_024)  # size at which the next WARC file begins
    verify_tls: bool = True
    allow_private: bool | tuple[str, ...] = False  # True, or networks that may be asked although they are private

    @field_validator("user_agent")
    @classmethod
    def _agent_has_a_name(cls, value: str) -> str:
        from stages.crawling.robots import product_token

        product_token(value)
        if not value.isascii() or not value.isprintable():
            raise ValueError("user_agent must be printable ASCII")
        return value

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host: write example.org, example.org:8080 or *.example.org")
        return value

    @field_validator("allow_private")
    @classmethod
    def _networks_are_networks(cls, value: bool | tuple[str, ...]) -> bool | tuple[str, ...]:
        import ipaddress

        return value if isinstance(value, bool) else tuple(str(ipaddress.ip_network(n)) for n in value)

    @model_validator(mode="after")
    def _seeds_lie_within_hosts(self) -> Self:
        from stages.crawling.urls import Refused, Scope, link

        scope = Scope(self.scope())
        for seed in self.seeds:
            try:
                host = link(seed).host
            except Refused as refusal:
                raise ValueError(f"seed {seed!r} cannot be crawled: {refusal}") from None
            if host not in scope:
                raise ValueError(f"seed {seed!r} is on {host!r}, which is not among hosts {list(self.hosts)}")
        return self

    def scope(self) -> tuple[str, ...]:
        """The hosts that may be asked."""
        from stages.crawling.urls import Refused, link

        if self.hosts:
            return self.hosts
        found = dict[str, None]()
        for seed in self.seeds:
            try:
                found[link(seed).host] = None
            except Refused:
                continue
        return tuple(found)

    @property
    def agent_header(self) -> str:
        return f"{self.user_agent} (+{self.contact})" if self.contact else self.user_agent

    def digest(self) -> str:
        """sha256 of the settings; a directory belongs to one."""
        settings = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(settings.encode()).hexdigest()


def crawl(
    config: Crawl,
    directory: Path,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[dict[str, int]], None] | None = None,
    log: Path | None = None,
) -> dict[str, Any]:
    """Crawl into `directory` until done, or until `stop()` says so; calling it again goes on where it ended.

    Returns the content of crawl.json: `finished`, `counts`, `files` (finished WARC files: path, bytes, sha256).
    A finished directory is frozen and returned as it stands. `progress` gets {fetched, known, warc_bytes} about once a
    second. `log`: where the worker writes its complaints (worker.log in the directory).
    Raises CrawlError: other settings than the directory was begun with (2), storage (74), locked (75), a bug (1).
    """
    directory.mkdir(parents=True, exist_ok=True)
    result = _finished(directory)
    _claim(config, directory, result)
    if result is not None:
        return result
    log = log or directory / LOG
    with log.open("ab") as errors:
        code = _supervise(_start(directory, errors), stop, progress)
    if code not in (0, 4):
        raise CrawlError(_last_words(log, code), code if code in (74, 75) else 1)
    return read_result(directory) if (directory / RESULT).exists() else _so_far(directory)


def progress_line(figures: dict[str, int]) -> str:
    """`crawl: 120 pages, 310 URLs known, 1.4 MB of WARC`"""
    size = figures["warc_bytes"] / 1e6
    return f"crawl: {figures['fetched']} pages, {figures['known']} URLs known, {size:.1f} MB of WARC"


def read_result(directory: Path) -> dict[str, Any]:
    """crawl.json of a finished crawl. Raises FileNotFoundError where there is none."""
    result: dict[str, Any] = json.loads((directory / RESULT).read_text())
    return result


def write_result(config: Crawl, directory: Path, counts: dict[str, Any]) -> None:
    """Freeze the directory: settings, counts and files; no clock."""
    result = {
        "schema": SCHEMA,
        "finished": True,
        "config_sha256": config.digest(),
        "counts": counts,
        "files": _files(directory),
    }
    _publish(directory / RESULT, json.dumps(result | {"seal": _seal_of(result)}, indent=1) + "\n")


def _finished(directory: Path) -> dict[str, Any] | None:
    """What crawl.json says; a damaged one is removed, for the crawler to say it again from its frontier."""
    path = directory / RESULT
    if not path.exists():
        return None
    result = sound_result(path)
    if result is None:
        path.unlink()
    return result


def sound_result(path: Path) -> dict[str, Any] | None:
    """A crawl.json; None if a bit of it is not what was written."""
    try:
        result: dict[str, Any] = json.loads(path.read_bytes())
        return result if result["seal"] == _seal_of(result) else None
    except (ValueError, TypeError, KeyError):
        return None


def _seal_of(result: dict[str, Any]) -> str:
    """sha256 of all the rest, so that a flipped bit is known when it is seen."""
    rest = {name: value for name, value in result.items() if name != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _claim(config: Crawl, directory: Path, result: dict[str, Any] | None) -> None:
    """One directory, one crawl. Whose it is says crawl.json, and before there is one config.json."""
    path = directory / CONFIG
    known = result["config_sha256"] if result is not None else _begun_with(path)
    if known not in (None, config.digest()):
        raise CrawlError(f"{directory} was begun with other settings: remove it, or crawl into another directory", 2)
    text = config.model_dump_json(indent=1) + "\n"
    if not path.exists() or path.read_bytes() != text.encode():
        _publish(path, text)


def _begun_with(path: Path) -> str | None:
    try:
        return Crawl.model_validate_json(path.read_bytes()).digest()
    except FileNotFoundError:
        return None
    except ValueError:
        raise CrawlError(
            f"{path} is damaged: put a copy of it back, or remove {path.parent} to begin anew", 5
        ) from None


def _publish(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def _start(directory: Path, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Its own session: a Ctrl-C on the terminal reaches us, and we stop it. Its stdin tells it that we live."""
    rooms = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(p for p in (rooms, os.environ.get("PYTHONPATH", "")) if p)
    return subprocess.Popen(
        [sys.executable, "-m", "stages.crawling.worker", str(directory.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def _supervise(
    worker: "subprocess.Popen[bytes]", stop: Callable[[], bool], progress: Callable[[dict[str, int]], None] | None
) -> int:
    """Wait for the worker; whatever happens here, it does not outlive this call. Its exit code, or 4 if stopped."""
    assert worker.stdout is not None
    latest: list[dict[str, int]] = []
    listener = threading.Thread(target=_listen, args=(worker.stdout, latest), daemon=True)
    listener.start()
    try:
        while worker.poll() is None:
            if stop():
                break
            if progress is not None and latest:
                progress(latest.pop())
            time.sleep(0.1)
    finally:
        stopped = worker.poll() is None
        _end(worker)
        listener.join()
    return 4 if stopped else worker.returncode


def _listen(lines: IO[bytes], latest: list[dict[str, int]]) -> None:
    with lines:
        for line in lines:
            latest[:] = [json.loads(line)]


def _end(worker: "subprocess.Popen[bytes]") -> None:
    if worker.poll() is None:
        worker.terminate()
        try:
            worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()
    worker.wait()
    if worker.stdin is not None:
        worker.stdin.close()


def _files(directory: Path) -> list[dict[str, Any]]:
    from stages.crawling.frontier import Frontier
    from stages.crawling.warc import file_name

    frontier = Frontier(directory / "frontier.sqlite")
    try:
        return [{"path": file_name(n), "bytes": size, "sha256": sha} for n, size, done, sha in frontier.warcs() if done]
    finally:
        frontier.close()


def _so_far(directory: Path) -> dict[str, Any]:
    from stages.crawling.frontier import Frontier

    frontier = Frontier(directory / "frontier.sqlite")
    try:
        counts = frontier.counts()
    finally:
        frontier.close()
    return {"schema": SCHEMA, "finished": False, "counts": counts, "files": _files(directory)}


def _last_words(log: Path, code: int) -> str:
    """The last line of its log; what it quotes may come from anywhere, so control characters are left out."""
    lines = log.read_text(errors="replace").strip().splitlines() or ["no message"]
    message = "".join(c if c.isprintable() else "?" for c in lines[-1])
    return f"the crawler ended with code {code}: {message} (see {log})"
