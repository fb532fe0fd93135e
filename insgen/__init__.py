"""insgen grows small, diverse, high-quality instruction-tuning sets for a domain.

This is the public face: names for plugin authors, no logic. Everything else is the program's own and may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from insgen.deprecations import instead_of
from insgen.errors import ConfigError, DataError, InsgenError, PluginError, StageError, StoreError
from insgen.feedback import read_feedback
from insgen.hooks.handed import (
    LLM,
    BankView,
    FeedbackView,
    GeneratorContext,
    NeighbourIndex,
    Prompts,
    SeedContext,
    StageProgress,
)
from insgen.hooks.spec import hookimpl
from insgen.hooks.stages import (
    Embedder,
    Executor,
    Exporter,
    FeedbackSource,
    Filter,
    Generator,
    Parser,
    Responder,
    Scorer,
    SeedPolicy,
    Selector,
)
from insgen.records import (
    Answer,
    Candidate,
    CandidateId,
    Feedback,
    Generated,
    Member,
    Neighbour,
    Origin,
    Parsed,
    Pool,
    Ranked,
    Recipe,
    Request,
    Response,
    Score,
    Seed,
    SeedChange,
    SeedUpdate,
    Selection,
    Signal,
    TrainingSeries,
    TrainingStep,
    Turn,
    Unreadable,
    Verdict,
    Yield,
    clean_text,
    content_hash,
)
from insgen.refusals import declined, speaks_as_model
from insgen.training.raising.stage import PolicyPlan, learn_policy, rank_by_policy

if TYPE_CHECKING:
    from insgen.training.target import ModelOptions, TargetModel

__all__ = [
    "LLM",
    "Answer",
    "BankView",
    "Candidate",
    "CandidateId",
    "ConfigError",
    "DataError",
    "Embedder",
    "Executor",
    "Exporter",
    "Feedback",
    "FeedbackSource",
    "FeedbackView",
    "Filter",
    "Generated",
    "Generator",
    "GeneratorContext",
    "InsgenError",
    "Member",
    "ModelOptions",
    "Neighbour",
    "NeighbourIndex",
    "Origin",
    "Parsed",
    "Parser",
    "PluginError",
    "PolicyPlan",
    "Pool",
    "Prompts",
    "Ranked",
    "Recipe",
    "Request",
    "Responder",
    "Response",
    "Score",
    "Scorer",
    "Seed",
    "SeedChange",
    "SeedContext",
    "SeedPolicy",
    "SeedUpdate",
    "Selection",
    "Selector",
    "Signal",
    "StageError",
    "StageProgress",
    "StoreError",
    "TargetModel",
    "TrainingSeries",
    "TrainingStep",
    "Turn",
    "Unreadable",
    "Verdict",
    "Yield",
    "clean_text",
    "content_hash",
    "declined",
    "hookimpl",
    "learn_policy",
    "rank_by_policy",
    "read_feedback",
    "speaks_as_model",
]


_LATER = dict.fromkeys(("ModelOptions", "TargetModel"), "insgen.training.target")


def __getattr__(name: str) -> object:
    """Give a name whose module takes long to import, or, with a warning, a deprecated one (`insgen.deprecations`)."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    return globals()[instead_of(name)]
