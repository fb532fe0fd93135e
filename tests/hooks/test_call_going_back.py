"""A generator that goes back for what the budget could not pay for."""

from __future__ import annotations

import pytest

from insgen.errors import PluginError
from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Generated

LIVE = Live(None, "generator", "walker", "./walker.py", "1")


def test_generator_says_where_to_go_on_without_the_requests_that_were_not_sent() -> None:
    made = Generated(position="9", exhausted=True, position_without=lambda places: f"9 without {list(places)}")

    back = call.without(LIVE, made, [2, 3])
    assert (back.position, back.exhausted) == ("9 without [2, 3]", False)
    assert call.without(LIVE, made, []) is made


def test_generator_that_cannot_go_back_moves_on() -> None:
    made = Generated(position="9", exhausted=True)
    assert call.without(LIVE, made, [0]) is made


def test_position_that_is_no_text_names_the_plugin() -> None:
    with pytest.raises(PluginError, match=r'"walker" of \./walker\.py 1'):
        call.without(LIVE, Generated(position_without=lambda places: len(places)), [0])  # type: ignore[arg-type, return-value]  # the breach
