"""Which weights train and how: fused AdamW with linear warm-up and decay."""

from collections.abc import Sequence

import torch

from metaselect.harness.recipe import Recipe


def trainable(models: Sequence[torch.nn.Module]) -> list[torch.nn.Parameter]:
    """Trainable parameters of some models, the shared ones once."""
    unique = {id(p): p for model in models for p in model.parameters() if p.requires_grad}
    return list(unique.values())


def make_optimizer(
    parameters: Sequence[torch.nn.Parameter], recipe: Recipe, n_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """Fused AdamW, linear warm-up and decay; biases and norms (vectors) do not decay."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, eps=1e-8, fused=True)
    n_warm = round(recipe.warmup * n_steps)

    def scale(step: int) -> float:
        if step < n_warm:
            return (step + 1) / n_warm
        return max(0.0, (n_steps - step) / max(1, n_steps - n_warm))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, scale)
