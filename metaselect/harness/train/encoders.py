"""Pretrained encoders: what they are, where they come from, how they load."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers.utils.hub import cached_file

from metaselect.errors import MetaselectError
from metaselect.files import sha256_of
from metaselect.harness.data.hubtables import check_downloads, hub_faults, hub_reason
from metaselect.harness.data.sources import is_url, mirrored
from metaselect.harness.recipe import Machine
from metaselect.harness.train import filewords

Attention = Literal["eager"] | None
"""How attention is computed; None is the library's choice."""

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


class LetGoTokenizer:
    """An encoder's tokenizer, loaded when texts are given to it, that can be let go in between.

    A quarter of a million pieces take 0.25 GB, which a training on tokens from the disk can do
    without. It answers as the library's own.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._loaded: Any = None

    @property
    def pad_token_id(self) -> int:
        """Id of the token that fills batches."""
        return _pad_token_id(self._encoder)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Tokens of texts, as the library's tokenizer gives them."""
        return self._whole()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole(), name)

    def let_go(self) -> None:
        """Forget it until it is asked again."""
        self._loaded = None

    def _whole(self) -> Any:
        if self._loaded is None:
            self._loaded = load_tokenizer(self._encoder)
        return self._loaded


@cache
def _pad_token_id(encoder: Encoder) -> int:
    return int(load_tokenizer(encoder).pad_token_id)


def load_model(
    encoder: Encoder,
    *,
    auto_class: str,
    n_labels: int | None,
    seed: int,
    attention: Attention = None,
    dropout: float | None = None,
) -> torch.nn.Module:
    """The encoder with a library head on it, in float32, with head weights fixed by the seed.

    Args:
        encoder: What to load.
        auto_class: `AutoModelFor...`, or `AutoModel` for no head.
        n_labels: Outputs of the head; None where the class fixes them.
        seed: Fixes the new weights; also the body's, for an encoder with random weights.
        attention: Implementation of attention; None leaves it to the library.
        dropout: Of hidden states and attention; None keeps the encoder's own.
    """
    config = _config_of(encoder, n_labels, dropout)
    library_class = getattr(transformers, auto_class)
    with _quiet():
        torch.manual_seed(seed)
        if encoder.random_weights:
            return library_class.from_config(  # type: ignore[no-any-return]
                config, dtype=torch.float32, attn_implementation=attention
            )
        with _checked(encoder):
            model: torch.nn.Module = library_class.from_pretrained(
                place_of(encoder),
                revision=encoder.revision or "main",
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                use_safetensors=True,
            )
    return model


def load_on_file_words(
    encoder: Encoder,
    *,
    auto_class: str,
    n_labels: int | None,
    seed: int,
    attention: Attention = None,
    dropout: float | None = None,
) -> torch.nn.Module:
    """The same model as `load_model`'s, with word embeddings that stay in the encoder's file.

    They do not train, and take memory as their rows are read, which all workers share. An encoder
    whose weights are not in one file loads as a whole.
    """
    path = None if encoder.random_weights else _weights_file(encoder)
    found = None if path is None else filewords.read_state(path)
    if found is None:
        return load_model(
            encoder, auto_class=auto_class, n_labels=n_labels, seed=seed, attention=attention,
            dropout=dropout,
        )  # fmt: skip
    state, words = found
    config = _config_of(encoder, n_labels, dropout)
    with torch.device("meta"):
        model_class = type(getattr(transformers, auto_class).from_config(config))
    with _quiet():
        torch.manual_seed(seed)
        model: torch.nn.Module = model_class.from_pretrained(
            None, config=config, state_dict=state, dtype=torch.float32,
            attn_implementation=attention,
        )  # fmt: skip
    filewords.put_in(model, words)
    return model


def attention_for(machine: Machine) -> Attention:
    """Plain attention for bfloat16 on a CPU, where the fused kernel's backward pass is slower."""
    slow = machine.device == "cpu" and machine.precision == "bfloat16"
    return "eager" if slow else None


def _config_of(encoder: Encoder, n_labels: int | None, dropout: float | None) -> Any:
    """The encoder's config, cut to its layers and with the head's size."""
    config = transformers.AutoConfig.from_pretrained(
        place_of(encoder), revision=encoder.revision or "main"
    )
    _cut_layers(config, encoder)
    if n_labels is not None:
        config.num_labels = n_labels
    if dropout is not None:
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    return config


def _weights_file(encoder: Encoder) -> Path | None:
    """The one file of an encoder's weights, fetched from the hub if need be; None of several."""
    try:
        with _checked(encoder):
            found = cached_file(
                place_of(encoder), "model.safetensors", revision=encoder.revision or "main"
            )
    except OSError:
        return None
    return None if found is None else Path(found)


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

    try:
        info = HfApi().model_info(encoder.path, revision=encoder.revision)
    except hub_faults() as error:
        raise MetaselectError(
            f"Encoder {encoder.path!r} is neither a folder nor a model that the hub gives: "
            f"{hub_reason(error)}. Folders are relative to the grid's file; "
            f"--encoder {encoder.name}=PATH names another."
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
