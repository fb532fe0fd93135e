"""Which name is offered by whom, and which plugins were left out.

`hooks/manager.py` fills it; whoever makes stages asks it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from insgen.errors import ConfigError, PluginError, suggest

if TYPE_CHECKING:
    import pluggy


@dataclass(frozen=True)
class Offer:
    """One name, and who offers it.

    :ivar cls: the stage class, or the recipe or command itself.
    :ivar plugin: module or file of the plugin.
    :ivar distribution: the installed distribution it came with; ``insgen`` for built-ins, ``config`` for named files.
    :ivar version: version of the distribution, or a content id of the file.
    """

    kind: str
    name: str
    cls: Any
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Broken:
    """A plugin that was left out.

    :ivar version: of the distribution, or a content id of the file.
    :ivar problem: what happened, one line; with file and line where known.
    :ivar expected: what a plugin promises there.
    :ivar cure: what a user can do, besides upgrading and uninstalling it; empty when nothing.
    """

    plugin: str
    distribution: str
    version: str
    problem: str
    expected: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f"{self.cure} " if self.cure else ""
        return (
            f"The plugin {self.plugin} (distribution {self.distribution} {self.version}) was left out:"
            f" {self.problem}.\n"
            f"  Expected {self.expected}.\n  {cure}Upgrade or uninstall {self.distribution}, or tell its author."
        )


@dataclass
class Plugins:
    """Every plugin that could be loaded, and what each offers.

    :ivar manager: the pluggy manager; watchers are called through ``manager.hook``.
    :ivar broken: what was left out, and why.
    :ivar origins: plugin -> its distribution and version, watchers included.
    :ivar named_in_config: the plugins that the config names.
    """

    manager: pluggy.PluginManager
    offers: list[Offer] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    origins: dict[str, tuple[str, str]] = field(default_factory=dict)
    named_in_config: frozenset[str] = frozenset()

    def named(self, kind: str) -> list[Offer]:
        """All offers of one kind, sorted by name."""
        return sorted((offer for offer in self.offers if offer.kind == kind), key=lambda offer: offer.name)

    def find(self, kind: str, name: str, where: str = "") -> Offer:
        """Find the one offer of that name.

        :param where: the place in the config that asks, for the message.
        :raises ConfigError: nobody offers it; with a suggestion.
        :raises PluginError: two plugins offer it.
        """
        found = [offer for offer in self.offers if offer.kind == kind and offer.name == name]
        if len(found) > 1:
            who = " and ".join(f"{offer.plugin} ({offer.distribution} {offer.version})" for offer in found)
            raise PluginError(
                f'Two plugins offer a {kind} called "{name}": {who}.\n  Expected one.\n'
                "  Uninstall one of them, or ask an author to rename theirs."
            )
        if found:
            return found[0]
        known = [offer.name for offer in self.named(kind)]
        lost = "".join(f"\n  {broken.plugin} could not be loaded: {broken.problem}." for broken in self.broken)
        prefix = f"{where}: " if where else ""
        raise ConfigError(
            f'{prefix}No {kind} is called "{name}".{suggest(name, known)}\n'
            f"  Known: {', '.join(known) or 'none'}.{lost}\n"
            f"  `insgen {'recipes' if kind == 'recipe' else 'plugins'} list` shows every name and who offers it."
        )
