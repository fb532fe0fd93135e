"""Looks at one plugin before it may act: which hooks it has, with which parameters, and what it offers.

Flows in: a plugin's module. Flows out: its offers, or a `Fault` that says what is wrong, where it stands, and what was
expected.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from insgen.errors import suggest
from insgen.hooks import spec
from insgen.hooks.places import defined_at, one_line
from insgen.records import Recipe

if TYPE_CHECKING:
    import pluggy

HOOKS = {name: getattr(spec, name) for name in vars(spec) if name.startswith("insgen_")}
"""Every hook by name, as `hooks/spec.py` declares it."""

ALSO: dict[str, tuple[str, ...]] = {
    "embedder": ("identity", "dimension"),
    "filter": ("needs_vectors",),
    "seed policy": ("update",),
    "exporter": ("suffix", "loses"),
}
"""Kind of stage -> what its class has besides a name and the method that makes it one."""


class Fault(Exception):  # noqa: N818 - it never leaves this package
    """What is wrong with a plugin.

    :ivar expected: what a plugin promises there.
    :ivar cure: what its user can do; empty when only an upgrade can help.
    """

    def __init__(self, problem: str, expected: str, place: str = "", cure: str = "") -> None:
        super().__init__(one_line(problem, [place]))
        self.expected = expected
        self.cure = cure


def check_hooks(manager: pluggy.PluginManager, module: Any) -> None:
    """Compare a plugin's marked functions with the hooks.

    :raises Fault: there is none, one has a name nobody calls, or one wants an argument that its hook does not have.
    """
    marked = 0
    for name in dir(module):
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            continue
        marked += 1
        function, hook = getattr(module, name), options.get("specname") or name
        if hook not in HOOKS:
            meant = suggest(hook, HOOKS).rstrip("?").replace(" Did you mean", "; perhaps")
            raise Fault(f"unknown hook '{hook}'", f"a hook that docs/hooks.md lists{meant}", defined_at(function))
        offered = list(inspect.signature(HOOKS[hook]).parameters)
        unknown = [each for each in inspect.signature(function).parameters if each not in offered]
        if unknown:
            raise Fault(
                f"its {hook}({', '.join(inspect.signature(function).parameters)}) asks for {', '.join(unknown)}",
                f"{hook}({', '.join(offered)}), or fewer of these parameters",
                defined_at(function),
            )
    if not marked:
        raise Fault(
            "it has no function marked @insgen.hookimpl",
            "at least one, for example insgen_filters()",
            str(getattr(module, "__file__", "")),
        )


def offers_of(
    manager: pluggy.PluginManager, module: Any, kinds: Mapping[str, tuple[str, str]]
) -> Iterable[tuple[str, str, Any]]:
    """Ask one plugin alone, so that what goes wrong is its own.

    :param kinds: kind of stage -> the hook that offers it, and the method that makes it one.
    :returns: kind, name, and the class, recipe or command.
    :raises Fault: it offers what is none.
    """
    others = [plugin for plugin in manager.get_plugins() if plugin is not module]
    for kind, (hook, method) in kinds.items():
        for cls in _flatten(manager.subset_hook_caller(hook, others)(), hook, module):
            _check_stage(cls, kind, method)
            yield kind, cls.name, cls
    for recipe in _flatten(manager.subset_hook_caller("insgen_recipes", others)(), "insgen_recipes", module):
        if not isinstance(recipe, Recipe):
            raise _odd("insgen_recipes", recipe, "an insgen.Recipe", module)
        yield "recipe", recipe.name, recipe
    for command in _flatten(manager.subset_hook_caller("insgen_commands", others)(), "insgen_commands", module):
        if not isinstance(getattr(command, "name", None), str):
            raise _odd("insgen_commands", command, "a click command with a name", module)
        yield "command", command.name, command


def _odd(hook: str, offered: Any, expected: str, module: Any) -> Fault:
    return Fault(f"{hook} offers {offered!r:.80}", expected, defined_at(getattr(module, hook, None)))


def _flatten(results: list[Any], hook: str, module: Any) -> Iterable[Any]:
    for result in results:
        if not isinstance(result, Sequence) or isinstance(result, str):
            place = defined_at(getattr(module, hook, None))
            raise Fault(f"{hook} returned {type(result).__name__}", "a list of offers", place)
        yield from result


def _check_stage(cls: Any, kind: str, method: str) -> None:
    if not isinstance(cls, type):
        raise Fault(f"it offers {cls!r:.80} as a {kind}", "a class")
    place, name = defined_at(cls), getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise Fault(f"{cls.__name__} has no name", 'a text, `name: ClassVar[str] = "..."`', place)
    if not (dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen):  # type: ignore[attr-defined]  # set by the decorator
        raise Fault(f'the {kind} "{name}" is no frozen dataclass', "@dataclass(frozen=True)", place)
    if not callable(getattr(cls, method, None)):
        raise Fault(f'the {kind} "{name}" has no method {method}()', f"a {kind} as docs/hooks.md describes it", place)
    lacking = [each for each in ALSO.get(kind, ()) if not hasattr(cls, each)]
    if lacking:
        raise Fault(f'the {kind} "{name}" has no {lacking[0]}', f"a {kind} as docs/hooks.md describes it", place)
