"""Pretrained encoders: what they are, how they load, how weights pass from stage to stage."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

from metaselect.errors import MetaselectError, MissingExtra
from metaselect.files import replacing, sha256_of
from metaselect.harness.downloads import check_downloads
from metaselect.harness.sources import is_url, mirrored

_IDENTITY_FILES = (".json", ".safetensors", ".model", ".txt")  # what changes an encoder's output


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A pretrained encoder, as the grid names it.

    Attributes:
        name: As it stands in runs tables.
        path: Local folder, URL of one, or hub id.
        revision: Hub branch or commit; None takes the default branch.
        n_layers: Keep the first layers only; None keeps all.
        random_weights: Untrained weights of the same shape: the control of a score that makes
            sense.
    """

    name: str
    path: str
    revision: str | None
    n_layers: int | None
    random_weights: bool


def place_of(encoder: Encoder) -> str:
    """The encoder's folder on this machine, or its hub id."""
    return str(mirrored(encoder.path)) if is_url(encoder.path) else encoder.path


def fingerprint(encoder: Encoder) -> str:
    """A hash of the encoder's files (a folder) or its commit (the hub), and of how it is cut.

    Raises:
        MetaselectError: The folder has no config.json, or the hub does not know the id.
    """
    folder = Path(place_of(encoder))
    content = _folder_hash(folder) if folder.is_dir() else _hub_commit(encoder)
    return f"{content}:{encoder.n_layers}:{encoder.random_weights}"


def tokenizer_fingerprint(encoder: Encoder) -> str:
    """What fixes tokens: the tokenizer's file, or the hub commit."""
    path = Path(place_of(encoder)) / "tokenizer.json"
    return sha256_of(path) if path.is_file() else fingerprint(encoder)


def load_tokenizer(encoder: Encoder) -> Any:
    """The encoder's fast tokenizer; a slow one has no offsets and is refused."""
    with _checked(encoder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            place_of(encoder), revision=encoder.revision or "main", use_fast=True
        )
    if not tokenizer.is_fast:
        raise MetaselectError(f"{encoder.path} has no fast tokenizer (tokenizer.json).")
    return tokenizer


def load_model(
    encoder: Encoder, *, auto_class: str, n_labels: int | None, seed: int
) -> torch.nn.Module:
    """The encoder with a library head on it, in float32, with head weights fixed by the seed.

    Args:
        encoder: What to load.
        auto_class: `AutoModelFor...`, or `AutoModel` for no head.
        n_labels: Outputs of the head; None where the class fixes them.
        seed: Fixes the new weights; also the body's, for an encoder with random weights.
    """
    config = transformers.AutoConfig.from_pretrained(
        place_of(encoder), revision=encoder.revision or "main"
    )
    _cut_layers(config, encoder)
    if n_labels is not None:
        config.num_labels = n_labels
    library_class = getattr(transformers, auto_class)
    with _quiet():
        torch.manual_seed(seed)
        if encoder.random_weights:
            return library_class.from_config(config, dtype=torch.float32)  # type: ignore[no-any-return]
        with _checked(encoder):
            model: torch.nn.Module = library_class.from_pretrained(
                place_of(encoder),
                revision=encoder.revision or "main",
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
            )
    return model


@contextmanager
def _checked(encoder: Encoder) -> Iterator[None]:
    """Look at an encoder's files from the hub after they were read, whether that went well or not.

    Raises:
        MetaselectError: One is not what the hub says; it has been removed.
    """
    try:
        yield
    finally:
        if not Path(place_of(encoder)).is_dir():
            check_downloads(encoder.path, kind="model")


def body_of(model: torch.nn.Module) -> torch.nn.Module:
    """The encoder inside a library model; the model itself where it has no head."""
    prefix = str(getattr(model, "base_model_prefix", ""))
    body = getattr(model, prefix, None) if prefix else None
    return body if isinstance(body, torch.nn.Module) else model


def freeze_embeddings(model: torch.nn.Module) -> None:
    """Keep a model's word embeddings as they are while the rest trains."""
    body: Any = body_of(model)
    body.get_input_embeddings().weight.requires_grad_(False)


def share_body(first: torch.nn.Module, other: torch.nn.Module) -> None:
    """Give the other model the first one's body, so that both train it.

    Layers that the first body lacks (a pooler) stay the other's own.
    """
    mine, theirs = body_of(first), body_of(other)
    if mine is first or theirs is other:
        raise MetaselectError("A dual encoder cannot train together with other tasks.")
    for name, module in mine.named_children():
        setattr(theirs, name, module)


def save_weights(model: torch.nn.Module, path: Path) -> None:
    """Write all of a model's weights whole, as safetensors."""
    state = {name: value.detach().cpu().contiguous() for name, value in _own_state(model).items()}
    with replacing(path) as temp:
        save_file(state, str(temp))


def load_body(model: torch.nn.Module, path: Path) -> None:
    """Take over the body of a stage's weights; head and what the file lacks stay as they are."""
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    body = body_of(model)
    state = {_strip(name, prefix): value for name, value in load_file(str(path)).items()}
    own = _own_state(body)
    shared = {name: value for name, value in state.items() if name in own}
    if not shared or any(value.shape != own[name].shape for name, value in shared.items()):
        raise MetaselectError(f"{path} holds weights of another encoder.")
    body.load_state_dict({**own, **shared})


def load_all(model: torch.nn.Module, path: Path) -> None:
    """Take over every weight of a stage: the body and its head."""
    model.load_state_dict({**_own_state(model), **load_file(str(path))})


def with_lora(model: torch.nn.Module, *, rank: int, alpha: int) -> Any:
    """The model with LoRA matrices (Hu et al. 2022) on the body; heads stay trainable."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtra("LoRA", "harness") from error
    heads = [
        name
        for name, module in model.named_children()
        if module is not body_of(model) and any(True for _ in module.parameters())
    ]
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=_linear_names(body_of(model)),
        modules_to_save=heads or None,
    )  # fmt: skip
    return get_peft_model(model, config)


def merged(model: Any) -> torch.nn.Module:
    """A LoRA model folded back into plain weights; other models as they are."""
    fold = getattr(model, "merge_and_unload", None)
    plain: torch.nn.Module = fold() if fold is not None else model
    return plain


def _linear_names(body: torch.nn.Module) -> list[str]:
    """Every linear layer of the transformer blocks, by the last part of its name."""
    names = {
        name.rsplit(".", 1)[-1] if not name.endswith(".dense") else name
        for name, module in body.named_modules()
        if isinstance(module, torch.nn.Linear) and "layer" in name
    }
    return sorted(names)


def _own_state(model: torch.nn.Module) -> Mapping[str, torch.Tensor]:
    return model.state_dict()


def _strip(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)


def _cut_layers(config: Any, encoder: Encoder) -> None:
    if encoder.n_layers is None:
        return
    if not 1 <= encoder.n_layers <= config.num_hidden_layers:
        raise MetaselectError(
            f"{encoder.name}: n_layers = {encoder.n_layers}, but {encoder.path} has "
            f"{config.num_hidden_layers} layers."
        )
    config.num_hidden_layers = encoder.n_layers


def _folder_hash(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise MetaselectError(f"{folder} is no encoder: it has no config.json.")
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _IDENTITY_FILES and path.name != "README.md":
            digest.update(f"{path.name}\x1f{sha256_of(path)}\x1f".encode())
    return digest.hexdigest()


def _hub_commit(encoder: Encoder) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi().model_info(encoder.path, revision=encoder.revision)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise MetaselectError(
            f"Encoder {encoder.path!r} is neither a folder nor a model that the hub gives: {error} "
            f"Folders are relative to the grid's file; --encoder {encoder.name}=PATH names another."
        ) from error
    return f"{encoder.path}@{info.sha}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's loading report off stderr; new heads are meant to be new."""
    library: Any = transformers.utils.logging
    level = library.get_verbosity()
    bars = library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
