"""A small causal language model with random weights, and a tokenizer learned from texts at hand: no hub, no download.

Flows in: texts of a pool. Flows out: a folder that `transformers` and `TargetModel.load` read like any other. It knows
nothing until it is trained; it is there so that what trains a model (a selection that learns from training, a
comparison of selections) runs in minutes on a CPU, and is to be called what it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insgen.errors import ConfigError, DataError
from insgen.training.target import quiet

if TYPE_CHECKING:
    from insgen.records import Candidate

_SPECIAL = ("<pad>", "<s>", "</s>")


@dataclass(frozen=True)
class SmallModelOptions:
    """Size of the model: with these figures some 0.2 million weights, which is 1 MB."""

    #: tokens of the byte-level BPE vocabulary, at most; at least 300
    vocabulary: int = 2000
    #: width of the hidden states; a multiple of `heads`
    width: int = 64
    #: transformer layers
    layers: int = 2
    #: attention heads
    heads: int = 4
    #: longest text, in tokens
    context: int = 256
    #: of the weights
    seed: int = 0

    def __post_init__(self) -> None:
        if self.vocabulary < 300 or min(self.width, self.layers, self.heads, self.context) < 1:
            raise ConfigError(
                f"A model with {self} is impossible.\n  Expected a vocabulary of at least 300 and sizes of at least 1."
                "\n  Change that one."
            )
        if self.width % (2 * self.heads):
            raise ConfigError(
                f"A width of {self.width} cannot be divided among {self.heads} heads.\n"
                "  Expected a multiple of twice the heads.\n  Change one of them."
            )


def make_small_model(folder: Path, texts: Iterable[str], options: SmallModelOptions | None = None) -> Path:
    """Make the model and its tokenizer, whole or not at all; one that is there already is left as it is.

    The same texts and options give the same files.

    :param texts: what the tokenizer's merges are learned from.
    :returns: the folder.
    :raises DataError: no text holds anything.
    """
    if (folder / "config.json").exists():
        return folder
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    chosen = options or SmallModelOptions()
    tokenizer = _tokenizer([text for text in texts if text.strip()], chosen)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=chosen.width,
        intermediate_size=3 * chosen.width,
        num_hidden_layers=chosen.layers,
        num_attention_heads=chosen.heads,
        num_key_value_heads=chosen.heads,
        max_position_embeddings=chosen.context,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen.seed)
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # the library's own
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with quiet():
        tokenizer.save_pretrained(part)
        model.save_pretrained(part)
    part.replace(folder)
    return folder


def texts_of(rows: Iterable[Candidate]) -> list[str]:
    """Every text of some rows, which is what such a model reads."""
    return [text for row in rows for text in (row.system, row.instruction, row.input, row.output) if text]


def _tokenizer(texts: list[str], options: SmallModelOptions) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if not texts:
        raise DataError(
            "There is no text to make a tokenizer of.\n  Expected rows with texts.\n  Add rows, or name a model."
        )
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    pad, bos, eos = _SPECIAL
    make: Any = PreTrainedTokenizerFast  # it has no types
    return make(tokenizer_object=bpe, pad_token=pad, bos_token=bos, eos_token=eos)
