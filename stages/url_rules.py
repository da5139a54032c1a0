"""Judge documents by their URL alone, before anything dear is done with them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import field_validator

from filters.rule import Rule, rule
from stages.base import BatchFn, Context, ModelFile, Stage, columns
from stages.url_parts import Url, parse

# Paths that end so hold no text of their own, even when a server calls them HTML.
_SUFFIXES = """
7z apk avi avif bmp bz2 dmg exe flac gif gz heic ico iso jar jpeg jpg m4a mkv mov mp3 mp4 mpeg mpg msi ogg png rar rpm
tar tgz tif tiff ttf wav webm webp wmv woff woff2 xz zip
"""
BINARY_SUFFIXES = tuple(f".{suffix}" for suffix in _SUFFIXES.split())

Judge = Callable[[str], tuple[str | None, str | None, str | None, str | None]]  # canonical, host, domain, reason


class UrlRules(Stage):
    """Canonical URL, host and registered domain of each document; why its URL is unwanted, if it is.

    There is no built-in list of bad sites. Documents without a URL, or whose `url` is no web address (a file name,
    a DOI), pass. `allow_hosts` overrules everything but `invalid_url`.
    """

    name: ClassVar[str] = "url_rules"
    version: ClassVar[int] = 2
    packages: ClassVar[tuple[str, ...]] = ("courlan", "tldextract", "google-re2")

    allow_hosts: tuple[str, ...] = ()  # a host, or a domain with all its hosts
    block_hosts: tuple[str, ...] = ()  # exactly these
    block_domains: tuple[str, ...] = ()  # these and everything below them
    block_paths: tuple[str, ...] = ()  # RE2 patterns, found anywhere in the canonical path and query, case ignored
    block_words: tuple[str, ...] = ()  # whole words of the URL
    lists: tuple[ModelFile, ...] = ()  # files with a domain, host or URL on each line
    binary_suffixes: tuple[str, ...] = BINARY_SUFFIXES

    @field_validator("lists", mode="before")
    @classmethod
    def _identify_by_content(cls, given: Any) -> Any:
        given = (given,) if isinstance(given, str | Path) else given
        return tuple(_list_file(Path(one)) if isinstance(one, str | Path) else one for one in given or ())

    @field_validator("allow_hosts", "block_hosts", "block_domains", "block_words", "binary_suffixes")
    @classmethod
    def _lower(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({one.strip().lower().strip("/") for one in given}))

    @field_validator("block_paths")
    @classmethod
    def _compiles(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if given:
            _pattern_set(given)
        return given

    @property
    def reads(self) -> pa.Schema:
        return columns(url=pa.string())

    @property
    def adds(self) -> pa.Schema:
        return columns(
            url__canonical=pa.string(), url__host=pa.string(), url__domain=pa.string(), url__block=pa.string()
        )

    def open(self, ctx: Context) -> BatchFn:
        judge = _judge(self)

        def answer(batch: pa.RecordBatch) -> pa.RecordBatch:
            rows = [judge(url) if url else (None,) * 4 for url in batch.column("url").to_pylist()]
            cells = zip(*rows, strict=True) if rows else ((),) * 4
            return pa.record_batch([pa.array(cell, pa.string()) for cell in cells], schema=self.adds)

        return answer

    def rules(self) -> tuple[Rule, ...]:
        return (rule(self.name, "url__block", "not null", gate=True, null="keep"),)


def _list_file(path: Path) -> ModelFile:
    try:
        return ModelFile(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        raise ValueError(f"URL list {path}: {error.strerror}") from None


def _judge(settings: UrlRules) -> Judge:
    blocked = _Blocked(settings)

    def judge(text: str) -> tuple[str | None, str | None, str | None, str | None]:
        try:
            url = parse(text)
        except ValueError:
            return None, None, None, "invalid_url"
        return (*url, blocked.reason(url)) if url else (None, None, None, None)

    return judge


class _Blocked:
    """The settings as sets and one automaton, asked for a reason URL by URL."""

    def __init__(self, settings: UrlRules) -> None:
        names, addresses = _entries(settings.lists)
        self._allowed = frozenset(map(_ascii, settings.allow_hosts))
        self._hosts = frozenset(map(_ascii, settings.block_hosts))
        self._domains = frozenset(map(_ascii, settings.block_domains)) | names
        self._addresses = addresses
        self._paths = _pattern_set(settings.block_paths) if settings.block_paths else None
        self._words = frozenset(settings.block_words)
        self._suffixes = settings.binary_suffixes

    def reason(self, url: Url) -> str | None:
        """The first reason that holds, in the order of the reference page."""
        parents = _parents(url.host)
        if not self._allowed.isdisjoint(parents):
            return None
        if url.host in self._hosts:
            return "blocked_host"
        if not self._domains.isdisjoint(parents):
            return "blocked_domain"
        return self._reason_of_path(url)

    def _reason_of_path(self, url: Url) -> str | None:
        address = url.canonical.partition("://")[2]
        path = "/" + address.partition("/")[2]
        if self._addresses and not self._addresses.isdisjoint(_prefixes(address)):
            return "blocked_url"
        if self._paths is not None and self._paths.Match(path):
            return "blocked_path"
        if self._words and not self._words.isdisjoint(_words(address)):
            return "blocked_word"
        return "binary_suffix" if path.partition("?")[0].lower().endswith(self._suffixes) else None


def _ascii(host: str) -> str:
    """A host as `Url.host` spells it; one that cannot be a host stays as it is, and matches nothing."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _parents(host: str) -> list[str]:
    """`a.b.c` -> a.b.c, b.c, c."""
    labels = host.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def _prefixes(address: str) -> list[str]:
    """The address itself and every folder above it: what a URL on a list covers."""
    path, _, query = address.partition("?")
    parts = path.rstrip("/").split("/")
    folders = ["/".join(parts[:i]) for i in range(2, len(parts) + 1)]
    return [*folders, f"{path.rstrip('/')}?{query}"] if query else folders


def _words(address: str) -> set[str]:
    from urllib.parse import unquote

    return set("".join(c if c.isalnum() else " " for c in unquote(address).lower()).split())


def _pattern_set(patterns: tuple[str, ...]) -> Any:
    """All patterns as one automaton: linear time, however many there are. Raises ValueError naming a bad one."""
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    found = re2.Set.SearchSet(options)
    for pattern in patterns:
        try:
            found.Add(pattern)
        except re2.error as error:
            raise ValueError(f"block_paths: {pattern!r} is no RE2 pattern: {error}") from None
    found.Compile()
    return found


def _entries(lists: tuple[ModelFile, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Names and addresses on the lists. `#` starts a comment; `0.0.0.0 name` (hosts files) means the name."""
    names, addresses = set(), set()
    for file in lists:
        for line in Path(file.path).read_text("utf-8", errors="replace").splitlines():
            words = line.partition("#")[0].split()
            entry = words[-1].partition("://")[2] or words[-1] if words else ""
            if "/" in entry.rstrip("/"):
                addresses.add(_address(entry))
            elif entry:
                names.add(_ascii(entry.rstrip("/").lower()))
    return frozenset(names), frozenset(addresses)


def _address(entry: str) -> str:
    """A listed URL in the form `_prefixes` gives; as it stands when it is no URL after all."""
    try:
        url = parse(f"http://{entry}")
    except ValueError:
        url = None
    return url.canonical.partition("://")[2].rstrip("/") if url else entry
