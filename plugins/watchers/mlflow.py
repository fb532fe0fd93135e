"""Carries rounds, yields, costs and bank to MLflow: one experiment per data set, one MLflow run per run.

Name it in the config: ``plugins = ["insgen.plugins.watchers.mlflow"]``. Where it goes is MLflow's own business:
``MLFLOW_TRACKING_URI`` (a server, ``sqlite:///mlflow.db``). Costs one request a round.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from insgen import StageError, hookimpl

from ._figures import figures, flat, project_name

_LONGEST = 500
"""Characters of a parameter's value that every MLflow store takes."""


@hookimpl
def insgen_run_started(run_id: int, config: Mapping[str, Any]) -> None:
    """Begin a run of the tracker, with the resolved config as its parameters."""
    try:
        import mlflow
    except ImportError as error:
        raise StageError(
            "The watcher mlflow needs the package mlflow-skinny, which is not installed.\n"
            '  Expected it beside insgen.\n  Install it with `pip install "insgen[mlflow]"`.'
        ) from error
    mlflow.set_experiment(project_name(config))
    mlflow.start_run(run_name=f"run-{run_id}")
    mlflow.log_params({name: value[:_LONGEST] for name, value in flat(config).items()})


@hookimpl
def insgen_round_finished(round: int, counters: Mapping[str, Any]) -> None:
    """Log the round's numbers, the round being the step."""
    import mlflow

    mlflow.log_metrics(figures(counters), step=round)


@hookimpl
def insgen_run_finished(reason: str) -> None:
    """End the tracker's run, and say why ours stopped."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or mlflow.active_run() is None:
        return  # it never began, and the error that kept it from beginning is on its way
    mlflow.set_tag("stopped because", reason)
    mlflow.end_run("FAILED" if "error" in reason else "FINISHED")
