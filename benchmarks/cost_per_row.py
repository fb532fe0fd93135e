"""What a kept row costs: calls, tokens and dollars of the recipes that ask a language model, side by side.

    python benchmarks/cost_per_row.py --api-base http://127.0.0.1:8000/v1 --seeds seeds.jsonl [--target 1000]

Any OpenAI-compatible server will do. Each recipe runs in a new project until so many rows are kept: answered, scored,
and past every filter. Equal for all: seeds, embedder (`hashing`; meaning is not the question here), prices (stated),
scorer, batch, and the quality filters (length, Alpaca's validity rules, no text twice). What differs is how a recipe
asks, and in the first table the novelty limit, which belongs to the method: ROUGE-L .7 for Self-Instruct and Alpaca,
.85 for SeDi-Instruct, which keeps more and lets the composition of batches care for diversity. A row kept at .85 may
be nearer to another row than one kept at .7, so the second table gives every recipe the stricter limit: what is saved
there is saved by the way of asking alone. `self-instruct` buys each answer with a call of its own, and only for an
instruction that passed; the others get whole tasks, sixteen a call, and throw away paid answers with those that fail.
The exit status is 1 when `sedi` saves less than 36 % of the calls of `self-instruct`, or no dollars, in either table.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from insgen.config.load import read_tables
from insgen.hooks.manager import load_plugins
from insgen.loop.assemble import Assembly
from insgen.store.costs import costs
from insgen.store.database import open_reader

LIMITS = {"self-instruct": 0.7, "alpaca": 0.7, "sedi": 0.85, "sedi-pibe": 0.85}
"""Recipes, and the novelty limit of each one's method."""

FEWER_CALLS = 0.36
LINE = "{:<14} {:>5} {:>5} {:>6} {:>9} {:>10} {:>13} {:>11} {:>9}"
COLUMNS = ("recipe", "limit", "kept", "yield", "calls/row", "tokens/row", "USD/1000 rows", "calls saved", "USD saved")


@dataclass(frozen=True)
class Cost:
    """What the kept rows of one project took.

    :ivar yielded: kept rows over everything proposed and judged, 0 to 1.
    :ivar calls: for each kept row, as are ``tokens`` and ``usd``.
    """

    kept: int
    yielded: float
    calls: float
    tokens: float
    usd: float


def filters(limit: float) -> list[dict[str, Any]]:
    """The filters of every recipe, up to the novelty limit."""
    return [
        {"use": "length"},
        {"use": "keywords", "variant": "alpaca"},
        {"use": "exact_duplicate"},
        {"use": "rouge", "limit": limit},
    ]


def project(folder: Path, recipe: str, limit: float, arguments: argparse.Namespace) -> Path:
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
    tables["filter"] = filters(limit)
    tables["score"] = [{"use": "heuristic"}]
    config.write_text(tomli_w.dumps(tables), encoding="utf-8")
    shutil.copy(arguments.seeds, folder / "seeds.jsonl")
    return folder


def measure(folder: Path) -> Cost:
    """Run a project and count."""
    with Assembly(folder).open() as run:
        result = run.play()
    conn = open_reader(folder / "insgen.db")
    found = costs(conn)
    judged = conn.execute("SELECT sum(proposed - deferred) FROM rounds").fetchone()[0]
    conn.close()
    each = found["per_kept_row"]
    if each is None:
        raise SystemExit(f"{folder.name} kept no row: {result.reason}.")
    return Cost(found["kept"], found["kept"] / judged, each["calls"], each["tokens"], each["usd"])


def table(title: str, limits: dict[str, float], arguments: argparse.Namespace) -> dict[str, Cost]:
    """Measure every recipe, and print a line for each."""
    print(f"{title}\n{LINE.format(*COLUMNS)}", flush=True)
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for recipe, limit in limits.items():
            cost = found[recipe] = measure(project(Path(temporary) / recipe, recipe, limit, arguments))
            base = found["self-instruct"]
            saved = (f"{1 - cost.calls / base.calls:.1%}", f"{1 - cost.usd / base.usd:.1%}")
            paid = (f"{cost.calls:.3f}", f"{cost.tokens:.0f}", f"{1000 * cost.usd:.3f}")
            print(LINE.format(recipe, f"{limit:g}", cost.kept, f"{cost.yielded:.0%}", *paid, *saved), flush=True)
    return found


def main() -> int:
    """Measure and print; 0 when `sedi` saves enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--seeds", type=Path, required=True, help="seed tasks with outputs, JSONL")
    parser.add_argument("--model", default="openai/any")
    parser.add_argument("--target", type=int, default=1000)
    arguments = parser.parse_args()
    strict = min(LIMITS.values())
    passed = True
    for title, limits in (
        ("Each recipe with its method's novelty limit:", LIMITS),
        ("All with the stricter limit:", dict.fromkeys(LIMITS, strict)),
    ):
        found = table(title, limits, arguments)
        base, sedi = found["self-instruct"], found["sedi"]
        calls, usd = 1 - sedi.calls / base.calls, 1 - sedi.usd / base.usd
        enough = calls >= FEWER_CALLS and usd > 0
        passed = passed and enough
        print(
            f"sedi against self-instruct: {calls:.1%} fewer calls (goal {FEWER_CALLS:.0%}), {usd:.1%} fewer dollars"
            f" (goal: any): {'yes' if enough else 'NO'}\n"
        )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
