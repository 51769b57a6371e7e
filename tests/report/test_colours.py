import re
from importlib import resources

import pytest

_CSS = (resources.files("metaselect.report") / "page.css").read_text(encoding="utf-8")
_LIGHT, _DARK = re.findall(r":root \{(.*?)\}", _CSS, flags=re.DOTALL)
_ON = ("paper", "panel", "warn", *(f"gain{number}" for number in range(7)))


def _colours(block):
    return dict(re.findall(r"--([a-z\d-]+): (#[\da-f]{6});", block))


def _luminance(colour):
    """Of WCAG 2: linear light, weighted by what the eye sees."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first, second):
    low, high = sorted([_luminance(first), _luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_highest_contrast():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("block", [_LIGHT, _DARK], ids=["light", "dark"])
def test_text_is_readable_on_every_colour_it_stands_on(block):
    colours = _colours(block)
    assert len(colours) == 11 + 7 + 3  # of texts and lines; of gains; of the map
    for name in _ON:
        assert _contrast(colours["ink"], colours[name]) >= 4.5, name
    for text in ("soft", "accent"):
        assert _contrast(colours[text], colours["panel"]) >= 4.5, text
        assert _contrast(colours[text], colours["paper"]) >= 4.5, text
    assert _contrast(colours["paper"], colours["accent"]) >= 4.5
