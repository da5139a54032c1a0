"""Profiles of single languages that a recipe brings: the settings of the stages that measure and judge by them."""

from collections.abc import Mapping
from typing import Any

from pydantic import field_validator

from filters.profiles.of_language import LanguageProfile, load_language_profile
from stages.base import ModelFile, Stage, threshold
from stages.language_codes import iso639_3


class WithOwnProfiles(Stage):
    """A stage with `own: {language: file}`. The file's thresholds only judge; its stop words and splitter are measured by."""

    own: dict[str, ModelFile] = threshold({})

    @field_validator("own", mode="before")
    @classmethod
    def _hashed(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {iso639_3(str(code)): ModelFile.of(one) if isinstance(one, str) else one for code, one in given.items()}

    @field_validator("own")
    @classmethod
    def _readable(cls, own: dict[str, ModelFile]) -> dict[str, ModelFile]:
        for one in own.values():
            load_language_profile(one.path, one.sha256)
        return own

    @property
    def profiles(self) -> dict[str, LanguageProfile]:
        """What the files say, by language."""
        return {code: load_language_profile(one.path, one.sha256) for code, one in self.own.items()}

    @property
    def own_measures(self) -> dict[str, Any]:
        """For the measuring key: what of the files changes signals; nothing where there are none."""
        used = {code: [one.splitter, list(one.stop_words)] for code, one in sorted(self.profiles.items())}
        return {"own": used} if used else {}
