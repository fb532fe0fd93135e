"""Runs the checks of a plugin's stages one after the other, for those who write no test.

Flows in: subjects. Flows out: one `Outcome` per check; nothing a stage does ends the others.
"""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from insgen.errors import InsgenError
from insgen.testing.checks import checks_of
from insgen.testing.contract import Check, Subject
from insgen.testing.workshop import Workshop


@dataclass(frozen=True)
class Outcome:
    """How one check went.

    :ivar remark: what was measured, or why the promise counts as broken.
    """

    check: Check
    kept: bool
    remark: str


def run_checks(
    subjects: Sequence[Subject], answers: Sequence[str] = (), reply: str = "", files: Path | None = None
) -> Iterator[Outcome]:
    """Run every check of every subject, each in a new folder.

    :param answers: example answers of a language model, for parsers; see `Workshop`.
    :param reply: what the language model answers to every question; empty = a different short text each time.
    :param files: a folder whose files each stage finds in its project (prompts, data); a database in it stays there.
    """
    for subject in subjects:
        for check in checks_of(subject):
            with tempfile.TemporaryDirectory(prefix="insgen-test-") as folder:
                if files is not None:
                    shutil.copytree(files, folder, ignore=shutil.ignore_patterns("insgen.db*"), dirs_exist_ok=True)
                yield _outcome(check, Path(folder), answers, reply)


def _outcome(check: Check, folder: Path, answers: Sequence[str], reply: str) -> Outcome:
    workshop = Workshop(folder, answers=answers)
    if reply:
        workshop.reply = lambda asked: reply  # noqa: ARG005 - the same to every question
    try:
        with workshop:
            return Outcome(check, True, check(workshop))
    except InsgenError as error:
        return Outcome(check, False, str(error))
    except Exception as error:  # noqa: BLE001 - a stranger's stage may raise anything; it is told
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(check, False, f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})")
