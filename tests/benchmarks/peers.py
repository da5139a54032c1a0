"""The peers' side of every contest. Imports nothing of ours but `side`; runs in the peers' environment."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.side import Task

_WORDS = 5  # in a shingle
_PERMUTATIONS = 112  # 14 bands of 8


def datatrove_warc(warcs: str) -> Task:
    from datatrove.pipeline.readers import WarcReader

    names = sorted(file.name for file in Path(warcs).iterdir())
    readers = [WarcReader(warcs, glob_pattern=name) for name in names]
    return Task(lambda reader: sum(len(document.text) for document in reader.run()), lambda: readers)


def datatrove_language(table: str, model: str) -> Task:
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.utils.lid import FT176LID

    FT176LID.MODEL_URL = model  # the same lid.176.ftz as ours; datatrove would fetch the larger .bin
    judge = LanguageFilter(languages=["en"])
    return Task(judge.filter, _documents(table))


def datatrove_rules(table: str, early_exit: bool) -> Task:
    """Gopher repetition and quality, C4, FineWeb; with early exit as in its pipeline, or all four for every text."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    chain: list[Any] = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
    ]
    chain.append(FineWebQualityFilter())

    def judge(document: Any) -> None:
        for one in chain:
            if _verdict(one, document) is not True and early_exit:
                return

    return Task(judge, _documents(table))


def _verdict(one: Any, document: Any) -> Any:
    try:
        return one.filter(document)
    except ZeroDivisionError:  # a text without words
        return False


def datatrove_minhash(table: str) -> Task:
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        n_grams=_WORDS, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(hash_fc="sha1", precision=64)
    )
    signer, texts = MinhashDedupSignature("unused", config=config), _texts(table)

    def sign(text: str) -> Any:
        shingles = signer.get_shingles(text)
        return signer.get_signature(shingles) if shingles.size else None

    return Task(sign, lambda: texts)


def datasketch_minhash(table: str) -> Task:
    from datasketch import MinHash
    from xxhash import xxh32_intdigest

    texts, blank = _texts(table), MinHash(num_perm=_PERMUTATIONS, hashfunc=xxh32_intdigest, scheme="affine32")

    def sign(text: str) -> Any:
        sketch = blank.copy()
        sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
        return sketch.hashvalues

    return Task(sign, lambda: texts)


def rensa_minhash(table: str) -> Task:
    from rensa import RMinHash

    texts = _texts(table)

    def sign(text: str) -> Any:
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update(_shingles(text))
        return sketch.digest()

    return Task(sign, lambda: texts)


def _shingles(text: str) -> Sequence[str]:
    words = text.lower().split()
    return [" ".join(words[i : i + _WORDS]) for i in range(max(1, len(words) - _WORDS + 1))]


def hugging_face_tokens(table: str, tokenizer: str) -> Task:
    """`encode_batch_fast` of the tokenizers library, up to lists of ids."""
    from tokenizers import Tokenizer

    engine, texts = Tokenizer.from_file(f"{tokenizer}/tokenizer.json"), _texts(table)
    engine.encode_special_tokens = True

    def encode(batch: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in engine.encode_batch_fast(batch, add_special_tokens=False)]

    return Task(encode, lambda: [texts])


def datatrove_jsonl(table: str, folder: str) -> Task:
    from datatrove.pipeline.writers import JsonlWriter

    return _write(JsonlWriter, f"{folder}/jsonl", table)


def datatrove_parquet(table: str, folder: str) -> Task:
    from datatrove.pipeline.writers import ParquetWriter

    return _write(ParquetWriter, f"{folder}/parquet", table)


def _write(kind: Any, folder: str, table: str) -> Task:
    documents = _documents(table)

    def store(batch: list[Any]) -> None:
        with kind(folder) as writer:
            for document in batch:
                writer.write(document)

    return Task(store, lambda: [documents()])


def datatrove_trafilatura(table: str) -> Task:
    """datatrove's extractor as FineWeb set it, without the process around it that its time limit needs."""
    from datatrove.pipeline.extractors import Trafilatura

    extractor, pages = Trafilatura(favour_precision=True), _column(table, "html")
    return Task(lambda page: _extracted(extractor.extract, page), lambda: pages)


def trafilatura_default(table: str) -> Task:
    from trafilatura import extract

    pages = _column(table, "html")
    return Task(lambda page: _extracted(extract, page), lambda: pages)


def _extracted(engine: Callable[[str], str | None], page: str) -> str | None:
    try:
        return engine(page)
    except Exception:  # a page it fails on costs what it has cost
        return None


def end_to_end(warcs: str, folder: str, model: str) -> Task:
    """FineWeb's chain with its own executor, one worker, from nothing."""
    command = [sys.executable, "-m", "tests.benchmarks.fineweb", warcs, f"{folder}/datatrove", model]

    def run(output: Path) -> None:
        shutil.rmtree(output, ignore_errors=True)
        subprocess.run(command, check=True, capture_output=True)

    return Task(run, lambda: [Path(folder) / "datatrove"], warm=False)


def _column(table: str, name: str) -> list[str]:
    import pyarrow.parquet as pq

    return list(pq.read_table(table).column(name).to_pylist())


def _texts(table: str) -> list[str]:
    return _column(table, "text")


def _documents(table: str) -> Callable[[], list[Any]]:
    """Fresh documents at every call: filters write into them."""
    from datatrove.data import Document

    texts = _texts(table)
    return lambda: [Document(text=text, id=str(n)) for n, text in enumerate(texts)]
