"""Two rules over several rounds: the yield floor, and the collapse watch.

Flows in: ``[loop]`` and the store. Flows out: a reason to stop, or warnings. Both rules are decided from what is
stored, so a run that was killed decides as the undisturbed one would have. A run that stopped by one of them clears its
window: calling `insgen run` again grants as many rounds more before the rule looks again.

The collapse watch compares the last ``collapse_rounds`` rounds with as many at the beginning, in four figures
(`insgen.store.trends`). The limits are ours where no source is named: published work tells that self-generated
instructions lose variety, not at which figure to stop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from insgen.config.settings import Loop
from insgen.store.rounds import rows_since, stopped_run
from insgen.store.trends import Trend, trend, watched_rounds

NOVELTY_FLOOR = 0.21
"""Least share of new proposals: half of the 42 % that Self-Instruct is reported to keep (its 58 % discarded, as told
in summaries of SeDi-Instruct, arXiv:2502.04774)."""

ENTROPY_FLOOR = 0.8
"""Least n-gram entropy, as a share of that at the beginning."""

SEED_DISTANCE_RANGE = (0.5, 1.5)
"""Mean distance to the nearest seed, relative to the beginning: below, proposals fall back on the seeds; above, they
leave the domain."""

WORDS_RANGE = (0.5, 2.0)
"""Mean length of an instruction, relative to the beginning."""

_YIELD_MARK, _COLLAPSE_MARK = ", under min_yield = ", "proposals lose their variety: "


@dataclass(frozen=True)
class Alarm:
    """One figure out of its range.

    :ivar figure: ``novelty``, ``entropy``, ``seed_distance`` or ``words``.
    :ivar text: one sentence without its full stop, with value, limit and rounds.
    """

    figure: str
    text: str


class Watch:
    """Both rules for one run; told after every round, asked before every round.

    :param conn: the store's connection.
    :param run_id: the present run.
    """

    def __init__(self, loop: Loop, conn: sqlite3.Connection, run_id: int) -> None:
        self._loop = loop
        self._conn = conn
        self._after_run = stopped_run(conn, run_id, (_YIELD_MARK, _COLLAPSE_MARK))
        wanted = watched_rounds(conn) if loop.collapse != "off" else []
        n = loop.collapse_rounds
        self._first = _trends(conn, wanted[:n])
        self._last = _trends(conn, wanted[-n:])

    def add(self, round_: int) -> Trend | None:
        """Take in a finished round; gives its figures, or ``None`` when there is nothing to watch in it."""
        made = trend(self._conn, round_) if self._loop.collapse != "off" else None
        if made is not None:
            n = self._loop.collapse_rounds
            self._first = [*self._first, made][:n]
            self._last = [*self._last, made][-n:]
        return made

    def alarms(self) -> list[Alarm]:
        """Figures of the last rounds that are out of their range."""
        return alarms(self._first, self._last, self._loop.collapse_rounds)

    def reason(self) -> str:
        """Why no further round should be played; empty when one should."""
        return self._yield() or self._collapse()

    def _yield(self) -> str:
        loop = self._loop
        rows = rows_since(self._conn, self._after_run, loop.yield_rounds) if loop.min_yield else []
        if len(rows) < max(1, loop.yield_rounds):
            return ""
        judged = sum(row.proposed - row.deferred for row in rows)
        share = sum(row.kept for row in rows) / judged if judged else 0.0
        only_deferred = not judged and any(row.deferred for row in rows)
        if share >= loop.min_yield or only_deferred:
            return ""
        name, whose = _name([row.round for row in rows]), "its" if len(rows) == 1 else "their"
        return f"{name} kept {share:.1%} of {whose} proposals{_YIELD_MARK}{loop.min_yield:.1%}"

    def _collapse(self) -> str:
        if self._loop.collapse != "stop" or not self._last:
            return ""
        seen = {row.round for row in rows_since(self._conn, self._after_run, -1)}
        found = self.alarms() if all(each.round in seen for each in self._last) else []
        return _COLLAPSE_MARK + "; ".join(alarm.text for alarm in found) if found else ""


def alarms(first: Sequence[Trend], last: Sequence[Trend], n: int) -> list[Alarm]:
    """Compare the last n rounds with the first n.

    The novelty floor needs n rounds; the other figures are relative, and need n rounds more than the first n.

    :param first: the first watched rounds, at most n; ``last``: the newest ones.
    """
    if len(last) < n:
        return []
    name = _name([each.round for each in last])
    found = []
    novelty = fmean(each.novelty for each in last)
    if novelty < NOVELTY_FLOOR:
        found.append(Alarm("novelty", f"{novelty:.0%} of the proposals of {name} were new, floor {NOVELTY_FLOOR:.0%}"))
    if last[0].round <= first[-1].round:
        return found
    began = _name([each.round for each in first])
    for figure, words, (low, high) in (
        ("entropy", f"the n-gram entropy of the instructions of {name}", (ENTROPY_FLOOR, float("inf"))),
        ("seed_distance", f"the mean distance of {name} to the nearest seed", SEED_DISTANCE_RANGE),
        ("words", f"the mean length of the instructions of {name}", WORDS_RANGE),
    ):
        now, before = _mean(last, figure), _mean(first, figure)
        if now is None or not before or low <= now / before <= high:
            continue
        limit = f"floor {low:.0%}" if now / before < low else f"limit {high:.0%}"
        found.append(Alarm(figure, f"{words} is {now / before:.0%} of that of {began} ({now:.3g}), {limit}"))
    return found


def _mean(found: Sequence[Trend], figure: str) -> float | None:
    values = [getattr(each, figure) for each in found]
    return None if None in values else fmean(values)


def _trends(conn: sqlite3.Connection, wanted: Sequence[int]) -> list[Trend]:
    return [made for round_ in wanted if (made := trend(conn, round_)) is not None]


def _name(numbers: Sequence[int]) -> str:
    return f"round {numbers[0]}" if len(numbers) == 1 else f"rounds {numbers[0]} to {numbers[-1]}"
