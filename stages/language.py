"""Label each document with its language and script."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from filters.rule import Condition, Rule, Value, rule
from stages import language_model
from stages.base import BatchFn, Context, ModelFile, Stage, columns, threshold
from stages.language_codes import iso639_3

MAX_CHARS = 2_000  # 99.55 % of web pages get the same label as by their whole text, at 5 times the speed

Probability = Annotated[float, Field(ge=0, le=1)]


class Language(Stage):
    """Label each document with its language; drop those outside `keep`, and those the model is unsure of.

    Chinese, Japanese and Cantonese are told apart by their characters where the model cannot. A document without
    text has no language, and is `other_language` wherever `keep` names any.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("fasttext-numpy2",)

    # Any fastText model by path; without one, lid.176.ftz from where `winnow doctor --fetch` puts it.
    model: ModelFile = ModelFile(path="", sha256=language_model.SHA256)
    max_chars: int = Field(MAX_CHARS, ge=1)  # code points shown to the model

    keep: tuple[str, ...] = threshold(())  # en, eng, zh...; none = all
    min_score: Probability | dict[str, Probability] = threshold(0.65)  # FineWeb; one value, or one per language
    min_han: Probability = threshold(0.3)  # Han among the letters of Chinese documents

    @field_validator("model", mode="before")
    @classmethod
    def _identify_by_content(cls, given: Any) -> Any:
        return _model_file(Path(given)) if isinstance(given, str | Path) else given

    @field_validator("keep", mode="before")
    @classmethod
    def _one_spelling(cls, given: Any) -> Any:
        given = (given,) if isinstance(given, str) else given
        return tuple(dict.fromkeys(iso639_3(str(code)) for code in given or ()))

    @field_validator("min_score", mode="before")
    @classmethod
    def _by_code(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        scores = {code if code == "default" else iso639_3(str(code)): score for code, score in given.items()}
        return {"default": 0.65} | scores

    @property
    def reads(self) -> pa.Schema:
        return columns(text=pa.string())

    @property
    def adds(self) -> pa.Schema:
        return columns(
            language=pa.string(),
            script=pa.string(),
            language_score=pa.float32(),
            language__han=pa.float32(),
            language__kana=pa.float32(),
        )

    def open(self, ctx: Context) -> BatchFn:
        from stages.language_identify import identifier

        path = Path(self.model.path) if self.model.path else language_model.find()
        identify_all = identifier(path, self.model.sha256)

        def label(batch: pa.RecordBatch) -> pa.RecordBatch:
            found = identify_all(batch.column("text"), self.max_chars)
            cells = [found.language, found.script, found.score, found.han, found.kana]
            return pa.record_batch(cells, schema=self.adds)

        return label

    def rules(self) -> tuple[Rule, ...]:
        least: Value = {**self.min_score} if isinstance(self.min_score, dict) else self.min_score
        unsure = rule(self.name, "language_score", "<", least, "language_unsure", threshold="min_score")
        return (*self._kept(), unsure, self._han())

    def _kept(self) -> tuple[Rule, ...]:
        if not self.keep:
            return ()
        other = rule(self.name, "language", "not in", self.keep, "other_language", threshold="keep", gate=True)
        return (other,)

    def _han(self) -> Rule:
        conditions = (
            Condition(column="language", op="==", value="cmn"),
            Condition(column="language__han", op="<", value=self.min_han),
        )
        return Rule(group=self.name, conditions=conditions, reason="few_han", threshold="min_han", null="keep")


def _model_file(path: Path) -> ModelFile:
    try:
        return ModelFile(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        raise ValueError(f"language model {path}: {error.strerror}") from None


def identify(texts: list[str]) -> list[tuple[str, str, float]]:
    """Language (ISO 639-3), script (ISO 15924) and score of each text, by the default model.

    Raises ModelMissing, with the command that fetches it, when the model is not on this machine.
    """
    from stages.language_identify import identified, identifier

    default = identifier(language_model.find(), language_model.SHA256)
    return identified(default(pa.array(texts, pa.string()), MAX_CHARS))
