"""Which distributions and files a project's config needs, written down so that another machine can have the same.

Flows in: a config whose stages were made. Flows out: lines that pip can read (``insgen-readability==1.4.0``); a plugin
file of the project stands there as a comment with its content id, since no index has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from insgen.errors import ConfigError
from insgen.hooks.registry import Plugins
from insgen.loop.pipeline import Pipeline

FREEZE_FILE = "plugins.txt"
_HEAD = (
    "# The plugins that insgen.toml uses, as `insgen plugins freeze` found them.\n"
    "# `pip install -r plugins.txt` installs them; `insgen check` compares. A file is named by what is in it.\n"
)
_FILE = "# file "


def needs(pipeline: Pipeline, plugins: Plugins) -> dict[str, str]:
    """What the stages of a config, and the plugins it names, came with: distribution or file, and its version."""
    found: dict[str, str] = {}
    for live in pipeline.stages():
        found[live.plugin if live.distribution == "config" else live.distribution] = live.version
    for name, (distribution, version) in plugins.origins.items():
        if name in plugins.named_in_config:
            found[name if distribution == "config" else distribution] = version
    return dict(sorted(found.items()))


def write_needs(path: Path, found: Mapping[str, str]) -> None:
    """Write the file anew."""
    lines = [f"{_FILE}{n} {v}" if v.startswith("b2:") else f"{n}=={v}" for n, v in found.items()]
    path.write_text(_HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_needs(path: Path) -> dict[str, str]:
    """Read the file.

    :raises ConfigError: a line is neither ``distribution==version`` nor a file with its id.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        is_file = line.startswith(_FILE)
        name, sign, version = line.removeprefix(_FILE).rpartition(" " if is_file else "==")
        if (line.startswith("#") and not is_file) or not line.strip():
            continue
        if not (sign and name and version):
            raise ConfigError(
                f"{path}, line {number}: {line!r}.\n  Expected distribution==version.\n"
                "  Call `insgen plugins freeze` to write it anew."
            )
        found[name.strip()] = version.strip()
    return found


def differences(frozen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not as it was frozen, in words."""
    told = [f"{name} is {now[name]}, frozen as {v}" for name, v in frozen.items() if name in now and now[name] != v]
    told += [f"{name} was frozen, and is not used" for name in frozen if name not in now]
    return told + [
        f"{name} {version} is used, and was not frozen" for name, version in now.items() if name not in frozen
    ]
