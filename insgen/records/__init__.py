"""The nouns of the loop: frozen records that stages hand to one another.

Nothing here reads, writes or decides. A stage never changes a candidate; it returns a new fact
*about* it (a verdict, an answer, a score), so every later stage can be run again from stored facts.
Everyone else imports them from here.
"""

from insgen.records.bank import Member, Neighbour, Pool, Ranked, Selection
from insgen.records.candidates import Candidate, CandidateId, Origin, Turn
from insgen.records.facts import Answer, Score, Verdict
from insgen.records.feedback import Feedback, Signal, TrainingSeries, TrainingStep
from insgen.records.proposals import Generated, Parsed, Request, Response, Unreadable
from insgen.records.recipes import Recipe
from insgen.records.seeds import Seed, SeedChange, SeedUpdate, Yield
from insgen.records.texts import clean_text, content_hash

__all__ = [
    "Answer",
    "Candidate",
    "CandidateId",
    "Feedback",
    "Generated",
    "Member",
    "Neighbour",
    "Origin",
    "Parsed",
    "Pool",
    "Ranked",
    "Recipe",
    "Request",
    "Response",
    "Score",
    "Seed",
    "SeedChange",
    "SeedUpdate",
    "Selection",
    "Signal",
    "TrainingSeries",
    "TrainingStep",
    "Turn",
    "Unreadable",
    "Verdict",
    "Yield",
    "clean_text",
    "content_hash",
]
