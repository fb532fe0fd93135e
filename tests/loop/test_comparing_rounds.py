"""Comparing selectors that work in rounds, that stop short, and that write something down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, file_hashes, play, plugin, query, rows

from insgen.loop.comparing import compare
from insgen.loop.trials import Choice, Trial, choose

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE
DIVERSE = '[select]\nuse = "diverseevol"\nsize = 30\ncompete = "everything"\nfirst = 5\nstep = 4\n'


@pytest.fixture
def make(make_project: Callable[..., Path]) -> Callable[..., Path]:
    """A project that was run, with the plugin `rogue` if its body is given."""

    def played(select: str = DIVERSE, body: str = "") -> Path:
        project = make_project(TOML + select, {"data.jsonl": rows(60)})
        play(project)
        if body:
            text = plugin(body, "insgen_selectors").replace("dataclass, replace", "dataclass, field")
            (project / "mine.py").write_text(text.replace("import numpy", "from pathlib import Path\nimport numpy"))
            (project / "insgen.toml").write_text('plugins = ["mine.py"]\n' + TOML + select)
        return project

    return played


def chosen(project: Path, selector: str, size: int, *, arrivals: bool = False) -> Choice:
    (model,) = query(project, "SELECT model FROM bank_versions ORDER BY version DESC LIMIT 1")[0]
    (last,) = query(project, "SELECT max(round) FROM rounds")[0]
    return choose(Trial(project, selector, size, model, last, arrivals, project.parent / "scratch"))


def kept_ids(project: Path) -> list[str]:
    return [row[0] for row in query(project, "SELECT candidate_id FROM kept WHERE quality IS NOT NULL ORDER BY id")]


def test_a_selector_that_adds_some_rows_per_round_is_asked_until_it_is_full(make: Callable[..., Path]) -> None:
    project = make()

    found = chosen(project, "diverseevol", 23)
    assert (len(found.rows), found.asked) == (23, 6)  # 5, then 4 five times, of which the last has room for 2
    assert found.rows == chosen(project, "diverseevol:first=5,step=18", 23).rows  # the vectors stay as they are
    assert found.rows[:5] == chosen(project, "diverseevol", 5).rows


def test_rules_that_differ_from_the_second_round_on_choose_differently(make: Callable[..., Path]) -> None:
    project = make()

    greedy, literal = compare(project, ["diverseevol", "diverseevol:by=batch_topn"], [20]).rows

    assert (greedy["chosen"], literal["chosen"]) == (20, 20)
    assert (greedy["asked"], literal["asked"]) == (5, 5)
    assert literal["shared"] < 1


def test_a_pool_smaller_than_the_bank_is_taken_whole(make: Callable[..., Path]) -> None:
    project = make()
    found = chosen(project, "diverseevol", 1000)
    assert sorted(found.rows) == list(range(len(kept_ids(project))))


@pytest.mark.parametrize("selector", ["pibe", "pibe:engine=dense", "random", "k_center", "mmr", "cluster_quota"])
def test_a_selector_that_is_full_at_once_is_asked_once(make: Callable[..., Path], selector: str) -> None:
    found = chosen(make(), selector, 12)
    assert (len(found.rows), found.asked) == (12, 1)


def test_a_selector_that_stops_short_on_purpose_keeps_its_first_answer(make: Callable[..., Path]) -> None:
    body = """
def select(self, pool, size, bank, rng, state):
    order = pool.candidates if not state else pool.candidates[::-1]
    return Selection(tuple(Ranked(each.id, 0.0, 0.0, 0.0) for each in order[:7]), "asked")
"""
    project = make(body=body)

    found = chosen(project, "rogue", 12)

    assert (found.rows, found.asked) == (tuple(range(7)), 1)


def test_a_selector_that_chooses_nobody_is_not_asked_again(make: Callable[..., Path]) -> None:
    body = """
def select(self, pool, size, bank, rng, state):
    assert not state
    return Selection((), "asked")
"""
    assert chosen(make(body=body), "rogue", 12).rows == ()


def test_later_rounds_see_members_first_the_rest_in_order_and_the_state_of_the_last(make: Callable[..., Path]) -> None:
    body = """
def select(self, pool, size, bank, rng, state):
    members = [member.candidate.id for member in bank.members()]
    assert members == [each.id for each in pool.candidates[:pool.n_members]]
    assert (pool.n_members, len(bank), bank.version) == (3 * int(state or 0), len(members), int(state or 0))
    added = pool.candidates[pool.n_members:][-3:]
    ranked = (*added, *pool.candidates[:pool.n_members])
    return Selection(tuple(Ranked(each.id, 0.0, 0.0, 0.0) for each in ranked), str(int(state or 0) + 1))
"""
    project = make(body=body)
    n = len(kept_ids(project))

    found = chosen(project, "rogue", 9)

    assert (found.rows, found.asked) == (tuple(range(n - 9, n)), 3)


@pytest.mark.parametrize("compete", ["everything", "newcomers"])
def test_replaying_arrivals_lets_those_compete_who_competed(make: Callable[..., Path], compete: str) -> None:
    project = make(DIVERSE.replace("everything", compete))

    found = chosen(project, "diverseevol", 30, arrivals=True)

    bank = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    assert [kept_ids(project)[row] for row in found.rows] == bank
    assert len(bank) == (30 if compete == "everything" else 17)


def test_what_a_selector_learns_on_the_way_is_gone_afterwards(make: Callable[..., Path]) -> None:
    body = """
learn_in: Path = field(default=Path(), metadata={"written": True})
def select(self, pool, size, bank, rng, state):
    if self.learn_in != Path():
        self.learn_in.mkdir(parents=True, exist_ok=True)
        known = len(list(self.learn_in.iterdir()))
        (self.learn_in / str(known)).write_text("learned")
        size -= known
    return Selection(tuple(Ranked(each.id, 0.0, 0.0, 0.0) for each in pool.candidates[:size]))
"""
    project = make(body=body)
    before = file_hashes(project)

    found = compare(project, ["rogue", "rogue:learn_in=here"], [5, 8])

    assert file_hashes(project) == before
    assert [row["error"] for row in found.rows] == [None] * 4
    assert [row["chosen"] for row in found.rows] == [5, 5, 8, 7]  # both sizes learn in one folder


def test_raise_learns_elsewhere(make: Callable[..., Path]) -> None:
    project = make()
    before = file_hashes(project)

    assert len(chosen(project, "raise:learn_in=here,rounds=0,device=cpu", 5).rows) == 5

    assert file_hashes(project) == before
    assert len(list((project.parent / "scratch" / "learn_in").iterdir())) == 1
