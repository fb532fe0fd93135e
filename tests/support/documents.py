"""Runs the generator `documents` over files that a test wrote, and makes small PDFs."""

from __future__ import annotations

from pathlib import Path
from random import Random

from insgen import Candidate, Generated, GeneratorContext
from insgen.plugins.generators.documents import DocumentsGenerator

ALL = 1_000_000


class NoPrompts:
    """Stands where a generator could ask for prompts; this one never does."""

    def render(self, name: str, **variables: str) -> str:
        raise AssertionError(name, variables)

    def hash(self, name: str) -> str:
        raise AssertionError(name)


def context(project: Path, limit: int = ALL, position: str = "", **changes: object) -> GeneratorContext:
    fields: dict[str, object] = {
        "round": 1,
        "limit": limit,
        "position": position,
        "seeds": (),
        "domain": "",
        "language": "en",
        "project": project,
        "bank": None,
        "prompts": NoPrompts(),
        "rng": Random(0),
    }
    return GeneratorContext(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def generate(project: Path, *, limit: int = ALL, position: str = "", **options: object) -> Generated:
    generator = DocumentsGenerator(**options)  # type: ignore[arg-type]  # options by name
    return generator.generate(context(project, limit, position))


def triples(project: Path, text: str, name: str = "docs/a.md", **options: object) -> list[Candidate]:
    """Write one document and give all it yields, by its lines."""
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    found = generate(project, paths=(name,), **options).candidates
    return sorted(found, key=lambda candidate: candidate.origin.line_start or 0)


def pdf(pages: list[list[str]], bookmarks: dict[str, int] | None = None) -> bytes:
    """Make a PDF with one text line per list entry, written by hand so that no other library is needed."""
    import io

    from pypdf import PdfReader, PdfWriter

    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 11 Tf 14 TL 50 800 Td {shown} ET".encode("latin-1")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    if not bookmarks:
        return out.getvalue()
    writer = PdfWriter(clone_from=PdfReader(out))
    for title, page in bookmarks.items():
        writer.add_outline_item(title=title, page_number=page)
    marked = io.BytesIO()
    writer.write(marked)
    return marked.getvalue()
