"""Recipes that ask a language model, from their own text, against a local server that plays a well-behaved model."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.projects import play, query

from insgen.loop.estimate import ASSUMED_YIELD, estimate
from insgen.plugins.recipes.builtin import insgen_recipes

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]
VERBS = ("Compare", "Describe", "Invent", "List", "Translate", "Explain", "Sort", "Rewrite", "Judge", "Plan", "Count")
THINGS = ("harbours", "violins", "proverbs", "bridges", "recipes", "planets", "ballads", "gardens", "letters", "taxes",
          "glaciers", "puzzles", "wills")  # fmt: skip
PLACES = ("Oslo", "Lima", "Accra", "Kyoto", "Perth", "Quito", "Tunis")
SEEDS = [
    {"instruction": f"{verb} something that seed number {n} is about.", "input": "", "output": f"Seed answer {n}."}
    for n, verb in enumerate(VERBS)
]


def task(number: int) -> str:
    """A task with few words in common with those of other numbers."""
    words = VERBS[number % 11], THINGS[number % 13], PLACES[number % 7], THINGS[number * 5 % 13], PLACES[number * 3 % 7]
    return "{} {} of {} beside {} near {} please.".format(*words)


def first_number(asked: Asked) -> int:
    """Where the tasks of an answer begin: the same for the same question, so that nothing depends on the order."""
    return 7 * (sum(asked.text.encode()) % 997)


def bootstraps(asked: Asked) -> str:
    """All three stages of Self-Instruct."""
    if asked.text.endswith("\n9."):
        first = first_number(asked)
        return "".join(f"\n{9 + n}. {task(first + n)}" for n in range(7)).removeprefix("\n9.")
    shown = re.findall(r"^Task: (.*)$", asked.text, re.MULTILINE)[-1]
    if asked.text.endswith("Is it a classification task?"):
        return "Yes" if shown.startswith(("Judge", "Sort")) else "No"
    if "Class label:" in asked.text:
        return "Class label: good\nText: It holds.\nClass label: bad\nText: It leaks."
    return f"Example 1\nNotes: on {shown[:-1]}\nOutput: Done.\nExample 2\nNotes: more\nOutput: Done too."


def writes_json(asked: Asked) -> str:
    first = first_number(asked)
    tasks = [{"instruction": task(first + n), "input": "", "output": f"Answer {n} in full."} for n in range(16)]
    return "```json\n" + json.dumps({"tasks": tasks}) + "\n```"


def project_of(recipe: str, server: LlmServer, make_project: MakeProject, **changes: str) -> Path:
    """The recipe's text with this server's [llm], a target of 40 rows, and other lines replaced."""
    (text,) = (each.toml for each in insgen_recipes() if each.name == recipe)
    text = re.sub(r"(?sm)^\[llm\].*?\n\[budget\]", lambda _: server.toml(max_tokens=400) + "\n[budget]", text)
    text = re.sub(r'use = "sentence-transformers"\nmodel = .*', 'use = "hashing"', text)
    text = text.replace("target = 1000", "target = 40")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return make_project(text, {"seeds.jsonl": SEEDS})


def test_self_instruct_to_the_letter_goes_through_all_three_stages(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = bootstraps
    project = project_of("self-instruct-paper", llm_server, make_project)

    assert play(project).reason == "40 rows are kept, target 40"
    rows = query(project, "SELECT instruction, input, output FROM v_bank")
    assert len(rows) == 40
    assert {output for instruction, _, output in rows if instruction.startswith(("Judge", "Sort"))} == {"good", "bad"}
    others = [row for row in rows if not row[0].startswith(("Judge", "Sort"))]
    assert {output for _, _, output in others} == {"Done.", "Done too."}
    assert all(input_.startswith("Notes: ") for _, input_, _ in others)

    kinds = Counter(asked.body["max_tokens"] for asked in llm_server.asked)
    assert kinds[1024] % 5 == 0  # five prompts at a time
    assert kinds[3] == kinds[350] + kinds[300] == 40  # spent late: two calls for each row, none for what filters drop
    shown = next(asked.text for asked in llm_server.asked[::-1] if asked.body["max_tokens"] == 1024)
    assert len(re.findall(r"^\d\. (?!\w+ something)", shown, re.MULTILINE)) == 2  # of the machine


@pytest.mark.parametrize("recipe", ["alpaca", "sedi"])
def test_whole_tasks_can_be_asked_for_in_json(make_project: MakeProject, llm_server: LlmServer, recipe: str) -> None:
    llm_server.reply = writes_json
    project = project_of(recipe, llm_server, make_project, **{'variant = "default"': 'answers = "json"'})

    assert play(project).reason == "40 rows are kept, target 40"
    assert all(output for (output,) in query(project, "SELECT output FROM v_bank"))


def test_estimate_counts_both_calls_of_an_answer_in_two_steps(make_project: MakeProject, llm_server: LlmServer) -> None:
    project = project_of("self-instruct-paper", llm_server, make_project)
    told = estimate(project)

    assert told is not None
    assert told.per_kept_row is not None
    assert told.per_kept_row.calls == pytest.approx(2 + 5 / (35 * ASSUMED_YIELD))
    assert llm_server.asked == []
