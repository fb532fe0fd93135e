"""Rows as tokens: which of them are targets, and how rows of unequal length share one forward pass.

Flows in: candidates. Flows out: `Encoded` rows, and padded tensors. Padding stands on the right and is masked, so it
changes nothing but the rounding of sums. Pieces of a row are tokenized one by one: the question has the tokens that it
has when the model is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen.records import Candidate
from insgen.training.templates import Piece, Template

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


IGNORED = -100
"""The label of a token that is no target, as everywhere in PyTorch."""


@dataclass(frozen=True)
class Encoded:
    """One row.

    :ivar tokens: int32, shape ``(t,)``.
    :ivar labels: int32, shape ``(t,)``: the token, or `IGNORED` where it is not learned. The model at position i is
        asked for label i + 1, so the first is never a target.
    :ivar n_cut: tokens at the end that did not fit.
    """

    id: str
    tokens: NDArray[np.int32]
    labels: NDArray[np.int32]
    n_cut: int

    @property
    def n_targets(self) -> int:
        """How many tokens the loss is taken over."""
        return int((self.labels[1:] != IGNORED).sum())


@dataclass(frozen=True)
class Padded:
    """Rows of one forward pass; int64, shape ``(b, t)`` each."""

    tokens: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


class Encoder:
    """Turns candidates into tokens.

    :ivar max_tokens: longer rows lose their end.
    """

    def __init__(self, tokenizer: Any, template: Template, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer
        self._template = template
        # What the tokenizer puts in front of any text; a template that writes it itself is not given it twice.
        starts = tokenizer("")["input_ids"]
        self._bos = [tokenizer.bos_token_id] if tokenizer.bos_token_id in starts else []

    def encode(self, row: Candidate) -> Encoded:
        """Encode a row; one without an answer has no targets.

        :raises DataError: the template cannot lay the row out.
        """
        return self.encode_pieces(row.id, self._template(row))

    def encode_pieces(self, name: str, pieces: Iterable[Piece], *, end: bool = False) -> Encoded:
        """Encode texts that follow one another.

        :param name: becomes the row's id.
        :param end: put the token that ends a text behind them.
        """
        tokens: list[int] = []
        labels: list[int] = []
        for piece in pieces:
            ids = self._tokenizer(piece.text, add_special_tokens=False)["input_ids"]
            if not tokens and ids[:1] != self._bos:
                ids = [*self._bos, *ids]
            tokens += ids
            labels += ids if piece.learned else [IGNORED] * len(ids)
        if end and self._tokenizer.eos_token_id is not None:
            tokens.append(self._tokenizer.eos_token_id)
            labels.append(tokens[-1] if labels and labels[-1] != IGNORED else IGNORED)
        kept = slice(0, self.max_tokens)
        return Encoded(
            name,
            np.array(tokens[kept], dtype=np.int32),
            np.array(labels[kept], dtype=np.int32),
            max(0, len(tokens) - self.max_tokens),
        )


def padded(rows: Sequence[Encoded], pad_id: int, device: torch.device) -> Padded:
    """Put rows into tensors, padded on the right to the longest."""
    import torch

    shape = (len(rows), max(len(row.tokens) for row in rows))
    tokens = torch.full(shape, pad_id, dtype=torch.int64)
    labels = torch.full(shape, IGNORED, dtype=torch.int64)
    mask = torch.zeros(shape, dtype=torch.int64)
    for place, row in enumerate(rows):
        n = len(row.tokens)
        tokens[place, :n] = torch.from_numpy(row.tokens.astype(np.int64))
        labels[place, :n] = torch.from_numpy(row.labels.astype(np.int64))
        mask[place, :n] = 1
    return Padded(tokens.to(device), mask.to(device), labels.to(device))


def by_length(rows: Sequence[Encoded], size: int) -> list[list[int]]:
    """Group rows of like length, so that little is padded.

    :param size: most rows in a group.
    :returns: row numbers by group, longest first: what does not fit into memory fails at once.
    """
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place].tokens))
    return [order[start : start + size] for start in range(0, len(order), size)]
