"""One row of evaluation results -> a signal: sample logs of lm-evaluation-harness, and plain rows.

A sample log (``samples_TASK_DATE.jsonl``, written with ``--log_samples``) has for every document and every filter of
the task a row with ``doc_id``, ``doc`` (the data set's own row), ``target``, ``filtered_resps``, in newer versions
``filter`` and ``metrics`` (the names of the metrics), and each metric's value under its name. A plain row has ``text``
or ``id``, ``score`` from 0 (wrong) to 1 (right), and perhaps ``tags``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from insgen import CandidateId, DataError, Signal

FORMATS = ("lm-eval", "eval")
_KNOWN_TEXTS = ("question", "problem", "query", "instruction", "prompt", "text", "input", "goal", "sentence", "ctx")
_KNOWN_METRICS = ("exact_match", "acc", "acc_norm", "pass@1", "f1", "prompt_level_strict_acc", "em", "mcc", "rougeL")
_SAMPLES = re.compile(r"samples_(?P<task>.+?)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:\.\d+)?\.jsonl$")
_LONGEST_NAME = 500


@dataclass(frozen=True)
class Form:
    """How the rows of one file are to be read; empty texts are found out from the rows.

    :ivar format: ``lm-eval`` or ``eval``.
    :ivar task: after ``eval:`` in a signal's name, where the row has no tags.
    :ivar text: where in ``doc`` the question stands; a dot goes deeper.
    :ivar metric: the column with the score.
    :ivar filter: of the harness; rows of others are left out.
    :ivar source: of the signals; ``time``: when the evaluation was done, in seconds since 1970, UTC.
    """

    format: str
    task: str
    text: str
    metric: str
    filter: str
    source: str
    time: float


class UnfitError(Exception):
    """What is wrong with a row, in words, and what to do about it."""

    def __init__(self, problem: str, cure: str = "Mend or delete the line, then read the file again.") -> None:
        super().__init__(problem)
        self.cure = cure


def decode(raw: bytes) -> dict[str, Any]:
    """Read a line as a JSON object.

    :raises UnfitError: it is none.
    """
    try:
        row = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"it is no JSON ({error})") from error
    if not isinstance(row, dict):
        raise UnfitError("it is a JSON value, but no object")
    return row


def format_of(row: Mapping[str, Any]) -> str:
    """Which of `FORMATS` a row is of.

    :raises UnfitError: of none.
    """
    if "doc_id" in row and "doc" in row:
        return "lm-eval"
    if "score" in row and ("text" in row or "id" in row):
        return "eval"
    keys = ", ".join(list(row)[:12]) or "no keys"
    raise UnfitError(
        f"it has neither doc_id and doc (a sample log of lm-evaluation-harness) nor score and text or id: {keys}",
        "Name a file of one of these formats.",
    )


def task_and_time(path: Path) -> tuple[str, float]:
    """The task and the time in a sample log's name; else ``items``, and when the file was last written."""
    named = _SAMPLES.search(path.name)
    if named is None:
        return "items", path.stat().st_mtime
    date = datetime.strptime(named["date"], "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)
    return named["task"], date.timestamp()


def signal_of(row: Mapping[str, Any], form: Form) -> Signal | None:
    """Make a signal: value = 1 - 2 x score, so that +1 asks for more where the model failed.

    :returns: ``None`` for a row of another filter of the harness.
    :raises UnfitError: text or score is missing, or no such thing.
    """
    if form.format == "lm-eval":
        if form.filter and row.get("filter", form.filter) != form.filter:
            return None
        text, id_, tags = _question(row, form.text), "", form.task
        score = _score(row, form.metric or _metric(row))
    else:
        text, id_, tags = _plain_text(row), row.get("id", ""), _tags(row) or form.task
        score = _score(row, form.metric or "score")
    if not isinstance(id_, str) or len(id_) > _LONGEST_NAME:
        raise UnfitError(f'"id" is {_shown(id_)}, expected text')
    name = f"eval:{tags}"
    if len(name) > _LONGEST_NAME:
        raise UnfitError(f'"tags" have {len(tags)} characters, expected at most {_LONGEST_NAME}')
    return Signal(CandidateId(id_), name, 1 - 2 * score, form.source, text, form.time)


def _question(row: Mapping[str, Any], path: str) -> str:
    doc = row.get("doc")
    if not isinstance(doc, dict):
        raise UnfitError(f'"doc" is {_shown(doc)}, expected the data set\'s row (an object)')
    if path:
        found: Any = doc
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
    else:
        found = next((doc[key] for key in _KNOWN_TEXTS if _is_filled(doc.get(key))), None)
    if not _is_filled(found):
        where = f'"{path}"' if path else f"one of {', '.join(_KNOWN_TEXTS)}"
        raise UnfitError(
            f"its doc has no question under {where}; its keys are {', '.join(map(str, doc)) or 'none'}",
            "Say where it stands with the option `text`, for example --option text=premise.",
        )
    return str(found)


def _metric(row: Mapping[str, Any]) -> str:
    """The first metric that is a score from 0 to 1, in the harness's order, else in that of the well-known ones."""
    listed = row.get("metrics")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    for name in (*names, *_KNOWN_METRICS):
        if _is_score(row.get(name)):
            return name
    numbers = [name for name, value in row.items() if isinstance(value, int | float) and name != "doc_id"]
    raise UnfitError(
        f"it has no metric from 0 to 1 that is known; its numbers are {', '.join(numbers) or 'none'}",
        "Name the metric with the option `metric`, for example --option metric=bleu.",
    )


def _score(row: Mapping[str, Any], metric: str) -> float:
    value = row.get(metric)
    if not _is_score(value):
        raise UnfitError(f'"{metric}" is {_shown(value)}, expected a score from 0 (wrong) to 1 (right)')
    return float(value)  # type: ignore[arg-type]  # it was just checked


def _plain_text(row: Mapping[str, Any]) -> str:
    if ("text" in row) == ("id" in row):
        raise UnfitError('it has text and id, or neither; expected either "text" or "id"')
    text = row.get("text", "")
    if "text" in row and not _is_filled(text):
        raise UnfitError(f'"text" is {_shown(text)}, expected the instruction')
    return str(text)


def _tags(row: Mapping[str, Any]) -> str:
    tags = row.get("tags", [])
    tags = [tags] if isinstance(tags, str) else tags
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag and "," not in tag for tag in tags):
        raise UnfitError(f'"tags" is {_shown(row["tags"])}, expected a list of texts without commas')
    return ",".join(sorted(set(tags)))


def _is_filled(value: object) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    return value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value)


def _is_score(value: object) -> bool:
    return isinstance(value, bool | int | float) and 0 <= value <= 1  # NaN is not between


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def refusal(path: Path, line: int, unfit: UnfitError) -> DataError:
    """Say which line of which file is no evaluation result."""
    return DataError(
        f"{path}, line {line}: {unfit}.\n"
        '  Expected a sample log of lm-evaluation-harness (--log_samples), or rows such as {"text": "...", "score": 0,'
        ' "tags": ["units"]}.\n'
        f"  {unfit.cure}"
    )
