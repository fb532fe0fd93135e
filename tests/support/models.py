"""A small causal language model with random weights, its tokenizer, and rows to train it on."""

from __future__ import annotations

from pathlib import Path

from insgen import Candidate

WORDS = ("explain", "pod", "node", "service", "volume", "secret", "a", "the", "holds", "runs", "is", "part", "of", ".")
HEADINGS = ("###", "#", "Instruction", "Input", "Response", ":", "user", "assistant", "system", "<|", "|>")
CHAT = (
    "{% for m in messages %}<| {{ m['role'] }} |> {{ m['content'] }} </s> {% endfor %}"
    "{% if add_generation_prompt %}<| assistant |> {% endif %}"
)


def save_model(folder: Path, *, kind: str = "llama", chat: bool = False, dropout: float = 0.0, width: int = 16) -> Path:
    """Write a model of 2 layers and its word-level tokenizer, which has neither padding nor a fixed length."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoModelForCausalLM,
        GPT2Config,
        LlamaConfig,
        PretrainedConfig,
        PreTrainedTokenizerFast,
    )

    vocabulary = {word: place for place, word in enumerate(("<unk>", "<s>", "</s>", *WORDS, *HEADINGS))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        chat_template=CHAT if chat else None,
    )
    tokenizer.save_pretrained(folder)
    config: PretrainedConfig
    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=len(vocabulary),
            n_embd=width,
            n_layer=2,
            n_head=2,
            n_positions=64,
            bos_token_id=1,
            eos_token_id=2,
        )
        config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout
    else:
        config = LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            attention_dropout=dropout,
        )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def answered_rows(n: int) -> list[Candidate]:
    """Rows of different lengths, made of the tokenizer's words."""
    nouns = WORDS[1:6]
    return [
        Candidate(
            f"explain {nouns[place % 5]} {' '.join(nouns[: place % 4])} {'a ' * (place // 20)}",
            "the node" if place % 3 == 0 else "",
            f"{nouns[place % 5]} {'is part of ' * (1 + place % 4)} the {nouns[(place + 2) % 5]} .",
        )
        for place in range(n)
    ]
