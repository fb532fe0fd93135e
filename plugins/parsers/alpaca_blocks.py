"""Parsers `alpaca_blocks` and `alpaca_blocks-paper`: instruction, input and output in numbered blocks.

`alpaca_blocks-paper` follows Alpaca's published code to the letter, with its known defects:

- the answer must go on behind the open "4. Instruction:" of the prompt; a block must carry the number of its place in
  all three field names, else it is dropped, so a model that starts again at 1, or miscounts once, loses those blocks;
- "###" inside a text (a Markdown heading) cuts the block;
- the stop string ``20.`` may have cut the last output ("costs about $20.50" ends in "costs about $"), and it is kept.

`alpaca_blocks` mends them. Field names are read in whatever numbers they carry, in bold or plain; only a line of "###"
alone separates; where a field name carries a number, a plain "Input:" line is text; greetings and courtesies are left
out; several markers mean "no input". Of a cut answer only the last block is lost; so is the last block of an
answer to a request whose stop strings can fire inside a text, unless the answer ends with a separator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import Candidate, Parsed, Parser, Response, declined, hookimpl

from ._answers import CUT, MAYBE_CUT, in_order, maybe_cut, nothing, origin_of, prompt_of, was_cut

_NO_BLOCK = "no block with fields"
_NO_FIELDS = "block without fields"
_INCOMPLETE = "block lacks a field"
_TWICE = "block with a field twice or out of order"
_EMPTY = "block with an empty instruction or output"
_MISNUMBERED = "block misnumbered or without its three fields"

_PAPER_FIRST = 4
_PAPER_PARTS = 7
_FIELDS = ("instruction", "input", "output")
# Patterns are texts, compiled at first use: at import they would slow down every command.
_OPEN_END = r"(\d{1,4})\.\s*Instruction:\s*$"
_SEPARATOR = r"(?m)^[ \t]*#{3,}[ \t]*$"
_LABEL = (
    r"(?im)^[ \t]*(?:#{1,4}[ \t]+)?(?:\*\*|__)?[ \t]*(?:(?P<number>\d{1,4})[ \t]*[.):]?[ \t]*)?(?:\*\*|__)?"
    r"(?P<field>instruction|input|output)[ \t]*(?:\*\*|__)?[ \t]*:[ \t]*(?:\*\*|__)?"
)
_NO_INPUT = (
    r"(?i)[<(\[]?\s*(?:no\s*input(?:\s+(?:is\s+)?(?:required|needed|necessary))?|none|n/?a|empty|nil)\s*[>)\]]?\.?"
)
_FAREWELL = (
    r"(?i)\n[ \t]*\n\W{0,3}(?:let me know|i hope (?:this|these|that)|hope (?:this|these)|feel free to|would you like"
    r"|these (?:tasks|instructions)\b)[^\n]*\s*$"
)


@dataclass(frozen=True)
class AlpacaBlocksPaperParser:
    """Reads the answer as Alpaca's code does; has no options."""

    name: ClassVar[str] = "alpaca_blocks-paper"

    def parse(self, response: Response) -> Parsed:
        """Put the opening back, split at "###", and take a block only if it carries the number of its place."""
        first = _opening(response) or _PAPER_FIRST
        blocks = f"{first}. Instruction:{response.text}".split("###")
        candidates: list[Candidate] = []
        reasons: list[tuple[int, str]] = []
        for place, block in enumerate(blocks, start=1):
            if place == len(blocks) and response.finish_reason == "length":
                reasons.append((place, CUT))
                continue
            parts = re.split(rf"{first + place - 1}\.\s+(Instruction|Input|Output):", block)
            if len(parts) != _PAPER_PARTS:
                if block.strip():
                    reasons.append((place, _MISNUMBERED))
                continue
            instruction, input_, output = (parts[number].strip() for number in (2, 4, 6))
            input_ = "" if input_.lower() == "<noinput>" else input_
            candidate = Candidate(instruction, input_, output, origin=origin_of(response))
            if candidate.instruction:
                candidates.append(candidate)
            else:
                reasons.append((place, _EMPTY))
        return _parsed(response, candidates, reasons)


@dataclass(frozen=True)
class AlpacaBlocksParser:
    """Reads every complete block, whatever its numbers are; has no options."""

    name: ClassVar[str] = "alpaca_blocks"

    def parse(self, response: Response) -> Parsed:
        """Give one candidate per complete block; of a cut answer the last block is lost, and only it."""
        text = response.text.replace("\r\n", "\n").replace("\r", "\n")
        ends_whole = re.search(_SEPARATOR, text.rstrip().rpartition("\n")[2]) is not None
        last = CUT if was_cut(response) else MAYBE_CUT if maybe_cut(response) and not ends_whole else ""
        blocks = _blocks(_completed(text, _opening(response)))
        if not any(re.search(_LABEL, block) for block in blocks):
            return nothing(response, _NO_BLOCK)
        candidates: list[Candidate] = []
        reasons: list[tuple[int, str]] = []
        origin = origin_of(response)
        for place, block in enumerate(blocks, start=1):
            fields = _fields(block)
            if place == len(blocks) and last:
                reasons.append((place, last))
            elif isinstance(fields, str):
                reasons.append((place, fields))
            else:
                candidate = Candidate(*fields, origin=origin)
                if candidate.instruction and candidate.output:
                    candidates.append(candidate)
                else:
                    reasons.append((place, _EMPTY))
        return _parsed(response, candidates, reasons)


def _parsed(response: Response, candidates: Sequence[Candidate], reasons: Sequence[tuple[int, str]]) -> Parsed:
    """Give what was read; when that is nothing, an empty answer and a refusal are called by their names."""
    if not candidates and (not response.text.strip() or declined(response.text)):
        return nothing(response, _NO_BLOCK)
    return Parsed(tuple(candidates), in_order(response, reasons))


def _opening(response: Response) -> int | None:
    """The number of the block that the prompt leaves open; ``None`` when it leaves none open."""
    found = re.search(_OPEN_END, prompt_of(response))
    return int(found[1]) if found else None


def _completed(text: str, opening: int | None) -> str:
    """Put the opening back where the answer goes on behind it; a model may also repeat it, or greet first."""
    if opening is None or declined(text) or not text.strip():
        return text
    label = re.search(_LABEL, text)
    if label is not None and label["field"].lower() == "instruction":
        before = re.split(_SEPARATOR, text[: label.start()])
        greets = before[0].rstrip().endswith((":", "!")) or "\n\n" in before[0].strip()
        if len(before) == 1 and (greets or not before[0].strip()):
            return text
    return f"{opening}. Instruction:{text}"


def _blocks(text: str) -> list[str]:
    """Cut an answer at separators, and at instructions that follow without one.

    What stands before the first field name of the whole answer is a greeting and left out.
    """
    blocks: list[str] = []
    for piece in re.split(_SEPARATOR, text):
        labels = list(re.finditer(_LABEL, piece))
        numbered = any(label["number"] for label in labels)
        starts = [
            label.start()
            for label in labels
            if label["field"].lower() == "instruction" and (label["number"] or not numbered)
        ]
        if starts:
            starts[0] = 0 if blocks and not piece[: starts[0]].strip() else starts[0]
            ends = [*starts[1:], len(piece)]
            blocks.extend(piece[start:end] for start, end in zip(starts, ends, strict=True))
        elif piece.strip() and (blocks or labels):
            blocks.append(piece)
    return blocks


def _fields(block: str) -> tuple[str, str, str] | str:
    """Read instruction, input and output of one block, or say why it is none.

    A block whose first field name carries a number has field names with numbers only: a plain one is text.
    """
    labels = list(re.finditer(_LABEL, block))
    if labels and labels[0]["number"]:
        labels = [label for label in labels if label["number"]]
    if not labels:
        return _NO_FIELDS
    names = tuple(label["field"].lower() for label in labels)
    if names not in (_FIELDS, (_FIELDS[0], _FIELDS[2])):
        return _INCOMPLETE if len(set(names)) == len(names) < len(_FIELDS) else _TWICE
    ends = [*(label.start() for label in labels[1:]), len(block)]
    texts = [block[label.end() : end].strip() for label, end in zip(labels, ends, strict=True)]
    texts[-1] = re.sub(_FAREWELL, "", texts[-1]).strip()
    found = dict(zip(names, texts, strict=True))
    input_ = "" if re.fullmatch(_NO_INPUT, found.get("input", "")) else found.get("input", "")
    if not found["instruction"] or not found["output"]:
        return _EMPTY
    return found["instruction"], input_, found["output"]


@hookimpl
def insgen_parsers() -> Sequence[type[Parser]]:
    """Offer `alpaca_blocks` and `alpaca_blocks-paper`."""
    return [AlpacaBlocksParser, AlpacaBlocksPaperParser]
