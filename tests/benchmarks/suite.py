"""Which contests there are: per stage and end to end, with the targets of the design."""

from pathlib import Path
from typing import Any, get_args

from stages.extract import EngineName
from stages.language_model import find
from tests.benchmarks.contest import Contest, Side, usable
from tests.benchmarks.data import Data
from tests.benchmarks.ours import FINEWEB_EXTRACTION

OURS = "Winnow"
DATATROVE = "datatrove 0.10"
OLD_TRAFILATURA, NEW_TRAFILATURA = "trafilatura 1.11 (datatrove)", "trafilatura 2.3 (default)"
ENGINES = [name for name in get_args(EngineName) if name != "auto"]


def contests(data: Data, folder: Path, rounds: int) -> list[Contest]:
    """All of them, quick ones first."""
    made = [_warc(data), _language(data), _rules(data), _minhash(data), _tokens(data), _write(data, folder)]
    made += [_extract(data), _end_to_end(data, folder)]
    return [_with_rounds(contest, rounds) for contest in made]


def _with_rounds(contest: Contest, rounds: int) -> Contest:
    sides = usable(contest.sides)
    return Contest(contest.name, contest.title, contest.amount, contest.unit, sides, contest.targets, rounds)


def _warc(data: Data) -> Contest:
    place = {"warcs": str(data.warcs)}
    return Contest(
        "warc",
        "WARC read with decoding",
        data.warc_bytes / 1e6,
        "MB of WARC",
        (Side(OURS, "warc_read", place), Side(DATATROVE, "datatrove_warc", place, peer=True)),
        {(OURS, DATATROVE): 4.0},
    )


def _language(data: Data) -> Contest:
    table = {"table": data.table("texts")}
    return Contest(
        "language",
        "Language identification",
        data.texts,
        "documents",
        (
            Side(OURS, "language", table),
            Side(DATATROVE, "datatrove_language", table | {"model": str(find())}, peer=True),
        ),
        {(OURS, DATATROVE): 4.0},
    )


def _rules(data: Data) -> Contest:
    table = {"table": data.table("english")}
    every = f"{DATATROVE}, all four filters"
    return Contest(
        "rules",
        "Rule signals and verdicts (Gopher, C4, FineWeb)",
        data.english,
        "English documents",
        (
            Side(OURS, "rules", table),
            Side(DATATROVE, "datatrove_rules", table | {"early_exit": True}, peer=True),
            Side(every, "datatrove_rules", table | {"early_exit": False}, peer=True),
        ),
        {(OURS, DATATROVE): 75.0},
    )


def _minhash(data: Data) -> Contest:
    table = {"table": data.table("english")}
    return Contest(
        "minhash",
        "MinHash signatures (14 x 8, word 5-grams)",
        data.english,
        "English documents",
        (
            Side(OURS, "minhash", table),
            Side(DATATROVE, "datatrove_minhash", table, peer=True),
            Side("datasketch 2.0", "datasketch_minhash", table, peer=True),
            Side("rensa 0.5", "rensa_minhash", table, peer=True),
        ),
        {(OURS, DATATROVE): 300.0},
    )


def _tokens(data: Data) -> Contest:
    table = {"table": data.table("texts"), "tokenizer": str(data.tokenizer)}
    peer = "tokenizers 0.23 (encode_batch_fast)"
    return Contest(
        "tokens",
        "Tokenise (byte-level BPE, 32,768 ids)",
        data.texts,
        "documents",
        (Side(OURS, "tokens", table), Side(peer, "hugging_face_tokens", table, peer=True, apart=False)),
        {(OURS, peer): 3.0},
    )


def _write(data: Data, folder: Path) -> Contest:
    place = {"table": data.table("texts"), "folder": str(folder / "written")}
    (folder / "written").mkdir(exist_ok=True)
    return Contest(
        "write",
        "Write text (ours: Parquet, zstd 1, with a digest of the values)",
        data.texts,
        "documents",
        (
            Side(OURS, "write", place),
            Side(f"{DATATROVE}, jsonl.gz", "datatrove_jsonl", place, peer=True),
            Side(f"{DATATROVE}, Parquet", "datatrove_parquet", place, peer=True),
        ),
    )


def _extract(data: Data) -> Contest:
    table = {"table": data.table("pages")}
    return Contest(
        "extract",
        "Extraction (with decoding, caps and cleaning on our side)",
        data.pages,
        "pages",
        (
            *(Side(_with(engine), "extract", table | _engine(engine)) for engine in ENGINES),
            Side(OLD_TRAFILATURA, "datatrove_trafilatura", table, peer=True),
            Side(NEW_TRAFILATURA, "trafilatura_default", table, peer=True, apart=False),
        ),
        {(_with("fast"), NEW_TRAFILATURA): 10.0} if "fast" in ENGINES else {},
    )


def _end_to_end(data: Data, folder: Path) -> Contest:
    place = {"warcs": str(data.warcs), "folder": str(folder / "runs")}
    peer = "datatrove 0.10, FineWeb's chain"
    ours = tuple(Side(_with(engine), "end_to_end", place | _engine(engine)) for engine in ENGINES)
    return Contest(
        "end-to-end",
        "End to end: WARC to deduplicated corpus",
        data.pages,
        "pages",
        (*ours, Side(peer, "end_to_end", place | {"model": str(find())}, peer=True)),
        {(_with(engine), peer): 1.7 if engine == "trafilatura" else 10.0 for engine in ENGINES},
    )


def _with(engine: str) -> str:
    return f"{OURS}, {engine}"


def _engine(engine: str) -> dict[str, Any]:
    return {"engine": engine, "settings": FINEWEB_EXTRACTION.get(engine, {})}
