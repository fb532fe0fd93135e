"""`alpaca` and `sedi` ask in the same form; what holds for one holds for the other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.asking import asking
from support.generating import context, kept_tasks, prompt, requests, seed_tasks

from insgen import Candidate, ConfigError, Generator, StageError
from insgen.bank.bank import Bank
from insgen.plugins.generators.alpaca import AlpacaGenerator
from insgen.plugins.generators.sedi import SediGenerator
from insgen.plugins.parsers.json_items import JsonTasksParser
from insgen.store.database import Store

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

MakeBank = Callable[..., Bank]
BOTH = [AlpacaGenerator, SediGenerator]


@pytest.mark.parametrize("generator", [cls(variant=variant) for cls in BOTH for variant in ("default", "paper")])
def test_three_whole_seed_tasks_are_shown_and_nothing_of_the_machine(
    make_bank: MakeBank, tmp_path: Path, generator: Generator
) -> None:
    bank = make_bank(kept=kept_tasks(9), seeds=seed_tasks(9))
    made = requests(generator, context(bank, tmp_path, limit=320))
    assert len(made) == 20
    assert len({request.seed_ids for request in made}) > 15  # a draw for each
    by_id = {seed.id: seed for seed in bank.seeds()}
    for request in made:
        text = prompt(request)
        assert "Machine" not in text
        assert len(request.seed_ids) == 3
        for number, id_ in enumerate(request.seed_ids, start=1):
            seed = by_id[id_]
            assert (
                f"{number}. Instruction: {seed.instruction.rstrip(':')}\n"
                f"{number}. Input:\n{seed.input or '<noinput>'}\n"
                f"{number}. Output:\n{seed.output}\n"
            ) in text


@pytest.mark.parametrize("generator", [AlpacaGenerator(variant="paper"), SediGenerator(variant="paper")])
def test_paper_variant_leaves_the_fourth_block_open_and_decodes_as_published(
    make_bank: MakeBank, tmp_path: Path, generator: Generator
) -> None:
    request = requests(generator, context(make_bank(seeds=seed_tasks(9)), tmp_path, domain="tides"))[0]
    text = prompt(request)
    assert text.endswith("\n###\n4. Instruction:")
    assert "20 varied task" in text
    assert "tides" not in text
    assert request.format == "alpaca_blocks-paper"
    assert request.params == {"temperature": 1.0, "top_p": 1.0, "max_tokens": 3072, "stop": ["\n20", "20."]}


@pytest.mark.parametrize("cls", BOTH)
def test_default_variant_needs_no_stop_string_and_states_what_it_wants(
    make_bank: MakeBank, tmp_path: Path, cls: type[AlpacaGenerator | SediGenerator]
) -> None:
    given = context(make_bank(seeds=seed_tasks(9)), tmp_path, domain="beekeeping", language="fr")
    request = requests(cls(per_call=10), given)[0]
    text = prompt(request)
    assert "beekeeping" in text
    assert "French" in text
    assert "10 new tasks in " in text
    assert re.search(r"numbered 4 to 13\b", text)
    assert request.format == "alpaca_blocks"
    assert request.params == {"max_tokens": 4096}
    assert "max_tokens" not in requests(cls(max_tokens=0), given)[0].params


def test_q_is_the_number_of_seeds_shown(make_bank: MakeBank, tmp_path: Path) -> None:
    request = requests(SediGenerator(q=5), context(make_bank(seeds=seed_tasks(9)), tmp_path))[0]
    assert len(request.seed_ids) == 5
    assert "numbered 6 to 21" in prompt(request)


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize(
    ("options", "n"), [({}, 7), ({"per_call": 20}, 5), ({"calls": 2}, 2), ({"variant": "paper"}, 7)]
)
def test_round_has_as_many_calls_as_its_limit_needs(
    make_bank: MakeBank, tmp_path: Path, cls: type[Generator], options: dict[str, object], n: int
) -> None:
    assert len(requests(cls(**options), context(make_bank(seeds=seed_tasks(9)), tmp_path, limit=100))) == n


@pytest.mark.parametrize("cls", BOTH)
def test_seed_without_output_is_made_up_for_by_another(
    make_bank: MakeBank, tmp_path: Path, cls: type[Generator]
) -> None:
    bare = [Candidate(f"Bare task {number}.") for number in range(9)]
    bank = make_bank(seeds=[*bare, *seed_tasks(3)])
    for request in requests(cls(), context(bank, tmp_path)):
        assert len(request.seed_ids) == 3
        assert "Bare" not in prompt(request)


@pytest.mark.parametrize("cls", BOTH)
def test_seeds_without_any_output_are_refused(make_bank: MakeBank, tmp_path: Path, cls: type[Generator]) -> None:
    bank = make_bank(seeds=[Candidate("Bare task.")])
    with pytest.raises(StageError, match="no seed task with an output"):
        requests(cls(), context(bank, tmp_path))


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("structured", [False, True])
def test_tasks_can_be_shown_and_asked_for_in_json(
    make_bank: MakeBank, tmp_path: Path, cls: type[AlpacaGenerator | SediGenerator], structured: bool
) -> None:
    bank = make_bank(kept=kept_tasks(9), seeds=[*seed_tasks(8), Candidate('Say "née".', output="{née}")])
    given = context(bank, tmp_path, domain="beekeeping", language="fr", limit=64)
    by_id = {seed.id: seed for seed in bank.seeds()}
    for request in requests(cls(per_call=10, answers="json", structured=structured), given):
        text = prompt(request)
        shown, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        assert shown == {
            "tasks": [
                {
                    "instruction": by_id[id_].instruction.rstrip(":"),
                    "input": by_id[id_].input,
                    "output": by_id[id_].output,
                }
                for id_ in request.seed_ids
            ]
        }
        assert len(shown["tasks"]) == 3
        assert "beekeeping" in text
        assert "French" in text
        assert "Write 10 new tasks" in text
        assert "###" not in text
        assert request.format == "json_tasks"
        assert set(request.params) == {"max_tokens", *(["response_format"] if structured else [])}


@pytest.mark.parametrize("cls", BOTH)
def test_schema_holds_the_service_to_whole_tasks(
    make_bank: MakeBank, tmp_path: Path, cls: type[AlpacaGenerator | SediGenerator]
) -> None:
    given = context(make_bank(seeds=seed_tasks(4)), tmp_path)
    asked = requests(cls(answers="json", structured=True), given)[0].params["response_format"]["json_schema"]

    assert asked["strict"] is True
    task = asked["schema"]["properties"]["tasks"]["items"]
    assert task["required"] == list(task["properties"]) == ["instruction", "input", "output"]
    assert task["additionalProperties"] is asked["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("cls", BOTH)
def test_answer_to_the_structured_request_is_read_over_http(
    make_bank: MakeBank, tmp_path: Path, store: Store, llm_server: LlmServer, cls: type[AlpacaGenerator | SediGenerator]
) -> None:
    whole = {"instruction": "Sort the hives.", "input": "b, a", "output": "a, b"}
    llm_server.reply = lambda _: json.dumps({"tasks": [whole, {"instruction": "Name a bee.", "input": ""}]})
    made = requests(cls(answers="json", structured=True), context(make_bank(seeds=seed_tasks(4)), tmp_path, limit=1))
    with asking(llm_server, store) as asker:
        (response,) = asker.ask(made)
    parsed = JsonTasksParser().parse(response)

    assert llm_server.asked[0].body["response_format"]["type"] == "json_schema"
    assert [(c.instruction, c.input, c.output) for c in parsed.candidates] == [("Sort the hives.", "b, a", "a, b")]
    assert [each.reason for each in parsed.unreadable] == ["JSON item lacks its answer"]


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize(
    "options",
    [{"per_call": 0}, {"structured": True}, {"variant": "paper", "answers": "json"}],
)
def test_options_out_of_range_and_at_odds_are_refused(cls: type[Generator], options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Expected"):
        cls(**options)
