"""`insgen status`: where a project stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, reading, say

_WHO = ("kind", "name", "plugin", "distribution", "version")
_SHOWN_TRENDS = 10  # measuring one round of a thousand texts takes some ten milliseconds


@click.command(epilog=example("insgen status handbook", "insgen status handbook --json"))
@project_argument
@json_option
def status(project: Path, as_json: bool) -> None:
    """Show rounds, fates, rejections, the bank and the costs.

    Where a project stands and what became of its candidates. Works while a run is writing.
    """
    from dataclasses import asdict

    from insgen.store import queries
    from insgen.store.judging import drifts, spared
    from insgen.store.trends import trend, watched_rounds
    from insgen.store.yields import last_notes

    with reading(project) as conn:
        found = queries.status(conn)
        made = [trend(conn, round_) for round_ in watched_rounds(conn)[-_SHOWN_TRENDS:]]
        less, moved = spared(conn), drifts(conn)
        found["seed_policy"] = last_notes(conn)
    found["trends"] = [asdict(each) for each in made if each is not None]
    found["spared"] = asdict(less) if less else None
    found["drift"] = [asdict(each) for each in moved]
    if as_json:
        print_json(found)
        return
    for line in headlines(found, project):
        say(line)
    if found["rounds"]:
        say()
        print_table(*_rounds(found["rounds"]))
    if found["trends"]:
        say()
        print_table(tuple(found["trends"][0]), [list(row.values()) for row in found["trends"]])
    if found["seed_policy"]:
        told = found["seed_policy"]
        say(f"\nWhat the seed policy {told['policy']} went by in round {told['round']}:")
        columns = tuple(told["notes"][0])
        print_table(columns, [list(note.values()) for note in told["notes"]], wide=columns[-1:])
    if found["fates"]:
        say()
        print_table(("fate", "candidates"), list(found["fates"].items()))
    if found["plugins"]:
        say()
        print_table(*_plugins(found["plugins"]))
    if found["rejections"]:
        say()
        print_table(("filter", "reason", "rejected"), [(r["filter"], r["reason"], r["n"]) for r in found["rejections"]])


def headlines(found: dict[str, Any], project: Path) -> list[str]:
    """Where a project stands, in sentences."""
    from insgen.loop.failures import changes_told

    last, bank, costs = found["last_run"], found["bank"], found["costs"]
    lines = []
    if not last:
        lines.append(f"No run yet: `insgen run {project}` begins.")
    elif last["finished_utc"]:
        lines.append(f"Run {last['id']}, begun {last['started_utc']}, ended: {last['reason']}.")
    else:
        lines.append(
            f"Run {last['id']}, begun {last['started_utc']}, is at work or was killed; `insgen run {project}` goes on."
        )
    if found["waiting"]:
        lines.append(f"{found['waiting']} added candidates wait for the next run.")
    if bank:
        quality = "" if found["mean_quality"] is None else f", mean quality {found['mean_quality']:.3f}"
        lines.append(
            f"Bank: {bank['members']} of at most {bank['size']} members{quality}, ranked by {bank['selector']}"
            f" (version {bank['version']})."
        )
    if costs["calls"]:
        lines.append(_money(costs, found["per_kept_row"]))
    if found["spared"]:
        less = found["spared"]
        money = "" if less["cost_usd"] is None else f" and ${less['cost_usd']:.4f}"
        lines.append(
            f"Spared: about {less['calls']:,.0f} calls{money}, which answers and scores of the {less['rejected']:,} "
            "candidates that filters rejected would have taken."
        )
    for each in found["drift"][-1:]:
        lines.append(
            f"Drift of {each['scorer']}: {each['mean']:+.2f} on {each['low']:g} to {each['high']:g} in round "
            f"{each['round']}, over {each['anchors']} anchors judged again."
        )
    lines += [_failures(found["failures"], key) for key in _keys(found["failures"])]
    lines += [f"Note: {sentence}." for sentence in changes_told(found["changed_plugins"])]
    if found["unreadable"]:
        n = found["unreadable"]
        lines.append(f"Rows that could not be read: {n}; see insgen sql 'SELECT * FROM unreadable' -p {project}")
    return lines


def _money(costs: dict[str, Any], each: dict[str, Any] | None) -> str:
    """One line: spent, of that reserved and lost, and for each kept row."""
    line = f"Spent: ${costs['spent_usd']:.4f} and {costs['spent_tokens']:,} tokens in {costs['calls']} calls"
    for word, what in (("reserved", "reserved, not yet settled"), ("lost", "lost in broken attempts")):
        if costs[f"{word}_tokens"]:
            line += f"; of that ${costs[f'{word}_usd']:.4f} {what}"
    if each is not None:
        line += f". Each kept row: ${each['usd']:.4g}, {each['calls']:.3g} calls, {each['tokens']:,.0f} tokens"
    return line + "."


def _keys(failures: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Which plugins failed, in the order in which they began to."""
    return list(dict.fromkeys(tuple(each[key] for key in _WHO) for each in failures))


def _failures(failures: list[dict[str, Any]], who: tuple[str, ...]) -> str:
    """What one plugin's failures did, in one line."""
    own = [each for each in failures if tuple(each[key] for key in _WHO) == who]
    errors = [each["error"] for each in own if each["error"]]
    kind, name, plugin, distribution, version = who
    line = f'Failed: the {kind} "{name}" of {plugin} ({distribution} {version}), {len(errors)} times in this run'
    for action, what in (("skipped", "set aside"), ("left out", "went on without it")):
        n = sum(len(each["candidates"]) for each in own if each["action"] == action)
        line += f"; {n} candidates {what}" if n else ""
    return f"{line}. The last time: {errors[-1]}." if errors else f"{line}."


def _plugins(plugins: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of the stages in the last run; columns of calls and errors only where there are some."""
    rare = [name for name in ("llm_calls", "cost_usd", "errors") if any(row[name] for row in plugins)]
    columns = ["kind", "name", "version", "seconds", "given", "kept", "rejected", *rare]
    rows: list[list[object]] = []
    for row in plugins:
        seconds = f"{row['duration_ms'] / 1000:.2f}"
        counts = [row[name] for name in ("given", "kept", "rejected", *rare)]
        rows.append([row["kind"], row["name"], row["version"], seconds, *counts])
    return columns, rows


def _rounds(rounds: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of the rounds; columns of rare events only where there was one."""
    seldom = ("repeated", "unreadable", "unanswered", "unscored", "deferred")
    rare = [name for name in seldom if any(r[name] for r in rounds)]
    counts = ["round", "proposed", *rare, "rejected", "kept"]
    rows: list[list[object]] = []
    for r in rounds:
        rows.append([*(r[name] for name in counts), r["admitted"], r["evicted"], r["members"], r["duration_ms"] / 1000])
    return [*counts, "came", "went", "bank", "seconds"], [[*row[:-1], f"{row[-1]:.1f}"] for row in rows]
