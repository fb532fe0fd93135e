"""`--json` of every command that lists or shows: valid JSON, alone on stdout, with keys that programs can rely on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from support.cli import Result
from support.training import log_file, steps

from insgen.bank.seeds import sync_seeds
from insgen.cli.main import main_group
from insgen.loop.feedback import import_feedback
from insgen.records import Candidate, CandidateId, Signal
from insgen.store.database import open_store

Cli = Callable[..., Result]

BANK_ROW = {
    *("rank", "id", "instruction", "input", "output", "diversity", "quality", "utility", "since_version"),
    *("generator", "source", "line_start", "line_end", "licence"),
}
SHORT_ROW = {"rank", "id", "instruction"}
SEED_ROW = {
    *("id", "instruction", "input", "output", "weight", "active", "pinned", "dropped", "made", "kept", "last_event"),
    "since_round",
}
SEED_EVENT = {"number", "round", "event", "seed_id", "instruction", "reason", "evidence"}
# command -> keys of the answer, and of the first row below a key ("" where the answer is a list)
KEYS: dict[str, dict[str, set[str]]] = {
    "status {p}": {
        ".": {
            *("last_run", "rounds", "candidates", "waiting", "fates", "rejections", "unreadable", "bank"),
            *("mean_quality", "costs", "per_kept_row", "trends", "spared", "drift"),
            *("plugins", "failures", "changed_plugins", "seed_policy"),
        },
        "rounds": {
            *("round", "run_id", "finished_utc", "duration_ms", "proposed", "repeated", "unreadable", "rejected"),
            *("unanswered", "unscored", "kept", "deferred", "admitted", "evicted", "members"),
        },
        "rejections": {"filter", "reason", "n"},
    },
    "why 1 -p {p}": {
        ".": {
            "candidate",
            "fate",
            "proposals",
            "calls",
            "verdicts",
            "answers",
            "scores",
            "signals",
            "failures",
            "bank",
        },
        "bank": {"version", "round", "event", "rank", "diversity", "quality", "utility"},
    },
    "check {p}": {"": {"what", "ok", "finding"}},
    "preview {p} -q": {".": {"round", "candidates", "unreadable", "calls", "reused", "tokens", "cost_usd"}},
    "costs {p}": {".": {"rows", "total", "aside", "kept", "per_kept_row"}},
    "batches {p}/plan.jsonl -p {p}": {
        ".": {"path", "batches", "rows", "mean_diversity", "random_diversity"},
    },
    "bank list -p {p}": {"": BANK_ROW},
    "bank log -p {p}": {
        "": {
            *("version", "round", "made_utc", "action", "selector", "model", "size", "members", "admitted", "evicted"),
            "mean_quality",
        }
    },
    "bank diff 1 2 -p {p}": {
        ".": {"admitted", "evicted", "moved", "unmoved"},
        "admitted": SHORT_ROW,
        "moved": SHORT_ROW | {"was", "moved"},
    },
    "bank rollback 1 -p {p}": {".": {"version", "admitted", "evicted"}},
    "bank show 1 -p {p}": {
        ".": {"version", "members"},
        "members": SHORT_ROW | {"event", "diversity", "quality", "utility", "now", "generator", "source", "licence"},
    },
    "bank split {p}/part --where rank<4 -p {p}": {".": {"path", "members", "of"}},
    "bank merge {other} -p {p} -q": {
        ".": {
            *("source", "looked_at", "new", "repeated", "duplicates", "waiting", "version", "admitted", "evicted"),
            *("members", "conflicts"),
        },
    },
    "embed {p}": {".": {"config", "bank", "vectors", "migrate"}},
    "export {p}/out.jsonl -p {p}": {".": {"path", "card", "members", "losses", "cut"}},
    "run {p} -q": {".": {"run_id", "reason", "rejected_by", "warnings", "members"}},
    "add {p}/more.jsonl -p {p}": {"": {"source", "new", "repeated", "unreadable"}},
    "compare {p} -s quality -q": {
        ".": {"pool", "rows", "shared"},
        "rows": {
            *("selector", "size", "chosen", "quality", "spacing_median", "spacing_p10", "vendi", "coverage"),
            *("radius", "evenness", "shared", "asked", "seconds", "peak_mb", "pool_mb", "error"),
        },
        "shared": {"size", "selectors", "shares"},
    },
    "feedback import {p}/feedback.jsonl -p {p}": {".": {"path", "steps", "signals", "runs", "unknown"}},
    "feedback list -p {p}": {
        ".": {"trainings", "signals"},
        "trainings": {
            *("run_id", "trainable_params", "steps", "first_step", "last_step", "mean_grad_norm", "without_norm"),
            *("windows", "promoted", "evicted"),
        },
        "signals": {"name", "source", "n", "mean_value", "unknown"},
    },
    "seeds list -p {p}": {"": SEED_ROW},
    "seeds log -p {p}": {"": SEED_EVENT},
    "seeds why {seed} -p {p}": {".": {"seed", "events"}, "events": SEED_EVENT},
    "seeds pin {seed} -p {p}": {".": {"id", "changed", "state"}},
    "seeds drop {seed} -p {p}": {".": {"id", "changed", "state"}},
    "replay {p} -q": {".": {"old", "new", "shared", "gained", "lost"}},
    "sql SELECT\u00a01\u00a0AS\u00a0one -p {p}": {"": {"one"}},
    "plugins list": {
        ".": {"offers", "broken"},
        "offers": {"kind", "name", "summary", "plugin", "distribution", "version"},
    },
    "plugins show length": {
        "": {"kind", "name", "summary", "plugin", "distribution", "version", "options", "text"},
    },
    "plugins freeze {p}": {".": {"file", "needs"}},
    "recipes list": {"": {"name", "summary", "source"}},
    "recipes show documents": {".": {"name", "summary", "source", "toml"}},
}

ELSEWHERE = {
    *("train", "raise train", "raise apply", "raise explain"),
    *("review", "calibrate", "feedback coverage", "plugins test"),
}
"""These need a model, labels, results or a plugin first; the tests of each look at what they print."""


def teach(project: Path) -> str:
    """Give a project a seed and some feedback."""
    seed = Candidate("Name a prime.")
    log_file(project / "feedback.jsonl", [*steps(), Signal(CandidateId(seed.id), "verdict", 1.0)])
    store = open_store(project / "insgen.db")
    with store.atomic() as conn:
        sync_seeds(conn, [seed], 0, "test")
    import_feedback(store, project / "feedback.jsonl")
    store.close()
    return seed.id


@pytest.mark.parametrize("command", KEYS)
def test_answer_is_json_with_these_keys(cli: Cli, project: Path, tmp_path: Path, command: str) -> None:
    other = Path(shutil.copytree(project, tmp_path / "other"))
    (project / "more.jsonl").write_text('{"instruction": "Explain the word quorum.", "output": "More than half."}\n')
    seed = teach(project)
    words = [word.format(p=project, other=other, seed=seed).replace("\u00a0", " ") for word in command.split(" ")]

    done = cli(*words, "--json")

    assert (done.code, done.stderr) == (0, "")
    answer: Any = done.json()
    for place, keys in KEYS[command].items():
        found = answer if place == "." else answer[0] if place == "" else answer[place][0]
        assert set(found) == keys, place or "row"


def test_every_command_with_json_is_looked_at() -> None:
    with_json = set()
    for name, command in main_group.commands.items():
        below = command.commands if isinstance(command, click.Group) else {"": command}
        with_json |= {
            f"{name} {each}".strip()
            for each, one in below.items()
            if any("--json" in parameter.opts for parameter in one.params)
        }

    looked_at = {each for each in with_json if any(f"{command} ".startswith(f"{each} ") for command in KEYS)}
    with_json -= ELSEWHERE
    assert looked_at == with_json
    assert not {"init", "quickstart"} & with_json
    assert len(with_json) == len(KEYS)
