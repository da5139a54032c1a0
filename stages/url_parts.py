"""A URL in canonical form, with its host and registered domain. Offline: the public suffix list is the library's own."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

MOST_CHARS = 8_000  # longer than any server takes; what lies beyond is an attack or an accident

_ASCII_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_IPV6 = re.compile(r"[0-9a-f:.]{2,45}")
_SLASHES = re.compile("/{2,}")
_ESCAPE = re.compile("%([0-9a-fA-F]{2})")
_STRAY = re.compile("%(?![0-9a-fA-F]{2})")
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Url(NamedTuple):
    """canonical: for comparing. host: lower case, ASCII (IDNA), no port. domain: what was registered, or the host."""

    canonical: str
    host: str
    domain: str


def parse(url: str) -> Url | None:
    """Take a web address apart; None for what is none (another scheme, a bare name): nothing there to judge.

    Raises ValueError for an http(s) URL without a usable host or port.
    """
    url = url.strip()
    if not url[:8].lower().startswith(("http://", "https://")):
        return None
    if len(url) > MOST_CHARS:
        raise ValueError(f"URL of {len(url)} characters")
    split = urlsplit(url)
    host = _host(split)
    return Url(_canonical(split, host), host, registered_domain(host))


@lru_cache(maxsize=65_536)
def registered_domain(host: str) -> str:
    """`www.bbc.co.uk` -> `bbc.co.uk`; under an unknown suffix the last two labels; an address or single label itself."""
    found = _suffixes()(host)
    if found.suffix:
        return str(found.top_domain_under_public_suffix) or host
    if found.ipv4 or ":" in host:
        return host
    return ".".join(host.split(".")[-2:])


@lru_cache(maxsize=1)
def _suffixes() -> Callable[..., "Suffixed"]:
    from tldextract import TLDExtract

    # No list URLs: the snapshot inside the package, never the network.
    extract: Callable[..., Suffixed] = TLDExtract(suffix_list_urls=(), cache_dir=None).extract_str
    return extract


class Suffixed(NamedTuple):
    """The part of tldextract's result used here."""

    suffix: str
    ipv4: str
    top_domain_under_public_suffix: str


def _host(split: SplitResult) -> str:
    host = (split.hostname or "").rstrip(".")
    if not host.isascii():
        host = host.encode("idna").decode("ascii").lower()  # UnicodeError is a ValueError
    well_formed = _IPV6 if ":" in host else _ASCII_HOST
    if not well_formed.fullmatch(host) or ".." in host:
        raise ValueError(f"no host in {split.geturl()[:200]!r}")
    return host


def _canonical(split: SplitResult, host: str) -> str:
    """Default port, user, fragment, dot segments, doubled slashes and tracking parameters removed; query sorted."""
    scheme, port = split.scheme.lower(), split.port
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        netloc += f":{port}"
    query = _query(split.query)
    return f"{scheme}://{netloc}{_path(split.path)}" + (f"?{query}" if query else "")


def _path(path: str) -> str:
    from courlan.clean import normalize_part

    plain = _normal_escapes(path or "/")  # first: `%2e%2e` climbs as `..` does
    return str(normalize_part(urlsplit(urljoin("http://h/", _SLASHES.sub("/", plain))).path))


def _normal_escapes(part: str) -> str:
    """What needs no escape has none, the others are upper case; a `%` that begins none is one."""
    return _ESCAPE.sub(_unescaped, _STRAY.sub("%25", part))


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def _query(query: str) -> str:
    from courlan.clean import TRACKERS_RE

    # Not courlan's own clean_query: it drops parameters without a value, and `?page` is not `?`.
    parts = [quote(_normal_escapes(part), safe="/%!=:,-+;@?$'()*[]|") for part in query.split("&") if part]
    return "&".join(sorted(part for part in parts if not TRACKERS_RE.search(part.partition("=")[0].lower())))
