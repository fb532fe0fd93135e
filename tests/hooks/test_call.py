"""Stages that break their promise: a whole run names plugin and breach, and stores nothing of the round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, SELECT, count, play, plugin, query, rows

from insgen.errors import ConfigError, PluginError, StageError
from insgen.feedback import signal_line
from insgen.records import CandidateId, Signal

FILTER = "def filter(self, candidates, bank):\n    "
SCORER = "def score(self, candidates, bank, llm, prompts):\n    "
SELECTOR = "def select(self, pool, size, bank, rng, state):\n    ids = [c.id for c in pool.candidates]\n    "
GENERATOR = "def generate(self, context):\n    "
RESPONDER = "def respond(self, candidates, llm, prompts):\n    "
DRAW = "def draw(self, n, seeds, signals, rng):\n    "
POLICY = "def update(self, context):\n    return SeedUpdate()\n" + DRAW
UPDATE = (
    f"{DRAW}return list(seeds)[:n]"
    """
def update(self, context):
    seed = context.seeds[0]
    def change(event, seed, reason="so it is", evidence={}):
        return SeedUpdate((SeedChange(event, seed, reason, evidence),))
    """
)
FEEDBACK = "def read(self, project, position):\n    "
EXECUTOR = "def map_batches(self, fn, batches):\n    "
EMBEDDER = """
identity = "rogue-1"
dimension = 4
def embed(self, texts):
    good = np.zeros((len(texts), 4), dtype=np.float32)
    good[:, 1] = 1
    """

HEARD = '[[feedback]]\nuse = "training-log"\n'
TABLES = {
    "generator": ("insgen_generators", '[[generate]]\nuse = "rogue"\n' + EMBED + SELECT),
    "embedder": ("insgen_embedders", DATA + SELECT + '[embed]\nuse = "rogue"\n'),
    "executor": ("insgen_executors", DATA + SELECT + EMBED + 'executor = "rogue"\n'),
    "filter": ("insgen_filters", DATA + EMBED + SELECT + '[[filter]]\nuse = "rogue"\n'),
    "responder": ("insgen_responders", DATA + EMBED + SELECT + '[respond]\nuse = "rogue"\n'),
    "scorer": ("insgen_scorers", DATA + EMBED + SELECT + '[[score]]\nuse = "rogue"\n'),
    "selector": ("insgen_selectors", DATA + EMBED + '[select]\nuse = "rogue"\nsize = 2\n'),
    "seed policy": ("insgen_seed_policies", DATA + EMBED + SELECT + HEARD + '[seeds]\nuse = "rogue"\n'),
    "feedback source": ("insgen_feedback_sources", DATA + EMBED + SELECT + '[[feedback]]\nuse = "rogue"\n'),
}

BREACHES = [
    ("generator", GENERATOR + "return []", "returned list, expected Generated"),
    (
        "generator",
        GENERATOR + "return Generated(tuple(Candidate(f'Task {n}') for n in range(context.limit + 2)))",
        "gave 6 candidates, limit 4",
    ),
    ("generator", GENERATOR + "return Generated((Candidate('x'),), position=7)", "gave the position 7, expected text"),
    ("generator", GENERATOR + "return Generated(('x',))", "gave str, expected Candidate"),
    ("generator", GENERATOR + "return Generated()", "gave nothing, stays where it is and is not exhausted"),
    (
        "generator",
        GENERATOR + "return Generated(unreadable=('row 3',), exhausted=True)",
        "returned str, expected Unreadable",
    ),
    (
        "generator",
        GENERATOR + "return Generated((Candidate('x', origin=Origin('rogue', licence='MIT\\udce9')),))",
        r"Origin.licence = 'MIT\udce9', expected text",
    ),
    (
        "generator",
        GENERATOR + "return Generated((Candidate('x', origin=Origin('rogue', line_start=np.int64(3))),))",
        "Origin.line_start = np.int64(3), expected an int",
    ),
    ("generator", GENERATOR + "return Generated(requests=('x',))", "returned str, expected Request"),
    ("generator", GENERATOR + "return 1 / 0", "failed: ZeroDivisionError: division by zero"),
    ("embedder", EMBEDDER + "return good.tolist()", "returned list, expected ndarray"),
    ("embedder", EMBEDDER + "return good[:-1]", "gave vectors of shape (3, 4), expected (4, 4)"),
    ("embedder", EMBEDDER + "return good[:, :3]", "gave vectors of shape (4, 3), expected (4, 4)"),
    ("embedder", EMBEDDER + "return good[0]", "gave vectors of shape (4,), expected (4, 4)"),
    ("embedder", EMBEDDER + "return good.astype(np.float64)", "gave float64 vectors, expected float32"),
    ("embedder", EMBEDDER + "return good * np.float32(0.5)", "gave vectors of L2 norm [0.5, 0.5, 0.5], expected 1"),
    ("embedder", EMBEDDER + "return good * np.float32('nan')", "gave vectors of L2 norm [nan, nan, nan], expected 1"),
    ("embedder", EMBEDDER + "return good + np.float32('inf')", "gave vectors of L2 norm [inf, inf, inf], expected 1"),
    ("embedder", EMBEDDER + "raise MemoryError('no room')", "failed: MemoryError: no room"),
    (
        "embedder",
        "identity = ''\ndimension = 4\ndef embed(self, texts):\n    return None",
        "calls its vectors '', expected a name",
    ),
    (
        "embedder",
        "identity = 'x'\ndimension = '4'\ndef embed(self, texts):\n    return None",
        "returned str, expected int",
    ),
    ("executor", EXECUTOR + "return []", "gave 0 results for 1 batches"),
    ("executor", EXECUTOR + "return None", "returned NoneType, expected Iterable"),
    ("executor", EXECUTOR + "yield 1 / 0", "failed: ZeroDivisionError: division by zero"),
    ("filter", FILTER + "raise KeyError('oops')", "failed: KeyError: 'oops'"),
    ("filter", FILTER + "raise SystemExit('enough')", "failed: SystemExit: enough"),
    ("filter", FILTER + "return None", "returned NoneType, expected Sequence"),
    ("filter", FILTER + "return [Verdict(c.id, True) for c in candidates][1:]", "returned 3 verdicts for 4 candidates"),
    ("filter", FILTER + "return [Verdict(c.id, True) for c in candidates][::-1]", "returned a verdict for b2:"),
    ("filter", FILTER + "return [True for c in candidates]", "returned bool, expected Verdict"),
    ("filter", FILTER + "return [Verdict(c.id, False) for c in candidates]", "without a reason"),
    (
        "filter",
        FILTER + "return [Verdict(c.id, True, value=float('nan')) for c in candidates]",
        "Verdict.value = nan, expected a finite int or float",
    ),
    (
        "filter",
        FILTER + "return [Verdict(c.id, True, limit=float('inf')) for c in candidates]",
        "Verdict.limit = inf, expected a finite",
    ),
    (
        "filter",
        FILTER + "return [Verdict(c.id, True, value=np.float32(1)) for c in candidates]",
        "Verdict.value = np.float32(1.0), expected a finite",
    ),
    (
        "filter",
        FILTER + "return [Verdict(c.id, True, reason=None) for c in candidates]",
        "Verdict.reason = None, expected text",
    ),
    ("filter", FILTER + "return [Verdict(c.id, 'yes') for c in candidates]", "Verdict.kept = 'yes', expected a bool"),
    ("responder", RESPONDER + "return []", "returned 0 answers for 4 candidates"),
    ("responder", RESPONDER + "return [Answer(c.id, None) for c in candidates]", "gave no answer to b2:"),
    ("responder", RESPONDER + "return [Answer(c.id, 42) for c in candidates]", "Answer.output = 42, expected text"),
    (
        "scorer",
        SCORER + "return [Score(c.id, float('nan'), 0, 1) for c in candidates]",
        "Score.value = nan, expected a finite",
    ),
    ("scorer", SCORER + "return [Score(c.id, 5.5, 1, 5) for c in candidates]", " 5.5 on the scale 1 to 5"),
    ("scorer", SCORER + "return [Score(c.id, 3, 5, 1) for c in candidates]", "scores on the scale 5 to 1"),
    ("scorer", SCORER + "return [Score(c.id, 0, 0, float('inf')) for c in candidates]", "Score.high = inf"),
    ("scorer", SCORER + "return [Score(c.id, None, 0, 1) for c in candidates]", "gave no score to b2:"),
    (
        "scorer",
        SCORER + "return [Score(c.id, 1, 0, 1, {'part': float('nan')}) for c in candidates]",
        "the parts {'part': nan}",
    ),
    ("scorer", SCORER + "return [Score(c.id, 1, 0, 1) for c in candidates[:2]]", "returned 2 scores for 4 candidates"),
    ("scorer", SCORER + "return [Score(c.id, 1, 0, 1) for c in reversed(candidates)]", "returned a score for b2:"),
    (
        "selector",
        SELECTOR + "return Selection(tuple(Ranked(i, 0, 0, 0) for i in ids))",
        "selected 4 candidates, size 2",
    ),
    ("selector", SELECTOR + "return Selection((Ranked(ids[0], 0, 0, 0),) * 2)", "selected a candidate twice"),
    (
        "selector",
        SELECTOR + "return Selection((Ranked('b2:1', 0, 0, 0),))",
        "selected ids that were not offered: ['b2:1']",
    ),
    (
        "selector",
        SELECTOR + "return Selection((Ranked(ids[0], 0, 0, float('nan')),))",
        "Ranked.utility = nan, expected a finite",
    ),
    ("selector", SELECTOR + "return Selection((ids[0],))", "returned str, expected Ranked"),
    ("selector", SELECTOR + "return Selection((), state={})", "gave a state of type dict, expected text"),
    ("selector", SELECTOR + "return ids", "returned list, expected Selection"),
    ("seed policy", POLICY + "return list(seeds) * 2", "seeds, some twice"),
    ("seed policy", POLICY + "return [Seed('x', 'An own idea.')]", "drew seeds that are not in the seed set"),
    ("seed policy", POLICY + "return [1]", "returned int, expected Seed"),
    *(
        ("seed policy", UPDATE + body, breach)
        for body, breach in (
            ("return None", "returned NoneType, expected SeedUpdate"),
            ("return SeedUpdate(state={})", "gave a state of type dict, expected text"),
            ("return SeedUpdate((seed,))", "returned Seed, expected SeedChange"),
            ("return change('left', seed)", "has the change 'left', expected one of promoted, evicted, weighted"),
            ("return change('promoted', seed)", "which is in force"),
            ("return change('evicted', Seed('b2:x', 'New.'))", "evicted the seed b2:x, which is not in force"),
            ("return change('evicted', seed, '')", "without a reason"),
            ("return change('evicted', seed, evidence={'q': float('nan')})", "expected texts and finite numbers"),
            ("return change('weighted', replace(seed, weight=-1.0))", "the weight -1.0, expected 0 or more"),
            ("return change('evicted', 'b2:x')", "evicted str, expected Seed"),
        )
    ),
    *(
        ("feedback source", FEEDBACK + "return " + answer, breach)
        for answer, breach in (
            ("[], ''", "returned tuple, expected Feedback"),
            ("Feedback(position=3)", "gave the position 3, expected text"),
            ("Feedback(signals=(Signal('b2:1', 'loss', 1.5),))", "gave the signal 1.5 for b2:1, expected -1 to 1"),
            ("Feedback(signals=(Signal('b2:1', 'loss', float('nan')),))", "Signal.value = nan"),
            ("Feedback(signals=(Signal('', 'loss', 1.0),))", "gave a signal with neither id nor text"),
            ("Feedback(signals=(3,))", "returned int, expected Signal"),
            ("Feedback((3,))", "returned int, expected TrainingStep"),
            ("Feedback((TrainingStep('r', 1, ('a',), 1.0),))", "items = ('a',), expected a tuple of tuples of ids"),
            ("Feedback((TrainingStep('r', 0, (), 1.0),))", "step = 0, expected at least 1"),
            ("Feedback((TrainingStep('', 1, (), 1.0),))", "an empty run_id"),
            ("Feedback((TrainingStep('r', 1, (), 1.0, grad_norm=-2.0),))", "grad_norm = -2.0, expected at least 0"),
            ("Feedback((TrainingStep('r', 1, (), 1.0, lr=float('inf')),))", "TrainingStep.lr = inf"),
        )
    ),
]

OF_A_ROUND = (
    "rounds",
    "candidates",
    "proposals",
    "verdicts",
    "answers",
    "scores",
    "kept",
    "members",
    "bank_versions",
    "positions",
    "signals",
    "feedback_step",
)


@pytest.fixture
def rogue_project(make_project: Callable[..., Path]) -> Callable[[str, str], Path]:
    """Write a project that uses one stage of that kind with this body."""

    def make(kind: str, body: str) -> Path:
        hook, toml = TABLES[kind]
        files = {
            "mine.py": plugin(body, hook),
            "data.jsonl": [{"instruction": row["instruction"]} for row in rows(4, seed=9)],
            "seeds.jsonl": [{"instruction": "Name a prime."}, {"instruction": "Name a river."}],
            "feedback.jsonl": signal_line(Signal(CandidateId("b2:1"), "accepted", 1.0)) + "\n",
        }
        return make_project('plugins = ["mine.py"]\n[loop]\nbatch = 4\n' + toml, files)

    return make


@pytest.mark.parametrize(("kind", "body", "breach"), [each for each in BREACHES if each[2]])
def test_broken_promise_names_plugin_and_breach_and_stores_nothing(
    rogue_project: Callable[[str, str], Path], kind: str, body: str, breach: str
) -> None:
    project = rogue_project(kind, body)
    with pytest.raises(PluginError) as caught:
        play(project)
    for part in (f'The {kind} "rogue" of mine.py (config b2:', breach, "Take it out of the config, or tell its author"):
        assert part in str(caught.value)
    heard = ["positions", "signals"] if kind == "seed policy" else []  # feedback is taken in before the round
    assert [table for table in OF_A_ROUND if count(project, table)] == heard
    if count(project, "runs"):  # an embedder is asked for its dimension before the run begins
        assert query(project, "SELECT reason FROM runs") == [("it was stopped by an error",)]


def test_what_the_stage_raises_keeps_its_cause(rogue_project: Callable[[str, str], Path]) -> None:
    with pytest.raises(PluginError) as caught:
        play(rogue_project("filter", FILTER + "raise KeyError('oops')"))
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(("error", "cls"), [("StageError", StageError), ("ConfigError", ConfigError)])
def test_what_a_stage_says_on_purpose_goes_through_unchanged(
    rogue_project: Callable[[str, str], Path], error: str, cls: type[Exception]
) -> None:
    project = rogue_project("filter", FILTER + f"raise {error}('Out of ink.\\n  Expected ink.\\n  Buy some.')")
    with pytest.raises(cls) as caught:
        play(project)
    assert str(caught.value) == "Out of ink.\n  Expected ink.\n  Buy some."
    assert [table for table in OF_A_ROUND if count(project, table)] == []


def test_once_the_plugin_is_mended_the_run_goes_on(rogue_project: Callable[[str, str], Path]) -> None:
    project = rogue_project("filter", FILTER + "raise KeyError('oops')")
    with pytest.raises(PluginError):
        play(project)
    (project / "mine.py").write_text(
        plugin(FILTER + "return [Verdict(c.id, np.bool_(True)) for c in candidates]", "insgen_filters")
    )
    assert play(project).counters["kept"] == 4
    assert query(project, "SELECT round, run_id FROM rounds") == [(1, 2)]


def test_a_stage_that_keeps_its_promise_is_let_through(rogue_project: Callable[[str, str], Path]) -> None:
    for kind, body in {
        "generator": GENERATOR + "return Generated((Candidate('A task of its own.'),), exhausted=True)",
        "embedder": EMBEDDER + "return good",
        "executor": EXECUTOR + "return [fn(batch) for batch in batches]",
        "scorer": SCORER + "return [Score(c.id, np.float64(0.5), 0, 1, {'part': 2}) for c in candidates]",
        "selector": SELECTOR + "return Selection((Ranked(ids[1], 1, 0.5, 2),), '{}')",
        "seed policy": POLICY + "return list(seeds)[:n]",
    }.items():
        assert play(rogue_project(kind, body)).counters["rounds"] == 1
