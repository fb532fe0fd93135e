"""How a row becomes the text that a model is trained on, and which parts of it are learned.

Flows in: a candidate. Flows out: pieces of text, each learned (an answer) or not (a question). A tokenizer's own chat
template is used where there is one; else the headings of the Alpaca format:

    ### Instruction:
    {instruction}

    ### Input:
    {input}

    ### Response:
    {output}<end of text>

The input's part is left out when it is empty; a system message stands before it all; later turns repeat instruction
and response. An empty answer is never learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from insgen.errors import ConfigError, DataError
from insgen.records import Candidate

TEMPLATES = ("auto", "chat", "alpaca")
"""Names of templates; ``auto`` is the tokenizer's chat template where it has one, else ``alpaca``."""


@dataclass(frozen=True)
class Piece:
    """A part of a row's text.

    :ivar learned: whether the loss is taken over it.
    """

    text: str
    learned: bool


Template = Callable[[Candidate], Sequence[Piece]]


def template_of(tokenizer: Any, name: str) -> Template:
    """Give the template of a name for a tokenizer.

    :raises ConfigError: ``chat``, and the tokenizer has no chat template.
    """
    has_chat = bool(getattr(tokenizer, "chat_template", None))
    if name == "chat" and not has_chat:
        raise ConfigError(
            f"The tokenizer of {tokenizer.name_or_path} has no chat template.\n"
            '  Expected one for the template "chat".\n'
            '  Choose the template "alpaca", or "auto".'
        )
    if name == "alpaca" or not has_chat:
        return lambda row: alpaca(row, tokenizer.eos_token or "")
    return lambda row: chat(row, tokenizer)


def alpaca(row: Candidate, eos: str) -> list[Piece]:
    """Lay a row out under the Alpaca headings.

    :param eos: what ends an answer.
    """
    head = f"{row.system}\n\n" if row.system else ""
    given = f"### Input:\n{row.input}\n\n" if row.input else ""
    pieces = [Piece(f"{head}### Instruction:\n{row.instruction}\n\n{given}### Response:\n", learned=False)]
    for role, content in _replies(row):
        if role == "assistant":
            pieces.append(Piece(content + eos, learned=bool(content)))
        else:
            pieces.append(Piece(f"\n\n### Instruction:\n{content}\n\n### Response:\n", learned=False))
    return pieces


def chat(row: Candidate, tokenizer: Any) -> list[Piece]:
    """Lay a row out with the tokenizer's chat template; what the template writes for an answer is learned.

    :raises DataError: the template refuses the row, or writes earlier messages in another way once later ones follow,
        so that it cannot be said which part is the answer.
    """
    first = f"{row.instruction}\n\n{row.input}" if row.input else row.instruction
    messages = [{"role": "system", "content": row.system}] if row.system else []
    messages.append({"role": "user", "content": first})
    pieces: list[Piece] = []
    written = ""
    for role, content in _replies(row):
        if role == "assistant":
            question = _rendered(tokenizer, messages, row, ask=True)
            answered = _rendered(tokenizer, [*messages, {"role": role, "content": content}], row)
            if not (question.startswith(written) and answered.startswith(question)):
                raise _unsplittable(tokenizer, row)
            pieces.append(Piece(question[len(written) :], learned=False))
            pieces.append(Piece(answered[len(question) :], learned=bool(content)))
            written = answered
        messages.append({"role": role, "content": content})
    return pieces or [Piece(_rendered(tokenizer, messages, row, ask=True), learned=False)]


def _replies(row: Candidate) -> list[tuple[str, str]]:
    """All messages behind the first question; none for a row that was never answered."""
    answered = [("assistant", row.output)] if row.output or row.turns else []
    return [*answered, *((turn.role, turn.content) for turn in row.turns)]


def _rendered(tokenizer: Any, messages: Sequence[dict[str, str]], row: Candidate, *, ask: bool = False) -> str:
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=ask))
    except TemplateError as error:
        raise DataError(
            f"The chat template of {tokenizer.name_or_path} refuses the row {row.id}: {error}.\n"
            f"  Expected it to take {' and '.join(sorted({m['role'] for m in messages}))} messages.\n"
            '  Choose the template "alpaca", or leave that row out.'
        ) from error


def _unsplittable(tokenizer: Any, row: Candidate) -> DataError:
    return DataError(
        f"The chat template of {tokenizer.name_or_path} changes what stands before an answer of row {row.id}.\n"
        "  Expected questions to be written alike whether or not their answer follows, so that the loss can be taken"
        ' over the answer only.\n  Choose the template "alpaca".'
    )
