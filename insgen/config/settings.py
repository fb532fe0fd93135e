"""The sections of `insgen.toml`, as dataclasses; the options of a stage are its own dataclass's fields.

Defaults stand here and nowhere else. Ranges are checked here, so that a wrong value is refused before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from insgen.errors import ConfigError


@dataclass(frozen=True)
class Project:
    """``[project]``: what the data set is about."""

    name: str = "my-instructions"  #: name of the data set, used in its card
    domain: str = ""  #: the domain in a few words; generators write about it
    language: str = "en"  #: BCP 47 tag of the language of the texts
    seed: int = 42  #: seed of every random draw; the same seed and answers give the same bank


@dataclass(frozen=True)
class Llm:
    """``[llm]``: the model that writes, answers and judges; the key comes from the environment."""

    model: str  #: any LiteLLM model id, for example "openai/gpt-4.1-mini"
    api_base: str = ""  #: address of an OpenAI-compatible server; empty = the provider's own
    temperature: float = 1.0  #: sampling temperature, 0 to 2
    max_tokens: int = 2048  #: longest answer, in tokens
    concurrency: int = 16  #: most requests in flight at once
    timeout_s: float = 300.0  #: longest wait for one answer, in seconds, retries included
    attempt_timeout_s: float = 90.0  #: longest wait for one attempt, in seconds
    input_usd_per_million: float = -1.0  #: price of a million prompt tokens in USD; -1 = LiteLLM's list
    output_usd_per_million: float = -1.0  #: price of a million answer tokens in USD; -1 = LiteLLM's list


@dataclass(frozen=True)
class Budget:
    """``[budget]``: hard caps over the life of the project, checked before each call; 0 = none."""

    usd: float = 0.0  #: most money, in USD
    calls: int = 0  #: most LLM calls
    tokens: int = 0  #: most tokens, prompt and answer together


@dataclass(frozen=True)
class Loop:
    """``[loop]``: how long to go on."""

    rounds: int = 0  #: most rounds over the life of the project; 0 = until something else stops it
    batch: int = 1000  #: candidates asked of each generator per round; also the size of one bite of added data
    target: int = 0  #: stop at exactly so many kept rows (answered and scored); 0 = no target
    min_yield: float = 0.0  #: stop when rounds keep less than this share of what they judged, 0 to 1
    yield_rounds: int = 1  #: how many of the last rounds min_yield is measured over, together
    #: what to do when a model's proposals lose their variety: nothing, say so, or stop
    collapse: Literal["off", "warn", "stop"] = "warn"
    collapse_rounds: int = 3  #: so many of the last rounds are compared with as many of the first
    #: stop after so many LLM answers in a row without a new task, or so many new tasks in a row without an answer
    #: or a score, over whole rounds; 0 = never
    max_empty_calls: int = 20
    prompt_seeds: int = 3  #: seeds drawn per round for prompts

    def __post_init__(self) -> None:
        _at_least(1, batch=self.batch, yield_rounds=self.yield_rounds, collapse_rounds=self.collapse_rounds)
        _at_least(0, rounds=self.rounds, target=self.target, prompt_seeds=self.prompt_seeds)
        _at_least(0, max_empty_calls=self.max_empty_calls)
        if not 0 <= self.min_yield <= 1:
            raise ConfigError(f"min_yield is {self.min_yield}.\n  Expected a share from 0 to 1.\n  Change it.")


@dataclass(frozen=True)
class StageUse:
    """One table that names a stage: ``use`` and the stage's own options.

    :ivar where: the table, for messages: ``[[filter]] 2``.
    """

    use: str
    options: dict[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True)
class Embed:
    """``[embed]``: what is turned into vectors, and by whom; other keys belong to the embedder."""

    use: str = "sentence-transformers"  #: name of an embedder
    text: Literal["instruction", "instruction+input", "all"] = "instruction+input"  #: what is embedded
    executor: str = "in-process"  #: name of the executor that runs the batches


@dataclass(frozen=True)
class Scored:
    """``[[score]]``: one scorer; other keys belong to it."""

    use: str  #: name of a scorer
    weight: float = 1.0  #: its share in quality, relative to the other scorers; greater than 0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ConfigError(f"weight is {self.weight}.\n  Expected more than 0.\n  Change it, or delete the table.")


@dataclass(frozen=True)
class Select:
    """``[select]``: who ranks the bank, and how large it may grow; other keys belong to the selector."""

    use: str = "pibe"  #: name of a selector
    size: int = 1000  #: most members the bank may have

    def __post_init__(self) -> None:
        _at_least(0, size=self.size)


@dataclass(frozen=True)
class RunConfig:
    """One resolved config.

    :ivar path: the file; relative paths in it are relative to its folder.
    :ivar plugins: files and modules to load besides the installed ones.
    :ivar recipe: the recipe it was made from, for the record.
    """

    path: Path
    project: Project
    loop: Loop
    budget: Budget
    llm: Llm | None
    embed: tuple[Embed, StageUse]
    select: tuple[Select, StageUse]
    generate: tuple[StageUse, ...]
    filters: tuple[StageUse, ...]
    respond: StageUse | None
    scores: tuple[tuple[Scored, StageUse], ...]
    seeds: StageUse
    feedback: tuple[StageUse, ...]
    plugins: tuple[str, ...] = ()
    recipe: str = ""

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.path.parent

    @property
    def database(self) -> Path:
        """The project's database."""
        return self.folder / "insgen.db"


def _at_least(low: int, **values: int) -> None:
    for name, value in values.items():
        if value < low:
            raise ConfigError(f"{name} is {value}.\n  Expected a whole number of at least {low}.\n  Change it.")
