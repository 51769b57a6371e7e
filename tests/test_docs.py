"""The documentation says what the code does."""

from pathlib import Path

from metaselect.features.registry import FEATURES, reference_table

ROOT = Path(__file__).parents[1]


def test_the_feature_reference_is_the_registry():
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert page.endswith(reference_table())
    assert len(FEATURES) >= 40
    assert all(f"`{feature.name}`" in page for feature in FEATURES)


def test_the_readme_names_the_commands_that_ci_runs():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- test command -->\n```bash\npython3.11 -m venv" in page
    assert ".venv/bin/metaselect reproduce" in page
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
