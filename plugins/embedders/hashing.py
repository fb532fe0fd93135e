"""Vectors from the surface of a text, without a model: signed feature hashing.

The method is Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning" (arXiv:0902.2206), section
2: with h a hash to a place and xi a hash to a sign, ``phi(x)[i] = sum of xi(j) * x[j] over all j with h(j) = i``; the
signs make the inner product of two such vectors an unbiased estimate of that of the full ones. Here x counts words,
pairs of neighbouring words, and character trigrams.

**It knows no meaning**: "car" and "automobile" are as far apart as "car" and "cheese", and two texts that differ in a
"not" are almost the same. It is for tests, first tries and machines without torch, not for a bank that is to last.

Costs some 2 microseconds for each distinct feature, of which a text has about 1.3 for each character, and no memory.
The same text gives the same bits on any machine; only characters newer than the Unicode tables of the Python in use may
be folded differently from one Python to the next.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from insgen import ConfigError, Embedder, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
_DIMENSIONS = range(8, 65_537)


@dataclass(frozen=True)
class HashingEmbedder:
    """Embeds a text as hashed counts of its words, word pairs and character trigrams."""

    name: ClassVar[str] = "hashing"

    #: Length of a vector, 8 to 65536; more means fewer features that share a place.
    dimension: int = 256

    def __post_init__(self) -> None:
        if self.dimension not in _DIMENSIONS:
            raise ConfigError(
                f"The embedder hashing has dimension = {self.dimension}.\n"
                f"  Expected a whole number from {_DIMENSIONS.start} to {_DIMENSIONS.stop - 1}.\n"
                "  Write dimension = 256, or more for long texts."
            )

    @property
    def identity(self) -> str:
        """Identity of the vectors; says plainly what they are not."""
        return f"hashing-v1:{self.dimension} (surface of the text, no meaning)"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; one without any feature (white space only) gets the first unit vector.

        :returns: float32, shape ``(len(texts), dimension)``, L2 norm 1 by row.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float64)
        for row, text in enumerate(texts):
            sums = [0] * self.dimension
            for feature, count in Counter(_features(text)).items():
                place, sign = _hash(feature, self.dimension)
                sums[place] += sign * count
            vectors[row] = sums if any(sums) else [1, *sums[1:]]
        # Counts are whole numbers, exact in float64 in any order; so the norm's bits are the same everywhere.
        vectors /= np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
        return vectors.astype(np.float32)


def _features(text: str) -> Iterator[str]:
    """Give every feature as often as it occurs; the first letter keeps the three kinds apart."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not folded:
        return
    words = _WORD.findall(folded)
    yield from (f"w{word}" for word in words)
    yield from (f"p{first} {second}" for first, second in itertools.pairwise(words))
    padded = f" {folded} "
    yield from (f"c{padded[start : start + 3]}" for start in range(len(padded) - 2))


def _hash(feature: str, dimension: int) -> tuple[int, int]:
    """Hash a feature to its place, 0 to dimension - 1, and its sign, from different bits of one BLAKE2b digest."""
    digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest[:7], "little") % dimension, 1 if digest[7] & 1 else -1


@hookimpl
def insgen_embedders() -> Sequence[type[Embedder]]:
    """Offer the embedder."""
    return [HashingEmbedder]
