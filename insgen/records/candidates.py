"""Candidates and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NewType

from insgen.records.texts import clean_text, content_hash, fold, shown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CandidateId = NewType("CandidateId", str)


@dataclass(frozen=True)
class Turn:
    """One later message of a conversation.

    :ivar role: ``user`` or ``assistant``.
    :ivar content: the text.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Origin:
    """Where a candidate came from; every field is what is known, ``None`` when it is not.

    :ivar generator: the name of the stage that proposed it.
    :ivar source: a file (relative to the project where it can be), a data set's id, or ``llm``; control characters
        and bytes that are no UTF-8 stand in it as escapes.
    :ivar line_start: first line in the source, counted from 1.
    :ivar line_end: last line in the source, inclusive.
    :ivar licence: the licence the source states.
    :ivar call_id: the LLM call whose answer held it.
    :ivar seed_ids: the seeds that stood in its prompt.
    :ivar kind: what in the source it was made from (``procedure``, ``definition`` ...).
    """

    generator: str = ""
    source: str | None = None
    line_start: int | None = None
    line_end: int | None = None
    licence: str | None = None
    call_id: str | None = None
    seed_ids: tuple[str, ...] = ()
    kind: str | None = None

    def __post_init__(self) -> None:
        if self.source is not None:
            object.__setattr__(self, "source", shown_name(self.source))


@dataclass(frozen=True)
class Candidate:
    """One proposed instruction: the Alpaca triple, its later turns and where it came from.

    Texts are cleaned on construction (`clean_text`). Two candidates with the same texts have the same ``id``
    wherever they came from.

    :ivar instruction: the task, never empty for a valid candidate.
    :ivar input: what the task works on; empty when it needs nothing.
    :ivar output: the answer; empty until a responder has given one.
    :ivar turns: messages after the first answer, user first, alternating.
    :ivar system: a system message that came with the conversation; empty when there was none.
    :ivar vector: embedding, float32, shape ``(d,)``, L2 norm 1; ``None`` before it is embedded.
    :ivar quality: weighted mean of its scores, 0 (worst) to 1 (best); ``None`` before it is scored.
    """

    instruction: str
    input: str = ""
    output: str = ""
    turns: tuple[Turn, ...] = ()
    system: str = ""
    origin: Origin = field(default_factory=Origin, compare=False)
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    quality: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("instruction", "input", "output", "system"):
            object.__setattr__(self, name, clean_text(getattr(self, name)))
        cleaned = tuple(Turn(turn.role, clean_text(turn.content)) for turn in self.turns)
        object.__setattr__(self, "turns", cleaned)

    @cached_property
    def id(self) -> CandidateId:
        """Content id over system, instruction, input, output and later turns."""
        later = [part for turn in self.turns for part in (turn.role, turn.content)]
        return CandidateId(content_hash("candidate", self.system, self.instruction, self.input, self.output, *later))

    @cached_property
    def text_key(self) -> str:
        """Content id of instruction and input alone, blind to case, punctuation, white space and Unicode form.

        A text made of signs only (no letter, no digit) keeps its signs, so that such texts stay apart.
        """
        return content_hash("text", fold(self.instruction), fold(self.input))

    def answered(self, output: str, input_: str = "") -> Candidate:
        """Give a copy with an output (and an input) where it had none; its id stays that of the proposal."""
        return self if self.output or not output else self._copy(output=output, input=self.input or input_)

    def embedded(self, vector: NDArray[np.float32]) -> Candidate:
        """Give a copy with its vector, float32, shape ``(d,)``, L2 norm 1."""
        return self._copy(vector=vector)

    def judged(self, quality: float | None) -> Candidate:
        """Give a copy with its quality, 0 to 1."""
        return self._copy(quality=quality)

    def shortened(self, n_messages: int) -> Candidate:
        """Give a copy with its first messages only (question, answer, later turns); its id stays that of the whole.

        :param n_messages: at least 1, for a candidate has its question.
        """
        return self._copy(output=self.output if n_messages > 1 else "", turns=self.turns[: max(0, n_messages - 2)])

    def bare(self) -> Candidate:
        """Give it without vector and quality, as a proposal has to be: they may be those of a text it was made from."""
        return self if self.vector is None and self.quality is None else self._copy(vector=None, quality=None)

    def _copy(self, **changes: Any) -> Candidate:
        copy = replace(self, **changes)
        copy.__dict__["id"] = self.id
        return copy
