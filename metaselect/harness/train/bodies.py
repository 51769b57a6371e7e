"""A model's body: frozen in part, shared between heads, or with LoRA."""

from typing import Any

import torch

from metaselect.errors import MetaselectError, MissingExtra


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


def frozen_names(model: torch.nn.Module) -> frozenset[str]:
    """Names of the weights that do not train."""
    return frozenset(name for name, value in model.named_parameters() if not value.requires_grad)


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
