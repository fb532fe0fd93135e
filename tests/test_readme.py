"""The README and the code it tells of: neither may change without the other."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import readme

from insgen.config.load import resolve
from insgen.config.options import options_of
from insgen.hooks import spec
from insgen.hooks.manager import KINDS, load_plugins
from insgen.loop.pipeline import build_pipeline

ROOT = Path(__file__).parents[1]
TEXT = readme.README.read_text(encoding="utf-8")
TOML = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
OFFERS = load_plugins().offers

FOR_LATER_PLUGINS = {"insgen_commands"}
"""Hooks that no built-in plugin uses; each has a test that does."""

SOURCES = ("insgen", "plugins", "prompts", "tests", "benchmarks", "docs", ".ci")


@pytest.mark.parametrize("name", ["recipes", "config", "hooks", "help"])
def test_generated_block_is_what_the_code_gives(name: str) -> None:
    assert readme.block(TEXT, name) == readme.generated()[name], "run: python tests/support/readme.py --write"


def test_transcripts_are_what_the_commands_print(tmp_path: Path) -> None:
    played = readme.play_transcripts(TEXT, tmp_path)

    assert list(played) == ["insgen quickstart", "insgen why 1 -p insgen-quickstart"]
    for command, told in readme.transcripts(TEXT).items():
        wrong = list(differences(told, played[command]))
        assert not wrong, f"{command}: {wrong}; run: python tests/support/readme.py --write"


def differences(told: str, printed: str) -> Iterator[tuple[str, str]]:
    """Words that differ; a measure may do so by rounding, for the model's sums depend on the processor."""
    old, new = readme.masked(told).split(), readme.masked(printed).split()
    if len(old) != len(new):
        yield f"{len(old)} words", f"{len(new)} words"
    for one, other in zip(old, new, strict=False):
        if one != other and not near(one, other):
            yield one, other


def near(one: str, other: str) -> bool:
    number = re.compile(r"-?\d+\.\d+")
    if number.sub("", one) != number.sub("", other):
        return False
    pairs = zip(number.findall(one), number.findall(other), strict=False)
    return all(math.isclose(float(a), float(b), abs_tol=0.011) for a, b in pairs)


@pytest.mark.parametrize(
    ("told", "printed", "same"),
    [
        ("quality 0.885, limit 0.92", "quality 0.886, limit 0.92", True),
        ("quality 0.885, limit 0.92", "quality 0.985, limit 0.92", False),
        ("rank 1", "rank 2", False),
        ("made 2026-01-01T10:00:00+00:00 in 1.5 s", "made 2027-02-02T11:11:11+00:00 in 22.1 s", True),
        ("one two", "one two three", False),
    ],
)
def test_only_rounding_and_times_may_differ_in_a_transcript(told: str, printed: str, same: bool) -> None:
    assert (not list(differences(told, printed))) is same


@pytest.mark.parametrize("toml", [*TOML, *(offer.cls.toml for offer in OFFERS if offer.kind == "recipe")])
def test_config_of_the_readme_and_every_recipe_loads(toml: str) -> None:
    tables = tomllib.loads(toml)
    config = resolve(tables, ROOT / "insgen.toml")

    pipeline = build_pipeline(config, load_plugins())
    if "select" in tables:  # a whole config; what has none shows one section
        assert pipeline.filters
        assert pipeline.scorers or tables["select"]["use"] == "random"  # Self-Instruct judges nothing


def test_readme_has_a_config() -> None:
    assert TOML


@pytest.mark.parametrize("section", readme.SECTIONS)
def test_every_key_of_the_config_has_a_sentence(section: str) -> None:
    for option in options_of(readme.SECTIONS[section]):
        assert len(option.doc.split()) >= 3, option.name


@pytest.mark.parametrize(
    "offer", [o for o in OFFERS if o.kind in KINDS], ids=lambda offer: f"{offer.kind} {offer.name}"
)
def test_every_option_of_every_stage_has_a_sentence(offer: object) -> None:
    for option in options_of(offer.cls):  # type: ignore[attr-defined]  # an Offer
        assert len(option.doc.split()) >= 3, option.name
        assert "|" not in option.doc


@pytest.mark.parametrize("hook", readme.hooks())
def test_hook_stands_in_the_readme_with_its_signature(hook: str) -> None:
    assert f"| `{readme.hooks()[hook]}` | " in TEXT
    assert (getattr(spec, hook).__doc__ or "").strip()


@pytest.mark.parametrize("hook", readme.hooks())
def test_hook_has_a_user_and_a_test(hook: str) -> None:
    defined = re.compile(rf"def {hook}\(|[\"']{hook}[\"']")
    users = [path for path in python_files("plugins") if defined.search(path.read_text())]
    tests = [path for path in python_files("tests") if path != Path(__file__) and defined.search(path.read_text())]

    if hook in FOR_LATER_PLUGINS:
        assert not users, "take it out of FOR_LATER_PLUGINS"
        assert tests
    else:
        assert users or tests


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is bash's")
def test_continuous_integration_takes_its_command_from_the_readme() -> None:
    line = next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("command="))
    script = f'set -euo pipefail; {line}; printf "%s" "$command"'

    taken = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    stands = re.search(r"<!-- command: tests -->\n```sh\n(.*?)\n```", TEXT, re.DOTALL)
    assert stands
    assert taken == stands[1]
    assert taken.strip()


def test_newest_version_of_the_changelog_is_the_project_s() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert newest
    assert newest[1] == project["version"]


def test_links_lead_to_files_that_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_commands_of_the_readme_exist() -> None:
    known = {path.split(" ", 1)[1] for path, _ in readme.commands() if " " in path}
    named = set(re.findall(r"`insgen ([a-z]+)", TEXT)) | set(re.findall(r"^insgen ([a-z]+)", TEXT, re.MULTILINE))

    assert named
    assert named <= known


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = ["work", "root", "home/(?!me/)[a-z]+", "Users/[A-Za-z]+", "tmp/w"]  # /home/me is an example's
    notes = [r"\.\./shared", r"\b(?:style|design)\.md", "BRIEF", r"\bissue #?\d"]
    pattern = re.compile("|".join([rf"(?<![\w.:/-])/(?:{'|'.join(places)})/", *notes]))

    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for path in project_files()
        for hit in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
        if path != Path(__file__)
    ]
    assert found == []


def project_files() -> list[Path]:
    inside = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    beside = [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    return [path for path in [*beside, *inside] if "__pycache__" not in path.parts]
