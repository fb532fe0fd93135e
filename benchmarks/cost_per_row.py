"""What a kept row costs: calls, tokens and dollars of the recipes that ask a language model, side by side.

    python benchmarks/cost_per_row.py --api-base http://127.0.0.1:8000/v1 --seeds seeds.jsonl [--target 300]

Any OpenAI-compatible server will do. Each recipe runs in a new project until so many rows are kept, once with its
own filters and once with the same filters for all (``--limit`` is the ROUGE-L limit then), so that what the way of
asking saves can be told from what a looser filter saves. The embedder is `hashing`: meaning is not the question
here. Prices are stated, not looked up.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tomli_w

from insgen.config.load import read_tables
from insgen.hooks.manager import load_plugins
from insgen.loop.assemble import Assembly
from insgen.store.costs import costs
from insgen.store.database import open_reader

RECIPES = ("self-instruct", "alpaca", "sedi", "sedi-pibe")
COLUMNS = ("filters", "recipe", "kept", "calls/row", "tokens/row", "USD/1000 rows", "calls saved", "USD saved")


def equal_filters(limit: float) -> list[dict[str, Any]]:
    """The same filters for every recipe."""
    return [{"use": "length"}, {"use": "exact_duplicate"}, {"use": "rouge", "limit": limit}]


def project(folder: Path, recipe: str, arguments: argparse.Namespace, filters: list[dict[str, Any]] | None) -> Path:
    """Write a project of a recipe that asks the given server."""
    folder.mkdir()
    config = folder / "insgen.toml"
    config.write_text(load_plugins().find("recipe", recipe).cls.toml, encoding="utf-8")
    tables = read_tables(config)
    tables["llm"] = {
        "model": arguments.model,
        "api_base": arguments.api_base,
        "input_usd_per_million": 1.0,
        "output_usd_per_million": 2.0,
    }
    tables["budget"] = {"calls": 50 * arguments.target}
    tables["loop"] = {"target": arguments.target, "batch": 100, "collapse": "off"}
    tables["embed"] = {"use": "hashing"}
    if filters is not None:
        tables["filter"] = filters
    config.write_text(tomli_w.dumps(tables), encoding="utf-8")
    shutil.copy(arguments.seeds, folder / "seeds.jsonl")
    return folder


def measure(folder: Path) -> tuple[int, float, float, float]:
    """Run a project; kept rows, and calls, tokens and USD for each of them."""
    with Assembly(folder).open() as run:
        run.play()
    conn = open_reader(folder / "insgen.db")
    found = costs(conn)
    conn.close()
    each = found["per_kept_row"]
    return found["kept"], each["calls"], each["tokens"], each["usd"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--seeds", type=Path, required=True)
    parser.add_argument("--model", default="openai/any")
    parser.add_argument("--target", type=int, default=300)
    parser.add_argument("--limit", type=float, default=0.7)
    arguments = parser.parse_args()
    print(("{:<8} {:<14}" + " {:>13}" * 6).format(*COLUMNS))
    with tempfile.TemporaryDirectory() as temporary:
        for name, filters in (("own", None), ("equal", equal_filters(arguments.limit))):
            base: tuple[float, float] | None = None
            for recipe in RECIPES:
                folder = project(Path(temporary) / f"{name}-{recipe}", recipe, arguments, filters)
                kept, calls, tokens, usd = measure(folder)
                base = base or (calls, usd)
                saved = (f"{1 - calls / base[0]:.1%}", f"{1 - usd / base[1]:.1%}")
                row = (name, recipe, kept, f"{calls:.3f}", f"{tokens:.0f}", f"{1000 * usd:.3f}", *saved)
                print(("{:<8} {:<14}" + " {:>13}" * 6).format(*row), flush=True)


if __name__ == "__main__":
    main()
