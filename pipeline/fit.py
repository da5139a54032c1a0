"""`winnow fit`: train what stages use. Models go where the user says; figures of a held-out part are returned."""

import hashlib
import itertools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.profiles.of_language import LanguageProfile

_BATCH = 1_000  # rows of a file held at a time
_SENTENCE = 40  # characters: a text shorter than this teaches nothing about content
_MOST_TEXTS = 5_000  # of a file that is all content


def fit_quality(
    positive: list[str], negative: list[str], output: str, language: str | None = None, seed: int = 17
) -> dict[str, Any]:
    """Train a quality classifier from files of good and bad texts; see stages.quality_fit for the figures returned.

    Files: JSONL (.jsonl, .jsonl.gz, .jsonl.xz) with `text` and optionally `language`, Parquet with `text`, or plain text
    files, one example each. Without `language` each text is identified.
    """
    from stages.quality_fit import Example, FitSettings
    from stages.quality_fit import fit_quality as fit

    rows = [(text, lang, True) for place in positive for text, lang in texts_of(place)]
    rows += [(text, lang, False) for place in negative for text, lang in texts_of(place)]
    named = _languages([t for t, _, _ in rows], [language or lang for _, lang, _ in rows])
    examples = (Example(text, lang, good) for (text, _, good), lang in zip(rows, named, strict=True))
    try:
        return fit(examples, Path(output), FitSettings(seed=seed))
    except ValueError as error:
        raise UsageError(str(error)) from None


def fit_profile(language: str, places: list[str], output: str, tail: float = 0.01, seed: int = 17) -> dict[str, Any]:
    """Estimate the profile of a language from files of its good texts, and write it as YAML; see filters.profile_fit.

    Returns the thresholds, what they drop of the held-out fifth, and the share of texts the language model calls by
    another language. `language_score` is FineWeb-2's threshold for `language.min_score`: median minus one standard
    deviation, within 0.3 and 0.9.
    """
    from filters.profile_fit import fit_profile as fit
    from stages.language_codes import iso639_3

    try:
        code = iso639_3(language)
        texts = [text for place in places for text, _ in texts_of(place)]
        fitted = fit(texts, code, tail, seed)
    except ValueError as error:
        raise UsageError(str(error)) from None
    told = {
        "schema": "winnow.fit/1",
        "language": code,
        **_scores(texts, code),
        "fitted_on": fitted.fitted_on,
        "held_out": {"texts": fitted.held_out, "kept": fitted.kept, "dropped_by": fitted.dropped_by},
        "tail": tail,
        "seed": seed,
    }
    _write_profile(Path(output), code, fitted.profile, told)
    return told | {"output": output, "sha256": hashlib.sha256(Path(output).read_bytes()).hexdigest()}


def _scores(texts: list[str], code: str) -> dict[str, Any]:
    """How sure the language model is of the sample; nothing where the model is not on this machine."""
    from stages.language import identify
    from stages.language_model import ModelMissing

    try:
        found = identify(texts)
    except ModelMissing:
        return {}
    scores = [score for label, _, score in found if label == code]
    other = 1 - len(scores) / max(len(found), 1)
    if len(scores) < 2:
        return {"other_language": round(other, 4)}
    least = max(0.3, min(0.9, statistics.median(scores) - statistics.pstdev(scores)))
    return {"other_language": round(other, 4), "language_score": round(least, 3)}


def _write_profile(place: Path, code: str, profile: "LanguageProfile", told: dict[str, Any]) -> None:
    import yaml

    score = told.get("language_score")
    head = f"# Thresholds of {code}, estimated by `winnow fit profile` from {told['fitted_on']} texts (tail {told['tail']}).\n"
    head += f"# In a recipe: rules: {{own: {{{code}: {place.name}}}}}"
    head += f" and language: {{min_score: {{{code}: {score}}}}}\n" if score else "\n"
    body = {
        "language": code,
        "stop_words": list(profile.stop_words),
        "filters": {name: dict(values) for name, values in profile.filters.items()},
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(head + yaml.safe_dump(body, sort_keys=False, allow_unicode=True), encoding="utf-8")


def fit_tokenizer(places: list[str], output: str, vocab_size: int = 32_768) -> dict[str, Any]:
    """Train a byte-level BPE on all texts of the files; returns its size, hash and fertility (tokens per word) by language."""
    from stages.tokens import fastest_engine, load_tokenizer, train_bpe

    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        train_bpe((text for place in places for text, _ in texts_of(place)), vocab_size, folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    loaded = load_tokenizer(folder)
    sample = [pair for place in places for pair in texts_of(place)][:2_000]
    fertility = _fertility(fastest_engine(folder), sample)
    return {"schema": "winnow.fit/1", "vocab_size": loaded.vocab_size, "sha256": loaded.sha256, "fertility": fertility}


def fit_extractor(gold: str, html: str, output: str, judged: bool, seed: int) -> dict[str, Any]:
    """Train a model for `extract: {engine: fast}`; see stages.extract_fit for the files and the figures returned."""
    for place in (gold, html):
        if not Path(place).is_file():
            raise UsageError(f"{place}: no such file")
    try:
        import lightgbm as lightgbm
    except ImportError:
        raise UsageError("fit extractor: needs lightgbm; pip install 'winnow[fit]'") from None
    from stages.extract_fit import fit_extractor as fit
    from stages.extraction.training import Settings

    try:
        return fit(Path(gold), Path(html), Path(output), judged, Settings(seed=seed))
    except (ValueError, KeyError) as error:
        raise UsageError(f"fit extractor: {error}") from None


def fit_boilerplate(places: list[str], content: list[str], seen: list[str], output: str, seed: int) -> dict[str, Any]:
    """Train the learned judge of `clean_lines` from labelled pages and texts that are content; see filters.boilerplate.

    places: files of lines `A|`, `C|` or `N|` below `# name`. content: JSONL, Parquet or plain text; of a file with many
    texts every n-th is taken, none that is shorter than a sentence.
    """
    try:
        import lightgbm as lightgbm
        import scipy as scipy
    except ImportError:
        raise UsageError("fit boilerplate: needs lightgbm and scipy; pip install 'winnow[fit]'") from None
    from filters.boilerplate.labelled import content_page, read_pages
    from filters.boilerplate.training import Settings, fit_judge

    try:
        pages = [page for place in places for page in read_pages(Path(place))]
        if unknown := sorted({*seen} - {page.group for page in pages}):
            raise ValueError(f"--seen {unknown[0]}: none of {', '.join(Path(place).stem for place in places)}")
        texts = [(f"{place}:{at}", text) for place in content for at, text in enumerate(_some_texts(place))]
        free = [content_page(name, text) for name, text in texts]
        return fit_judge(pages, free, frozenset(seen), Path(output), Settings(seed=seed))
    except (ValueError, OSError) as error:
        raise UsageError(f"fit boilerplate: {error}") from None


def _some_texts(place: str) -> list[str]:
    texts = [text for text, _ in texts_of(place) if len(text) >= _SENTENCE]
    return texts[:: max(1, -(-len(texts) // _MOST_TEXTS))]


def fit_lines(places: list[str], output: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Count the lines of texts and write those that stand on many pages, for `clean_lines: {common: FILE}`.

    Files: JSONL or Parquet with `text` and, for lines of a site, `url`; of a directory, all its Parquet files in order
    of path. settings: those of stages.clean_lines_statistics.LineStatistics.
    """
    from stages.clean_lines_fit import fit_lines as fit
    from stages.clean_lines_statistics import LineStatistics

    files = [file for place in places for file in _pages_files(place)]
    statistics = LineStatistics(**settings)
    try:
        told = fit(lambda: (batch for file in files for batch in _page_batches(file)), Path(output), statistics)
    except ValueError as error:
        raise UsageError(f"fit lines: {error}") from None
    sha256 = hashlib.sha256(Path(output).read_bytes()).hexdigest()
    return {"schema": "winnow.fit/1", **told, "settings": settings, "output": output, "sha256": sha256}


def _pages_files(place: str) -> list[Path]:
    path = Path(place)
    found = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise UsageError(f"{place}: no Parquet file in that directory")
    return found


def _page_batches(path: Path) -> Iterator["pa.RecordBatch"]:
    """Batches with `text` and `url`, whatever else the file holds; a file without URLs has null ones."""
    import pyarrow as pa

    from filters.batch import as_texts

    rows = _rows(str(path), ("text", "url"))
    while batch := list(itertools.islice(rows, _BATCH)):
        cells = ([one if isinstance(one := row.get(name), str) else None for row in batch] for name in ("text", "url"))
        yield pa.record_batch([as_texts(column) for column in cells], ["text", "url"])


def _fertility(engine: Any, sample: list[tuple[str, str | None]]) -> dict[str, float]:
    """Tokens per UTF-8 byte, by language: what a text of that language costs."""
    texts = [text for text, _ in sample]
    named = _languages(texts, [lang for _, lang in sample])
    sums: dict[str, list[int]] = {}
    for text, lang, ids in zip(texts, named, engine.encode(texts), strict=True):
        entry = sums.setdefault(lang or "und", [0, 0])
        entry[0] += len(ids)
        entry[1] += len(text.encode())
    return {lang: round(tokens / max(size, 1), 4) for lang, (tokens, size) in sorted(sums.items())}


def _languages(texts: list[str], given: list[str | None]) -> list[str | None]:
    from stages.language import identify

    unknown = [i for i, lang in enumerate(given) if lang is None]
    found = identify([texts[i] for i in unknown]) if unknown else []
    named = dict(zip(unknown, (lang for lang, _, _ in found), strict=True))
    return [lang if lang is not None else named[i] for i, lang in enumerate(given)]


def texts_of(place: str) -> Iterator[tuple[str, str | None]]:
    """(text, language or None) of every example of a file. Raises UsageError naming a file that can't be read."""
    if Path(place).is_file() and not _is_table(Path(place)):
        yield Path(place).read_text(encoding="utf-8", errors="replace"), None
        return
    yield from ((row["text"], row.get("language")) for row in _rows(place, ("text", "language")) if row["text"])


def _is_table(path: Path) -> bool:
    return path.suffix == ".parquet" or ".jsonl" in path.suffixes


def _rows(place: str, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL or Parquet file that have a text, with those of the columns that it has."""
    path = Path(place)
    if not path.is_file():
        raise UsageError(f"{place}: no such file")
    if path.suffix != ".parquet":
        yield from _json_lines(path)
        return
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    there = [name for name in names if name in file.schema_arrow.names]
    if "text" not in there:
        raise UsageError(f"{place}: no column `text`; it has {', '.join(file.schema_arrow.names)}")
    for batch in file.iter_batches(_BATCH, columns=there):
        yield from batch.to_pylist()


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    import bz2
    import gzip
    import lzma

    opener: Any = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                raise UsageError(f"{path}:{number}: no JSON") from None
            if isinstance(row, dict) and isinstance(row.get("text"), str):
                yield row
