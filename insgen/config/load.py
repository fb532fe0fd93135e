"""`insgen.toml` -> `RunConfig`, and its hash.

Flows in: a file, and ``KEY=VALUE`` overrides. Flows out: a checked config, and the plain tables that are saved with the
run. Whether a stage of that name exists is the pipeline's question.
"""

from __future__ import annotations

import copy
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from insgen.config.options import decode
from insgen.config.settings import Budget, Embed, Llm, Loop, Project, RunConfig, Scored, Select, StageUse, Train
from insgen.errors import ConfigError, suggest

FILE_NAME = "insgen.toml"
_ONE = ("project", "loop", "budget", "llm", "embed", "respond", "select", "seeds", "train")
_MANY = ("generate", "filter", "score", "feedback")
_PLAIN = ("plugins", "recipe")
_OWN = ("project", "llm", "budget", "plugins")


def find_config(path: Path) -> Path:
    """Turn what the user named (a project's folder, or its config) into the config's path.

    :raises ConfigError: there is none.
    """
    found = path / FILE_NAME if path.is_dir() else path
    if not found.is_file():
        raise ConfigError(
            f"There is no config {found}.\n  Expected a project's folder with an {FILE_NAME} in it.\n"
            f"  `insgen init {path}` makes one; `insgen recipes list` shows what it can hold."
        )
    return found


def read_tables(path: Path) -> dict[str, Any]:
    """Read a TOML file as plain tables.

    :raises ConfigError: no UTF-8, or no TOML; with the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.\n  Expected TOML 1.0 in UTF-8.\n  Mend that line."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}.\n  Expected a file this user may read.\n  Check its permissions."
        ) from error


def resolve(tables: Mapping[str, Any], path: Path) -> RunConfig:
    """Check plain tables and make a config of them.

    :raises ConfigError: an unknown section or key, a wrong type, a value out of range; names file, table and key.
    """
    _check_shape(tables, path.name)
    name = path.name

    def use(section: str, table: Mapping[str, Any], own: tuple[str, ...], place: str) -> StageUse:
        where = f"{name}, {place}"
        if not isinstance(table.get("use"), str):
            raise ConfigError(
                f'{where}: the key "use" is missing or no text.\n  Expected the name of a stage.\n'
                f'  Add `use = "..."`; `insgen plugins list` shows every name for {section}.'
            )
        options = {key: value for key, value in table.items() if key not in own}
        return StageUse(table["use"], options, f"{where} {table['use']}")

    def many(section: str, own: tuple[str, ...] = ("use",)) -> list[tuple[Mapping[str, Any], StageUse]]:
        rows = tables.get(section, [])
        return [(row, use(section, row, own, f"[[{section}]] {n}")) for n, row in enumerate(rows, start=1)]

    def one(section: str, cls: type[Any], own: tuple[str, ...]) -> tuple[Any, StageUse]:
        table = tables.get(section, {})
        settings = decode(cls, {k: v for k, v in table.items() if k in own}, f"{name}, [{section}]")
        return settings, use(section, {"use": settings.use, **table}, own, f"[{section}]")

    scores = []
    for row, stage in many("score", ("use", "weight")):
        own = {key: value for key, value in row.items() if key in ("use", "weight")}
        scores.append((decode(Scored, own, stage.where), stage))
    respond = tables.get("respond")
    return RunConfig(
        path=path,
        project=decode(Project, tables.get("project", {}), f"{name}, [project]"),
        loop=decode(Loop, tables.get("loop", {}), f"{name}, [loop]"),
        budget=decode(Budget, tables.get("budget", {}), f"{name}, [budget]"),
        llm=decode(Llm, tables["llm"], f"{name}, [llm]") if "llm" in tables else None,
        embed=one("embed", Embed, ("use", "text", "executor")),
        select=one("select", Select, ("use", "size", "compete", "min_quality")),
        generate=tuple(stage for _, stage in many("generate")),
        filters=tuple(stage for _, stage in many("filter")),
        respond=use("respond", respond, ("use",), "[respond]") if respond is not None else None,
        scores=tuple(scores),
        seeds=use("seeds", {"use": "uniform", **tables.get("seeds", {})}, ("use",), "[seeds]"),
        feedback=tuple(stage for _, stage in many("feedback")),
        train=_train(tables, name),
        plugins=_texts(tables.get("plugins", []), f"{name}, plugins"),
        recipe=tables.get("recipe", ""),
    )


def _train(tables: Mapping[str, Any], name: str) -> Train | None:
    if "train" in tables:
        return decode(Train, tables["train"], f"{name}, [train]")
    if tables.get("loop", {}).get("train_every"):
        raise ConfigError(
            f"{name}, [loop] train_every: there is no [train].\n  Expected a section that says what is trained.\n"
            "  Add [train], or delete train_every."
        )
    return None


def load_config(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """Load a project's config.

    :returns: the config, and its plain tables as they stand in the file.
    :raises ConfigError: see `resolve`.
    """
    found = find_config(path)
    tables = read_tables(found)
    return resolve(tables, found), tables


def config_hash(tables: Mapping[str, Any]) -> str:
    """Content id of plain tables, blind to order of keys, comments and layout."""
    text = json.dumps(tables, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return "b2:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_recipe(tables: Mapping[str, Any], toml: str) -> dict[str, Any]:
    """Put a recipe in the place of a config's stages; what is the project's own stays.

    :param tables: the project's: of these ``[project]``, ``[llm]``, ``[budget]`` and ``plugins`` are taken.
    :param toml: the recipe's config.
    :raises ConfigError: it is no TOML.
    """
    try:
        recipe = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The recipe is not valid TOML: {error}.\n  Expected TOML 1.0.\n  Tell its author, or choose another one."
        ) from error
    return {**recipe, **{key: tables[key] for key in _OWN if key in tables}}


def override(tables: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Apply ``KEY=VALUE`` overrides to plain tables.

    ``loop.rounds=3`` and ``select.size=50`` name a table's key; ``filter.rouge.limit=0.6`` names the stage in
    between. The value is TOML; what is no TOML is taken as text.

    :returns: new tables; the given ones stay as they are.
    :raises ConfigError: no ``=``, or no such table; names what is there.
    """
    _check_shape(tables, FILE_NAME)
    changed: dict[str, Any] = copy.deepcopy(dict(tables))
    for setting in settings:
        key, sign, text = setting.partition("=")
        parts = key.strip().split(".")
        if not sign or len(parts) < 2:
            raise ConfigError(
                f'"{setting}" is no override.\n  Expected KEY=VALUE, for example filter.rouge.limit=0.6.\n'
                "  Write it that way."
            )
        _target(changed, parts, setting)[parts[-1]] = _toml_value(text.strip())
    return changed


def parse_options(settings: Sequence[str]) -> dict[str, Any]:
    """Read plain ``KEY=VALUE`` settings; the value is TOML, what is no TOML is taken as text.

    :raises ConfigError: one has no ``=``.
    """
    options: dict[str, Any] = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f'"{setting}" is no option.\n  Expected KEY=VALUE.\n  Write it that way.')
        options[key.strip()] = _toml_value(text.strip())
    return options


def _target(tables: dict[str, Any], parts: list[str], setting: str) -> dict[str, Any]:
    section = parts[0]
    if section in _ONE and len(parts) == 2:
        table: dict[str, Any] = tables.setdefault(section, {})
        return table
    if section in _MANY and len(parts) == 3:
        rows = tables.get(section, [])
        for row in rows:
            if row.get("use") == parts[1]:
                found: dict[str, Any] = row
                return found
        names = ", ".join(str(row.get("use")) for row in rows) or "none"
        raise ConfigError(
            f'"{setting}": the config has no [[{section}]] {parts[1]}.{suggest(parts[1], names.split(", "))}\n'
            f"  It has: {names}.\n  Name one of these."
        )
    raise ConfigError(
        f'"{setting}" names nothing in the config.{suggest(section, [*_ONE, *_MANY])}\n'
        "  Expected SECTION.KEY=VALUE, or filter.NAME.KEY=VALUE (likewise generate, score, feedback).\n"
        "  Write it that way."
    )


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_shape(tables: Mapping[str, Any], name: str) -> None:
    known = [*_ONE, *_MANY, *_PLAIN]
    for key, value in tables.items():
        if key not in known:
            raise ConfigError(
                f'{name}: there is no section "{key}".{suggest(key, known)}\n'
                f"  Known sections: {', '.join(known)}.\n  Mend or delete it."
            )
        if key == "recipe" and not isinstance(value, str):
            raise ConfigError(f"{name}: recipe is {value!r}.\n  Expected text.\n  Mend or delete it.")
        if key in _ONE and not isinstance(value, dict):
            raise ConfigError(f"{name}: {key} is no table.\n  Expected [{key}].\n  Write it with one pair of brackets.")
        if key in _MANY and not (isinstance(value, list) and all(isinstance(row, dict) for row in value)):
            raise ConfigError(
                f"{name}: {key} is no list of tables.\n  Expected [[{key}]], once per stage.\n"
                "  Write it with two pairs of brackets."
            )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise ConfigError(
        f'{where}: {value!r} is no valid value.\n  Expected a list of text, such as ["./my_filter.py"].\n  Change it.'
    )
