"""A model's weights: its body and heads, on disk and back, frozen, shared or with LoRA."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from metaselect.errors import MetaselectError, MissingExtra
from metaselect.files import replacing

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def body_of(model: torch.nn.Module) -> torch.nn.Module:
    """The encoder inside a library model; the model itself where it has no head."""
    prefix = str(getattr(model, "base_model_prefix", ""))
    body = getattr(model, prefix, None) if prefix else None
    return body if isinstance(body, torch.nn.Module) else model


def freeze_embeddings(model: torch.nn.Module) -> None:
    """Keep a model's word embeddings as they are while the rest trains."""
    body: Any = body_of(model)
    body.get_input_embeddings().weight.requires_grad_(False)


def freeze_layers(model: torch.nn.Module, n_layers: int) -> None:
    """Keep all embeddings and the first layers as they are while the rest trains.

    Raises:
        MetaselectError: The encoder has no such list of layers, or too few of them.
    """
    body: Any = body_of(model)
    layers = getattr(getattr(body, "encoder", None), "layer", None)
    embeddings = getattr(body, "embeddings", None)
    if layers is None or embeddings is None:
        raise MetaselectError("freeze_layers works on BERT's and RoBERTa's kind of encoder alone.")
    if n_layers >= len(layers):
        raise MetaselectError(
            f"freeze_layers = {n_layers} leaves nothing to train of {len(layers)} layers."
        )
    for module in (embeddings, *layers[:n_layers]):
        module.requires_grad_(False)


def share_body(first: torch.nn.Module, other: torch.nn.Module) -> None:
    """Give the other model the first one's body, so that both train it.

    Layers that the first body lacks (a pooler) stay the other's own.
    """
    mine, theirs = body_of(first), body_of(other)
    if mine is first or theirs is other:
        raise MetaselectError("A dual encoder cannot train together with other tasks.")
    for name, module in mine.named_children():
        setattr(theirs, name, module)


def save_weights(
    model: torch.nn.Module, path: Path, *, left_out: Collection[str], matrices: torch.dtype
) -> None:
    """Write a model's weights as safetensors.

    Args:
        model: Body and head.
        path: Where to.
        left_out: Names of weights that are the pretrained encoder's own.
        matrices: Type that matrices are kept in; vectors stay as they are.
    """
    state = {
        name: value.detach().cpu().to(matrices if value.ndim > 1 else value.dtype).contiguous()
        for name, value in model.state_dict().items()
        if name not in left_out
    }
    with replacing(path) as temp:
        save_file(state, str(temp))


def frozen_names(model: torch.nn.Module) -> frozenset[str]:
    """Names of the weights that do not train."""
    return frozenset(name for name, value in model.named_parameters() if not value.requires_grad)


def names_in(path: Path) -> frozenset[str]:
    """Names of the weights that a file holds."""
    with safe_open(str(path), framework="pt") as file:
        return frozenset(file.keys())


def n_left_out(path: Path) -> int:
    """Leading layers that a file of weights leaves to the pretrained encoder, embeddings too."""
    names = names_in(path)
    layers = [int(found[1]) for name in names if (found := _LAYER.search(name))]
    has_embeddings = any("embeddings." in name for name in names)
    return 0 if has_embeddings or not layers else min(layers)


def load_body(model: torch.nn.Module, path: Path) -> None:
    """Take over the body of a stage's weights; head and what the file lacks stay as they are."""
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    body = body_of(model)
    state = {name.removeprefix(prefix): value for name, value in load_file(str(path)).items()}
    own = body.state_dict()
    shared = {name: value for name, value in state.items() if name in own}
    if not shared or any(value.shape != own[name].shape for name, value in shared.items()):
        raise MetaselectError(f"{path} holds weights of another encoder.")
    body.load_state_dict(shared, strict=False)


def load_all(model: torch.nn.Module, path: Path) -> None:
    """Take over every weight of a stage's file: the body and its head."""
    found = model.load_state_dict(load_file(str(path)), strict=False)
    if found.unexpected_keys:
        raise MetaselectError(f"{path} holds weights of another model.")


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
