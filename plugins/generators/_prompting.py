"""What the generators that ask a language model have in common: examples, counts, words for prompts.

Chat models are asked, so each prompt is one user message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from insgen import BankView, Candidate, ConfigError, GeneratorContext, Seed, StageError, Turn

_NO_DOMAIN = "any; let it change from task to task"
_LANGUAGES: Mapping[str, str] = MappingProxyType({
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
})  # fmt: skip


def subject(context: GeneratorContext) -> dict[str, str]:
    """The variables ``domain`` and ``language`` of a prompt, in words."""
    tag = context.language.strip() or "en"
    name = _LANGUAGES.get(tag.lower().split("-")[0])
    language = f"the one with the tag {tag}" if name is None else name if len(tag) <= 2 else f"{name} ({tag})"
    return {"domain": context.domain.strip() or _NO_DOMAIN, "language": language}


def user_message(text: str) -> tuple[Turn, ...]:
    """A prompt as messages; white space at its ends goes, so that it may end with an open number."""
    return (Turn("user", text.strip()),)


def n_calls(limit: int, per_call: int, most: int) -> int:
    """How many calls a round needs.

    :param limit: candidates wanted, >= 1.
    :param per_call: candidates that one call is expected to give, >= 1.
    :param most: calls that are allowed; 0 = as many as the limit needs.
    """
    needed = math.ceil(limit / per_call)
    return min(needed, most) if most else needed


def one_line(text: str) -> str:
    """Put a text on one line, without colons at its end: as Self-Instruct shows its examples."""
    return " ".join(text.split()).rstrip(": ")


def numbered(texts: Sequence[str], first: int = 1) -> str:
    """Write a numbered list, one line each."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=first))


def kept_at(bank: BankView, places: Sequence[int]) -> dict[int, Candidate]:
    """Fetch some of all that ever passed the filters, by place (0 = the oldest), in one walk and without the rest."""
    wanted = set(places)
    if not wanted:
        return {}
    return {place: each for place, each in enumerate(islice(bank.kept(), max(wanted) + 1)) if place in wanted}


def no_examples(generator: str, wanted: str) -> StageError:
    """The error of a generator that has nothing to show to the model."""
    return StageError(
        f'The generator "{generator}" has {wanted}.\n'
        "  Expected some in seeds.jsonl, one JSON object a line with instruction, input and output.\n"
        "  Write five or more that are typical of what you want, then run again."
    )


def check_english(generator: str, context: GeneratorContext) -> None:
    """Refuse a language that the prompt of a paper does not ask for."""
    if context.language.strip().lower().split("-")[0] not in ("", "en"):
        raise StageError(
            f'The generator "{generator}" has variant = "paper"; the project\'s language is "{context.language}".\n'
            '  The prompts of the paper ask for English.\n  Use variant = "default", or set [project] language = "en".'
        )


def at_least(generator: str, low: int, **values: int) -> None:
    """Refuse an option below its range."""
    for option, value in values.items():
        if value < low:
            raise ConfigError(
                f"The generator {generator} has {option} = {value}.\n"
                f"  Expected a whole number of at least {low}.\n  Raise it, or leave the key out."
            )


def distinct_ids(seeds: Sequence[Seed]) -> tuple[str, ...]:
    """Ids of the seeds in a prompt, in the order they stand there."""
    return tuple(dict.fromkeys(seed.id for seed in seeds))
