"""Rows whose score could not be had: what is still bought for them, and what counts towards the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from support.llm_project import STAGES, llm_project, writes
from support.projects import count, play, query

from insgen.store.costs import costs
from insgen.store.database import open_reader

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]

TWO_JUDGES = (
    STAGES
    + '''
@dataclass(frozen=True)
class Second(Judge):
    """Asks like the first, with another word."""
    name: ClassVar[str] = "second"
    def score(self, candidates, bank, llm, prompts):
        asked = [Request((Turn("user", f"SECOND {c.instruction}"),), "", {"max_tokens": 8}) for c in candidates]
        return [Score(c.id, float(r.text) if r.text else None, 0.0, 1.0, {}, r.error or "so it is", r.call_id)
                for c, r in zip(candidates, llm.ask(asked))]

@hookimpl
def insgen_scorers(): return [Judge, Second]
'''
)


def judge(unreadable: Callable[[str], bool]) -> Callable[[Asked], str]:
    """A model that gives an empty mark to some instructions."""

    def reply(asked: Asked) -> str:
        kind, _, rest = asked.text.partition(" ")
        if kind == "SECOND":
            return "0.5"
        return "" if kind == "JUDGE" and unreadable(rest) else writes(asked)

    return reply


def third(instruction: str) -> bool:
    """Every third of the tasks: they count their steps."""
    return int(instruction.split()[2]) % 3 == 0


def test_candidate_that_lost_a_score_is_not_handed_to_the_next_scorer(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = judge(third)
    toml, files = llm_project(llm_server)
    toml = toml.replace('use = "marks"\n', 'use = "marks"\nweight = 3.0\n[[score]]\nuse = "second"\n')
    project = make_project(toml, files | {"stages.py": TWO_JUDGES})
    play(project)

    asked = Counter(asked.text.partition(" ")[0] for asked, _ in llm_server.paid)
    assert (asked["JUDGE"], asked["SECOND"]) == (20, 14)
    first, second = (query(project, "SELECT candidate_id, value FROM scores WHERE ordinal = ?", n) for n in (0, 1))
    readable = {id_ for id_, value in first if value is not None}
    assert (len(first), len(readable)) == (20, 14)
    assert {id_ for id_, _ in second} == readable
    marks = dict(first)
    for id_, quality in query(project, "SELECT candidate_id, quality FROM kept"):
        assert quality == (None if marks[id_] is None else (3 * (marks[id_] - 1) / 4 + 0.5) / 4)
    assert dict(query(project, "SELECT fate, count(*) FROM candidates GROUP BY fate")) == {"kept": 14, "unscored": 6}


def test_target_counts_only_rows_with_a_score_and_is_reached_exactly(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = judge(third)
    project = make_project(*llm_project(llm_server, "target = 17"))
    assert play(project).reason == "17 rows are kept, target 17"

    assert query(project, "SELECT count(quality), count(*) FROM kept") == [(17, 25)]
    assert count(project, "members") == 17
    # Tasks are numbered from 100 in round 1, from 200 in round 2, and so on; multiples of three get no mark. Round 3
    # has room for three (300 gets none), round 4 for one of those that waited (303 gets none), round 5 for the next.
    assert query(project, "SELECT kept, unscored, deferred FROM rounds") == [
        *((7, 3, 0), (7, 3, 0), (2, 1, 7), (0, 1, 6), (1, 0, 5)),
    ]
    asked = Counter(asked.text.partition(" ")[0] for asked, _ in llm_server.paid)
    assert asked["JUDGE"] == asked["ANSWER"] == 25
    assert max(Counter(asked.text for asked in llm_server.asked).values()) == 1

    found = costs(open_reader(project / "insgen.db"))
    assert found["kept"] == 17
    assert found["per_kept_row"]["calls"] == len(llm_server.paid) / 17


def test_judge_that_is_never_readable_stops_the_run_instead_of_spending_the_budget(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = judge(lambda _: True)
    project = make_project(*llm_project(llm_server, "target = 17\nmax_empty_calls = 25", "calls = 100000"))
    assert play(project).reason == (
        "none of the last 30 tasks that passed the filters became a row: in round 3, 0 got no answer and 10 no score"
        " (the table `candidates` says why)"
    )
    assert len(llm_server.asked) == 3 * (2 + 10 + 10)


def test_some_unreadable_marks_do_not_stop_the_run(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = judge(lambda instruction: int(instruction.split()[2]) % 10 != 0)
    project = make_project(*llm_project(llm_server, "rounds = 5\nmax_empty_calls = 10"))
    assert play(project).reason == "all 5 rounds of the config are played"
    assert query(project, "SELECT kept, unscored FROM rounds") == [(1, 9)] * 5
