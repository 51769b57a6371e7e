"""The dry run's probe: it times the step that will be made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from metaselect.harness.grid import probe
from metaselect.harness.train.finetune import Leg
from tests.harness.grids import TRAINING, tiny_config, tiny_grid


def test_a_probe_trains_the_models_that_the_stage_will_train(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sequence[Leg]] = []
    real = probe.finetune

    def watched(legs: Sequence[Leg], *rest: Any, **settings: Any) -> Any:
        seen.append(legs)
        return real(legs, *rest, **settings)

    monkeypatch.setattr(probe, "finetune", watched)
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnli+copa"], targets=["udpos"],
        precision="bfloat16", training={**TRAINING, "freeze_layers": 1, "dropout": 0.0},
    )  # fmt: skip
    tiny_grid(config, tmp_path / "out").preview(lambda line: None)
    assert sorted(len(legs) for legs in seen) == [1, 2]  # udpos; mnli and copa take turns
    for model in (leg.model for legs in seen for leg in legs):
        assert model.config._attn_implementation == "eager"  # faster in bfloat16 on a CPU
        assert {part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)} == {0.0}
        names = set(model.state_dict())
        assert not any("embeddings" in name or "layer.0." in name for name in names)
        assert any("layer.1." in name for name in names)
