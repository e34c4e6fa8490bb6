"""badge.svg: well-formed, loads nothing, readable by those who see it and those who don't."""

from xml.etree import ElementTree as ET

import pytest

from acs_conformance.report import badge
from hostile import poisoned, sample

SVG = "{http://www.w3.org/2000/svg}"


def parsed(report):
    return ET.fromstring(badge.render(report))  # noqa: S314 - our own text


def words(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def contrast(color, other="#ffffff"):
    """The contrast of two colours by WCAG 2.2, relative luminance."""

    def luminance(code):
        parts = [int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(color), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("verdict", "fails", "says"),
    [
        ("conforms", 0, "conforms"),
        ("fails", 3, "3 failing"),
        ("fails", 1_234, "1,234 failing"),
        ("fails", 0, "reading changed"),
        ("inconclusive", 0, "not decided"),
        ("error", 0, "run failed"),
    ],
)
def test_the_badge_says_the_verdict_in_words_and_colour(verdict, fails, says):
    report = sample()
    report["run"]["verdict"] = verdict
    report["run"]["counts"]["fail"] = fails
    root = parsed(report)
    assert words(root) == ["conformance", says]
    assert root.get("role") == "img"
    assert root.get("aria-label") == f"conformance: {says}"
    assert report["descriptions"][0]["operation"] in root.findtext(f"{SVG}title")
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("fill")]
    assert len(fills) == 2
    assert all(contrast(color) >= 4.5 for color in fills)


def test_the_words_fit_their_fields():
    root = parsed(sample())
    left, right = (rect for rect in root.iter(f"{SVG}rect") if rect.get("fill"))
    first, second = root.iter(f"{SVG}text")
    assert int(first.get("x")) + int(first.get("textLength")) < int(left.get("width"))
    assert int(second.get("x")) > int(left.get("width"))
    assert int(second.get("x")) + int(second.get("textLength")) < int(root.get("width"))
    assert int(left.get("width")) + int(right.get("width")) == int(root.get("width"))


def test_hostile_text_stays_text():
    clean, root = parsed(sample()), parsed(poisoned(sample(), "\"'><script>alert(1)</script>&\u202e\x00\ud800"))
    assert [element.tag for element in root.iter()] == [element.tag for element in clean.iter()]
    assert "<script>" in root.findtext(f"{SVG}title")
    assert words(root) == words(clean)
