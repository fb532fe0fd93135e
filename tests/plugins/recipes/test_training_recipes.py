"""Recipes that train a model between rounds, from their own text: against a local server, and from added data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from support.cli import insgen
from support.models import answered_rows, save_model
from support.projects import play, query

from insgen.plugins.recipes.builtin import insgen_recipes

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]
NOUNS = ("harbours", "violins", "proverbs", "bridges", "planets", "ballads", "gardens", "letters", "puzzles", "wills")
VERBS = ("Compare", "Describe", "Invent", "List", "Translate", "Explain", "Sort")
SEEDS = [{"instruction": f"{verb} what seed {n} is about.", "output": f"Answer {n}."} for n, verb in enumerate(VERBS)]


def changed(recipe: str, **changes: str) -> str:
    """The recipe's text with other values of some keys."""
    (text,) = (each.toml for each in insgen_recipes() if each.name == recipe)
    for key, value in changes.items():
        text, n = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value} ", text)
        assert n, key
    return text


def writes(asked: Asked) -> str:
    """Sixteen tasks with few words in common; the same for the same question."""
    first = 11 * (sum(asked.text.encode()) % 997)
    lines = []
    for n in range(first, first + 16):
        words = f"{VERBS[n % 7]} {NOUNS[n % 10]} number {n} beside {NOUNS[n * 3 % 10]} in year {n * 7}"
        place = n - first + 4
        answer = f"Done as task {n} asks, with {NOUNS[n * 7 % 10]} and {NOUNS[n * 9 % 10]}."
        lines.append(f"###\n{place}. Instruction: {words}\n{place}. Input:\n<noinput>\n{place}. Output:\n{answer}")
    return "\n".join(lines)


def test_flagship_with_training_finishes_three_alternations(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    text = changed("sedi-pibe-train", batch="16", size="24", batch_size="4", window="3", target="0")
    text = re.sub(r"(?sm)^\[llm\].*?\n\[budget\]", lambda _: llm_server.toml(max_tokens=900) + "\n[budget]", text)
    text = re.sub(r'use = "sentence-transformers"\nmodel = .*', 'use = "hashing"', text)
    text = text.replace("[loop]\n", "[loop]\nrounds = 3\n").replace(
        "[train]\n", "[train]\nsteps = 6\nmax_tokens = 96\n"
    )
    project = make_project(text, {"seeds.jsonl": SEEDS})

    assert play(project).reason == "all 3 rounds of the config are played"
    assert query(project, "SELECT round, count(*) FROM feedback_step GROUP BY 1") == [(1, 6), (2, 6), (3, 6)]
    promoted = query(project, "SELECT round, seed_id FROM seed_events WHERE event = 'promoted'")
    assert {row[0] for row in promoted} == {2, 3}
    assert {row[1:] for row in promoted} <= set(query(project, "SELECT candidate_id FROM kept"))
    assert query(project, "SELECT count(*) FROM seeds") >= [(len(SEEDS),)]


def test_diverseevol_runs_from_added_data(make_project: MakeProject) -> None:
    text = changed("diverseevol", first="5", step="5", size="15", batch_size="5", max_tokens="64")
    text = text.replace('model = "" ', 'model = "model" ')
    rows = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(60)]
    project = make_project(text, {"pool.jsonl": rows})
    save_model(project / "model")
    assert insgen("add", project / "pool.jsonl", "-p", project).code == 0

    assert play(project).reason == "every source is used up"
    assert query(project, "SELECT members FROM bank_versions") == [(5,), (10,), (15,)]
    assert len(query(project, "SELECT DISTINCT model FROM bank_versions")) == 3


def test_diverseevol_goes_by_the_instruction_alone_where_there_are_no_answers(make_project: MakeProject) -> None:
    (comment,) = (each.toml for each in insgen_recipes() if each.name == "diverseevol")
    said = comment[comment.index("# A pool without answers") : comment.index("\nrecipe =")]
    options = dict(re.findall(r'(\w+) = (\d+|\[\]|"[^"]*")', said))
    assert {options.pop("path"), options.pop("model")} == {'"FOLDER"', '"HUB-ID"'}
    text = changed("diverseevol", first="5", step="5", size="15", max_tokens="64", **options)
    text = text.replace('use = "target_model"', 'use = "target_model"\npath = "model"')
    text = text.replace('model = "" ', 'model = "model" ')
    rows = [{"instruction": row.instruction, "input": row.input} for row in answered_rows(40)]
    project = make_project(text, {"pool.jsonl": rows})
    save_model(project / "model")
    assert insgen("add", project / "pool.jsonl", "-p", project).code == 0

    assert play(project).reason == "every source is used up"
    assert query(project, "SELECT members FROM bank_versions") == [(5,), (10,), (15,)]
