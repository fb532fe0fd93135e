"""The tutorial's plugin is taken out of plugins/README.md and used in a run."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from insgen.config.load import load_config
from insgen.hooks import spec
from insgen.loop.assemble import Assembly
from insgen.store import queries
from insgen.store.database import open_reader

TUTORIAL = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")

BASE = """
[[generate]]
use = "dataset"
paths = ["rows.jsonl"]

[embed]
use = "hashing"

[select]
use = "quality"
"""


def _block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL, re.DOTALL)[number]


def test_the_filter_of_the_tutorial_rejects_in_a_real_run(tmp_path: Path) -> None:
    rows = [
        {"instruction": "STOP SHOUTING AT ME", "output": "No."},
        {"instruction": "Name a colour.", "output": "Red."},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "polite_filter.py").write_text(_block("python"), encoding="utf-8")
    (tmp_path / "insgen.toml").write_text(_block("toml") + BASE, encoding="utf-8")
    config, _ = load_config(tmp_path)
    with Assembly(tmp_path).open() as run:
        result = run.play()
    assert result.counters["kept"] == 1
    conn = open_reader(config.database)
    (rejected,) = queries.rejected_examples(conn, 5)
    conn.close()
    assert (rejected["filter"], rejected["reason"], rejected["limit_value"]) == ("polite", "shouting", 0.4)
    assert rejected["instruction"] == "STOP SHOUTING AT ME"
    assert rejected["value"] == 1.0


def test_the_entry_point_of_the_tutorial_is_in_the_group_that_is_loaded() -> None:
    assert "insgen" in tomllib.loads(_block("toml", 1))["project"]["entry-points"]


def test_every_hook_stands_in_the_tutorial() -> None:
    missing = [name for name in vars(spec) if name.startswith("insgen_") and f"`{name}`" not in TUTORIAL]
    assert missing == []
