"""`insgen why`: the whole story of one candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import example, figure, json_option, one_line, print_json, project_option, reading, say


@click.command(epilog=example("insgen why 3 -p handbook", "insgen why b2:15798e43 -p handbook --json"))
@click.argument("candidate")
@project_option
@json_option
def why(candidate: str, project: Path, as_json: bool) -> None:
    """Tell the whole story of one candidate.

    Where it came from, every verdict with what was measured, every score with its parts, and every version of the bank
    that it entered or left. CANDIDATE is an id, enough of its beginning, or a rank of the bank.
    """
    from insgen.store import queries

    with reading(project) as conn:
        story = queries.story(conn, queries.find_candidate(conn, candidate))
    if as_json:
        print_json(story)
        return
    for line in tell(story):
        say(line)


def tell(story: dict[str, Any]) -> list[str]:
    """The story in lines, for people."""
    one, fate = story["candidate"], story["fate"]
    lines = [f"{one['id']}", f"  instruction  {one_line(one['instruction'], 300)}"]
    for name in ("input", "output"):
        if one[name]:
            lines.append(f"  {name:<11}  {one_line(one[name], 300)}")
    if one["turns"]:
        lines.append(f"  later turns  {len(one['turns'])}")
    rank = f", rank {fate['rank']}" if fate["rank"] else ""
    reason = f" ({fate['reason']})" if fate["reason"] else ""
    lines += [f"  fate         {fate['fate']}{rank}{reason}", ""]
    lines += [_proposal(row) for row in story["proposals"]]
    lines += [_verdict(row) for row in story["verdicts"]]
    for row in story["answers"]:
        lines.append(
            f"  round {row['round']}  answer by {row['responder']} {row['version']}: "
            f"{one_line(row['output'] or 'none: ' + row['reason'], 120)}"
        )
    for row in story["scores"]:
        value = "no score" if row["value"] is None else f"{row['value']:.3f} on {row['low']:g}..{row['high']:g}"
        lines.append(
            f"  round {row['round']}  score by {row['scorer']} {row['version']}: {value}{_because(row['reason'])}"
        )
        if row["parts"]:
            lines.append("            " + ", ".join(f"{name} {part:.2f}" for name, part in row["parts"].items()))
    for row in story["signals"]:
        lines.append(f"  round {row['round']}  feedback {row['name']}: {row['value']:+.2f} from {row['source']}")
    lines += [_failure(row) for row in story["failures"]]
    for row in story["bank"]:
        place = ""
        if row["rank"]:
            measures = ", ".join(f"{name} {row[name]:.3f}" for name in ("diversity", "quality", "utility"))
            place = f" at rank {row['rank']}, {measures}"
        lines.append(f"  version {row['version']}  {row['event']}{place}")
    return lines


def _proposal(row: dict[str, Any]) -> str:
    when = f"round {row['round']}" if row["round"] else "waiting "
    place = row["source"] or "no source recorded"
    if row["line_start"]:
        end = f"-{row['line_end']}" if row["line_end"] not in (None, row["line_start"]) else ""
        place += f", line {row['line_start']}{end}"
    kind = f" as {row['kind']}" if row["kind"] else ""
    again = "" if row["first"] else " (again; the first appearance decides)"
    licence = f", licence {row['licence']}" if row["licence"] else ""
    added = row["added_from"] or ""
    brought = f", in a {added}" if added.startswith(("merge of ", "split of ")) else ""
    return f"  {when}  proposed by {row['generator']} from {place}{kind}{licence}{brought}{again}"


def _verdict(row: dict[str, Any]) -> str:
    measured = ""
    if row["value"] is not None:
        unit = "" if row["unit"] in row["measure"] else f" ({row['unit']})"
        limit = f", limit {figure(row['limit_value'], 6)}" if row["limit_value"] is not None else ""
        measured = f": {row['measure']} {figure(row['value'])}{unit}{limit}"
    if row["neighbour"]:
        text = f' "{one_line(row["neighbour_instruction"], 80)}"' if row["neighbour_instruction"] else ""
        measured += f"; neighbour {row['neighbour']}{text}"
    verdict = f"kept{_because(row['reason'])}" if row["kept"] else f"REJECTED ({row['reason']})"
    return f"  round {row['round']}  {verdict} by {row['filter']} {row['version']}{measured}"


def _failure(row: dict[str, Any]) -> str:
    who = f"{row['kind']} {row['name']} {row['version']}"
    if row["action"] == "left out":
        return f"  round {row['round']}  not judged by the {who}, which was left out after failures"
    return f"  round {row['round']}  set aside: the {who} {row['error']}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
