"""Whole runs through real plugins: every candidate has a fate, and the figures add up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, DOCUMENTS, EMBED, FILTERS, SCORE, count, play, query, rounds_played, rows

ROUGE = '[[filter]]\nuse = "rouge"\nlimit = 0.7\n'
LOOP = "[loop]\nbatch = 25\n"
HANDBOOK = """# Running the mail server

## Install

1. Download the archive from the internal mirror.
2. Unpack it into `/opt/mail`.
3. Start the service with `mailctl start`.

**Queue** is the folder in which messages wait until the next server accepts them.

The following command shows how many messages wait:

```bash
mailctl queue --count
```

## Limits

| Setting | Default | Unit |
|---|---|---|
| `max_size` | 25 | MB |
| `max_age` | 5 | days |

A message that is older than `max_age` is returned to its sender with a note that says why.
"""


def select(name: str, size: int = 12) -> str:
    return f'[select]\nuse = "{name}"\nsize = {size}\n'


def check_books(project: Path) -> None:
    """What must hold of every finished project."""
    for row in rounds_played(project):
        _, proposed, repeated, _, rejected, unanswered, unscored, kept, *_ = row
        assert proposed == repeated + rejected + unanswered + unscored + kept
    total = [sum(column) for column in zip(*(row[1:8] for row in rounds_played(project)), strict=True)]
    fates = dict(query(project, "SELECT fate, count(*) FROM candidates GROUP BY fate"))
    assert set(fates) <= {"kept", "rejected", "unanswered", "unscored"}
    assert total[0] == count(project, "proposals")
    assert total[0] - total[1] == count(project, "candidates")
    assert [total[3], total[6]] == [fates.get("rejected", 0), fates.get("kept", 0)]
    assert query(project, "SELECT count(*) FROM candidates WHERE fate = 'rejected' AND reason = ''") == [(0,)]
    assert query(project, "SELECT count(*) FROM v_fate WHERE fate IN ('proposed', 'waiting')") == [(0,)]
    assert query(project, "SELECT count(*) FROM kept WHERE candidate_id NOT IN (SELECT candidate_id FROM vectors)") == [
        (0,)
    ]
    assert query(project, "SELECT rank FROM members ORDER BY rank") == [
        (n + 1,) for n in range(count(project, "members"))
    ]
    present = 0
    for *_, admitted, evicted, n_members in rounds_played(project):
        present += admitted - evicted
        assert n_members == present
    assert present == count(project, "members")
    newest = query(project, "SELECT members, size FROM bank_versions ORDER BY version DESC LIMIT 1")
    assert newest[0][0] == count(project, "members") <= newest[0][1]
    rejected = query(project, "SELECT candidate_id FROM verdicts WHERE NOT kept ORDER BY 1")
    assert rejected == query(project, "SELECT id FROM candidates WHERE fate = 'rejected' ORDER BY 1")


@pytest.mark.parametrize("selector", ["quality", "pibe", "k_center", "random"])
def test_a_data_set_becomes_a_ranked_bank(make_project: Callable[..., Path], selector: str) -> None:
    files = {"data.jsonl": [*rows(80), *rows(10)]}  # the last ten again, word for word
    project = make_project(LOOP + DATA + EMBED + FILTERS + ROUGE + SCORE + select(selector), files)
    result = play(project)
    assert result.reason == "every source is used up"
    check_books(project)
    assert [row[1] for row in rounds_played(project)] == [25, 25, 25, 15]
    assert result.counters["repeated"] == 10
    assert {"too short", "exact duplicate"} <= set(result.rejected_by)
    assert {"rounds": 4, "proposed": 90, "members": 12}.items() <= result.counters.items()
    assert sum(result.rejected_by.values()) == result.counters["rejected"] > 0
    assert query(project, "SELECT finished_utc IS NOT NULL, reason FROM runs") == [(1, result.reason)]


@pytest.mark.parametrize("selector", ["quality", "pibe"])
def test_documents_become_a_ranked_bank(make_project: Callable[..., Path], selector: str) -> None:
    project = make_project(
        "[loop]\nbatch = 6\n" + DOCUMENTS + EMBED + FILTERS + ROUGE + SCORE + select(selector, 5),
        {"docs/mail.md": HANDBOOK, "docs/sub/more.md": HANDBOOK.replace("mail", "news").replace("25", "30")},
    )
    result = play(project)
    assert result.reason == "every source is used up"
    check_books(project)
    assert count(project, "members") == 5
    sources = {row[0] for row in query(project, "SELECT DISTINCT source FROM proposals")}
    assert sources == {"docs/mail.md", "docs/sub/more.md"}
    lines = HANDBOOK.count("\n")
    places = query(project, "SELECT line_start, line_end FROM proposals")
    assert all(1 <= start <= end <= lines for start, end in places)


def test_the_first_of_a_text_keeps_the_fate_and_its_repeats_share_it(make_project: Callable[..., Path]) -> None:
    same = rows(1)[0]
    project = make_project(
        "[loop]\nbatch = 3\n" + DATA + EMBED + FILTERS + select("quality"), {"data.jsonl": [same] * 5}
    )
    result = play(project)
    assert (result.counters["proposed"], result.counters["repeated"], result.counters["kept"]) == (5, 4, 1)
    assert query(project, "SELECT round, first FROM proposals ORDER BY id") == [(1, 1), (1, 0), (1, 0), (2, 0), (2, 0)]
    check_books(project)


def test_filters_judge_in_the_configs_order_and_only_what_is_left(make_project: Callable[..., Path]) -> None:
    project = make_project(LOOP + DATA + EMBED + FILTERS + ROUGE + SCORE + select("quality"), {"data.jsonl": rows(25)})
    play(project)
    judged = query(project, "SELECT filter, count(*), sum(kept) FROM verdicts GROUP BY ordinal ORDER BY ordinal")
    assert [row[0] for row in judged] == ["length", "exact_duplicate", "near_duplicate", "rouge"]
    assert [row[1] for row in judged[1:]] == [row[2] for row in judged[:-1]]
    assert judged[-1][2] == count(project, "kept") == count(project, "scores")


def test_only_what_a_filter_needs_is_embedded(make_project: Callable[..., Path]) -> None:
    project = make_project(LOOP + DATA + EMBED + FILTERS + select("quality"), {"data.jsonl": rows(25)})
    play(project)
    passed_cheap_filters = query(project, "SELECT count(*) FROM verdicts WHERE ordinal = 1 AND kept")[0][0]
    assert count(project, "vectors") == passed_cheap_filters < 25


def test_without_scorers_everything_has_quality_zero_and_diversity_decides(make_project: Callable[..., Path]) -> None:
    project = make_project(LOOP + DATA + EMBED + FILTERS + select("k_center", 5), {"data.jsonl": rows(25)})
    play(project)
    assert query(project, "SELECT DISTINCT quality FROM kept") == [(0.0,)]
    check_books(project)


def test_rows_that_cannot_be_read_are_counted_and_kept_with_their_reason(make_project: Callable[..., Path]) -> None:
    good = '{"instruction": "Explain how a pod is started.", "output": "The scheduler picks a node."}\n'
    project = make_project(
        LOOP + DATA + EMBED + select("quality"), {"data.jsonl": good + "not json\n" + '{"instruction": ""}\n'}
    )
    result = play(project)
    assert (result.counters["proposed"], result.counters["unreadable"]) == (1, 2)
    assert query(project, "SELECT round, source, line FROM unreadable") == [(1, "data.jsonl", 2), (1, "data.jsonl", 3)]
    assert query(project, "SELECT count(*) FROM unreadable WHERE reason = ''") == [(0,)]


def test_a_bank_of_size_zero_stays_empty(make_project: Callable[..., Path]) -> None:
    for selector in ("quality", "pibe", "k_center", "random"):
        project = make_project(LOOP + DATA + EMBED + SCORE + select(selector, 0), {"data.jsonl": rows(30)})
        assert play(project).counters["members"] == 0
        check_books(project)


def test_quality_is_the_weighted_mean_of_scores_on_their_scales(make_project: Callable[..., Path]) -> None:
    scorer = """
from dataclasses import dataclass
from typing import ClassVar
from insgen import Score, hookimpl

@dataclass(frozen=True)
class Fixed:
    name: ClassVar[str] = "fixed"
    value: float = 0.0
    low: float = 0.0
    high: float = 1.0
    def score(self, candidates, bank, llm, prompts):
        return [Score(c.id, self.value, self.low, self.high) for c in candidates]

@hookimpl
def insgen_scorers():
    return [Fixed]
"""
    toml = 'plugins = ["fixed.py"]\n' + DATA + EMBED + select("quality")
    toml += '[[score]]\nuse = "fixed"\nweight = 3\nvalue = 4\nlow = 1\nhigh = 5\n'
    toml += '[[score]]\nuse = "fixed"\nvalue = -1\nlow = -1\n'
    project = make_project(toml, {"fixed.py": scorer, "data.jsonl": rows(3)})
    play(project)
    # (3 * (4 - 1) / (5 - 1) + 1 * 0) / (3 + 1) = 0.5625
    assert query(project, "SELECT DISTINCT quality FROM kept") == [(0.5625,)]
    assert query(project, "SELECT DISTINCT ordinal, weight FROM scores ORDER BY 1") == [(0, 3.0), (1, 1.0)]
