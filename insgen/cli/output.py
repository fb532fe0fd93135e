"""What every command shares: JSON, tables, where the project is.

Data goes to stdout; progress and warnings go to stderr. Colour and redrawing only on a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])
WIDTH_WHEN_PIPED = 120


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
    """The database of a project, whether its folder or its config was named."""
    return (project if project.is_dir() or project.suffix != ".toml" else project.parent) / "insgen.db"


def print_json(value: object) -> None:
    """Print a value as JSON on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def console(*, stderr: bool = False) -> Console:
    """Make a rich console that neither interprets markup in texts nor wraps what is piped into a program."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WHEN_PIPED
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, wide: Sequence[str] = ()) -> None:
    """Print a table on stdout; numbers to the right, long texts cut in the columns named ``wide``."""
    from rich import box
    from rich.table import Table

    shown = [[_cell(cell) for cell in row] for row in rows]
    screen = console()
    widths = [max(len(name), *(len(row[place]) for row in shown), 0) for place, name in enumerate(columns)]
    spare = (
        screen.width - 3 * len(columns) - sum(w for w, name in zip(widths, columns, strict=True) if name not in wide)
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(shown) and all(_is_number(row[place]) for row in shown)
        width = min(widths[place], max(20, spare // len(wide))) if name in wide else None
        table.add_column(
            name,
            justify="right" if numeric else "left",
            overflow="ellipsis" if name in wide else "fold",
            no_wrap=name in wide,
            width=width,
        )
    for row in shown:
        table.add_row(*row)
    screen.print(table)


def one_line(text: str, limit: int = 100) -> str:
    """Fold a text to one line of at most ``limit`` characters."""
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if value and abs(value) < 0.001 else f"{value:.3f}"
    return one_line(str(value), 400)


def _is_number(text: str) -> bool:
    try:
        float(text.lstrip("#").replace("-", "0") or "x")
    except ValueError:
        return False
    return True
