"""Vectors that know meaning, from any sentence-transformers model (Reimers and Gurevych 2019, arXiv:1908.10084).

The model comes from the package behind ``insgen[offline]``, a folder, the Hugging Face cache or, once, the Hub.
``bfloat16`` is two to three times as fast on processors with units for it and moves similarities by about .0007 with
MiniLM; vectors are normalised again in float32. The same text can differ by 2e-7 with the make-up of its batch, so
vectors are stored, never compared for equality.

Costs some 3 ms a text with MiniLM in float32 on two cores, several seconds to import, and 0.5 GB of memory. This module
has the name of the library that it wraps; the import inside `_load` is the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from insgen import ConfigError, Embedder, StageError, hookimpl

from ._model_files import find_model, fingerprint, label, quiet

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

Dtype = Literal["float32", "bfloat16", "auto"]

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # /proc/cpuinfo: two words of x86, one of Arm


@dataclass(frozen=True)
class SentenceTransformersEmbedder:
    """Embeds texts with a sentence-transformers model."""

    name: ClassVar[str] = "sentence-transformers"

    #: An id on the Hugging Face Hub, or a folder (absolute, or relative to where the program is started).
    model: str = "all-MiniLM-L6-v2"
    #: Number format of the computation; "auto" takes bfloat16 where the processor has units for it, else float32.
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    #: Texts computed together, at least 1; more than 64 is slower on a CPU.
    batch_size: int = 32
    #: A torch device such as "cpu" or "cuda:1"; empty for the best there is.
    device: str = ""
    #: Put before every text, for models that were trained with one (E5: "query: ").
    prefix: str = ""
    #: Tokens read of each text, at least 1; 0 for what the model was trained with.
    max_length: int = 0

    _known: dict[str, str] = field(init=False, default_factory=dict, repr=False, compare=False)
    _loaded: list[SentenceTransformer] = field(init=False, default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        wrong = {
            "model": None if self.model.strip() else "the id or the folder of a model",
            "dtype": None if self.dtype in get_args(Dtype) else f"one of {', '.join(get_args(Dtype))}",
            "batch_size": None if self.batch_size >= 1 else "at least 1 text",
            "max_length": None if self.max_length >= 0 else "at least 1 token, or 0 for the model's own",
        }
        for option, expected in wrong.items():
            if expected:
                raise ConfigError(
                    f"The embedder sentence-transformers has {option} = {getattr(self, option)!r}.\n"
                    f"  Expected {expected}.\n"
                    f"  Change it, or delete it to get {type(self).__dataclass_fields__[option].default!r}."
                )

    @property
    def identity(self) -> str:
        """Model, fingerprint of its files, number format, and length and prefix where they are set.

        :raises StageError: the model cannot be found.
        """
        if "identity" not in self._known:
            folder = find_model(self.model)
            parts = [f"{label(self.model)}@{fingerprint(folder)}", self._dtype()]
            parts += [f"max_length={self.max_length}"] if self.max_length else []
            parts += [f"prefix={self.prefix!r}"] if self.prefix else []
            self._known["identity"] = ":".join(parts)
        return self._known["identity"]

    @property
    def dimension(self) -> int:
        """Length of a vector; loads the model.

        :raises StageError: the model cannot be loaded.
        """
        return int(self._encoder().get_embedding_dimension() or 0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, whatever their length; what is beyond the model's limit of tokens is not read.

        :returns: float32, shape ``(len(texts), dimension)``, L2 norm 1 by row; the first unit vector for a text that
            the model gives a zero vector (models without a start token do so for an empty text).
        :raises StageError: the model cannot be loaded, or its vectors are not finite.
        """
        import numpy as np

        encoder = self._encoder()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        whole = [self.prefix + text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        with quiet():
            raw = encoder.encode(whole, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True)
        vectors = np.asarray(raw, dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise StageError(
                f'The embedding model "{self.model}" gave numbers that are not finite, in {self._dtype()}.\n'
                "  Expected finite vectors.\n"
                '  Set dtype = "float32" under [embed], or take another model.'
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[norms[:, 0] == 0.0, 0] = 1.0
        norms[norms == 0.0] = 1.0
        return np.asarray(vectors / norms, dtype=np.float32)

    def _encoder(self) -> SentenceTransformer:
        if not self._loaded:
            self._loaded.append(_load(self, find_model(self.model)))
        return self._loaded[0]

    def _dtype(self) -> str:
        if self.dtype == "auto" and "dtype" not in self._known:
            self._known["dtype"] = "bfloat16" if _has_bf16_units(self.device) else "float32"
        return self._known.get("dtype", self.dtype)


def _load(options: SentenceTransformersEmbedder, folder: Path) -> SentenceTransformer:
    with quiet():
        import torch
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer

        dtype: torch.dtype = getattr(torch, options._dtype())
        try:
            encoder = SentenceTransformer(
                str(folder), device=options.device or None, local_files_only=True, model_kwargs={"dtype": dtype}
            )
        except (SafetensorError, OSError, ValueError, RuntimeError, AssertionError, KeyError, ImportError) as error:
            raise StageError(
                f'The embedding model "{options.model}" in {folder} cannot be loaded'
                f"{f' on device {options.device}' if options.device else ''}: {error}\n"
                "  Expected a folder as `SentenceTransformer.save` writes it, and a device that torch knows here.\n"
                "  Check model and device under [embed]; delete a broken copy so that it is fetched again."
            ) from error
    if options.max_length:
        _limit_length(encoder, options)
    return encoder.eval()


def _limit_length(encoder: SentenceTransformer, options: SentenceTransformersEmbedder) -> None:
    encoder.max_seq_length = options.max_length
    try:
        with quiet():  # a text of that length is the only question that every architecture answers
            encoder.encode(["a " * options.max_length], show_progress_bar=False)
    except (IndexError, RuntimeError) as error:
        raise StageError(
            f'The embedding model "{options.model}" cannot read max_length = {options.max_length} tokens ({error}).\n'
            "  Expected no more than it has positions for.\n"
            "  Lower max_length under [embed], or delete it."
        ) from error


def _has_bf16_units(device: str) -> bool:
    """Whether the device computes bfloat16 itself rather than by way of float32; torch is asked about GPUs only."""
    import torch

    kind = device.split(":")[0] or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    cpuinfo = Path("/proc/cpuinfo")
    return kind == "cpu" and cpuinfo.is_file() and not _BF16_FLAGS.isdisjoint(cpuinfo.read_text("utf-8").split())


@hookimpl
def insgen_embedders() -> Sequence[type[Embedder]]:
    """Offer the embedder."""
    return [SentenceTransformersEmbedder]
