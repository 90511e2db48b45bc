"""Text can be read on the page, light and dark."""

import re

import pytest

from cotejo.report.page import HERE

LEAST = 4.5  # WCAG 2.2, 1.4.3
CSS = (HERE / "page.css").read_text()
LIGHT, DARK, PRINTED = (
    dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block)) for block in re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)
)


def luminance(colour: str) -> float:
    """The relative luminance of #rgb or #rrggbb, as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_as_known() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK, PRINTED], ids=["light", "dark", "printed"])
def test_every_text_stands_out_from_what_is_behind_it(colours: dict[str, str]) -> None:
    assert colours.keys() == {"paper", "ink", "muted", "line", "shade", "link", "good", "weak", "bad"}
    for text in ("ink", "muted", "link", "good", "weak", "bad"):
        for behind in ("paper", "shade"):
            assert contrast(colours[text], colours[behind]) >= LEAST, f"{text} on {behind}"


def test_styles_name_no_other_colours() -> None:
    for name in ("page.css", "tables.css"):
        rules = re.sub(r":root \{.*?\}", "", (HERE / name).read_text(), flags=re.DOTALL)
        assert not re.search(r"#[0-9a-fA-F]{3,6}\b|rgb|hsl", rules), name
