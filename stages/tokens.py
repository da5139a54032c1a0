"""Tokens: a byte-level BPE trained here or any Hugging Face tokenizer, and the fastest engine with identical ids."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

END_OF_TEXT = "<|endoftext|>"
SPECIAL = (END_OF_TEXT, "<|pad|>", "<|im_start|>", "<|im_end|>")
# How the GPT-2 pre-tokenizer splits; Hugging Face builds it in as ByteLevel(use_regex=True).
GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_NO_TOKEN = "\0no token\0"  # a control token for tiktoken to look for; a text that holds it is encoded as any other
# Texts on which two engines must agree before the faster one is used: scripts, spaces, digits, marks, lone bytes.
_PROBES = (
    "Hello, world! It's 2026-11-21, they'll pay $1,234.56 for it…\n\n\tTabs  and   spaces \r\n end ",
    "数据质量决定模型。ＡＢＣ１２３，“引号”——破折号……他说：「好」。",
    "naïve café ﬁn\u0301al \u200bzero\u00a0width 👩‍👩‍👧‍👦 🇩🇪 \U00010348 \ufeff",
    "日本語のテスト、カタカナ。한국어 텍스트. ภาษาไทย العربية עברית हिन्दी",
    "def f(x):\n    return {'a': [1, 22, 333, 4444, 55555], \"b\": x**2}  # ok\n\n\n",
    "<|endoftext|> <|im_start|>not a control token here<|im_end|>",
    f"{_NO_TOKEN} \0 {_NO_TOKEN}{_NO_TOKEN}",
)


class Engine(Protocol):
    """Ids of ordinary text: control tokens written in a document are text, never control."""

    name: str

    def encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]: ...


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer directory that is in use. sha256 covers tokenizer.json, the only file ids depend on."""

    folder: Path
    sha256: str
    eos: str
    eos_id: int
    bos: str | None
    special_tokens: dict[str, int]
    chat_template_sha256: str | None
    vocab_size: int


def train_bpe(texts: Iterable[str], vocab_size: int, folder: Path) -> None:
    """Train a byte-level BPE and write a directory that AutoTokenizer opens. The same texts give the same bytes.

    vocab_size counts the 256 bytes and the control tokens. Raises ValueError if it is too small for them.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    least = 256 + len(SPECIAL)
    if vocab_size < least:
        raise ValueError(f"vocab_size {vocab_size} is below {least}: 256 bytes and {len(SPECIAL)} control tokens")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "bos_token": END_OF_TEXT,
        "pad_token": "<|pad|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000_000,
    }
    text = json.dumps(config, indent=1, sort_keys=True)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy the files of a tokenizer directory (or one tokenizer.json). Raises FileNotFoundError without tokenizer.json."""
    origin = source if source.is_dir() else source.parent
    main = source / "tokenizer.json" if source.is_dir() else source
    if not main.is_file():
        raise FileNotFoundError(f"{source}: no tokenizer.json there")
    (folder / "tokenizer.json").write_bytes(main.read_bytes())
    for name in _FILES[1:]:
        if source.is_dir() and (origin / name).is_file():
            (folder / name).write_bytes((origin / name).read_bytes())


def load_tokenizer(folder: Path) -> LoadedTokenizer:
    """Read what a mix's manifest tells of a tokenizer. Raises ValueError if no end-of-document token can be found."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = _config(folder)
    special = {t.content: i for i, t in sorted(tokenizer.get_added_tokens_decoder().items()) if t.special}
    eos = _named(config, "eos_token") or next(
        (t for t in (END_OF_TEXT, "</s>", "<|end_of_text|>") if t in special), None
    )
    eos_id = tokenizer.token_to_id(eos) if eos is not None else None
    if eos is None or eos_id is None:
        raise ValueError(
            f"{folder}: the tokenizer names no end-of-document token; set eos_token in tokenizer_config.json"
        )
    template = folder / "chat_template.jinja"
    chat = template.read_bytes() if template.is_file() else str(config.get("chat_template") or "").encode()
    return LoadedTokenizer(
        folder,
        hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(),
        eos,
        eos_id,
        _named(config, "bos_token"),
        special,
        hashlib.sha256(chat).hexdigest() if chat else None,
        tokenizer.get_vocab_size(with_added_tokens=True),
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _named(config: dict[str, Any], name: str) -> str | None:
    token = config.get(name)
    return token.get("content") if isinstance(token, dict) else token


class HuggingFaceEngine:
    """The tokenizers library; control tokens in a text are encoded as the text they are."""

    name = "huggingface"

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(e.ids, np.int32) for e in encoded]


class TiktokenEngine:
    """The same byte-level BPE in tiktoken. Only for tokenizers of the GPT-2 shape; `proven` compares ids."""

    name = "tiktoken"

    def __init__(self, folder: Path) -> None:
        import tiktoken

        spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        added = {t["content"] for t in spec["added_tokens"]}
        bytes_of = _byte_letters()
        ranks = {bytes(bytes_of[c] for c in t): i for t, i in spec["model"]["vocab"].items() if t not in added}
        # Without any control token tiktoken looks for "", finds it before every byte, and takes 1.5 times as long.
        special = {_NO_TOKEN: max(ranks.values()) + 1}
        self._encoding = tiktoken.Encoding("winnow", pat_str=GPT2_SPLIT, mergeable_ranks=ranks, special_tokens=special)

    def encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> npt.NDArray[np.int32]:
        ids: npt.NDArray[np.int32] = self._encoding.encode_to_numpy(text, disallowed_special=()).view(np.int32)
        return ids


def _byte_letters() -> dict[str, int]:
    """The letters by which byte-level vocabularies spell bytes: printable Latin-1 as itself, the rest from U+0100 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(rest)}


def has_gpt2_shape(folder: Path) -> bool:
    """Whether the tokenizer is a plain byte-level BPE: nothing normalised, split as GPT-2 does."""
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model, split = spec.get("model") or {}, spec.get("pre_tokenizer") or {}
    plain_model = model.get("type") == "BPE" and not model.get("dropout") and not model.get("byte_fallback")
    plain_split = (
        split.get("type") == "ByteLevel" and split.get("use_regex", True) and not split.get("add_prefix_space")
    )
    return bool(plain_model and plain_split and spec.get("normalizer") is None and not model.get("ignore_merges"))


def fastest_engine(folder: Path) -> Engine:
    """tiktoken where it gives the same ids on every probe, the tokenizers library otherwise."""
    reference = HuggingFaceEngine(folder)
    if not has_gpt2_shape(folder):
        return reference
    try:
        quick = TiktokenEngine(folder)
        agree = all(np.array_equal(a, b) for a, b in zip(quick.encode(_PROBES), reference.encode(_PROBES), strict=True))
    except (KeyError, ValueError):  # a vocabulary that spells more than bytes
        return reference
    return quick if agree else reference


def resolve_tokenizer(wish: dict[str, Any]) -> Path:
    """Where a given tokenizer lies: `{path: dir or tokenizer.json}`, or `{hf: name}` from the local hub cache or the hub.

    Raises FileNotFoundError naming what is missing.
    """
    if "path" in wish:
        folder = Path(wish["path"])
        if not folder.exists():
            raise FileNotFoundError(f"tokenizer {folder}: no such file or directory")
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(wish["hf"], allow_patterns=["tokenizer*", "special_tokens_map.json", "*.jinja"]))
    except Exception as error:
        raise FileNotFoundError(
            f"tokenizer {wish['hf']!r} is neither in the local hub cache nor reachable: {error}"
        ) from error
