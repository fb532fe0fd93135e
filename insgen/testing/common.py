"""What every stage promises, whatever its kind: options, repeatability, and leaving the process as it found it."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from insgen.config.options import Option, decode, options_of
from insgen.errors import ConfigError
from insgen.hooks.live import Live
from insgen.testing.contract import Contract, Subject, breach, same
from insgen.testing.workshop import Workshop

HEAVY = ("torch", "transformers", "sentence_transformers", "litellm", "datasets", "hnswlib", "sklearn", "pandas")
"""Libraries that take long to import; ``insgen --help`` imports every plugin, and must not pay for them."""

Run = Callable[[Subject, Workshop], "str | None"]


def common_checks(contract: Contract) -> list[tuple[str, Run]]:
    """The checks of every kind, around the kind's own exercise."""

    def once(live: Live, workshop: Workshop) -> tuple[Any, int]:
        return contract.exercise(live, workshop)

    def keeps_its_contract(subject: Subject, workshop: Workshop) -> str:
        live = subject.live(workshop)
        once(live, workshop)  # what is loaded at the first call is not the stage's pace
        started = time.perf_counter()
        _, n_candidates = once(live, workshop)
        return f"{1000 * (time.perf_counter() - started) / max(1, n_candidates):.3f} ms per candidate"

    def is_repeatable(subject: Subject, workshop: Workshop) -> None:
        first_live = subject.live(workshop)
        first, again, fresh = (once(live, workshop)[0] for live in (first_live, first_live, subject.live(workshop)))
        for other, how in ((again, "a second time"), (fresh, "of a new instance")):
            if not same(first, other):
                raise breach(first_live, f"asked {how}, it gave another answer", "the same answer to the same question")

    def leaves_the_world_alone(subject: Subject, workshop: Workshop) -> None:
        live = subject.live(workshop)
        once(live, workshop)  # importing a library may set things up, once
        with _watched(live):
            once(live, workshop)

    return [
        ("every option has a sentence and a default or is required", _options_are_documented),
        ("options come out of insgen.toml as they went in", _options_decode),
        ("an unknown option is refused", _unknown_option_is_refused),
        ("importing it imports nothing heavy", _import_is_light),
        ("what it returns keeps the contract", keeps_its_contract),
        ("the same question gets the same answer", is_repeatable),
        ("it draws from no global generator, prints nothing and changes nothing around it", leaves_the_world_alone),
        ("it can be sent to another process", _pickles),
        *contract.checks,
    ]


def _options_are_documented(subject: Subject, workshop: Workshop) -> str:  # noqa: ARG001 - the shape of a check
    options = options_of(subject.cls)
    bare = [option.name for option in options if not option.doc]
    if bare:
        raise breach(subject, f"the options {', '.join(bare)} have no sentence", "a `#:` comment behind each field")
    return f"{len(options)} options"


def _options_decode(subject: Subject, workshop: Workshop) -> None:
    given = {option.name: _toml(option, subject.options) for option in options_of(subject.cls)}
    written = {name: value for name, value in given.items() if value is not None}
    made, plain = decode(subject.cls, written, str(subject), workshop.folder), subject.live(workshop).stage
    if made != plain:
        raise breach(subject, f"with every option written out it is {made}", f"{plain}")


def _toml(option: Option, options: dict[str, Any]) -> Any:
    """An option's value as TOML has it; ``None`` for one that is better left out.

    TOML has no ``None``, and a path that is written down is taken relative to the config, one that is not is not.
    """
    value = options.get(option.name, None if option.type == "a path" else option.default)
    if isinstance(value, tuple):
        return [str(each) if isinstance(each, Path) else each for each in value]
    return str(value) if isinstance(value, Path) else value


def _unknown_option_is_refused(subject: Subject, workshop: Workshop) -> None:  # noqa: ARG001 - the shape of a check
    with contextlib.suppress(ConfigError):
        decode(subject.cls, {**subject.options, "no_such_option": 1}, str(subject))
        raise breach(subject, 'it took the option "no_such_option"', "fields, and no **kwargs")


def _import_is_light(subject: Subject, workshop: Workshop) -> None:  # noqa: ARG001 - the shape of a check
    module = sys.modules[subject.cls.__module__]
    path = getattr(module, "__file__", None)
    if path is None:
        return
    named = not module.__name__.startswith("insgen_config_plugin_")  # what a file named in a config is called
    load = f"importlib.import_module({module.__name__!r})" if named else f"runpy.run_path({path!r})"
    code = f"import importlib, runpy, sys; {load}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter and line
    if done.returncode:
        raise breach(subject, f"it cannot be imported alone: {done.stderr.strip().splitlines()[-1:]}", "an import")
    if done.stdout.strip():
        raise breach(subject, f"importing it imports {done.stdout.strip()}", "heavy imports inside its methods")


def _pickles(subject: Subject, workshop: Workshop) -> None:
    stage = subject.live(workshop).stage
    try:
        copy = pickle.loads(pickle.dumps(stage))  # noqa: S301 - made in the line before
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise breach(subject, f"it cannot be pickled: {error}", "fields that pickle") from error
    if copy != stage:
        raise breach(subject, "a pickled copy is not equal to it", "a dataclass that compares by its fields")


@contextlib.contextmanager
def _watched(live: Live) -> Any:
    """Compare the process before and after."""
    before, said = _world(), io.StringIO()
    with contextlib.redirect_stdout(said):
        yield
    after = _world()
    changed = [name for name in before if before[name] != after[name]]
    if said.getvalue():
        raise breach(live, f"it printed {said.getvalue()[:60]!r}", "silence: `logging` is for remarks")
    if changed:
        raise breach(live, f"it changed {', '.join(changed)}", "nothing around it to change; draws use the `rng` given")


def _world() -> dict[str, Any]:
    import numpy as np

    state = np.random.get_state(legacy=False)
    return {
        "the state of `random`": random.getstate(),
        "the state of `numpy.random`": repr(state),
        "the working directory": Path.cwd(),
        "the environment": dict(os.environ),
        "sys.path": list(sys.path),
    }
