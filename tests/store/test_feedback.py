"""Stored feedback: the newest record counts, in whatever order, and reading gives back what was told."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

from support.training import BATCHES, SEEDS, add, fill, steps

from insgen.records import CandidateId, Signal, TrainingSeries, TrainingStep
from insgen.store import feedback
from insgen.store.database import Store

STEP = TrainingStep("r", 1, (("a", "b"), (), ("c",)), 5.0, 2, 1.5, 0.5, "pre_clip", 1.0, 1e-5, 9, 100, {"a": 2.0})
NEWER = replace(STEP, time=6.0, items=(("d",),), item_loss={})


def stored(store: Store) -> list[TrainingStep]:
    view = feedback.StoredFeedback(store.conn)
    return [step for series in view.series() for step in view.steps(series)]


def test_a_step_is_read_back_whole(store: Store) -> None:
    add(store, [STEP])
    assert stored(store) == [STEP]


def test_what_became_of_a_record_is_told(store: Store) -> None:
    with store.atomic() as conn:
        told = [feedback.add_step(conn, step) for step in (STEP, STEP, NEWER, STEP, NEWER)]
    assert told == ["new", "unchanged", "overwritten", "outdated", "unchanged"]
    assert stored(store) == [NEWER]


def test_no_order_of_records_changes_what_is_stored(store: Store) -> None:
    records = [STEP, NEWER, replace(NEWER, loss=0.1), replace(STEP, step=2)]  # two with the same time
    found = []
    for order in itertools.permutations(records):
        with store.atomic() as conn:
            conn.execute("DELETE FROM feedback_step")
            conn.execute("DELETE FROM feedback_item")
        add(store, order)
        found.append(stored(store))
    assert found[0][0] in records[1:3]
    assert all(each == found[0] for each in found)


def test_series_are_told_apart_by_training_and_parameters_oldest_first(store: Store) -> None:
    add(store, [*steps("late", time=50.0), *steps("lora", trainable_params=7)[:4], *steps("lora", first=11)])
    view = feedback.StoredFeedback(store.conn)
    assert view.series() == [
        TrainingSeries("lora", 7, 4, 1, 4),
        TrainingSeries("lora", None, 10, 11, 20),
        TrainingSeries("late", None, 10, 1, 10),
    ]
    assert [step.step for step in view.steps(view.series()[1], after=17)] == [18, 19, 20]


def test_of_two_signals_about_the_same_the_newer_counts(store: Store) -> None:
    said = [Signal(CandidateId("b2:1"), "verdict", value, "me", time=time) for value, time in ((1, 1), (-1, 9), (0, 5))]
    said += [replace(said[0], source="you"), replace(said[0], name="eval")]
    for records in (said, random.Random(2).sample(said, 5)):
        add(store, records)
        view = feedback.StoredFeedback(store.conn)
        assert {(s.name, s.source): s.value for s in view.signals()} == {
            ("verdict", "me"): -1,
            ("verdict", "you"): 1,
            ("eval", "me"): 1,
        }
        assert [signal.name for signal in view.signals("eval")] == ["eval"]


def test_a_text_is_found_among_the_instructions_whatever_its_case(store: Store) -> None:
    fill(store)
    known = BATCHES[2][1]
    add(
        store,
        [
            Signal(CandidateId(""), "v", 1.0, text=known.instruction.upper()),
            Signal(CandidateId(""), "v", 1.0, text="Foreign."),
        ],
    )
    found = feedback.StoredFeedback(store.conn).signals()
    assert [(s.candidate_id, s.text) for s in found] == [(known.id, known.instruction.upper()), ("", "Foreign.")]
    assert [feedback.unknown_name(store.conn, signal) for signal in found] == ["", "Foreign."]


def test_ids_that_were_never_seen_are_counted_and_kept(store: Store) -> None:
    fill(store)
    odd = replace(steps()[0], items=(("b2:x", "b2:x", SEEDS[0].id), (BATCHES[0][0].id, "b2:y")))
    add(store, [odd, replace(odd, run_id="run-2", items=(("b2:z",),))])
    assert feedback.unknown_ids(store.conn, ["run-1"]) == {"b2:x": 2, "b2:y": 1}
    assert stored(store)[0].items == odd.items


def test_there_is_feedback_once_there_is_a_step_or_a_signal(store: Store) -> None:
    assert not feedback.has_feedback(store.conn)
    add(store, [Signal(CandidateId("b2:1"), "v", 0.0)])
    assert feedback.has_feedback(store.conn)
