"""`winnow`: the command line. Data on stdout, talk on stderr; heavy imports wait inside the command that needs them.

Exit codes: 0 done, 1 bug, 2 usage or recipe error, 3 an `expect:` gate failed, 4 incomplete but resumable, 5 damage
found, 74 storage, 75 locked by another run, 129 / 130 / 143 stopped by a signal and resumable.
"""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from pipeline.cli_make import register
from pipeline.errors import ExpectationFailed, UsageError, WinnowError
from pipeline.watch import Limits

BUG, STORAGE, CLOSED_PIPE = 1, 74, 141
STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
RESULT = "winnow.result/1"

app = typer.Typer(
    name="winnow",
    help="From raw web dumps to training-ready corpora: one recipe, one command.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Workers = Annotated[int | None, typer.Option(min=1, max=4096, help="processes; default: one per core")]
RecipeFile = Annotated[str, typer.Argument(metavar="RECIPE", help="a recipe file (YAML)")]
RunPlace = Annotated[str, typer.Argument(metavar="RUN", help="the output directory of a run")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="override a value of the recipe, e.g. rules.gopher_quality.min_words=60"
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="DIR", help="where the run lies, from here; by default what the recipe says"),
]

DocumentSeconds = Annotated[float, typer.Option(min=1, help="CPU time one document may take, in seconds")]
IdleSeconds = Annotated[float, typer.Option(min=1, help="time a worker may sleep over one document, in seconds")]
WorkerMemory = Annotated[
    float | None, typer.Option(min=0.5, metavar="GB", help="of one worker; default: its share of 80 % of the machine")
]


@app.command()
def run(
    recipe: RecipeFile,
    output: Output = None,
    workers: Workers = None,
    executor: Annotated[str, typer.Option(help="local; ray and slurm are not available yet")] = "local",
    settings: Settings = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="take files that have appeared since the first run")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="remove a run of another name from the output first")
    ] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="try the documents again that once ended a worker")
    ] = False,
    document_seconds: DocumentSeconds = Limits.cpu_seconds,
    idle_seconds: IdleSeconds = Limits.idle_seconds,
    worker_memory: WorkerMemory = None,
    as_json: Json = False,
) -> None:
    """Plan, then do all that is not done. Running it again resumes."""
    if executor != "local":
        raise UsageError(f"--executor {executor}: not available yet; this version has local")
    from pipeline import runs
    from pipeline.cli_render import balance, emit_json, show_result
    from pipeline.progress import Progress
    from pipeline.recipe import Recipe

    read = Recipe.from_yaml(recipe, settings or ())
    progress = Progress(sys.stderr)
    limits = Limits(document_seconds, idle_seconds, worker_memory * 10**9 if worker_memory else None)
    try:
        result = runs.run(read, output, workers, refresh, replace, progress, retry_quarantined, limits)
    except ExpectationFailed:  # the run is done all the same: its figures are what the reader needs now
        progress.close()
        manifest = runs.load_run(runs.output_of(read, output)).manifest
        emit_json({"schema": RESULT, "manifest": manifest}) if as_json else balance(manifest["balance"])
        raise
    finally:
        progress.close()
    if as_json:
        told = {"manifest": result.manifest, "mixes": result.mixes, "done": result.done, "reused": result.reused}
        emit_json({"schema": RESULT, "output": str(result.output), **told})
    else:
        show_result(result)


@app.command()
def plan(
    recipe: RecipeFile,
    output: Output = None,
    settings: Settings = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="as if `run --refresh` followed")] = False,
    measure: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="try a sample for that long; predict cost and size")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Say what a run would reuse, redo (and why) and do anew. Touches nothing."""
    from pipeline import planning
    from pipeline.cli_render import emit_json, show_plan
    from pipeline.recipe import Recipe

    told = planning.plan(Recipe.from_yaml(recipe, settings or ()), output, refresh, measure, workers)
    emit_json(told) if as_json else show_plan(told)


@app.command()
def status(
    place: RunPlace,
    logs: Annotated[bool, typer.Option("--logs", help="with the last lines of the workers' logs")] = False,
    as_json: Json = False,
) -> None:
    """Units done by step, counts and balance of a run."""
    from pipeline.cli_render import emit_json, show_status
    from pipeline.status import status as look

    told = look(place, logs)
    emit_json(told) if as_json else show_status(told)


@app.command()
def verify(
    place: RunPlace,
    clean: Annotated[bool, typer.Option("--clean", help="remove files that no finished unit names any more")] = False,
    as_json: Json = False,
) -> None:
    """Check every hash, row count and balance. Exit code 5 if anything is damaged; the next run rebuilds it."""
    from pipeline.cli_render import emit_json, show_verified
    from pipeline.verify import verify as check

    told = check(place, clean)
    emit_json(told) if as_json else show_verified(told)
    if not told["ok"]:
        raise typer.Exit(5)


@app.command()
def explain(
    place: RunPlace,
    document: Annotated[str, typer.Argument(metavar="ID|RECORD_KEY|URL", help="which document")],
    as_json: Json = False,
) -> None:
    """The whole life of one document: where it came from, what was measured, what became of it and why."""
    from pipeline.cli_render import emit_json, show_explained
    from pipeline.explain import explain as look

    told = look(place, document)
    emit_json(told) if as_json else show_explained(told)


@app.command()
def extract(
    inputs: Annotated[
        list[str], typer.Argument(metavar="FILE|URL...", help="HTML, WARC, Parquet of (id, html), or a URL")
    ],
    engine: Annotated[str, typer.Option(help="auto, trafilatura or resiliparse")] = "auto",
    clean: Annotated[bool, typer.Option("--clean", help="remove promotional and boilerplate lines too")] = False,
    form: Annotated[str, typer.Option("--format", help="jsonl, text or markdown")] = "jsonl",
) -> None:
    """Pages in, their main text out: {id, url, title, text, language}, one line each."""
    from pipeline.cli_extract import extract_to

    extract_to(sys.stdout, inputs, engine, clean, form)


@app.command()
def demo(
    folder: Annotated[str, typer.Option("--dir", help="where sites, recipe, corpus and model go")] = "runs/demo",
    workers: Workers = None,
) -> None:
    """The whole line on this machine, offline: two sites are crawled, cleaned, mixed and trained on. Minutes."""
    from pathlib import Path

    from pipeline import demo as shown
    from pipeline.cli_render import say
    from pipeline.progress import Progress

    shown.show(shown.demo(Path(folder), workers, Progress(sys.stderr)), say)


@app.command()
def init(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="where recipe.yaml goes")] = ".",
    warc: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="WARC files")] = None,
    jsonl: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="JSON lines with a text or html field")
    ] = None,
    folder: Annotated[list[str] | None, typer.Option(metavar="DIR", help="HTML, text, Markdown... files")] = None,
    url: Annotated[list[str] | None, typer.Option(metavar="URL", help="first page of a site to crawl")] = None,
    languages: Annotated[str, typer.Option(metavar="CODES", help="languages to keep, e.g. en,zh")] = "en",
    name: Annotated[str, typer.Option(help="name of the corpus; default: the directory's")] = "",
    tokens: Annotated[str, typer.Option(metavar="COUNT", help="size of the training mix, e.g. 50M")] = "",
) -> None:
    """Write a starter recipe, from flags or (on a terminal) from three questions."""
    from pipeline.cli_init import Wishes
    from pipeline.cli_init import init as write
    from pipeline.cli_render import say

    codes = tuple(code.strip() for code in languages.split(",") if code.strip())
    wishes = Wishes(warc or [], jsonl or [], folder or [], url or [], codes, name, tokens)
    path = write(directory, wishes)
    print(f"next: winnow plan {path}, then winnow run {path}", file=sys.stderr)
    say(str(path))


@app.command()
def train(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="training settings, or a file with a `train:` block")],
    check: Annotated[bool, typer.Option("--check", help="print parameters, tokens and memory; train nothing")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the newest checkpoint")] = False,
    as_json: Json = False,
) -> None:
    """Train on a mix; the same as `python -m train_bridge` on a GPU host."""
    flags = [("--check", check), ("--resume", resume), ("--json", as_json)]
    _become_trainer(config, *(flag for flag, given in flags if given))


def _become_trainer(*arguments: str) -> NoReturn:
    """The trainer takes over this process, with its signals and exit codes: the pipeline imports nothing of it."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "train_bridge", *arguments])


@app.command()
def schema(what: Annotated[str, typer.Argument(help="recipe or train")] = "recipe") -> None:
    """JSON Schema of recipes or training settings, for editors: completion and checks while you type."""
    if what == "train":
        _become_trainer("--schema")
    if what != "recipe":
        raise UsageError(f"schema {what}: should be recipe or train")
    from pipeline.cli_render import emit_json
    from pipeline.recipe_schema import recipe_schema

    emit_json(recipe_schema())


@app.command()
def stages(
    name: Annotated[str | None, typer.Argument(help="only this stage, with its settings")] = None,
    as_json: Json = False,
) -> None:
    """The stages and sources recipes can name: settings, columns, rules with their thresholds."""
    from pipeline.catalogue import catalogue
    from pipeline.cli_render import emit_json, show_stages

    told = catalogue(name)
    emit_json(told) if as_json else show_stages(told, one=name is not None)


@app.command()
def doctor(
    fetch: Annotated[bool, typer.Option("--fetch", help="fetch the language model if it is missing")] = False,
    as_json: Json = False,
) -> None:
    """Report on this environment: versions, models, space, cores, GPU."""
    from pipeline.cli_render import emit_json, show_doctor
    from pipeline.doctor import report

    told = report(fetch)
    emit_json(told) if as_json else show_doctor(told)
    if not told["ok"]:
        raise typer.Exit(2)


register(app)


class Stopped(BaseException):
    """A signal asked the command to end. Not an Exception: nothing between here and `main` may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """The first signal ends the command in order, a second one at once."""
    for each in STOPS:
        signal.signal(each, lambda n, _: os._exit(128 + n))
    raise Stopped(number)


def listen() -> None:
    """Stop in order when asked to; under `nohup` a lost terminal asks nothing."""
    for each in STOPS:
        if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _stop)


def _open_standard_streams() -> None:
    """Where the caller has closed one (`>&-`), the next file opened would take its number, and with it whatever is printed."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def main() -> NoReturn:
    """The console script."""
    _open_standard_streams()
    listen()
    code = invoke(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _hush()
        code = code or CLOSED_PIPE
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit code. A user's mistake is told in one to three lines, never a traceback."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("winnow", arguments) as context:
            command.invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except WinnowError as error:
        return _tell(str(error), error.exit_code)
    except Stopped as stopped:
        return _tell("stopped; run it again to go on", stopped.exit_code)
    except BrokenPipeError:
        _hush()
        return CLOSED_PIPE
    except OSError as error:
        return _tell(*_storage(error))
    except Exception as error:
        return _usage(error) if hasattr(error, "format_message") else _bug()


def _tell(message: str, code: int) -> int:
    """A message may quote a recipe: what would steer a terminal is shown as an escape."""
    from pipeline.cli_render import harmless

    lines = [harmless(line) for line in message.split("\n")]
    with contextlib.suppress(OSError):  # nobody listens: the exit code says it all the same
        print("winnow: " + "\n".join(lines), file=sys.stderr, flush=True)
    return code


def _usage(error: Any) -> int:
    """A wrong command line, in the words of the parser."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "winnow"
    if str(error.format_message()).startswith("Usage:"):  # no arguments at all: the help is the answer
        print(error.format_message(), file=sys.stderr)
        return UsageError.exit_code
    return _tell(f"{error.format_message()}\ntry '{command} --help'", UsageError.exit_code)


def _storage(error: OSError) -> tuple[str, int]:
    from stages.language_model import ModelMissing

    if isinstance(error, ModelMissing):
        return str(error), UsageError.exit_code
    return f"{error.filename or 'storage'}: {error.strerror or error}; mend it, then run again", STORAGE


def _bug() -> int:
    import traceback

    traceback.print_exc()
    return _tell("this is a bug in Winnow; please report it with the lines above", BUG)


def _hush() -> None:
    """Nobody reads stdout any more: keep the interpreter from saying so while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
