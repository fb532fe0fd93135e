"""Carries rounds, yields, costs and bank to Trackio: one of its projects per data set, one of its runs per run.

Name it in the config: ``plugins = ["insgen.plugins.watchers.trackio"]``; ``trackio show`` opens the dashboard.
Everything stays on this machine, in the folder that ``TRACKIO_DIR`` names (else in Trackio's own). Costs some
milliseconds a round.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from insgen import StageError, hookimpl

from ._figures import figures, flat, project_name


@hookimpl
def insgen_run_started(run_id: int, config: Mapping[str, Any]) -> None:
    """Begin a run of the tracker, with the resolved config."""
    try:
        import trackio
    except ImportError as error:
        raise StageError(
            "The watcher trackio needs the package trackio, which is not installed.\n"
            '  Expected it beside insgen.\n  Install it with `pip install "insgen[trackio]"`.'
        ) from error
    with contextlib.redirect_stdout(sys.stderr):  # it prints greetings; stdout is for data
        trackio.init(
            project=project_name(config),
            name=f"run-{run_id}",
            config=flat(config),
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )


@hookimpl
def insgen_round_finished(round: int, counters: Mapping[str, Any]) -> None:
    """Log the round's numbers, the round being the step."""
    import trackio

    trackio.log(figures(counters), step=round)


@hookimpl
def insgen_run_finished() -> None:
    """End the tracker's run; what waits is written."""
    trackio = sys.modules.get("trackio")
    if trackio is None or trackio.context_vars.current_run.get() is None:
        return  # it never began, and the error that kept it from beginning is on its way
    with contextlib.redirect_stdout(sys.stderr):
        trackio.finish()
