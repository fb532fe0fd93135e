"""The rouge_score package as an independent judge of ROUGE-L decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rouge_score import rouge_scorer, tokenizers

_TOKENIZER = tokenizers.DefaultTokenizer(use_stemmer=False)


def reference_f(a: str, b: str) -> float:
    """ROUGE-L F-measure by rouge_score, with its own tokenizer."""
    return float(rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False).score(b, a)["rougeL"].fmeasure)


def reference_stream(
    pool: Sequence[str],
    stream: Sequence[str],
    limit: float,
    split: Callable[[str], list[str]] = _TOKENIZER.tokenize,
) -> list[tuple[float, int] | None]:
    """Offer texts one by one to an exhaustive filter that measures with rouge_score.

    :returns: for each text ``None`` when it is kept, else the highest F and the first place with it, counted
        through the pool and then through the stream.
    """
    texts = list(enumerate(map(split, pool)))
    outcomes: list[tuple[float, int] | None] = []
    for place, text in enumerate(stream, len(pool)):
        words = split(text)
        best = max(
            ((rouge_scorer._score_lcs(words, other).fmeasure, -row) for row, other in texts),
            default=(0.0, 0),
        )
        if best[0] > limit:
            outcomes.append((best[0], -best[1]))
        else:
            outcomes.append(None)
            texts.append((place, words))
    return outcomes
