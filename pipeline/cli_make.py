"""Further commands of `winnow`: crawl, mix, tokenize, fit. Imported by `pipeline.cli`; heavy imports wait."""

import sys
from typing import Annotated

import typer

from pipeline.errors import UsageError

Workers = Annotated[int | None, typer.Option(min=1, max=4096, help="processes; default: one per core")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]

fit_app = typer.Typer(
    help="Train or estimate what stages use: quality models, tokenizers, profiles of languages.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(crawl)
    app.command()(mix)
    app.command()(tokenize)
    app.add_typer(fit_app, name="fit")


def crawl(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="a recipe with crawl sources")],
    output: Annotated[str | None, typer.Option(metavar="DIR", help="where the run lies")] = None,
    as_json: Json = False,
) -> None:
    """Only the acquisition: fetch the recipe's crawl sources into WARC files. Running it again resumes."""
    from pipeline.acquire import acquire_only
    from pipeline.cli_render import emit_json, say
    from pipeline.progress import Progress
    from pipeline.recipe import Recipe

    told = acquire_only(Recipe.from_yaml(recipe), output, Progress(sys.stderr).tell)
    if as_json:
        return emit_json({"schema": "winnow.crawls/1", "sources": told})
    for name, crawled in told.items():
        say(
            f"{name}: {crawled['counts'].get('fetched', 0):,} pages in {len(crawled['files'])} WARC files, {crawled['place']}"
        )
    return None


def mix(
    place: Annotated[str, typer.Argument(metavar="RUN", help="the output directory of a finished run")],
    name: Annotated[str, typer.Argument(help="the mix to make")],
    recipe: Annotated[
        str | None, typer.Option("--from", metavar="RECIPE", help="take the mix from this recipe")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make another mix from the pool of a finished run; nothing before it runs again."""
    from pipeline.cli_render import emit_json, say
    from pipeline.mix_command import mix as make
    from pipeline.progress import Progress
    from pipeline.recipe import Recipe

    spec = None
    if recipe is not None:
        mixes = Recipe.from_yaml(recipe).mixes
        if name not in mixes:
            raise UsageError(f"{recipe} has no mix {name!r}; it has {', '.join(mixes) or 'none'}")
        spec = mixes[name]
    manifest = make(place, name, spec, workers, Progress(sys.stderr))
    emit_json(manifest) if as_json else say(_line(f"{place}/mixes/{name}", manifest))


def tokenize(
    place: Annotated[
        str, typer.Argument(metavar="RUN|DIR", help="a finished run, or a directory of Parquet with text")
    ],
    tokenizer: Annotated[str, typer.Option(help="a directory, a tokenizer.json, or a Hugging Face name")],
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Token shards of any corpus for any tokenizer."""
    from pipeline.cli_render import emit_json, say
    from pipeline.mix_command import tokenize as make
    from pipeline.progress import Progress

    manifest = make(place, tokenizer, workers, Progress(sys.stderr))
    emit_json(manifest) if as_json else say(_line(f"mixes/{manifest['name']}", manifest))


def _line(where: str, manifest: dict) -> str:  # type: ignore[type-arg]
    sides = (f"{s} {f['tokens']:,} tokens in {f['documents']:,} documents" for s, f in manifest["splits"].items())
    return f"{where}: {', '.join(sides)}"


@fit_app.command("quality")
def fit_quality(
    positive: Annotated[list[str], typer.Option(metavar="FILE", help="good texts: JSONL, Parquet or plain text")],
    negative: Annotated[list[str], typer.Option(metavar="FILE", help="bad texts")],
    output: Annotated[str, typer.Option(metavar="MODEL", help="where the model goes")] = "quality.bin",
    language: Annotated[str | None, typer.Option(help="language of all texts; default: identified")] = None,
    seed: Annotated[int, typer.Option(help="of the held-out part and the training")] = 17,
) -> None:
    """Train a fastText quality model; prints figures of the held-out part as JSON."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_quality as fit

    emit_json(fit(positive, negative, output, language, seed))


@fit_app.command("profile")
def fit_profile(
    language: Annotated[str, typer.Argument(metavar="LANG", help="the language of the texts, as de, deu, ...")],
    sample: Annotated[list[str], typer.Argument(metavar="SAMPLE...", help="good texts: JSONL, Parquet or plain text")],
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="where the profile goes; default: LANG.yaml")
    ] = None,
    tail: Annotated[
        float, typer.Option(min=0, max=0.5, help="share of the sample that each threshold may drop")
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="of the held-out part")] = 17,
) -> None:
    """Estimate a language's thresholds and stop words from a sample; prints what they drop of a held-out fifth as JSON."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_profile as fit

    emit_json(fit(language, sample, output or f"{language}.yaml", tail, seed))


@fit_app.command("extractor")
def fit_extractor(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="JSONL: id, domain, source, text or with and without")],
    html: Annotated[str, typer.Argument(metavar="HTML", help="Parquet: id, html")],
    output: Annotated[str, typer.Option(metavar="MODEL", help="where the model goes")] = "extractor.model",
    judge: Annotated[bool, typer.Option(help="also judge it on unseen domains and sources: ten more trainings")] = True,
    seed: Annotated[int, typer.Option(help="of the training")] = 17,
) -> None:
    """Train the fast extraction engine; prints its F1 on unseen domains and sources as JSON. Needs the extra `fit`."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_extractor as fit

    emit_json(fit(gold, html, output, judge, seed))


@fit_app.command("boilerplate")
def fit_boilerplate(
    pages: Annotated[
        list[str], typer.Argument(metavar="PAGES...", help="text files of lines A|, C| or N| below # name")
    ],
    content: Annotated[
        list[str], typer.Option(metavar="FILE", help="texts without boilerplate: JSONL, Parquet or plain")
    ],
    output: Annotated[str, typer.Option(metavar="MODEL", help="where the model goes")] = "lines.model",
    seen: Annotated[
        list[str], typer.Option(metavar="NAME", help="a file of PAGES, without .txt, that phrases were written from")
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(help="of the training")] = 17,
) -> None:
    """Train the learned judge of `clean_lines`; prints what it does on unseen files as JSON. Needs the extra `fit`."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_boilerplate as fit

    emit_json(fit(pages, content, seen, output, seed))


@fit_app.command("lines")
def fit_lines(
    pages: Annotated[
        list[str],
        typer.Argument(metavar="PAGES...", help="Parquet or JSONL with text and url, or directories of Parquet"),
    ],
    output: Annotated[str, typer.Option(metavar="FILE", help="where the lines go")] = "lines.parquet",
    min_documents: Annotated[int, typer.Option(min=2, help="documents of one site that must say a line")] = 3,
    min_share: Annotated[float, typer.Option(min=0, max=1, help="and the share of the site's documents")] = 0.001,
    min_sites: Annotated[int, typer.Option(min=2, help="sites that make it a line of all sites")] = 20,
    min_chars: Annotated[int, typer.Option(min=1, help="characters, white space left out, of a line that counts")] = 6,
    window: Annotated[int, typer.Option(min=2, max=8, help="lines in a row that are counted together")] = 3,
    allow: Annotated[list[str], typer.Option(metavar="LINE", help="a line that is never taken out")] = [],  # noqa: B006
) -> None:
    """Find the lines that stand on many pages of a site or on many sites, for `clean_lines: {common: FILE}`."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_lines as fit

    settings = {"min_documents": min_documents, "min_share": min_share, "min_sites": min_sites}
    emit_json(fit(pages, output, settings | {"min_chars": min_chars, "window": window, "allow": tuple(allow)}))


@fit_app.command("tokenizer")
def fit_tokenizer(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="texts: JSONL, Parquet or plain text")],
    output: Annotated[str, typer.Option(metavar="DIR", help="where the tokenizer goes")] = "tokenizer",
    vocab_size: Annotated[int, typer.Option(help="ids, bytes and control tokens included")] = 32_768,
) -> None:
    """Train a byte-level BPE; prints its hash and tokens per byte by language as JSON."""
    from pipeline.cli_render import emit_json
    from pipeline.fit import fit_tokenizer as fit

    emit_json(fit(files, output, vocab_size))
