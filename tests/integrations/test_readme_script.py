"""The training script of the README, as it stands there, from a project's export to what its feedback changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from support.cli import plain_environment
from support.models import answered_rows, save_model
from support.projects import DATA, EMBED, play
from support.readme import README

from insgen.cli.main import main_group

SCRIPT = re.compile(r"<!-- script: train.py -->\n```python\n(.*?)```", re.DOTALL)


def call(*arguments: object) -> str:
    done = CliRunner().invoke(main_group, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_script_of_the_readme_writes_what_import_takes(make_project: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(20)]
    select = '[select]\nuse = "quality"\nsize = 20\n[seeds]\nuse = "sedi"\nwindow = 3\n'
    project = make_project(DATA + EMBED + select, {"data.jsonl": rows, "seeds.jsonl": rows[:3]})
    play(project)
    call("export", tmp_path / "train.jsonl", "-p", project)
    call("batches", tmp_path / "plan.jsonl", "--size", "8", "--top", "16", "-p", project)
    found = SCRIPT.search(README.read_text(encoding="utf-8"))
    assert found
    (tmp_path / "train.py").write_text(found[1])

    done = subprocess.run(
        [sys.executable, "train.py", str(save_model(tmp_path / "small"))],
        cwd=tmp_path,
        env={**plain_environment(), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(call("feedback", "import", tmp_path / "feedback.jsonl", "-p", project, "--json"))
    assert (told["steps"], told["unknown"]) == ({"new": 6}, {})  # 16 rows in steps of 8, three epochs
