"""Fills a data set card's facts from the project's database."""

from __future__ import annotations

import sqlite3
from typing import Any

from insgen.config.settings import Project
from insgen.report.card import CardFacts
from insgen.store import queries
from insgen.store.judging import evaluation_hits


def card_facts(conn: sqlite3.Connection, project: Project) -> CardFacts:
    """Read what the card tells; what was exported is filled in by the export.

    :param project: the ``[project]`` section in force.
    """
    from importlib.metadata import version

    found = queries.card_counts(conn)
    run: dict[str, Any] = found["run"] or {"config": {}, "config_hash": "", "plugins": {}}
    tables = run["config"]
    return CardFacts(
        title=project.name,
        insgen_version=version("insgen"),
        domain=project.domain,
        language=project.language,
        recipe=str(tables.get("recipe", "")),
        config_hash=run["config_hash"],
        bank_version=found["version"],
        n_proposed=found["totals"]["proposed"],
        n_kept=found["totals"]["kept"],
        n_bank=found["n_bank"],
        rejected={f"{row['filter']}: {row['reason']}": row["n"] for row in found["rejections"]},
        evaluation_hits=evaluation_hits(conn),
        generators=tuple(found["generators"]),
        filters=_uses(tables, "filter"),
        scorers=_uses(tables, "score"),
        selector=str(tables.get("select", {}).get("use", "pibe")),
        embedding_model=found["model"] or "",
        llm=str(tables.get("llm", {}).get("model", "")),
        plugins=_foreign(run["plugins"]),
    )


def _uses(tables: dict[str, Any], section: str) -> tuple[str, ...]:
    return tuple(str(row.get("use")) for row in tables.get(section, []))


def _foreign(plugins: dict[str, str]) -> dict[str, str]:
    """Version by plugin, without insgen's own."""
    pairs = (entry.rsplit(" ", 1) for entry in plugins.values())
    return {name: version for name, version in pairs if not name.startswith("insgen.plugins.")}
