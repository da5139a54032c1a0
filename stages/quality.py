"""Quality score: one fastText classifier per language says how much a text looks like the positive examples."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import model_validator

from filters.rule import Rule, rule
from stages.base import BatchFn, Context, ModelFile, Stage, columns, threshold

POSITIVE = "__label__positive"
NEGATIVE = "__label__negative"
MAX_CHARS = 20_000  # of a text shown to the model: what follows rarely changes the verdict and costs in proportion
_HAN_LANGUAGES = ("cmn", "yue")
Scores = npt.NDArray[np.float32]


class Quality(Stage):
    """Score each document 0..1 with the model of its language; no model for a language means no score."""

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("fasttext-numpy2", "rjieba")

    reads = columns(text=pa.string(), language=pa.string())
    adds = columns(quality_score=pa.float32())
    model: dict[str, ModelFile]
    min_score: float | None = threshold(None, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _with_identity(cls, given: Any) -> Any:
        """`model: path` or `model: {eng: path}`: every path becomes a ModelFile, known by the hash of its bytes."""
        if not isinstance(given, dict) or "model" not in given:
            return given
        models = given["model"] if isinstance(given["model"], dict) else {"default": given["model"]}
        return given | {"model": {_language(k): _identified(v) for k, v in models.items()}}

    def open(self, ctx: Context) -> BatchFn:
        scorers = {language: _loaded(file.path, file.sha256) for language, file in self.model.items()}

        def score(batch: pa.RecordBatch) -> pa.RecordBatch:
            texts, languages = batch.column("text").to_pylist(), batch.column("language").to_pylist()
            return pa.record_batch([_scored(scorers, texts, languages)], schema=self.adds)

        return score

    def rules(self) -> tuple[Rule, ...]:
        low = rule("quality", "quality_score", "<", self.min_score, "low_quality", threshold="min_score", null="keep")
        return (low,)


def _language(code: str) -> str:
    from stages.language_codes import to_iso639_3

    return code if code == "default" else to_iso639_3(code)


def _identified(file: Any) -> Any:
    """A path with the sha256 of its bytes. Raises ValueError naming a file that is not there."""
    if not isinstance(file, str | Path):
        return file
    try:
        return ModelFile(path=str(file), sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())
    except OSError as error:
        raise ValueError(f"quality model {file}: {error.strerror}; `winnow fit quality` trains one") from None


def _scored(
    scorers: dict[str, Callable[[Sequence[str]], Scores]], texts: list[str | None], languages: list[str | None]
) -> pa.Array:
    scores = np.full(len(texts), np.nan, np.float32)
    chosen = [lang if lang in scorers else "default" for lang in languages]
    for language, scorer in scorers.items():
        rows = [i for i, (lang, text) in enumerate(zip(chosen, texts, strict=True)) if lang == language and text]
        if rows:
            scores[rows] = scorer([model_line(texts[i] or "", languages[i]) for i in rows])
    return pa.array(scores, mask=np.isnan(scores))


def model_line(text: str, language: str | None) -> str:
    """What the classifier sees: lower case, one line, Chinese segmented into words. The same in training and scoring."""
    line = " ".join(text[:MAX_CHARS].lower().split())
    if language in _HAN_LANGUAGES:
        import rjieba

        line = " ".join(" ".join(rjieba.cut(line)).split())
    return line


@lru_cache(maxsize=16)
def _loaded(path: str, sha256: str) -> Callable[[Sequence[str]], Scores]:
    """The model with this content, loaded once per process."""
    return load_scorer(Path(path))


def load_scorer(path: Path) -> Callable[[Sequence[str]], Scores]:
    """A function from lines to the probability of the positive label: (n,) float32. Raises ValueError for another model."""
    import fasttext

    model = fasttext.load_model(str(path))
    if set(model.get_labels()) != {POSITIVE, NEGATIVE}:
        raise ValueError(f"{path}: no quality model, its labels are {', '.join(model.get_labels()[:5])}")

    def score(lines: Sequence[str]) -> Scores:
        labels, probabilities = model.predict(list(lines), k=2)
        pairs = zip(labels, probabilities, strict=True)
        return np.array([_positive(named, values) for named, values in pairs], np.float32)

    return score


def _positive(labels: Sequence[str], probabilities: Sequence[float]) -> float:
    """fastText's probabilities carry rounding beyond 1; the score does not."""
    found = dict(zip(labels, probabilities, strict=True))
    return min(1.0, max(0.0, float(found.get(POSITIVE, 0.0))))
