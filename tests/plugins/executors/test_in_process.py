"""The in-process executor: in order, lazily, and transparent to errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from insgen.plugins.executors.in_process import InProcessExecutor, insgen_executors


def test_results_come_in_the_order_of_the_batches() -> None:
    batches = [[3, 1], [2], [], [5, 4]]
    assert list(InProcessExecutor().map_batches(sum, batches)) == [4, 2, 0, 9]


def test_no_batches_give_no_results() -> None:
    assert list(InProcessExecutor().map_batches(len, [])) == []


def test_a_batch_is_asked_for_only_when_its_result_is_wanted() -> None:
    asked: list[int] = []

    def batches() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    results = InProcessExecutor().map_batches(lambda number: number * 2, batches())
    assert asked == []
    assert next(results) == 0
    assert next(results) == 2
    assert asked == [0, 1]


def test_error_of_the_function_passes_through_after_earlier_results() -> None:
    results = InProcessExecutor().map_batches(lambda number: 6 // number, [3, 0, 1])
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_is_offered() -> None:
    assert insgen_executors() == [InProcessExecutor]
