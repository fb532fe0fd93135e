"""`insgen raise explain`: which features moved a policy's choices."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import example, json_option, print_json, print_table, say


@click.command(epilog=example("insgen raise explain policy", "insgen raise explain policy --columns --json"))
@click.argument("policy", type=click.Path(path_type=Path))
@click.option("--columns", is_flag=True, help="Every column, not the four groups and the strongest columns.")
@json_option
def explain(policy: Path, columns: bool, as_json: bool) -> None:
    """Show which features moved the choices of a policy's newest episode.

    `sensitivity` is how far the score moves with one standard deviation of the feature, `direction` the same with its
    sign. `changed` is the share of picks that are others when the feature is held at its mean, without training anew.
    """
    from insgen.training.raising.explain import explain as explain_policy

    found = explain_policy(policy)
    if as_json:
        parts = {"groups": found.groups, "columns": found.columns}
        told = {name: [vars(each) for each in rows] for name, rows in parts.items()}
        print_json({"policy": found.label, "choices": found.n_choices, **told})
        return
    say(f"{found.label[0].upper()}{found.label[1:]}; {found.n_choices} choices of its newest one.\n")
    names = ("feature", "sensitivity", "direction", "changed")
    print_table(names, [(e.name, e.sensitivity, e.direction, e.changed) for e in found.groups])
    strongest = sorted(found.columns, key=lambda each: -each.changed if not columns else 0)
    say()
    print_table(
        ("column", *names[1:]),
        [(e.name, e.sensitivity, e.direction, e.changed) for e in (strongest if columns else strongest[:8])],
    )
