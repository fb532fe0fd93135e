"""What an auxiliary model says about every row, once: lengths, two log-likelihoods, and a pooled embedding.

Two forward passes per row: question and answer together give log p(y|x) and the hidden states of the question, the
answer alone gives log p(y) (arXiv:2504.07282, section 3.2). Readings where the paper is silent: lengths are tokens,
log-likelihoods are sums over the answer's tokens (the end of text among them), the embedding is the mean of the last
hidden states of the question, pooled by means over windows that are as equal as can be. The answer alone begins with
the tokenizer's first token, else its last, so that both passes are asked for the same tokens.

Measured numbers are kept in a file (safetensors) by row and model, and measured once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen.errors import ConfigError, DataError
from insgen.records import Candidate
from insgen.training.encoding import IGNORED, Encoded, by_length
from insgen.training.target import TargetModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = "insgen.raise-features/1"
_ROWS_BETWEEN_WRITES = 1024
_SAMPLED = 4096
"""Weights of each tensor that the identity looks at."""


def identity(target: TargetModel) -> str:
    """Name a model by its weights, its tokens and how it lays rows out.

    Where its folder stands does not matter, nor what it computes in: weights are looked at in bfloat16.
    """
    digest = hashlib.blake2b(digest_size=12)
    for name, each in target.model.named_parameters():
        flat = each.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLED)].bfloat16().float().cpu().numpy()
        digest.update(f"{name}{tuple(each.shape)}".encode() + sample.astype("<f4").tobytes())
    laid_out = target.encode(Candidate("How do they look?", "These words.", "Like this.")).tokens.tolist()
    digest.update(json.dumps([laid_out, target.encoder.max_tokens, len(target.tokenizer)]).encode())
    return f"b2:{digest.hexdigest()}"


class FeatureFile:
    """Measured rows of one model.

    :ivar semantics: columns that embeddings are pooled to.
    :ivar rows_at_once: rows in one forward pass.
    """

    def __init__(self, path: Path, semantics: int, rows_at_once: int = 16) -> None:
        self.path = path
        self.semantics = semantics
        self.rows_at_once = rows_at_once
        self.model = ""
        self._rows: dict[str, NDArray[np.float32]] = {}
        self._read()

    def measured(
        self,
        rows: Sequence[Candidate],
        load: Callable[[], TargetModel],
        model: str = "",
        watch: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> NDArray[np.float32]:
        """Give the static columns of rows; what is not in the file yet is measured and kept.

        :param load: gives the model; called where something has to be measured or its identity is not known.
        :param model: identity of the model that the file must be of; empty = that of the one loaded.
        :param watch: told how many rows are measured.
        :returns: float32, shape ``(n, 4 + semantics)``, as measured.
        :raises InsgenError: the model cannot be loaded, a number is not finite, or the file cannot be written.
        """
        missing = [row for row in rows if row.id not in self._rows]
        if missing or self.model != model or not model:
            target = load()
            found = identity(target)
            if found != self.model:
                self.model, self._rows, missing = found, {}, list({row.id: row for row in rows}.values())
            for start in range(0, len(missing), _ROWS_BETWEEN_WRITES):
                chunk = missing[start : start + _ROWS_BETWEEN_WRITES]
                numbers = measure(target, chunk, self.semantics, self.rows_at_once)
                self._rows |= {row.id: each for row, each in zip(chunk, numbers, strict=True)}
                self._write()
                watch(start + len(chunk), len(missing))
        return np.stack([self._rows[row.id] for row in rows])

    def columns(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Give the static columns of rows that were measured.

        :raises DataError: one of them was not.
        """
        unknown = [id_ for id_ in ids if id_ not in self._rows]
        if unknown:
            raise DataError(
                f"{self.path} lacks {len(unknown)} rows, {unknown[0]} among them.\n  Expected all {len(ids)}.\n"
                "  Call `insgen raise train` again with the same options: it measures what is missing."
            )
        return np.stack([self._rows[id_] for id_ in ids])

    def _read(self) -> None:
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return
        try:
            with safe_open(self.path, framework="numpy") as file:
                about = file.metadata() or {}
                ids = json.loads(about["ids"])
                columns = file.get_tensor("columns")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DataError(
                f"{self.path} cannot be read as measured rows: {error}.\n  Expected what an earlier call wrote.\n"
                "  Remove that file; the rows are then measured again."
            ) from error
        if about.get("schema") == SCHEMA and columns.shape == (len(ids), 4 + self.semantics):
            self.model = about["model"]
            self._rows = dict(zip(ids, columns, strict=True))

    def _write(self) -> None:
        from safetensors.numpy import save_file

        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        about = {"schema": SCHEMA, "model": self.model, "ids": json.dumps(list(self._rows))}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file({"columns": np.stack(list(self._rows.values()))}, part, about)
            part.replace(self.path)
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be written: {error}.\n  Expected a folder that can be written to.\n"
                "  Mend that, or name another folder."
            ) from error


def measure(target: TargetModel, rows: Sequence[Candidate], semantics: int, rows_at_once: int = 16) -> Any:
    """Measure rows.

    :returns: float32, shape ``(n, 4 + semantics)``: tokens of x, tokens of y, log p(y|x), log p(y), the embedding.
    :raises ConfigError: the model's hidden states are narrower than ``semantics``.
    :raises DataError: a number is not finite.
    """
    whole = [target.encode(row) for row in rows]
    alone = [_answer_alone(target, row) for row in whole]
    joint, embeddings = _joint_pass(target, whole, rows_at_once)
    if embeddings.shape[1] < semantics:
        raise ConfigError(
            f"The auxiliary model's hidden states have {embeddings.shape[1]} numbers, {semantics} are wanted.\n"
            "  Expected at least as many.\n  Choose fewer semantics, or a wider model."
        )
    losses = target.losses(alone, rows_at_once)
    marginal = [-(loss or 0.0) * row.n_targets for loss, row in zip(losses, alone, strict=True)]
    lengths = [(_n_question(row), int((row.labels != IGNORED).sum())) for row in whole]
    columns = np.column_stack([np.array(lengths, dtype=np.float64), joint, marginal, pooled(embeddings, semantics)])
    if not np.isfinite(columns).all():
        row = rows[int(np.flatnonzero(~np.isfinite(columns).all(axis=1))[0])]
        raise DataError(
            f"The auxiliary model {target.options.model} gives no finite numbers for the row {row.id}.\n"
            "  Expected finite log-likelihoods and hidden states.\n  Leave that row out, or choose another model."
        )
    return columns.astype(np.float32)


def pooled(embeddings: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Average columns over n windows that follow each other, equal or, where that cannot be, one wider."""
    return np.stack([each.mean(axis=1) for each in np.array_split(embeddings, n, axis=1)], axis=1)


def _joint_pass(
    target: TargetModel, rows: Sequence[Encoded], rows_at_once: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One forward pass per row: log p(y|x), and the mean last hidden state of the question."""
    import torch

    body = target.model.get_decoder() if hasattr(target.model, "get_decoder") else target.model.base_model
    seen: list[torch.Tensor] = []
    hook = body.register_forward_hook(lambda _body, _given, made: seen.append(made.last_hidden_state))
    log_p = np.zeros(len(rows))
    embeddings: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
    target.model.eval()
    try:
        with torch.inference_mode():
            for group in by_length(rows, rows_at_once):
                sums = target.token_losses(target.pad([rows[place] for place in group])).double().sum(dim=1).tolist()
                for place, total, states in zip(group, sums, seen.pop(), strict=True):
                    log_p[place] = -total
                    question = states[: max(1, _n_question(rows[place]))]
                    embeddings[place] = question.double().mean(dim=0).cpu().numpy()
    finally:
        hook.remove()
    return log_p, np.stack(embeddings)


def _n_question(row: Encoded) -> int:
    """How many tokens stand before the answer; all of them where there is none."""
    learned = np.flatnonzero(row.labels != IGNORED)
    return int(learned[0]) if len(learned) else len(row.tokens)


def _answer_alone(target: TargetModel, row: Encoded) -> Encoded:
    tokenizer = target.tokenizer
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    answer = row.tokens[row.labels != IGNORED]
    start = np.array([first] if first is not None else [], dtype=np.int32)
    tokens = np.concatenate([start, answer]) if len(answer) or len(start) else row.tokens[:1]
    labels = np.concatenate([np.full(len(tokens) - len(answer), IGNORED, dtype=np.int32), answer])
    return Encoded(row.id, tokens, labels, 0)
