"""`insgen raise apply`: the bank ranked by a policy, or a model trained on what it chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, say
from insgen.cli.raise_options import bank_rows, lines, model_options, shared_settings, training_options

if TYPE_CHECKING:
    from insgen.records import Candidate


@click.command(
    epilog=example(
        "insgen raise apply handbook --policy policy --top 20",
        "insgen raise apply handbook --policy policy --train run-1",
    )
)
@project_argument
@click.option("--policy", required=True, type=click.Path(path_type=Path), help="A folder of `insgen raise train`.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Rows to list.")
@click.option("--train", "out", type=click.Path(path_type=Path), help="Train on what it chooses, into this folder.")
@click.option("--model", default="", help="What is trained.  [default: the model of the policy's episodes]")
@click.option("--lr", type=float, help="Learning rate.  [default: that of the episodes]")
@training_options
@json_option
def apply(project: Path, policy: Path, top: int, out: Path | None, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Rank the bank by a policy, or train on what it chooses.

    The list is by value outside of a training: the mean of a row's scores over the stages of the newest episode, class
    by class. With --train a model is trained once more, step by step on the rows that the policy, which changes no
    longer, chooses; the folder gets the model, the batches (plan.jsonl) and feedback.jsonl.
    """
    rows = bank_rows(project)
    if out is None:
        _list(rows, policy, {**chosen, "top": top, "quiet": quiet}, as_json=as_json)
        return
    from insgen.training.raising.applying import ApplySettings, apply_policy
    from insgen.training.raising.folder import RaiseFolder
    from insgen.training.steps import StepOptions

    begun = RaiseFolder(policy).about()["settings"]
    model = chosen["model"] or begun["model.model"] or str(policy / "small")
    lr = chosen["lr"] or begun["optimiser.lr"]
    settings = ApplySettings(
        model_options(chosen, model, begun),
        StepOptions(lr, warmup=0.0, rows_at_once=chosen["rows_at_once"]),
        steps=chosen["steps"] or 0,
        **shared_settings(chosen),
    )
    telling = lines(quiet=quiet)
    result = apply_policy(rows, policy, out, settings, telling, telling.measured)
    if as_json:
        print_json(vars(result))
        return
    say(f"Trained {result.n_steps} steps on {result.n_rows} rows by a {result.label}.")
    say(f"Validation loss {-result.perf[0]:.4f} before, {-result.perf[1]:.4f} after.")
    say(f"Wrote {result.model}, {result.plan} and {result.feedback}.")
    say(f"Next: insgen feedback import {result.feedback} -p {project}")


def _list(rows: list[Candidate], policy: Path, chosen: dict[str, Any], *, as_json: bool) -> None:
    from insgen.training.raising.ranking import rank_rows

    telling = lines(quiet=chosen["quiet"])
    made = rank_rows(rows, policy, chosen["device"], chosen["rows_at_once"], telling.measured)
    shown = [
        {
            "rank": rank,
            "id": rows[row].id,
            "place_in_class": made.place(row),
            "value": made.value(row),
            "instruction": rows[row].instruction,
        }
        for rank, row in enumerate(made.order[: chosen["top"]].tolist(), start=1)
    ]
    if as_json:
        print_json({"policy": made.label, "rows": shown})
        return
    say(f"By a {made.label}:")
    print_table(list(shown[0]), [list(each.values()) for each in shown], wide=["instruction"])
    if made.n_unvalued:
        why = "no answer, or a question that fills the context"
        say(f"Warning: {made.n_unvalued} rows have no value and stand last: {why}.", err=True)
