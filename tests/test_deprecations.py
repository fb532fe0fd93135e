"""What goes is warned about for a release, at the line that uses it; what the face is, is written down."""

from __future__ import annotations

import inspect
from importlib import metadata
from pathlib import Path

import pytest

import insgen
from insgen.deprecations import DEPRECATED, Deprecation, instead_of

FACE = Path(__file__).parent / "data" / "face.txt"
OLD = {"Judgement": Deprecation("Verdict", since="0.2.0", gone_in="0.3.0")}


def release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_old_name_gives_the_new_one_and_warns_where_it_is_used() -> None:
    def user() -> str:
        return face("Judgement")

    def face(name: str) -> str:  # as the face's own __getattr__
        return instead_of(name, OLD)

    with pytest.warns(DeprecationWarning, match=r"insgen\.Judgement .* goes in 0\.3\.0; use insgen\.Verdict") as told:
        assert user() == "Verdict"
    assert told[0].lineno == inspect.getsourcelines(user)[1] + 1


def test_name_that_never_was_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Judgment'"):
        insgen.Judgment  # noqa: B018 - looking it up is the test
    assert not hasattr(insgen, "__path_of_no_one__")


@pytest.mark.parametrize("name", DEPRECATED)
def test_deprecated_name_has_a_release_to_go_in_that_is_not_yet_out(name: str) -> None:
    assert name not in insgen.__all__
    assert DEPRECATED[name].instead in insgen.__all__
    assert release(DEPRECATED[name].gone_in) > release(metadata.version("insgen"))


def test_face_is_the_one_that_is_written_down() -> None:
    """A name that leaves the face breaks plugins: give it a `Deprecation`. One that joins it is a promise."""
    assert sorted(insgen.__all__) == FACE.read_text("utf-8").split()


def test_every_name_of_the_face_is_documented() -> None:
    bare = [name for name in insgen.__all__ if not inspect.getdoc(getattr(insgen, name)) and name != "CandidateId"]
    assert bare == []
