"""The nouns of the loop: frozen records that stages hand to one another.

Nothing here reads, writes or decides. A stage never changes a candidate; it returns a new fact
*about* it (a verdict, an answer, a score), so every later stage can be run again from stored facts.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CandidateId = NewType("CandidateId", str)

_SEPARATOR = "\x1f"  # cannot survive clean_text(), so two different triples cannot share one joined text
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_UNSAFE_ASCII = bytes([*range(9), *range(11, 32), 127])  # the ASCII part of it, and the carriage return
_UNPRINTABLE = re.compile(_UNSAFE.pattern[:-1] + r"\t\n\r]")
_NOT_WORD = re.compile(r"[\W_]+")


def clean_text(text: str) -> str:
    r"""Make a text safe to store, hash, print and export, without touching its meaning.

    Line ends become ``\n``; control characters, lone surrogates, byte-order marks and bidi overrides
    (they can make a terminal or a page show something else than what is trained on) are removed;
    white space at both ends goes. Everything else stays as it is, HTML included.
    """
    if not text:  # most inputs, system messages and unanswered outputs
        return text
    if text.isascii():  # five times as fast as the pattern, and most texts end here
        raw = text.encode()
        if len(raw.translate(None, _UNSAFE_ASCII)) == len(raw):
            return text.strip()
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")).strip()


def _shown(name: str) -> str:
    """Write what cannot be stored, or could deceive, in a file's name as escapes; other things stay as they are."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), name)


def content_hash(*parts: str) -> str:
    """Hash texts to an id that carries its algorithm: ``b2:`` and 32 hexadecimal digits of BLAKE2b."""
    joined = _SEPARATOR.join(parts).encode("utf-8", "surrogatepass")
    return "b2:" + hashlib.blake2b(joined, digest_size=16).hexdigest()


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
            object.__setattr__(self, "source", _shown(self.source))


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
        return content_hash("text", _fold(self.instruction), _fold(self.input))

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


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORD.sub(" ", folded).strip() or folded


@dataclass(frozen=True)
class Seed:
    """A task that stands as an example in prompts.

    :ivar id: content id of its texts (the id of the candidate with the same texts).
    :ivar weight: how often it should be drawn, relative to the others; >= 0.
    :ivar pinned: the user wants it to stay; no policy may evict it.
    """

    id: str
    instruction: str
    input: str = ""
    output: str = ""
    weight: float = 1.0
    pinned: bool = False


@dataclass(frozen=True)
class SeedChange:
    """One change of the seed set.

    :ivar event: ``promoted`` (it comes in), ``evicted`` (it goes) or ``weighted`` (its weight is now that of ``seed``).
    :ivar seed: the seed as it is from now on; the id of a promoted one is that of the candidate it was.
    :ivar reason: why, for people, with the figures that decided.
    :ivar evidence: those figures for programs: names -> texts and finite numbers.
    """

    event: str
    seed: Seed
    reason: str
    evidence: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class SeedUpdate:
    """What a seed policy makes of feedback.

    :ivar changes: in the order in which they are done.
    :ivar state: what the policy wants to be handed next time; opaque to everybody else, stored with the changes.
    :ivar weights: for the round that begins: generator -> seed id -> the weight that the seed has in that generator's
        draws (>= 0), where it is another than the seed's own.
    :ivar notes: what it goes by now, for people: rows of texts and finite numbers by column, all with the same columns.
    """

    changes: tuple[SeedChange, ...] = ()
    state: str = ""
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[Mapping[str, str | float], ...] = ()


@dataclass(frozen=True)
class Yield:
    """What one answered question of a generator brought, in a finished round.

    :ivar round: counted from 1.
    :ivar generator: who asked.
    :ivar seed_ids: the seeds that stood in its prompt.
    :ivar kept: tasks of its answer that passed every filter and got their answer and every score.
    :ivar cost_usd: what it cost, with all that was bought for its tasks, in USD; without what broken attempts lost.
    :ivar calls: how many calls that were; a call shared with other questions' tasks counts in part.
    """

    round: int
    generator: str
    seed_ids: tuple[str, ...]
    kept: int
    cost_usd: float
    calls: float


@dataclass(frozen=True)
class Request:
    """One question to an LLM.

    :ivar messages: role/content pairs in order.
    :ivar format: the name of the parser that reads the answer.
    :ivar params: decoding parameters by their LiteLLM names (``temperature``, ``max_tokens``, ``stop`` ...).
    :ivar seed_ids: the seeds that stand in the prompt.
    :ivar prompt_hash: content id of the prompt file it was rendered from.
    :ivar source: what the prompt shows and the candidates will come from (``docs/a.md``), where it is not the LLM
        alone.
    :ivar licence: the licence of that source; empty when unknown.
    """

    messages: tuple[Turn, ...]
    format: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed_ids: tuple[str, ...] = ()
    prompt_hash: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Response:
    """What the LLM said to one request, committed to the store before anyone reads it.

    :ivar call_id: the key of its row in ``calls``.
    :ivar text: the raw answer.
    :ivar finish_reason: ``stop``, ``length`` (truncated: the last item is suspect), the provider's word, or why
        there is no answer: ``budget`` (a cap was reached, nothing was sent), ``filtered`` (refused by the service),
        ``error``.
    :ivar cost_usd: what it cost; ``None`` when the provider and the config state no price.
    :ivar logprobs: JSON text, token -> log-probability of the first answer token's alternatives; where asked for and
        given.
    :ivar error: why there is no answer; empty when there is one.
    :ivar model: the LiteLLM id of the model that was asked.
    """

    call_id: str
    request: Request
    text: str
    finish_reason: str
    cost_usd: float | None = None
    logprobs: str | None = None
    error: str = ""
    model: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A row of a source, or a part of an answer, that could not be read as a candidate.

    :ivar source: the file, data set or call, as in `Origin`.
    :ivar line: line or row in it, counted from 1; ``None`` when unknown.
    :ivar reason: what is wrong with it, one sentence; cleaned, for it may quote the row.
    """

    source: str
    line: int | None
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", _shown(self.source))
        object.__setattr__(self, "reason", clean_text(self.reason))


@dataclass(frozen=True)
class Generated:
    """What a generator gives for one round.

    :ivar candidates: ready candidates, in a reproducible order.
    :ivar requests: questions to ask the LLM; their answers go to the parsers.
    :ivar position: where to go on in the next round; opaque to everybody else, stored with the round.
    :ivar exhausted: nothing more will ever come.
    :ivar unreadable: what could not be read on the way.
    :ivar position_without: gives the position instead where requests (by their places, from 0) were not sent because
        the budget is spent, so that they are asked later; ``exhausted`` is then no longer so. ``None``: they are lost.
    """

    candidates: tuple[Candidate, ...] = ()
    requests: tuple[Request, ...] = ()
    position: str = ""
    exhausted: bool = False
    unreadable: tuple[Unreadable, ...] = ()
    position_without: Callable[[Sequence[int]], str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Parsed:
    """What a parser read from one response.

    :ivar candidates: in order of appearance.
    :ivar unreadable: the parts that were no candidate, each with its reason.
    """

    candidates: tuple[Candidate, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A filter's decision on one candidate.

    :ivar kept: whether it goes on.
    :ivar measure: what was measured, in words (``ROUGE-L``, ``cosine similarity``, ``words``).
    :ivar value: what was measured; ``None`` when the decision is no comparison of numbers.
    :ivar unit: unit of value and limit (``words``, ``similarity 0..1``).
    :ivar limit: the limit it was compared with; ``None`` as for value.
    :ivar neighbour: the candidate, member or seed that caused a rejection, where one did.
    :ivar reason: a short phrase for people and counters, the same for the same cause (``too short``); empty when kept.
    """

    candidate_id: CandidateId
    kept: bool
    measure: str = ""
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    neighbour: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """A responder's output for a candidate that had none.

    :ivar output: the answer; ``None`` when none could be had, and ``reason`` says why.
    :ivar input: an input that the answer brought along, for a candidate that had none; else empty.
    """

    candidate_id: CandidateId
    output: str | None
    call_id: str | None = None
    reason: str = ""
    input: str = ""


@dataclass(frozen=True)
class Score:
    """A scorer's judgement of one candidate.

    :ivar value: finite, between low and high; ``None`` for a score that could not be had (``reason`` says why).
    :ivar low: the worst value of the scale.
    :ivar high: the best value of the scale; greater than low.
    :ivar parts: named components, for people; finite.
    :ivar reason: why this value, or why there is none.
    """

    candidate_id: CandidateId
    value: float | None
    low: float
    high: float
    parts: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    call_id: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """A bank member near to some vector.

    :ivar similarity: cosine similarity, -1 to 1, higher is nearer.
    """

    candidate_id: CandidateId
    similarity: float


@dataclass(frozen=True)
class Member:
    """A candidate that is in the bank.

    :ivar rank: 1 is the best.
    :ivar diversity: the selector's measure of how much it adds; higher is better; unit by selector.
    :ivar quality: weighted mean of its scores, 0 to 1.
    :ivar utility: the ranking key; higher is better; unit by selector.
    """

    candidate: Candidate
    rank: int
    diversity: float
    quality: float
    utility: float


@dataclass(frozen=True)
class Pool:
    """What a selector chooses from: the bank in rank order, then the newcomers in order of arrival.

    :ivar candidates: n of them; each has a vector and a quality.
    :ivar vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :ivar quality: float64, shape ``(n,)``, 0 (worst) to 1 (best).
    :ivar n_members: the first so many rows are the bank, best first.
    """

    candidates: tuple[Candidate, ...]
    vectors: NDArray[np.float32]
    quality: NDArray[np.float64]
    n_members: int


@dataclass(frozen=True)
class Ranked:
    """One place in a selection; diversity, quality and utility as in `Member`."""

    candidate_id: CandidateId
    diversity: float
    quality: float
    utility: float


@dataclass(frozen=True)
class Selection:
    """A selector's answer.

    :ivar ranking: best first, at most ``size`` of the pool's candidates, none twice; every prefix is the best
        subset of that length.
    :ivar state: what the selector wants to be handed in the next round: JSON text, stored with the bank's version.
    """

    ranking: tuple[Ranked, ...]
    state: str = ""


@dataclass(frozen=True)
class Signal:
    """Feedback about one instruction from outside the loop.

    :ivar candidate_id: the instruction; empty when only its text is known.
    :ivar name: what was measured (``loss``, ``accepted``, ``eval:mmlu``).
    :ivar value: -1 (less like this) to +1 (more like this).
    :ivar source: who said it; of two signals with the same instruction, name and source the newer one counts.
    :ivar text: the instruction as it was measured, where it has no id.
    :ivar time: when it was measured, in seconds since 1970, UTC; 0 when nobody knows.
    """

    candidate_id: CandidateId
    name: str
    value: float
    source: str = ""
    text: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class TrainingStep:
    """One optimiser step of a model that is trained on this bank's instructions, as it was executed.

    :ivar run_id: the training it is part of, in the trainer's words.
    :ivar step: counted from 1; a resumed training repeats numbers, and the newer record of a step counts.
    :ivar items: ids by micro-batch, in the order executed; a micro-batch may hold none.
    :ivar time: when it was executed, in seconds since 1970, UTC.
    :ivar round: the round whose plan was executed (a turn of generating and training); 0 when unknown.
    :ivar loss: mean loss of the step's target tokens.
    :ivar grad_norm: global L2 norm of the gradient over all trainable parameters, after accumulation; >= 0.
    :ivar grad_norm_kind: ``pre_clip``, ``post_clip`` or ``unknown``.
    :ivar max_grad_norm: where the gradient is clipped; 0 or ``None``: nowhere.
    :ivar lr: learning rate of the step.
    :ivar n_target_tokens: tokens that the loss is taken over.
    :ivar trainable_params: how many numbers the optimiser changes.
    :ivar item_loss: id -> mean loss of its target tokens, where the trainer tells.
    """

    run_id: str
    step: int
    items: tuple[tuple[str, ...], ...]
    time: float
    round: int = 0
    loss: float | None = None
    grad_norm: float | None = None
    grad_norm_kind: str = "unknown"
    max_grad_norm: float | None = None
    lr: float | None = None
    n_target_tokens: int | None = None
    trainable_params: int | None = None
    item_loss: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingSeries:
    """Steps that may be compared with one another: of one training, with one set of trainable parameters.

    :ivar trainable_params: how many numbers the optimiser changes; ``None`` when the trainer did not say.
    :ivar n_steps: how many steps there are; numbers may be missing.
    :ivar first_step: the smallest number of a step; ``last_step``: the largest.
    """

    run_id: str
    trainable_params: int | None
    n_steps: int
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Feedback:
    """What a feedback source gives at once.

    :ivar steps: of trainings; ``signals``: about single instructions.
    :ivar position: where to go on; opaque to everybody else.
    """

    steps: tuple[TrainingStep, ...] = ()
    signals: tuple[Signal, ...] = ()
    position: str = ""


@dataclass(frozen=True)
class Recipe:
    """A named preset: the text of an `insgen.toml`, and what it is.

    :ivar summary: one line.
    :ivar toml: a complete config with comments; it loads as it stands.
    :ivar source: paper or repository it follows, where there is one.
    """

    name: str
    summary: str
    toml: str
    source: str = ""
