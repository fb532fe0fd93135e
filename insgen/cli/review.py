"""`insgen review`: a person judges candidates, one at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.editing import PARTS, edited
from insgen.cli.output import example, figure, json_option, one_line, paint, print_json, project_option, put, say
from insgen.errors import DataError

if TYPE_CHECKING:
    from insgen.loop.reviewing import Review
    from insgen.store.labels import Pair

_KEYS = {"a": "accept", "r": "reject", "e": "edit", "s": "skip", "u": "undo", "q": "quit"}
_PAIR_KEYS = {"d": "different", "m": "the same", "s": "skip", "u": "undo", "q": "quit"}
_LONGEST = 4000  # characters of a text that are shown


@click.command(
    epilog=example(
        "insgen review -p handbook --sample uncertain --n 50",
        "insgen review -p handbook --from rejected --sample uncertain",
        "insgen review -p handbook --pairs --n 50",
    )
)
@project_option
@click.option(
    "--sample",
    type=click.Choice(["uncertain", "random", "top"]),
    default="uncertain",
    show_default=True,
    help="Which come first: nearest to a border (limit, middle quality), any, or the best (of pairs the most similar).",
)
@click.option(
    "--from",
    "pool",
    type=click.Choice(["kept", "bank", "rejected", "all"]),
    default="kept",
    show_default=True,
    help="What passed the filters, the members, what a filter rejected, or all of it.",
)
@click.option("--pairs", is_flag=True, help="Label near pairs instead: the same task, or different ones.")
@click.option("--n", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many in this session.")
@click.option("--reviewer", default="", help="Who judges; else the user's name.")
@json_option
def review(project: Path, sample: str, pool: str, pairs: bool, n: int, reviewer: str, as_json: bool) -> None:
    """Judge candidates at the keyboard, one by one.

    Each verdict is stored at once, so that nothing is lost; called again, the review goes on with what you have not
    judged. With [loop] verdicts = "overrule", a candidate that you accept passes every filter (a rejected one is judged
    again by the next run), and one that you reject leaves the bank when it is ranked next. An edited task is a new
    candidate that names the original; the original is rejected.

    Without a terminal, answers are read from stdin, one a line; "e" is followed by a JSON object with the texts that
    change.
    """
    from insgen.config.load import load_config
    from insgen.loop.reviewing import Review
    from insgen.store.database import open_store

    config, _ = load_config(project)
    store = open_store(config.database)
    try:
        session = Review(store, reviewer or _user(), config.loop.verdicts == "overrule")
        desk = _Desk(session, as_json)
        if pairs:
            desk.label_pairs(sample, n, config.project.seed)
        else:
            desk.judge(pool, sample, n, config.project.seed)
    finally:
        store.close()
    desk.sum_up()


def _user() -> str:
    """The user's name as the system tells it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user's number
        return "reviewer"


@dataclass
class _Desk:
    """Where the dialogue happens.

    :ivar as_json: stdout is for the summary alone; the dialogue is then on stderr.
    """

    session: Review
    as_json: bool
    left: int = 0

    def judge(self, pool: str, sample: str, n: int, seed: int) -> None:
        """Go through candidates."""
        from insgen.store.labels import to_review

        rows = to_review(self.session.store.conn, self.session.reviewer, pool, sample, seed)
        self._go_through(rows, n, _KEYS, self._show, self._act)

    def label_pairs(self, sample: str, n: int, seed: int) -> None:
        """Go through near pairs."""
        from insgen.loop.reviewing import pairs_to_label

        pairs = pairs_to_label(self.session.store, self.session.reviewer, sample, seed)
        self._go_through(pairs, n, _PAIR_KEYS, self._show_pair, self._act_on_pair)

    def _go_through(
        self,
        things: Sequence[Any],
        n: int,
        keys: dict[str, str],
        show: Callable[[Any, str], None],
        act: Callable[[Any, str, str], bool],
    ) -> None:
        """Show one after the other and do what is said; undo goes back by one step, whatever that was."""
        place, wanted, steps = 0, min(n, len(things)), list[int]()
        if not things:
            self._say("There is nothing left to judge here.")
        while place < wanted:
            show(things[place], f"{place + 1} of {wanted}")
            key, rest = self._ask(keys)
            if key == "q":
                break
            if key == "u":
                place = self._back(steps, place)
            elif key == "s":
                steps.append(-1)
                place += 1
            elif act(things[place], key, rest):
                steps.append(place)
                place += 1
        self.left = len(things) - sum(step >= 0 for step in steps)

    def _back(self, steps: list[int], place: int) -> int:
        if not steps:
            self._say("There is nothing to undo in this session.")
            return place
        if steps.pop() >= 0:
            self._say(f"Undone: {self.session.undo()}.")
        return place - 1

    def _act(self, row: dict[str, Any], key: str, rest: str) -> bool:
        try:
            if key == "a":
                self.session.accept(row["id"])
            elif key == "r":
                self.session.reject(row["id"])
            else:
                texts = edited(row, rest)
                if texts is None:
                    self._say("Nothing was edited.")
                    return False
                self._say(f"The edited task is {self.session.edit(row['id'], texts)}; it waits for the next run.")
        except DataError as error:
            self._say(str(error))
            return False
        return True

    def _act_on_pair(self, pair: Pair, key: str, rest: str) -> bool:  # noqa: ARG002 - the shape of an action
        self.session.tell_apart(pair, different=key == "d")
        return True

    def _ask(self, keys: dict[str, str]) -> tuple[str, str]:
        """The next key that means something, and what stands behind it on its line; the end of stdin quits."""
        menu = "  ".join(f"[{key}] {word}" for key, word in keys.items())
        while True:
            self._say(menu)
            if sys.stdin.isatty():
                line = click.getchar(echo=False)
            else:
                line = sys.stdin.readline()
                if not line:
                    return "q", ""
            key = line[:1].lower()
            if key in keys:
                return key, line[1:].strip()
            self._say(f"{line.strip()!r} is none of these.")

    def _show(self, row: dict[str, Any], place: str) -> None:
        quality = "" if row["quality"] is None else f"  quality {row['quality']:.3f}"
        rank = f"  rank {row['rank']}" if row["rank"] else ""
        self._head(f"{place}  {row['id'][:14]}  {row['fate']}{rank}{quality}")
        for name in PARTS:
            if row[name]:
                self._say(f"[{name}]")
                self._say(_short(row[name]))
        turns = json.loads(row["turns"])
        if turns:
            self._say(f"[{len(turns)} later turns: insgen why {row['id'][:14]}]")
        if row["reason"]:
            measured = "" if row["value"] is None else f": {figure(row['value'])}"
            measured += "" if row["limit_value"] is None else f", limit {figure(row['limit_value'], 6)}"
            near = (
                f'; neighbour "{one_line(row["neighbour_instruction"], 200)}"' if row["neighbour_instruction"] else ""
            )
            self._say(f"({row['reason']}{measured}{near})")

    def _show_pair(self, pair: Pair, place: str) -> None:
        from insgen.store.queries import story

        self._head(f"{place}  cosine similarity {pair.similarity:.4f}")
        for id_ in (pair.earlier, pair.later):
            one = story(self.session.store.conn, id_)["candidate"]
            self._say(f"{id_[:14]}  {_short(' / '.join(one[name] for name in PARTS[:2] if one[name]))}")

    def _head(self, text: str) -> None:
        self._say()
        put(paint(f"--- {text}", err=self.as_json), err=self.as_json)

    def _say(self, text: str = "") -> None:
        say(text, err=self.as_json)

    def sum_up(self) -> None:
        """Tell what was said in this session."""
        counts = {word: n for word, n in self.session.counts.items() if n}
        if self.as_json:
            print_json({"reviewer": self.session.reviewer, "left": self.left, **counts})
            return
        told = ", ".join(f"{n} {word}" for word, n in counts.items()) or "nothing"
        say(f"\nJudged by {self.session.reviewer}: {told}. Left: {self.left}.")
        if counts:
            say("Next: `insgen run` acts on verdicts, `insgen calibrate` places thresholds by them.")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
