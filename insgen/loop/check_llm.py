"""Checks the language model of a project: key, price, structured output, stop rules, cost; and, if asked, one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from insgen.config.settings import Llm, RunConfig
from insgen.errors import ConfigError, InsgenError, StageError
from insgen.loop.assemble import Assembly
from insgen.loop.estimate import Estimate, Volume, estimate
from insgen.models.llm import Provider
from insgen.records import Request, Turn
from insgen.store.costs import ASIDE_RUN, n_calls

CHECK_STAGE = "check"
"""What ``calls.stage`` says of calls made by ``insgen check --call``."""

_QUESTION = "Reply with the word OK."
_LONGEST_ANSWER = 16  # tokens


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    finding: str


def attempt(what: str, look: Callable[[], str]) -> Finding:
    """Look at one thing; what the user can mend becomes a finding."""
    try:
        return Finding(what, True, look())
    except InsgenError as error:
        return Finding(what, False, str(error))


def check_model(llm: Llm) -> list[Finding]:
    """Look at the model that ``[llm]`` names: key, price, structured output; nothing is sent."""
    provider = Provider(llm)
    return [
        attempt("key", lambda: _key(provider, llm)),
        attempt("price", lambda: _price(provider)),
        Finding("structured output", True, _structured(provider)),
    ]


def check_spending(path: Path, settings: Sequence[str], *, asks: bool, really_call: bool) -> list[Finding]:
    """Look at what a run will spend.

    :param asks: whether a generator asks the model: such a source never runs dry.
    :param really_call: send one short question; it is paid for, counted and stored like any other call.
    """
    assembly = Assembly(path, settings)
    found = [
        attempt("stop rules", lambda: _stop_rules(assembly.config, asks)),
        attempt("cost", lambda: "; ".join(told(estimate(path, settings)))),
    ]
    return [*found, attempt("call", lambda: _call(assembly))] if really_call else found


def told(found: Estimate | None) -> list[str]:
    """An estimate in a few sentences without full stops, for people."""
    if found is None:
        return ["no language model is asked: nothing is spent"]
    if found.per_kept_row is None:
        lines = ["estimate: nothing is asked of the language model"]
    else:
        basis = "from the rounds played so far"
        if found.assumptions:
            basis = "assumed: " + ", ".join(f"{name} {value:g}" for name, value in found.assumptions.items())
        lines = [f"estimate for each kept row: {_volume(found.per_kept_row)} ({basis})"]
        if found.rows_to_go is not None and found.to_target is not None:
            lines.append(f"estimate for {found.rows_to_go} rows to the target: {_volume(found.to_target)}")
        if found.rows_in_budget is not None:
            lines.append(f"the rest of the budget buys about {found.rows_in_budget} rows")
    return [*lines, f"the next round can cost at most {_volume(found.worst_round)}, broken attempts aside"]


def _volume(one: Volume) -> str:
    return f"${one.usd:.4g}, {one.calls:.3g} calls, {one.tokens:,.0f} tokens"


def _key(provider: Provider, llm: Llm) -> str:
    missing = provider.missing_keys()
    if missing:
        raise ConfigError(
            f"{llm.model} needs {' or '.join(missing)} in the environment.\n"
            "  Expected it to be set; keys are read from there and never stored.\n"
            f"  `export {missing[0]}=...`, or name a local server with [llm] api_base."
        )
    return f"not checked: {llm.api_base} may need none" if llm.api_base else f"{llm.model} has it in the environment"


def _price(provider: Provider) -> str:
    price = provider.price()
    return f"${price.prompt * 1e6:g} and ${price.completion * 1e6:g} for a million prompt and answer tokens"


def _structured(provider: Provider) -> str:
    if provider.structured_output():
        return f"{provider.model} can be held to a JSON schema"
    return f"LiteLLM does not list {provider.model} as able; answers are read and mended as free text"


def _stop_rules(config: RunConfig, asks: bool) -> str:
    loop, budget = config.loop, config.budget
    rules = [
        f"rounds {loop.rounds}" if loop.rounds else "",
        f"target {loop.target} kept rows" if loop.target else "",
        f"budget ${budget.usd:g}" if budget.usd else "",
        f"budget {budget.calls} calls" if budget.calls else "",
        f"budget {budget.tokens} tokens" if budget.tokens else "",
        f"yield under {loop.min_yield:.0%} over {loop.yield_rounds} rounds" if loop.min_yield else "",
        "collapse" if loop.collapse == "stop" else "",
    ]
    if asks and not any(rules[:5]):
        raise ConfigError(
            "Nothing bounds what a run spends.\n  Expected a budget, a target or a number of rounds.\n"
            "  Add [budget] usd, calls or tokens; or [loop] target or rounds."
        )
    return ", ".join(rule for rule in rules if rule) or "when every source is used up"


def _call(assembly: Assembly) -> str:
    """Send one short question in the project's name."""
    with assembly.open() as run:
        asker = run.player.llm
        assert asker is not None  # noqa: S101 - there is an [llm]
        asker.run_id = ASIDE_RUN
        asker.scope(0, CHECK_STAGE, n_calls(run.player.store.conn, CHECK_STAGE))
        question = Request((Turn("user", _QUESTION),), "", {"max_tokens": _LONGEST_ANSWER})
        response = asker.ask([question])[0]
    if response.error:
        raise StageError(
            f"{asker.model} gave no answer: {response.error}.\n  Expected a short one.\n"
            "  Check [llm] model and api_base, the key, and the budget."
        )
    cost = "" if response.cost_usd is None else f", ${response.cost_usd:.6f}"
    return f"{asker.model} answered {' '.join(response.text.split())[:40]!r}{cost}"
