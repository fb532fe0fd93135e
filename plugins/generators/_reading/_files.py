"""Paths -> files -> documents. What cannot be read is said, with the line where it can be.

Flows in: the option ``paths`` and the project's folder. Flows out: file contents in a fixed order, and for each file
its documents (several for a PDF: one per page) or the reason why there are none. Text is UTF-8 or unreadable: no other
encoding is guessed, since a wrong guess would train on garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from insgen import StageError, Unreadable, clean_text, content_hash

from ._blocks import Document
from ._html import read_html
from ._markdown import read_markdown
from ._pdf import PdfError, read_pdf
from ._text import read_text

_TEXT_READERS: dict[str, Callable[[str, str], Document]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".rst": read_text,
    ".html": read_html,
    ".htm": read_html,
}
SUFFIXES = (*_TEXT_READERS, ".pdf")


@dataclass(frozen=True)
class Source:
    """A file's bytes under the name that candidates give it."""

    name: str
    suffix: str
    content: bytes


def load_sources(paths: Sequence[str], project: Path, reader: str) -> tuple[Source, ...]:
    """Read the bytes of every file that the paths name, each file once.

    :param reader: the generator that asks, for messages.
    :raises StageError: a path is missing, a folder holds no file of a known kind, or a file cannot be opened.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for written in paths:
        top = project / written
        for path in _files(top, written, reader):
            inside = path.relative_to(top) if path != top else None
            name = Path(written) / inside if inside is not None else Path(written)
            if name.is_absolute() and name.is_relative_to(project):
                name = name.relative_to(project)
            found.setdefault(path.resolve(), (name.as_posix(), path))
    return tuple(Source(name, path.suffix.lower(), _bytes(path, name, reader)) for name, path in found.values())


def _files(top: Path, written: str, reader: str) -> Iterator[Path]:
    known = ", ".join(SUFFIXES)
    if top.is_file():
        if top.suffix.lower() not in SUFFIXES:
            raise StageError(
                f'The generator "{reader}" cannot read "{written}": the kind "{top.suffix}" is unknown to it. '
                f"Known kinds: {known}. Take it out of `paths`, or convert it."
            )
        yield top
        return
    if not top.is_dir():
        raise StageError(
            f'The generator "{reader}" finds nothing at "{written}" (looked for {top}). '
            "`paths` should name files or folders, relative to the project's folder. "
            "Put your documents there, or correct `paths`."
        )
    inside = sorted(
        (path for path in top.rglob("*") if path.suffix.lower() in SUFFIXES and _is_visible(path, top)),
        key=lambda path: path.relative_to(top).parts,
    )
    if not inside:
        raise StageError(
            f'The generator "{reader}" finds no document in the folder "{written}" ({top}). '
            f"It should hold files of these kinds: {known}. Put your documents there, or correct `paths`."
        )
    yield from inside


def _is_visible(path: Path, top: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(top).parts)


def _bytes(path: Path, name: str, reader: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StageError(
            f'The generator "{reader}" cannot open "{name}" ({error.strerror or error}). '
            "Every file that `paths` names should be readable. Correct its permissions, or leave it out."
        ) from error


def fingerprint(sources: Sequence[Source]) -> str:
    """Hash names and contents, so that a changed document shows."""
    return content_hash(*(part for source in sources for part in (source.name, _digest(source.content))))


def _digest(content: bytes) -> str:
    return content_hash(content.decode("latin-1"))  # latin-1 gives every byte one character


def read_source(source: Source) -> tuple[list[Document], Unreadable | None]:
    """Read one file.

    :returns: its documents, or none and the reason.
    :raises StageError: a PDF, and pypdf is not installed.
    """
    if source.suffix == ".pdf":
        try:
            return read_pdf(source.content, source.name), None
        except PdfError as error:
            return [], Unreadable(source.name, None, str(error))
    if b"\x00" in source.content:
        line = source.content[: source.content.index(b"\x00")].count(b"\n") + 1
        return [], Unreadable(
            source.name, line, "a NUL byte: the file is binary, or text in another encoding than UTF-8"
        )
    try:
        text = source.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.content[: error.start].count(b"\n") + 1
        return [], Unreadable(
            source.name, line, f"not UTF-8 (byte 0x{source.content[error.start]:02x}); save it as UTF-8"
        )
    # A sign at each end keeps the white space there, and with it the line numbers.
    cleaned = clean_text(f"x{text}x")[1:-1]
    if not cleaned.strip():
        return [], Unreadable(source.name, None, "the file holds no text")
    return [_TEXT_READERS[source.suffix](cleaned, source.name)], None
