"""The policy's file: what comes back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from insgen import ConfigError, DataError
from insgen.training.raising.episode import Table
from insgen.training.raising.options import RaiseOptions, preset
from insgen.training.raising.policy import Policy


def test_policy_comes_back_with_its_statistics_and_facts(policy: Policy, table: Table, tmp_path: Path) -> None:
    policy.told(rounds=4, stages=((-1.0, 0.1), (-0.9, 0.2)))
    policy.save(tmp_path / "policy.safetensors")
    again = Policy.load(tmp_path / "policy.safetensors")

    state = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 15)).astype(np.float32))
    assert torch.equal(policy.score(state), again.score(state))
    assert torch.equal(policy.value(state), again.value(state))
    assert again.facts == policy.facts
    assert (again.scaling.mean == policy.scaling.mean).all()
    assert (again.classes(table.static, table.ids).labels == table.classes.labels).all()
    assert again.digest == policy.digest
    assert [each.name for each in tmp_path.iterdir()] == ["policy.safetensors"]


def test_features_of_another_model_are_refused_by_name(policy: Policy) -> None:
    policy.refuse_other("b2:measured-by", 8)

    with pytest.raises(DataError, match=r"learned with the auxiliary model b2:measured-by \(models/small\) and 15 col"):
        policy.refuse_other("b2:another", 32)
    with pytest.raises(DataError, match="these rows were measured by b2:measured-by, in 39 columns"):
        policy.refuse_other("b2:measured-by", 32)


@pytest.mark.parametrize("content", [b"", b"not a policy", b"\x10\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_file_that_is_no_policy_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "policy.safetensors").write_bytes(content)

    with pytest.raises(DataError, match="cannot be read as a policy"):
        Policy.load(tmp_path / "policy.safetensors")
    with pytest.raises(DataError, match="cannot be read as a policy"):
        Policy.load(tmp_path / "missing.safetensors")


def test_a_safetensors_file_of_something_else_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="does not say"):
        Policy.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("mean", np.zeros(7), r"mean has the shape \(7,\), not \(12,\)"),
        ("centres", np.zeros((3, 4), dtype=np.float32), r"centres has the shape \(3, 4\), not \(3, 8\)"),
        ("actor.2.bias", np.full(1, np.nan, dtype=np.float32), "actor.2.bias is not finite"),
        ("actor.2.weight", np.zeros((1, 3), dtype=np.float32), "size mismatch for 2.weight"),
    ],
)
def test_numbers_of_other_features_are_refused(
    policy: Policy, tmp_path: Path, name: str, numbers: np.ndarray, message: str
) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    policy.save(tmp_path / "policy.safetensors")
    with safe_open(tmp_path / "policy.safetensors", framework="numpy") as file:
        about = file.metadata()
    save_file({**load_file(tmp_path / "policy.safetensors"), name: numbers}, tmp_path / "other.safetensors", about)

    with pytest.raises(DataError, match=f"cannot be read as a policy: .*{message}"):
        Policy.load(tmp_path / "other.safetensors")


def test_a_proxy_is_called_one(policy: Policy) -> None:
    assert policy.facts.label == "RAISE policy, untrained"
    policy.told(proxy=True, rounds=3)
    assert policy.facts.label == "proxy policy, not RAISE, after 3 episodes"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": "prodct"}, 'Did you mean "product"'),
        ({"batch": 0}, "batch = 0 is impossible"),
        ({"classes": 40}, "at most the batch, 32"),
        ({"gamma": 1.5}, "gamma = 1.5 is impossible"),
        ({"share": 0.0}, "more than 0, up to 1"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RaiseOptions(**changes)  # type: ignore[arg-type]  # by name


def test_presets_and_steps() -> None:
    assert (preset("paper", {}).actor_lr, preset("paper", {}).critic_lr, preset("paper", {}).rounds) == (0.1, 0.2, 20)
    assert RaiseOptions().n_steps(52_002) == 49  # three epochs over one per cent in batches of 32
    assert preset("small", {"steps": 7}).n_steps(10) == 7
    with pytest.raises(ConfigError, match='Did you mean "paper"'):
        preset("papre", {})
