"""Texts that can be stored, shown and compared: cleaning, folding, and the ids that are made of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_SEPARATOR = "\x1f"  # cannot survive clean_text(), so two different triples cannot share one joined text
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_UNSAFE_ASCII = bytes([*range(9), *range(11, 32), 127])  # the ASCII part of it, and the carriage return
_UNPRINTABLE = re.compile(_UNSAFE.pattern[:-1] + r"\t\n\r]")
_NOT_WORD = re.compile(r"[\W_]+")


def clean_text(text: str) -> str:
    r"""Make a text safe to store, hash, print and export, without touching its meaning.

    Line ends become ``\n``; control characters, lone surrogates, byte-order marks and bidi overrides
    (they can make a terminal or a page show something else than what is trained on) are removed;
    white space at both ends goes. Everything else stays as it is, HTML included.
    """
    if not text:  # most inputs, system messages and unanswered outputs
        return text
    if text.isascii():  # five times as fast as the pattern, and most texts end here
        raw = text.encode()
        if len(raw.translate(None, _UNSAFE_ASCII)) == len(raw):
            return text.strip()
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")).strip()


def shown_name(name: str) -> str:
    """Write what cannot be stored, or could deceive, in a file's name as escapes; other things stay as they are."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), name)


def content_hash(*parts: str) -> str:
    """Hash texts to an id that carries its algorithm: ``b2:`` and 32 hexadecimal digits of BLAKE2b."""
    joined = _SEPARATOR.join(parts).encode("utf-8", "surrogatepass")
    return "b2:" + hashlib.blake2b(joined, digest_size=16).hexdigest()


def fold(text: str) -> str:
    """Write a text without case, punctuation, white space and Unicode form; one made of signs only keeps its signs."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORD.sub(" ", folded).strip() or folded
