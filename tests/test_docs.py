"""The documentation says what the code does."""

import json
from pathlib import Path

from metaselect.features.registry import FEATURES, reference_table

ROOT = Path(__file__).parents[1]


def test_the_feature_reference_is_the_registry():
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert page.endswith(reference_table())
    assert len(FEATURES) >= 40
    assert all(f"`{feature.name}`" in page for feature in FEATURES)


def test_the_limits_tell_the_figures_of_the_records_that_ship():
    text = (ROOT / "docs" / "explanation" / "limits.md").read_text(encoding="utf-8")
    words = " ".join(text.split())
    target, family = (
        json.loads((ROOT / "artifacts" / "evaluation" / f"evaluation-{name}.json").read_text())
        for name in ("target", "family")
    )
    told = []
    for record in (target, family):
        found, said = record["intervals"], record["calibration"]
        told += [
            f"cover {found['coverage']:.0%}",
            f"{100 * found['half_width']:.1f} points",
            f"{min(found['coverage_by_cluster'].values()):.0%} on ",
            f"{said['brier']:.3f}",
            f"{said['brier_of_share']:.3f}",
        ]
    common = max(target["calibration"]["bins"], key=lambda part: part["share"])
    told.append(f"{common['share']:.0%} of what it says is near one number, {common['said']:.0%}")
    told.append(f"where {common['seen']:.0%} were seen")
    high, highest = family["calibration"]["bins"][-2:]
    told.append(f"it says {high['said']:.0%} on average, {high['seen']:.0%} were seen")
    told.append(f"and where {highest['said']:.0%}, {highest['seen']:.0%}")
    assert [part for part in told if part.replace("%", " %") not in words] == []


def test_the_readme_names_the_commands_that_ci_runs():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- test command -->\n```bash\npython3.11 -m venv" in page
    assert ".venv/bin/metaselect reproduce" in page
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
