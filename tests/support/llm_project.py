"""A small project whose tasks, answers and scores come from an `LlmServer`, through plain stages of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

STAGES = '''
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from insgen import *

@dataclass(frozen=True)
class Writer:
    """Asks for five tasks a call."""
    name: ClassVar[str] = "writer"
    def generate(self, context):
        asked = []
        for number in range(-(-context.limit // 5)):
            drawn = context.draw(2)
            shown = "; ".join(seed.instruction for seed in drawn)
            told = Turn("user", f"WRITE round {context.round} call {number} like: {shown}")
            asked.append(Request((told,), "lines", seed_ids=tuple(seed.id for seed in drawn)))
        return Generated(requests=tuple(asked), position=str(context.round))

@dataclass(frozen=True)
class Lines:
    name: ClassVar[str] = "lines"
    def parse(self, response):
        return Parsed(tuple(Candidate(line) for line in response.text.splitlines() if line.strip()))

@dataclass(frozen=True)
class Answers:
    name: ClassVar[str] = "answers"
    def respond(self, candidates, llm, prompts):
        asked = [Request((Turn("user", f"ANSWER {c.instruction}"),), "") for c in candidates]
        return [Answer(c.id, r.text or None, r.call_id, r.error or "empty answer")
                for c, r in zip(candidates, llm.ask(asked))]

@dataclass(frozen=True)
class Judge:
    name: ClassVar[str] = "marks"
    def score(self, candidates, bank, llm, prompts):
        asked = [Request((Turn("user", f"JUDGE {c.instruction}"),), "", {"max_tokens": 8}) for c in candidates]
        return [Score(c.id, float(r.text) if r.text else None, 1.0, 5.0, {}, r.error or "as the judge said", r.call_id)
                for c, r in zip(candidates, llm.ask(asked))]

@hookimpl
def insgen_generators(): return [Writer]
@hookimpl
def insgen_parsers(): return [Lines]
@hookimpl
def insgen_responders(): return [Answers]
@hookimpl
def insgen_scorers(): return [Judge]
'''

SEEDS = [
    {"instruction": "Name three causes of a failed rollout.", "output": "A bad image, a missing secret, a full node."},
    {"instruction": "Explain what a readiness probe is for.", "output": "It says when a pod may get traffic."},
]

_STAGES = """
[[generate]]
use = "writer"
[embed]
use = "hashing"
dimension = 64
[[filter]]
use = "exact_duplicate"
[respond]
use = "answers"
[[score]]
use = "marks"
[select]
use = "quality"
size = 50
"""


def llm_project(
    server: LlmServer, loop: str = "rounds = 2", budget: str = "", **llm: Any
) -> tuple[str, dict[str, Any]]:
    """Config and files for `make_project`; batches are of ten tasks, two calls."""
    toml = 'plugins = ["./stages.py"]\n' + server.toml(**{"max_tokens": 100, **llm})
    toml += f"[loop]\nbatch = 10\n{loop}\n" + (f"[budget]\n{budget}\n" if budget else "") + _STAGES
    return toml, {"stages.py": STAGES, "seeds.jsonl": SEEDS}


_THINGS = [
    "pod",
    "node",
    "service",
    "volume",
    "secret",
    "quota",
    "ingress",
    "cluster",
    "probe",
    "taint",
    "replica",
    "rollout",
    "image",
    "registry",
    "token",
]


def writes(asked: Asked) -> str:
    """New tasks to every writing prompt, an answer or a mark to the others; the same question gets the same answer."""
    kind, _, rest = asked.text.partition(" ")
    if kind == "ANSWER":
        return f"This is how: {rest}"
    if kind == "JUDGE":
        return str(1 + len(rest) % 5)
    _, round_, _, call, *_ = rest.split()
    first = 100 * int(round_) + 5 * int(call)
    return "\n".join(
        f"Explain in {n} steps how the {_THINGS[n % 15]} and the {_THINGS[n * 7 % 15]} differ."
        for n in range(first, first + 5)
    )
