"""Cuts a ranking to a budget of rows, replies or tokens by walking down it.

Flows in: members in rank order. Flows out: the members of the cut, one by one, and what they amount to. Every prefix
of a ranking is the best subset of its length, so a budget is only a place to stop: the walk ends *before* the first
row that would break it, and never skips one for a smaller row behind it. A cut is therefore always the beginning of
the cut for any larger budget.

Replies are what a model is trained on, so replies and *their* tokens are counted (PIBE, arXiv:2502.11419, cuts its
training sets the same way: 3,000,000 reply tokens, 7,000 replies). A longest conversation is not a budget but a
condition that every row meets alone: later exchanges that do not fit are cut off, a row whose first answer does not fit
is left out.

`PaperWalk` is the walk of that paper's released program, defects included, to repeat its sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from insgen.records import Candidate, Member

WalkName = Literal["clean", "paper"]


@dataclass(frozen=True)
class Budget:
    """Where to stop; ``None`` = no limit.

    :ivar top: most rows.
    :ivar max_tokens: most tokens in replies.
    :ivar max_replies: most replies.
    :ivar max_length: most tokens in one conversation, its questions and system message included.
    """

    top: int | None = None
    max_tokens: int | None = None
    max_replies: int | None = None
    max_length: int | None = None

    @property
    def counts(self) -> bool:
        """Whether anything but rows is counted."""
        return (self.max_tokens, self.max_replies, self.max_length) != (None, None, None)


@dataclass
class Cut:
    """What a walk has passed so far.

    :ivar n_tokens: tokens in replies.
    :ivar n_shortened: rows that lost later messages to ``max_length``.
    :ivar n_too_long: rows left out, for not even their first answer fits ``max_length``.
    :ivar n_unanswered: rows left out, for they have no reply to count.
    :ivar next_tokens: reply tokens of the row that broke the budget; ``None`` while none has.
    """

    n_rows: int = 0
    n_replies: int = 0
    n_tokens: int = 0
    n_shortened: int = 0
    n_too_long: int = 0
    n_unanswered: int = 0
    next_tokens: int | None = None


@dataclass(frozen=True)
class CutNote:
    """What is told about a cut.

    :ivar tokenizer: name of the counter; empty where nothing but rows was counted.
    :ivar cut: complete once the last row has been written.
    """

    budget: Budget
    walk: WalkName = "clean"
    tokenizer: str = ""
    cut: Cut = field(default_factory=Cut)

    def limits(self) -> list[str]:
        """The limits that were set, in words."""
        budget = self.budget
        limits = (
            (budget.top, "rows"),
            (budget.max_tokens, "tokens in replies"),
            (budget.max_replies, "replies"),
            (budget.max_length, "tokens in one conversation"),
        )
        return [f"at most {most:,} {what}" for most, what in limits if most is not None]

    def remarks(self) -> list[str]:
        """What became of rows that did not stay as they are, one sentence each without full stop."""
        cut = self.cut
        question = " (those cut down to their question stay, without an answer)" if self.walk == "paper" else ""
        told = [
            (cut.n_shortened, f"were shortened to fit the limit for one conversation or the budget{question}"),
            (cut.n_too_long, "were left out: nothing of them fits the limit for one conversation"),
            (cut.n_unanswered, "were left out: they have no answer"),
        ]
        return [f"{n:,} rows {what}" for n, what in told if n]


@dataclass
class CleanWalk:
    """Whole rows while they fit; the cut never exceeds the budget."""

    note: CutNote
    count: Callable[[str], int]

    def rows(self, members: Iterable[Member]) -> Iterator[Member]:
        """Give the rows of the cut, in rank order.

        A row without a reply is left out once anything but rows is counted: it costs nothing and teaches nothing.
        """
        budget, cut = self.note.budget, self.note.cut
        for member in members:
            if cut.n_rows == budget.top:
                return
            if not budget.counts:
                cut.n_rows += 1
                yield member
                continue
            if not member.candidate.output:
                cut.n_unanswered += 1
                continue
            row, replies = self._fitting(member.candidate)
            if not replies:
                cut.n_too_long += 1
                continue
            if self._breaks(replies):
                cut.next_tokens = sum(replies)
                return
            cut.n_rows += 1
            cut.n_replies += len(replies)
            cut.n_tokens += sum(replies)
            cut.n_shortened += row is not member.candidate
            yield _with(member, row)

    def _breaks(self, replies: list[int]) -> bool:
        budget, cut = self.note.budget, self.note.cut
        too_many = budget.max_replies is not None and cut.n_replies + len(replies) > budget.max_replies
        return too_many or (budget.max_tokens is not None and cut.n_tokens + sum(replies) > budget.max_tokens)

    def _fitting(self, candidate: Candidate) -> tuple[Candidate, list[int]]:
        """The whole exchanges of a conversation that fit, and the tokens of their replies; none when none fits."""
        length, most = self.count(candidate.system), self.note.budget.max_length
        replies: list[int] = []
        n_fitting = 0
        for n_seen, (role, text) in enumerate(messages(candidate), start=1):
            tokens = self.count(text)
            length += tokens
            if most is not None and length > most:
                return candidate.shortened(n_fitting), replies
            if role == "assistant":
                replies.append(tokens)
                n_fitting = n_seen
        return candidate, replies


@dataclass
class PaperWalk:
    """The walk of PIBE's released program.

    Its defects are kept: the reply that breaks the token budget is counted though it is not kept, and by adding its
    tokens twice it breaks the budget too early; a conversation that ``max_length`` reduces to its question stays as a
    row without an answer. One that is reduced to nothing stays in its count of conversations, but is no row here.
    """

    note: CutNote
    count: Callable[[str], int]

    def rows(self, members: Iterable[Member]) -> Iterator[Member]:
        """Give the rows of the cut, in rank order; those without a reply are left out first, as there."""
        budget, cut = self.note.budget, self.note.cut
        for member in members:
            if cut.n_rows == budget.top:
                return
            if not member.candidate.output:
                cut.n_unanswered += 1
                continue
            n_kept, n_all = self._walk(member.candidate)
            if n_kept:
                cut.n_rows += 1
                cut.n_shortened += n_kept < n_all
                yield _with(member, member.candidate.shortened(n_kept) if n_kept < n_all else member.candidate)
            else:
                cut.n_too_long += 1
            tokens_spent = budget.max_tokens is not None and cut.n_tokens >= budget.max_tokens
            if tokens_spent or (budget.max_replies is not None and cut.n_replies >= budget.max_replies):
                return

    def _walk(self, candidate: Candidate) -> tuple[int, int]:
        """How many messages of a conversation are kept, and how many it has."""
        budget, cut = self.note.budget, self.note.cut
        all_messages = list(messages(candidate))
        length = n_kept = 0
        for role, text in all_messages:
            tokens = self.count(text)
            if budget.max_length is not None and length + tokens > budget.max_length:
                break
            length += tokens
            if role == "assistant":
                cut.n_tokens += tokens
                if budget.max_tokens is not None and cut.n_tokens + tokens > budget.max_tokens:
                    break
                cut.n_replies += 1
            n_kept += 1
        while n_kept > 2 and all_messages[n_kept - 1][0] != "assistant":
            n_kept -= 1
        return n_kept, len(all_messages)


Walk = CleanWalk | PaperWalk


def walk(note: CutNote, count: Callable[[str], int]) -> Walk:
    """Make the walk that a note names; what it passes is counted there.

    :param count: tokens of a text.
    """
    return PaperWalk(note, count) if note.walk == "paper" else CleanWalk(note, count)


def messages(candidate: Candidate) -> Iterator[tuple[str, str]]:
    """All messages of a candidate as (role, text), without its system message."""
    joined = f"{candidate.instruction}\n\n{candidate.input}" if candidate.input else candidate.instruction
    yield "user", joined
    yield "assistant", candidate.output
    for turn in candidate.turns:
        yield turn.role, turn.content


def _with(member: Member, row: Candidate) -> Member:
    return Member(row, member.rank, member.diversity, member.quality, member.utility)
