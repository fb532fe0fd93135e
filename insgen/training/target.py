"""The target model: any causal language model of the `transformers` library, with its tokenizer.

Flows in: where the model is, and candidates. Flows out: encoded rows, hidden states and losses, each the same (within
rounding) however rows are put together. Training it is the business of `steps`. The one place, with `lora`, that loads
models; torch and transformers are imported when one is loaded.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insgen.errors import ConfigError, suggest
from insgen.records import Candidate
from insgen.training.encoding import IGNORED, Encoded, Encoder, Padded, by_length, padded
from insgen.training.templates import TEMPLATES, Piece, template_of

if TYPE_CHECKING:
    import torch


DTYPES = ("float32", "bfloat16")
"""What a model computes in."""
MAX_TOKENS = 2048
"""Tokens of a row, at most, unless told otherwise; a model that reads fewer gets fewer."""


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how it is run."""

    #: a folder, or an id of the Hugging Face Hub
    model: str
    #: branch, tag or commit on the Hub; empty = its main branch
    revision: str = ""
    #: how rows are laid out: auto (the tokenizer's chat template, else alpaca), chat, alpaca
    template: str = "auto"
    #: tokens of a row, at most; 0 = 2,048, or what the model can read where that is less
    max_tokens: int = 0
    #: float32, or bfloat16: matrix products in bfloat16, weights that are trained in float32
    dtype: str = "float32"
    #: auto (a GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, value, known in (("template", self.template, TEMPLATES), ("dtype", self.dtype, DTYPES)):
            if value not in known:
                raise ConfigError(
                    f'{name} = "{value}" is unknown.\n  Expected one of: {", ".join(known)}.\n'
                    f"  Choose one of these.{suggest(value, known)}"
                )
        if self.max_tokens < 0:
            raise ConfigError(
                f"max_tokens = {self.max_tokens} is negative.\n  Expected tokens of a row, or 0.\n  Choose 0 or more."
            )


class TargetModel:
    """A model with its tokenizer, ready to encode rows and to look at them.

    :ivar model: the `PreTrainedModel`, or what wraps it.
    :ivar tokenizer: its tokenizer.
    :ivar device: where it computes.
    """

    def __init__(self, model: Any, tokenizer: Any, options: ModelOptions) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.options = options
        self.device: torch.device = next(model.parameters()).device
        limit = getattr(model.config, "max_position_embeddings", None) or MAX_TOKENS
        self.encoder = Encoder(
            tokenizer, template_of(tokenizer, options.template), min(limit, options.max_tokens or MAX_TOKENS)
        )

    @classmethod
    def load(cls, options: ModelOptions, *, frozen_base: bool = False) -> TargetModel:
        """Load model and tokenizer.

        :param frozen_base: the weights will not be trained: with ``bfloat16`` they are kept in it.
        :raises ConfigError: there is no such model or device, or the tokenizer is another model's.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = _device(options.device)
        dtype = torch.bfloat16 if frozen_base and options.dtype == "bfloat16" else torch.float32
        where = {"revision": options.revision} if options.revision else {}
        try:
            with quiet():
                tokenizer = AutoTokenizer.from_pretrained(options.model, **where)
                model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype, **where)
        except (OSError, ValueError, KeyError) as error:
            raise _unloadable(options.model, error) from error
        embeddings: Any = model.get_input_embeddings()
        n_known = len(embeddings.weight)
        if len(tokenizer) > n_known:
            raise ConfigError(
                f"The tokenizer of {options.model} has {len(tokenizer)} tokens, its model {n_known}.\n"
                "  Expected a tokenizer made for the model.\n  Put the model's own tokenizer into its folder."
            )
        return cls(torch.nn.Module.to(model, device), tokenizer, options)

    def save(self, folder: Path) -> None:
        """Write the model (with LoRA: its matrices) and its tokenizer."""
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)

    def encode(self, row: Candidate) -> Encoded:
        """Encode a row; see `Encoder.encode`."""
        return self.encoder.encode(row)

    def encode_text(self, question: str, answer: str = "", *, end: bool = False) -> Encoded:
        """Encode texts as they are, without a template.

        :param answer: follows the question; its tokens are the targets.
        :param end: put the token that ends a text behind them.
        """
        pieces = [Piece(question, learned=False), Piece(answer, learned=True)]
        return self.encoder.encode_pieces("", [piece for piece in pieces if piece.text], end=end)

    def pad(self, rows: Sequence[Encoded]) -> Padded:
        """Put rows into one batch on the model's device; any token pads, for what is padded is masked."""
        return padded(rows, self.tokenizer.pad_token_id or 0, self.device)

    def computing(self) -> AbstractContextManager[Any]:
        """Give the context in which forward passes run: bfloat16 where that is wanted."""
        import torch

        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.options.dtype == "bfloat16")

    def token_losses(self, batch: Padded) -> torch.Tensor:
        """Cross-entropy of every target token, in nats.

        :returns: float32, shape ``(b, t - 1)``; 0 where there is no target.
        """
        import torch
        from torch.nn.functional import cross_entropy

        with self.computing():
            logits = self.model(input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False).logits[:, :-1]
        labels = batch.labels[:, 1:]
        wanted = labels != IGNORED  # only these become float32: the logits are the largest tensor by far
        losses = torch.zeros(labels.shape, device=self.device)
        losses[wanted] = cross_entropy(logits[wanted].float(), labels[wanted], reduction="none")
        return losses

    def losses(self, rows: Sequence[Encoded], rows_at_once: int = 16) -> list[float | None]:
        """Mean loss of each row, in nats per target token; ``None`` for a row without targets."""
        import torch

        found: list[float | None] = [None] * len(rows)
        self.model.eval()
        with torch.inference_mode():
            for group in by_length(rows, rows_at_once):
                sums = self.token_losses(self.pad([rows[place] for place in group])).double().sum(dim=1).tolist()
                for place, total in zip(group, sums, strict=True):
                    found[place] = total / rows[place].n_targets if rows[place].n_targets else None
        return found

    def hidden_states(self, rows: Sequence[Encoded], rows_at_once: int = 16) -> Iterator[tuple[int, torch.Tensor]]:
        """Last hidden states, after the final norm, without padding.

        :returns: the row's number and its states, float32, shape ``(t, d)``, on the model's device; longest row first.
        """
        import torch

        self.model.eval()
        for group in by_length(rows, rows_at_once):
            batch = self.pad([rows[place] for place in group])
            with torch.inference_mode(), self.computing():
                body = self.model.get_decoder() if hasattr(self.model, "get_decoder") else self.model.base_model
                states = body(input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False).last_hidden_state
            for place, row in zip(group, states, strict=True):
                yield place, row[: len(rows[place].tokens)].float()

    def logits(self, rows: Sequence[Encoded], rows_at_once: int = 8) -> Iterator[tuple[int, torch.Tensor]]:
        """Logits at every position, without padding.

        :returns: the row's number and its logits, float32, shape ``(t, v)``, on the model's device; longest row first.
        """
        import torch

        self.model.eval()
        for group in by_length(rows, rows_at_once):
            batch = self.pad([rows[place] for place in group])
            with torch.inference_mode(), self.computing():
                made = self.model(input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False).logits
            for place, row in zip(group, made, strict=True):
                yield place, row[: len(rows[place].tokens)].float()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries from talking (bars, warnings, loggers) for a while; what they raise is raised."""
    from transformers.utils import logging as library

    logging: Any = library  # it has no types

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA answers with an assertion
        raise ConfigError(
            f'The device "{name}" cannot be used: {str(error).splitlines()[0]}.\n'
            "  Expected auto, cpu, or a GPU such as cuda, cuda:1 or mps.\n  Choose another."
        ) from error
    return device


def _unloadable(model: str, error: Exception) -> ConfigError:
    there = Path(model).is_dir()
    return ConfigError(
        f"The model {model} cannot be loaded: {str(error).strip().splitlines()[0]}\n"
        f"  Expected {'that folder to hold' if there else 'a folder with, or the Hub id of,'} a causal language model"
        " and its tokenizer.\n"
        f"  {'Save both there with save_pretrained()' if there else 'Look at its spelling, and at HF_HUB_OFFLINE'}."
    )
