r"""Replies to Self-Instruct's instance prompts -> pairs of input and output, split and cleaned as its code does.

Method: Self-Instruct (Wang et al. 2023, arXiv:2212.10560, section 2.2, stages 3 and 4; the published code where the
paper is silent). Flows in: a raw reply. Flows out: distinct instances in a fixed order, or the reason why there is
none. Any text in, no exception.

The known defects of that code are here on purpose: the word "Example" inside a text splits it; what stands before the
first "Example" is an instance without input, a greeting too; a second "Output:" ends the output; an output may be cut
by a stop string and is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NONE = "no instance in the reply"
UNUSABLE = "no usable instance"
CONFLICTING = "instances with the same input and different outputs"

Instance = tuple[str, str]
"""Input (empty when the task needs none) and output."""

# Patterns are texts, compiled at first use: at import they would slow down every command.
_EXAMPLE = r"Example\s?\d*\.?"
_OUTPUT = r"Output\s*\d*\s*:"
_INPUT = r"Input\s*\d*\s*:"
_LABEL = "Class label:"


def input_first(text: str, cut: bool) -> list[Instance] | str:
    """Read the reply to an input-first prompt: numbered examples, each an input and then its output.

    :param cut: the reply ended for length, so that its last instance is lost.
    :returns: at least one instance, or why there is none.
    """
    text = text.strip()
    if re.search(_EXAMPLE, text):
        found = [_split(part.strip()) for part in re.split(_EXAMPLE, text) if part.strip()]
    else:
        found = [_split(text)] if re.search(_OUTPUT, text) else []
    return _cleaned(found[:-1] if cut else found)


def output_first(text: str, cut: bool) -> list[Instance] | str:
    """Read the reply to an output-first prompt: class labels, each followed by an input that deserves it.

    :param cut: as for `input_first`.
    :returns: at least one instance, or why there is none.
    """
    parts = [part.strip().partition("\n") for part in text.split(_LABEL)[1:]]
    found = [(rest.strip(), label.strip()) for label, _, rest in parts]
    return _cleaned(found[:-1] if cut else found)


def _split(part: str) -> Instance:
    """Tell input and output of one example apart; without "Output:" all of it is the output."""
    pieces = re.split(_OUTPUT, part)
    input_, output = (pieces[0], pieces[1]) if len(pieces) > 1 else ("", part)
    output = re.split(_INPUT, output)[0]
    return re.sub(rf"^{_INPUT}", "", input_.strip()).strip(), output.strip()


def _cleaned(found: Sequence[Instance]) -> list[Instance] | str:
    """Drop instances that teach nothing; contradictions drop them all. Sorted: the code's set has no fixed order."""
    if not found:
        return NONE
    usable = [pair for pair in found if pair[1] and pair[0] != pair[1] and not any(t.endswith(":") for t in pair)]
    distinct = sorted(set(usable))
    inputs = [input_ for input_, _ in distinct if input_]
    if len(set(inputs)) < len(inputs):
        return CONFLICTING
    return distinct or UNUSABLE
