"""The command line from outside: exit codes, one to three lines for a mistake, data on stdout and talk on stderr."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline import cli, cli_render
from pipeline.errors import Damaged, ExpectationFailed, Incomplete, Locked, StorageError, UsageError

ROOT = Path(__file__).resolve().parents[2]
PAGE = """<html><head><title>Rivers</title><meta charset="utf-8"></head><body><nav>Home | About</nav><article>
<h1>Rivers</h1><p>Rivers carry water from the mountains to the sea, and on their way they shape the land around them
in many ways that people have studied for centuries.</p><p>Many cities were built beside rivers because boats could reach
them easily, and because water was needed for fields, mills and kitchens.</p></article></body></html>"""


def winnow(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run(command, cwd=cwd or ROOT, capture_output=True, text=True, check=False, env=env)


MISTAKES = [
    (["nosuch"], "No such command 'nosuch'"),
    (["run"], "Missing argument 'RECIPE'"),
    (["run", "--nosuch", "x"], "No such option: --nosuch"),
    (["run", "no.yaml"], "no.yaml: No such file or directory"),
    (["run", "x.yaml", "--workers", "0"], "--workers"),
    (["run", "x.yaml", "--executor", "ray"], "--executor ray: not available yet"),
    (["status", "nowhere"], "nowhere: no run there"),
    (["verify", "nowhere"], "nowhere: no run there"),
    (["explain", "nowhere", "x"], "nowhere: no finished run there"),
    (["extract", "nowhere.html"], "nowhere.html: no such file"),
    (["extract", "x", "--engine", "magic"], "--engine magic: should be one of auto"),
    (["extract", "x", "--format", "pdf"], "--format pdf: should be one of jsonl"),
    (["extract", "ftp://a/b"], "only http and https pages are fetched"),
    (["schema", "nosuch"], "schema nosuch:"),
    (["stages", "extrct"], "unknown stage 'extrct' (did you mean 'extract'?)"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_ends_with_two_and_a_short_word(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """What, where and how to mend it, in one to three lines on stderr; never a traceback."""
    assert cli.invoke(arguments) == 2
    told = capsys.readouterr()
    assert message in told.err and "Traceback" not in told.err and told.out == ""
    assert 1 <= len(told.err.splitlines()) <= 3


ERRORS: list[tuple[BaseException, int]] = [
    (UsageError("x"), 2),
    (ExpectationFailed("x"), 3),
    (Incomplete("x"), 4),
    (Damaged("x"), 5),
    (StorageError("x"), 74),
    (Locked("x"), 75),
    (OSError(28, "No space left on device", "/full"), 74),
    (cli.Stopped(signal.SIGTERM), 143),
    (cli.Stopped(signal.SIGINT), 130),
    (ZeroDivisionError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_every_kind_of_end_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    """Scripts around us decide by these numbers."""
    import pipeline.status

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(pipeline.status, "status", fail)
    assert cli.invoke(["status", "x"]) == code
    told = capsys.readouterr().err
    assert ("Traceback" in told) == (code == 1) and (code == 1 or len(told.splitlines()) <= 3)


def test_help_names_every_command_and_goes_to_stdout() -> None:
    """The newcomer's first command."""
    done = winnow("--help")
    assert done.returncode == 0 and done.stderr == ""
    for command in ("run", "plan", "status", "verify", "explain", "extract", "schema", "stages", "doctor"):
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE)
    assert winnow().returncode == 2


class Told(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """A command line in this process, which has the heavy imports behind it."""

    def run(*arguments: str) -> Told:
        code = cli.invoke(list(arguments))
        told = capsys.readouterr()
        return Told(code, told.out, told.err)

    return run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "rivers.html"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_extract_gives_one_json_line_per_page(page: Path, language_model: Path) -> None:
    """{id, url, title, text, language}: the ten-second try."""
    done = winnow("extract", str(page))
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert done.returncode == 0 and list(found) == ["id", "url", "title", "text", "language"]
    assert (found["id"], found["title"], found["language"]) == (str(page), "Rivers", "eng")
    assert "Many cities were built beside rivers" in found["text"] and "Home | About" not in found["text"]


def test_extract_reads_parquet_by_its_own_ids_and_counts_what_it_lost(
    here: Callable[..., Told], tmp_path: Path, language_model: Path
) -> None:
    """The gold data is scored by these ids; a page without text is a line too, and is talked about."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["a", "b"], "html": [PAGE.encode(), b"<html></html>"]}), tmp_path / "p.parquet")
    done = here("extract", str(tmp_path / "p.parquet"))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [f["id"] for f in found] == ["a", "b"] and found[1]["text"] == "" and found[1]["language"] is None
    assert "1 pages or records without text: empty 1" in done.err


def test_extract_reads_every_page_of_a_warc(here: Callable[..., Told], data_dir: Path, language_model: Path) -> None:
    """Records that are no pages (requests, redirects) make no line."""
    file = data_dir / "warc-samples/whirlwind-python/whirlwind.warc.gz"
    done = here("extract", str(file))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0 and [f["url"] for f in found] == ["https://an.wikipedia.org/wiki/Escopete"]


@pytest.mark.parametrize(("form", "begin"), [("text", "Rivers"), ("markdown", "Rivers")])
def test_extract_writes_text_and_markdown(
    here: Callable[..., Told], page: Path, language_model: Path, form: str, begin: str
) -> None:
    """For reading, not for machines."""
    done = here("extract", str(page), "--format", form)
    assert done.out.lstrip("# ").startswith(begin) and done.out.endswith("\n")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/rivers": (200, PAGE), "/moved": (301, "")}.get(self.path, (404, "no"))
        self.send_response(found[0])
        if found[0] == 301:
            self.send_header("Location", "/rivers")
        self.end_headers()
        self.wfile.write(found[1].encode())

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()


def test_extract_fetches_a_page(here: Callable[..., Told], site: str, language_model: Path) -> None:
    """The id is what was asked for, the URL where it was found."""
    done = here("extract", f"{site}/moved")
    found = json.loads(done.out)
    assert (found["id"], found["url"], found["title"]) == (f"{site}/moved", f"{site}/rivers", "Rivers")


@pytest.mark.parametrize(("path", "message"), [("/none", "the server answered 404"), (":1/x", "check the address")])
def test_a_page_that_cannot_be_fetched_is_a_storage_error(
    here: Callable[..., Told], site: str, path: str, message: str
) -> None:
    """Exit 74: it may work tomorrow."""
    place = site + path if path.startswith("/") else f"http://127.0.0.1{path}"
    done = here("extract", place)
    assert done.code == 74 and message in done.err and len(done.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["schema"], ["stages"]])
def test_a_reader_that_goes_away_is_no_bug(arguments: list[str]) -> None:
    """`winnow stages | head -1` ends quietly, and not with the exit code of a bug."""
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()  # before the first byte is written: what fits into the pipe's buffer would not be missed
    assert process.wait(60) == cli.CLOSED_PIPE and process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_the_command_with_its_code(number: int, code: int) -> None:
    """Schedulers send SIGTERM, people Ctrl-C; both can go on later."""
    script = (
        "import pipeline.status, time, sys\n"
        "def wait(*_): print('ready', flush=True); time.sleep(60)\n"
        "pipeline.status.status = wait\n"
        "sys.argv = ['winnow', 'status', 'x']\n"
        "from pipeline.cli import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    started = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code and told.decode() == "winnow: stopped; run it again to go on\n"
    assert time.monotonic() - started < 10


JSON_COMMANDS = [
    ["schema"],
    ["schema", "recipe"],
    ["stages", "--json"],
    ["stages", "extract", "--json"],
    ["doctor", "--json"],
]


@pytest.mark.parametrize("arguments", JSON_COMMANDS)
def test_json_is_one_document_with_its_schema(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Programs read it, so nothing else may stand on stdout."""
    cli.invoke(arguments)
    told = json.loads(capsys.readouterr().out)
    assert re.fullmatch(r"winnow\.[a-z-]+/1", told["schema"])


def test_the_catalogue_tells_settings_columns_and_thresholds() -> None:
    """What `winnow stages NAME` promises."""
    from pipeline.catalogue import catalogue

    told = catalogue("extract")["stages"][0]
    assert told["settings"]["engine"]["default"] == "auto" and "extract__error" in told["adds"]
    assert {r["path"] for r in told["rules"]} >= {"extract.max_replaced", "extract.max_mojibake"}


def test_every_stage_of_the_catalogue_says_what_it_is() -> None:
    """The first line of the docstring is its entry."""
    from pipeline.catalogue import KINDS, catalogue

    told = catalogue()
    assert [e["name"] for kind in KINDS for e in told[kind] if not e["about"]] == []


def test_no_text_of_a_page_can_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, right-to-left overrides and line separators from documents are shown, not obeyed."""
    hostile = "\x1b[31mred\x1b]0;title\x07 \u202eevil\u2028 [bold]markup[/bold] \ud800"
    cli_render.table(("a",), [[hostile]])
    cli_render.say(cli_render.harmless(hostile))
    told = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2028\ud800]", told)
    assert "\\x1b[31mred" in told and "[bold]markup[/bold]" in told


def test_colours_stay_out_of_files_and_of_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data on stdout is plain text; NO_COLOR holds on a terminal too."""
    from pipeline.terminal import console

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    for out in (io.StringIO(), Terminal()):
        console(out).print("[red]red[/red]")
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", out.getvalue())


def test_the_doctor_names_what_is_missing_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A report of exit code 2 that says what to do."""
    from pipeline import doctor

    monkeypatch.setenv("WINNOW_LID_MODEL", str(tmp_path / "no.bin"))
    told = doctor.report()
    checks: dict[str, Any] = {check["what"]: check for check in told["checks"]}
    assert not told["ok"] and "winnow doctor --fetch" in checks["language model"]["mend"]
    assert checks["Python"]["ok"] and checks["cores"]["found"]
