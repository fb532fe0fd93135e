"""Vectors from the model that is trained: the mean of its last hidden states (DiverseEvol, arXiv:2311.08182).

Item i is a text, an end-of-sequence token behind it, cut at 512 tokens; h_i = mean over *all* its positions of the
last hidden states, after the final norm (released code). So the model being tuned looks at the data through its own
states. With ``text = "alpaca"`` under ``[embed]`` the text is question and answer under the Alpaca headings, as they
are trained on; with ``text = "alpaca-question"`` the question alone, for a pool without answers.

Two things differ from the released code. Texts of like length share a forward pass: padding stands on the right and is
masked, which moves a vector by rounding alone (under 1e-5 in float32). And vectors have L2 norm 1, as all that the
store keeps; the code measures raw ones unless it whitens them, which ends in norm 1 too. Whitening needs the whole
pool, and is an option of the selector ``diverseevol``.

Costs one forward pass over every text for every model: the identity holds a hash of the weights, so a model trained on
has vectors of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from insgen import ConfigError, Embedder, StageError, hookimpl

from ._model_files import find_causal, fingerprint, label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from insgen import TargetModel

_ANSWER = "### Response:\n"


@dataclass(frozen=True)
class TargetModelEmbedder:
    """Embeds texts with a causal language model."""

    name: ClassVar[str] = "target_model"

    #: An id on the Hugging Face Hub; empty when `path` names a folder. `[train] serves` puts both in their place.
    model: str = ""
    #: A folder with model and tokenizer, or with LoRA matrices, relative to the project.
    path: Path = Path()
    #: Positions that the mean is over: all (the paper), or the answer's alone (`text = "alpaca"`; without one: all).
    positions: Literal["all", "answer"] = "all"
    #: Put the token that ends a text behind every one, as the paper does.
    end: bool = True
    #: Tokens read of each text, at least 1; what the model can read, where that is less.
    max_tokens: int = 512
    #: Texts computed together, at least 1.
    batch_size: int = 16
    #: Number format of weights and matrix products; vectors are float32 in any case.
    dtype: Literal["float32", "bfloat16"] = "float32"
    #: A torch device such as "cpu" or "cuda:1"; "auto" takes a GPU where there is one.
    device: str = "auto"

    _known: dict[str, str] = field(init=False, default_factory=dict, repr=False, compare=False)
    _loaded: list[TargetModel] = field(init=False, default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        for option in ("max_tokens", "batch_size"):
            if getattr(self, option) < 1:
                raise ConfigError(
                    f"The embedder target_model has {option} = {getattr(self, option)}.\n"
                    "  Expected a whole number of at least 1.\n  Change it, or delete it."
                )
        if self.model and self.path != Path():
            raise ConfigError(
                f'The embedder target_model has model = "{self.model}" and path = "{self.path}".\n'
                "  Expected one of them.\n  Delete the other."
            )

    @property
    def identity(self) -> str:
        """Model, fingerprint of its files, number format, and what else decides the vectors.

        :raises StageError: the model cannot be found.
        """
        if "identity" not in self._known:
            folder = self._folder()
            parts = [f"{label(self._named())}@{fingerprint(folder)}", self.dtype, f"max_tokens={self.max_tokens}"]
            parts += [] if self.positions == "all" else [f"positions={self.positions}"]
            parts += [] if self.end else ["no end"]
            self._known["identity"] = ":".join(parts)
        return self._known["identity"]

    @property
    def dimension(self) -> int:
        """Length of a vector; loads the model.

        :raises ConfigError: the model cannot be loaded.
        """
        return int(self._target().model.get_input_embeddings().weight.shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; those beyond ``max_tokens`` lose their end.

        :returns: float32, shape ``(len(texts), dimension)``, L2 norm 1 by row; the first unit vector for a text
            without any token.
        :raises InsgenError: the model cannot be loaded, or its states are not finite.
        """
        import numpy as np

        target = self._target()
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float64)
        rows = [self._encoded(target, text) for text in texts]
        filled = [place for place, row in enumerate(rows) if len(row.tokens)]
        for number, states in target.hidden_states([rows[place] for place in filled], self.batch_size):
            place = filled[number]
            learned = rows[place].labels >= 0
            first = int(learned.argmax()) if self.positions == "answer" and learned.any() else 0
            vectors[place] = states[first:].mean(dim=0).cpu().numpy()
        if not np.isfinite(vectors).all():
            raise StageError(
                f'The model "{self._named()}" gave hidden states that are not finite, in {self.dtype}.\n'
                '  Expected finite numbers.\n  Set dtype = "float32" under [embed], or take another model.'
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[norms[:, 0] == 0.0, 0] = 1.0
        norms[norms == 0.0] = 1.0
        return np.asarray(vectors / norms, dtype=np.float32)

    def _encoded(self, target: TargetModel, text: str) -> Any:
        whole = text.encode("utf-8", "replace").decode("utf-8")
        question, heading, answer = whole.partition(_ANSWER)
        return target.encode_text(question + heading, answer, end=self.end)

    def _target(self) -> TargetModel:
        if not self._loaded:
            from insgen import ModelOptions, TargetModel

            options = ModelOptions(
                str(self._folder()), max_tokens=self.max_tokens, dtype=self.dtype, device=self.device
            )
            self._loaded.append(TargetModel.load(options, frozen_base=True))
        return self._loaded[0]

    def _named(self) -> str:
        return self.model or str(self.path.absolute())

    def _folder(self) -> Path:
        if not self.model and self.path == Path():
            raise StageError(
                "The embedder target_model was given no model.\n  Expected an id of the Hub or a folder.\n"
                '  Write model = "..." or path = "..." under [embed], or serves = ["embed"] under [train].'
            )
        return find_causal(self._named())


@hookimpl
def insgen_embedders() -> Sequence[type[Embedder]]:
    """Offer the embedder."""
    return [TargetModelEmbedder]
