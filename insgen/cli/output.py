"""What every command shares: where the project is, JSON, tables, and texts that are safe to print.

Data goes to stdout; progress and warnings go to stderr. Colour and redrawing only on a terminal. Stored texts come from
documents, data sets and models, so nothing of them reaches a terminal unfiltered.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from insgen.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3

    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])
WIDTH_WHEN_PIPED = 120
NARROWEST = 20
"""Characters that a column of long texts gets at least."""
GAP = "  "
# Controls (a terminal obeys them, also those of 8 bits), and the marks that turn the direction of what follows.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def example(*lines: str) -> str:
    """An epilog with command lines that click does not wrap."""
    return "\b\n" + "\n".join(["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


def project_argument(function: F) -> F:
    """Add the positional ``[PROJECT]``: a project's folder or its config; the current folder when left out."""
    return click.argument("project", type=click.Path(path_type=Path), default=Path())(function)


def project_option(function: F) -> F:
    """Add ``--project``, for commands whose positional arguments are something else."""
    return click.option(
        "-p",
        "--project",
        type=click.Path(path_type=Path),
        default=Path(),
        help="The project's folder.  [default: here]",
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, for programs.")(function)


def set_option(function: F) -> F:
    """Add ``--set KEY=VALUE``."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change the config for this call, for example loop.batch=500 or filter.rouge.limit=0.6.",
    )(function)


def database_of(project: Path) -> Path:
    """The database of a project, whether its folder or its config was named.

    :raises ConfigError: that is no project.
    """
    folder = project.parent if project.suffix == ".toml" and not project.is_dir() else project
    database = folder / "insgen.db"
    if not database.exists() and not (folder / "insgen.toml").exists():
        raise ConfigError(
            f"There is no project in {project}.\n  Expected a folder with an insgen.toml in it.\n"
            "  Name one (`-p FOLDER` where a command takes other arguments), or make one: `insgen init FOLDER`."
        )
    return database


@contextmanager
def reading(project: Path) -> Iterator[sqlite3.Connection]:
    """Open a project's database read-only for a block; a damaged file is explained, not traced back."""
    from insgen.store.database import explained, open_reader

    path = database_of(project)
    with explained(path), closing(open_reader(path)) as conn:
        yield conn


def print_json(value: object) -> None:
    """Print a value as JSON on stdout; what could move a cursor is escaped, which changes no text."""
    import json

    text = json.dumps(value, ensure_ascii=not _speaks_unicode(), indent=2, default=_plain)
    put(_UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text))


def safe(text: str) -> str:
    r"""Show control characters instead of sending them: an ESC becomes ``\x1b``; line ends and tabs stay."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line that may hold foreign text."""
    put(safe(text), err=err)


def put(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text as it is.

    When nobody reads on (``insgen bank list | head -3``), the command ends, and that is no error. A run whose progress
    nobody reads goes on in silence.
    """
    try:
        click.echo(text, err=err, nl=nl)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # else Python complains when it flushes at its end
        os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
        os.close(nowhere)
        if not err:
            raise click.exceptions.Exit(0) from None


def width() -> int:
    """Columns to print in: those of the terminal (or ``COLUMNS``), else `WIDTH_WHEN_PIPED`."""
    return shutil.get_terminal_size((WIDTH_WHEN_PIPED, 24)).columns


def paint(text: str, colour: str = "", *, err: bool = False) -> str:
    """Colour a text, or make it bold; only on a terminal, and not where NO_COLOR is set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain or not (sys.stderr if err else sys.stdout).isatty():
        return text
    return click.style(text, fg=colour or None, bold=True)


def console() -> Console:
    """Make a rich console on stderr that takes no text for markup."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, wide: Sequence[str] = ()) -> None:
    """Print a table on stdout: numbers to the right, texts cut in the columns named ``wide``.

    The first wide column gets what the others leave. A table without wide columns that does not fit a terminal is
    printed record by record.
    """
    shown = [[_cell(cell) for cell in row] for row in rows]
    needed = [max([_cells(name), *(_cells(row[place]) for row in shown)]) for place, name in enumerate(columns)]
    spare = width() - sum(needed) - len(GAP) * (len(columns) - 1)
    for name in reversed(wide):
        place = columns.index(name)
        given = min(needed[place], max(NARROWEST, needed[place] + spare))
        spare += needed[place] - given
        needed[place] = given
    if spare < 0 and not wide and sys.stdout.isatty():
        _print_records(columns, shown)
        return
    numeric = [bool(shown) and all(_is_number(row[place]) for row in shown) for place in range(len(columns))]
    put(paint(_line(columns, needed, numeric)))
    put("─" * min(sum(needed) + len(GAP) * (len(columns) - 1), max(width(), 1)))
    for row in shown:
        put(_line(row, needed, numeric))


def _print_records(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    longest = max(_cells(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        put(paint(f"row {number}"))
        for name, cell in zip(columns, row, strict=True):
            put(f"{GAP}{name}{' ' * (longest - _cells(name))}{GAP}{cell}")


def figure(value: float, digits: int = 4) -> str:
    """Print a count whole, whatever its size, and any other measure with so many digits."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.{digits}g}"


def one_line(text: str, limit: int = 100) -> str:
    """Fold a text to one safe line of at most ``limit`` columns (a Han character takes two)."""
    folded = safe(" ".join(text.split()))
    if _cells(folded) <= limit:
        return folded
    used, end = 1, 0  # one column is the ellipsis's
    while used + _cells(folded[end]) <= limit:
        used, end = used + _cells(folded[end]), end + 1
    return folded[:end] + "…"


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    parts = []
    for cell, size, is_number in zip(cells, widths, numeric, strict=True):
        text = one_line(cell, size)
        padding = " " * (size - _cells(text))
        parts.append(padding + text if is_number else text + padding)
    return GAP.join(parts).rstrip()


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if value and abs(value) < 0.001 else f"{value:.3f}"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return one_line(str(value), 400)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        import base64

        return {"$base64": True, "encoded": base64.b64encode(value).decode()}  # as Datasette and sqlite-utils have it
    return str(value)


def _is_number(text: str) -> bool:
    try:
        float("0" if text == "-" else text)
    except ValueError:
        return False
    return True


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
