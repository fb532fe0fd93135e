"""`insgen raise train`: a policy learned over whole trainings of a model (RAISE)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, one_line, print_json, print_table, project_argument, say
from insgen.cli.raise_options import bank_rows, lines, model_options, shared_settings, training_options
from insgen.errors import ConfigError, DataError
from insgen.training.raising.options import SCRATCH_LR, TARGET_LR, preset

if TYPE_CHECKING:
    from insgen.training.raising.folder import RaiseSettings
    from insgen.training.raising.run import RaiseResult

_OFTEN = 10
"""Times that an episode may take a row, on average, before this is told; in the paper nine of ten rows were not taken
more than 3 times (arXiv:2504.07282)."""


@click.command(
    epilog=example(
        "insgen raise train handbook --out policy --preset small",
        "insgen raise train handbook --out policy --model models/small --rounds 8",
    )
)
@project_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder, or one to go on in.")
@click.option("--model", default="", help="Target model, a folder or Hub id.  [default: a small one, made on the spot]")
@click.option("--auxiliary", default="", help="The model that measures rows.  [default: the target model]")
@click.option("--proxy", is_flag=True, help="The policy is meant for another model: label it as not RAISE.")
@click.option("--validation", type=click.Path(path_type=Path), help="Rows to be good at, as seeds.jsonl has them.")
@click.option("--preset", default="default", show_default=True, help="default, paper, small.")
@click.option("--rounds", type=click.IntRange(min=0), help="Trainings to learn from.  [default: 20; small: 4]")
@click.option("--batch", type=click.IntRange(min=1), help="Rows of a step.  [default: 32; small: 16]")
@click.option("--classes", type=click.IntRange(min=1), help="Classes to take from alike.  [default: 2]")
@click.option("--choose-every", type=click.IntRange(min=1), help="Steps that one choice is for.  [default: 1]")
@click.option("--evaluate-every", type=click.IntRange(min=1), help="Steps between two looks at P.  [default: 1]")
@click.option("--explore", help="none, or gumbel: noise on the scores while learning.  [default: none]")
@click.option("--ratio", help="product (the paper's), mean, plackett_luce.  [default: product]")
@click.option("--scaling", help="standard, or none: columns as they are.  [default: standard]")
@click.option("--actor-lr", type=float, help="Of the scorer.  [default: 0.01; paper: 0.1]")
@click.option("--critic-lr", type=float, help="Of the critic.  [default: 0.02; paper: 0.2]")
@click.option("--lr", type=float, help=f"Of the target model.  [default: {TARGET_LR:g}; {SCRATCH_LR:g} for a made one]")
@training_options
@json_option
def train(project: Path, out: Path, validation: Path | None, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Learn a policy from the bank.

    Every round trains the target model from its first weights on what the policy chooses, and then improves the policy
    by PPO; the reward of a step is how much the loss on the validation rows fell. Without --validation some of the
    bank's rows are held out for it. After Ctrl-C, a kill or a loss that is not finite, the same call goes on.
    """
    from insgen.bank.ingest import read_seed_tasks
    from insgen.training.raising.run import RaiseRun

    settings = _settings(chosen)
    if validation is not None and not validation.exists():
        raise DataError(f"There is no file {validation}.\n  Expected rows, one JSON object a line.\n  Name another.")
    held = read_seed_tasks(validation) if validation is not None else []
    telling = lines(quiet=quiet)
    result = RaiseRun(out, settings).learn(bank_rows(project), held, telling, telling.measured)
    command = f"insgen raise apply {project} --policy {out}"
    _warn(result)
    if as_json:
        print_json({**vars(result), "next": command})
        return
    _tell(result)
    say(f"Next: {command}")


def _settings(chosen: dict[str, Any]) -> RaiseSettings:
    from insgen.training.raising.folder import RaiseSettings
    from insgen.training.steps import StepOptions

    names = ("rounds", "batch", "classes", "choose_every", "evaluate_every", "explore", "ratio", "scaling")
    given = {name: chosen[name] for name in (*names, "actor_lr", "critic_lr", "steps", "seed")}
    lr = chosen["lr"] if chosen["lr"] is not None else TARGET_LR if chosen["model"] else SCRATCH_LR
    shared = shared_settings(chosen)
    shared.pop("seed")
    if chosen["proxy"] and not chosen["model"]:
        raise ConfigError(
            "--proxy was given without --model.\n  Expected the model that stands in for the target.\n"
            "  Name it; a small one that is made on the spot counts as a proxy anyway."
        )
    return RaiseSettings(
        model_options(chosen, chosen["model"]),
        chosen["auxiliary"],
        preset(chosen["preset"], {name: value for name, value in given.items() if value is not None}),
        StepOptions(lr, warmup=0.0, rows_at_once=chosen["rows_at_once"]),
        proxy=chosen["proxy"] or not chosen["model"],
        **shared,
    )


def _tell(result: RaiseResult) -> None:
    say(f"{one_line(result.label)}: {result.n_rows} rows, {result.n_validation} to measure by, {result.n_steps} steps.")
    if result.rounds:
        print_table(
            ("round", "rows", "validation loss before", "after", "return"),
            [(int(r["round"]), int(r["rows"]), -r["first_perf"], -r["last_perf"], r["return"]) for r in result.rounds],
        )
    else:
        say("No episode was played in this call.")
    say(f"Wrote {result.policy}.")


def _warn(result: RaiseResult) -> None:
    if result.left_out:
        say(
            f"Warning: {result.left_out} rows were left out: no answer, or a question that fills the context.", err=True
        )
    last = result.rounds[-1] if result.rounds else {"rows": 0, "places": 0}
    if last["rows"] * _OFTEN < last["places"]:
        say(
            f"Warning: the last episode took the same rows again and again ({int(last['rows'])} different for"
            f" {int(last['places'])} places in its batches). So narrow a policy has learned too little; call it with"
            " more --rounds to go on.",
            err=True,
        )
