"""Stages that no built-in covers yet: feedback sources, responders, and candidates made of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, SELECT, contents, count, play, plugin, query, rows

from insgen.errors import StageError

PLUGINS = 'plugins = ["mine.py"]\n'
FEEDBACK = """
def read(self, project, position):
    lines = (project / "log.txt").read_text().splitlines()
    signals = [Signal(CandidateId(f"b2:{line}"), "loss", -0.5, "log.txt") for line in lines[int(position or 0):]]
    return Feedback(signals=tuple(signals), position=str(len(lines)))
"""


def test_feedback_is_stored_once_with_the_version_of_its_source(make_project: Callable[..., Path]) -> None:
    project = make_project(
        PLUGINS + "[loop]\nbatch = 5\n" + DATA + EMBED + SELECT + '[[feedback]]\nuse = "rogue"\n',
        {"mine.py": plugin(FEEDBACK, "insgen_feedback_sources"), "log.txt": "1\n2\n", "data.jsonl": rows(20)},
    )
    play(project, rounds=2)
    with (project / "log.txt").open("a") as log:
        log.write("3\n")
    play(project)
    found = query(
        project, "SELECT candidate_id, round, name, value, source, substr(version, 1, 3) FROM signals ORDER BY id"
    )
    assert found == [(f"b2:{n}", round_, "loss", -0.5, "log.txt", "b2:") for n, round_ in ((1, 1), (2, 1), (3, 3))]
    positions = query(project, "SELECT round, position FROM positions WHERE stage = 'feedback'")
    assert positions == [(1, "2"), (3, "3")]  # a position stands where it moved


def test_the_seed_policy_hears_the_feedback_of_this_round(make_project: Callable[..., Path]) -> None:
    policy = """

@dataclass(frozen=True)
class Listening:
    name: ClassVar[str] = "listening"
    def draw(self, n, seeds, signals, rng):
        raise StageError(f"heard {[signal.candidate_id for signal in signals]} about {len(seeds)} seeds, {n} wanted")
    def update(self, context):
        return SeedUpdate()

@hookimpl
def insgen_seed_policies():
    return [Listening]
"""
    project = make_project(
        PLUGINS + DATA + EMBED + SELECT + '[[feedback]]\nuse = "rogue"\n[seeds]\nuse = "listening"\n',
        {
            "mine.py": plugin(FEEDBACK, "insgen_feedback_sources") + policy,
            "log.txt": "1\n",
            "data.jsonl": rows(5),
            "seeds.jsonl": rows(5),
        },
    )
    with pytest.raises(StageError, match=r"heard \['b2:1'\] about 5 seeds, 3 wanted"):
        play(project)


RESPONDER = r"""
def respond(self, candidates, llm, prompts):
    outputs = {0: "An answer with \ud800 half a pair\r\nand two lines.", 1: " \x00 ", 2: None}
    made = []
    for n, candidate in enumerate(candidates):
        output = outputs.get(n, "Fine.")
        made.append(Answer(candidate.id, output, None, "" if output else "the model declined"))
    return made
"""


def test_answers_are_cleaned_and_every_unanswered_candidate_has_its_reason(make_project: Callable[..., Path]) -> None:
    questions = [{"instruction": f"Question number {n}?", "output": "Known." if n == 4 else ""} for n in range(6)]
    body = RESPONDER.replace("\\ud800", "")  # a lone surrogate breaks the contract; see tests/hooks/test_call.py
    project = make_project(
        PLUGINS + DATA + EMBED + SELECT + '[respond]\nuse = "rogue"\n',
        {"mine.py": plugin(body, "insgen_responders"), "data.jsonl": questions},
    )
    result = play(project)
    assert (result.counters["kept"], result.counters["unanswered"]) == (4, 2)
    fates = query(project, "SELECT instruction, fate, reason FROM candidates WHERE fate != 'kept' ORDER BY instruction")
    assert fates == [
        ("Question number 1?", "unanswered", "the answer is blank"),
        ("Question number 2?", "unanswered", "the model declined"),
    ]
    outputs = dict(query(project, "SELECT instruction, output FROM v_bank"))
    assert outputs == {
        "Question number 0?": "An answer with  half a pair\nand two lines.",
        "Question number 3?": "Fine.",
        "Question number 4?": "Known.",
        "Question number 5?": "Fine.",
    }
    assert count(project, "answers") == 5


def test_an_input_that_an_answer_brings_along_is_seen_by_scorers_and_members(make_project: Callable[..., Path]) -> None:
    scorer = """

@dataclass(frozen=True)
class Inputs:
    name: ClassVar[str] = "inputs"
    def score(self, candidates, bank, llm, prompts):
        known = [member.candidate for member in bank.members()]
        return [Score(c.id, float(c.input == "3 1 2" and c.output == "1 2 3"), 0, 1) for c in candidates]

@hookimpl
def insgen_scorers():
    return [Inputs]
"""
    body = "def respond(self, candidates, llm, prompts):\n"
    body += "    return [Answer(c.id, '1 2 3', input='3 1 2') for c in candidates]"
    project = make_project(
        PLUGINS + DATA + EMBED + SELECT + '[respond]\nuse = "rogue"\n[[score]]\nuse = "inputs"\n',
        {"mine.py": plugin(body, "insgen_responders") + scorer, "data.jsonl": [{"instruction": "Sort the numbers."}]},
    )
    play(project)
    assert query(project, "SELECT input, output, quality FROM v_bank") == [("3 1 2", "1 2 3", 1.0)]


def test_a_candidate_made_of_a_member_gets_a_vector_of_its_own(make_project: Callable[..., Path]) -> None:
    evolve = """
def generate(self, context):
    known = [member.candidate for member in context.bank.members()]
    made = tuple(replace(candidate, instruction=candidate.instruction + " Give reasons.") for candidate in known)
    return Generated(made, position="x", exhausted=True)
"""
    toml = PLUGINS + "[loop]\nbatch = 5\n" + DATA + EMBED + SELECT
    distinct = [{"instruction": f"Explain what {word} means."} for word in ("taint", "pod", "probe", "node", "quota")]
    project = make_project(toml, {"mine.py": plugin(evolve, "insgen_generators"), "data.jsonl": distinct})
    play(project)
    config = project / "insgen.toml"
    config.write_text(config.read_text() + '[[generate]]\nuse = "rogue"\n')
    result = play(project)
    assert result.counters["kept"] == 5
    vectors = [row[0] for row in query(project, "SELECT vector FROM vectors")]
    assert len(set(vectors)) == len(vectors) == 10


def test_a_score_that_could_not_be_had_is_recorded_and_keeps_its_candidate_out(
    make_project: Callable[..., Path],
) -> None:
    body = """
def score(self, candidates, bank, llm, prompts):
    lost = Score(candidates[1].id, None, 0, 1, reason="no number in the answer")
    return [lost if n == 1 else Score(c.id, 0.5, 0, 1) for n, c in enumerate(candidates)]
"""
    project = make_project(
        PLUGINS + DATA + EMBED + SELECT + '[[score]]\nuse = "rogue"\n',
        {"mine.py": plugin(body, "insgen_scorers"), "data.jsonl": rows(3)},
    )
    result = play(project)
    assert (result.counters["kept"], result.counters["unscored"], result.counters["members"]) == (2, 1, 2)
    assert query(project, "SELECT reason FROM candidates WHERE fate = 'unscored'") == [("no number in the answer",)]
    assert query(project, "SELECT count(*) FROM scores WHERE value IS NULL") == [(1,)]
    assert query(project, "SELECT count(*) FROM kept WHERE quality IS NULL") == [(1,)]
    assert sorted(contents(project, ["members"])["members"])[0][3] == 0.5


def test_a_selector_is_handed_its_own_state_and_nobody_elses(make_project: Callable[..., Path]) -> None:
    body = """
def select(self, pool, size, bank, rng, state):
    return Selection(tuple(Ranked(c.id, 0, 0, 0) for c in pool.candidates[:size]), state=str(int(state or 0) + 1))
"""
    mine = plugin(body, "insgen_selectors")
    project = make_project(
        'plugins = ["mine.py", "other.py"]\n[loop]\nbatch = 4\n' + DATA + EMBED + '[select]\nuse = "rogue"\n',
        {"mine.py": mine, "other.py": mine.replace('"rogue"', '"other"'), "data.jsonl": rows(20)},
    )
    play(project, rounds=2)
    play(project, "select.use=other", rounds=2)
    play(project, rounds=1)
    states = query(project, "SELECT selector, state FROM bank_versions ORDER BY version")
    assert states == [("rogue", "1"), ("rogue", "2"), ("other", "1"), ("other", "2"), ("rogue", "1")]


def test_random_draws_differ_by_round_stage_and_seed_and_are_the_same_when_done_again(
    make_project: Callable[..., Path],
) -> None:
    body = """
def generate(self, context):
    drawn = "-".join(str(context.rng.randrange(10**6)) for _ in range(3))
    return Generated((Candidate(f"Tell me about {drawn}."),), position=str(context.round))
"""
    twice = PLUGINS + "[loop]\nrounds = 3\n" + 2 * '[[generate]]\nuse = "rogue"\n' + EMBED + SELECT
    drawn = []
    for seed in (1, 1, 2):
        project = make_project(f"{twice}[project]\nseed = {seed}\n", {"mine.py": plugin(body, "insgen_generators")})
        play(project, rounds=1)
        play(project)
        drawn.append([row[0] for row in query(project, "SELECT candidate_id FROM proposals ORDER BY id")])
    assert drawn[0] == drawn[1]
    assert len({*drawn[0], *drawn[2]}) == 12
