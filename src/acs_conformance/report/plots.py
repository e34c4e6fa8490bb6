"""How long answers took, and how the run went over time, as pictures.

In: exchanges. Out: for each picture its SVG, one sentence of what it shows, and the same as a table. pygal draws them:
it is pure Python, loaded when a report is written and not before, and its SVG needs no script, so that pictures are
there with scripts off, on paper and without a network. Of what it makes only shapes and texts are kept: the styles are
those of the page, which know light and dark.
"""

from __future__ import annotations

import bisect
import importlib
import itertools
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from acs_conformance.report import latency
from acs_conformance.report.text import cut, plural, visible

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

Data = Mapping[str, Any]

#: Edges of the distribution's bars within each factor of ten: nearly even steps on a logarithmic scale.
_EDGES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
#: Slices of the time that a run took.
_SLICES = 60
#: Operations with a colour of their own; the rest shares the last one.
_COLOURS = 5
_REST = "all others"
#: Characters of a name that fit beside its colour.
_NAME = 30
#: The least time that is told apart, in milliseconds: a clock that stood still is no reason to fail.
_LEAST_MS = 0.001
_JUDGED = ("wrong", "undecided", "right")
_SINCE = "seconds since the first request, from"
#: Labels that fit under a picture.
_LABELS = 14
_SVG = "{http://www.w3.org/2000/svg}"
#: Elements that are left out of what pygal draws, attributes that are kept, digits that nobody sees.
_LEFT_OUT = frozenset({"defs", "desc", "script", "style", "title"})
_ATTRIBUTES = frozenset(
    {"class", "cx", "cy", "d", "height", "r", "rx", "ry", "transform", "viewBox", "width", "x", "y"}
)
_DIGITS = re.compile(r"(?<=\.\d)\d+")


def draw(exchanges: Sequence[Data]) -> list[dict[str, Any]]:
    """The pictures; none where nothing was answered."""
    answered = [exchange for exchange in exchanges if exchange["response"] is not None]
    if not answered:
        return []
    return [_distribution(answered), *_over_time(exchanges)]


def _ms(exchange: Data) -> float:
    return max(float(exchange["elapsed_s"]) * 1000, _LEAST_MS)


def shown(ms: float) -> str:
    """Milliseconds in three digits."""
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}"


# --- the distribution -----------------------------------------------------------------------------------------------


def _distribution(exchanges: Sequence[Data]) -> dict[str, Any]:
    """How many answers took how long; bars are about as wide as each other by the factor between their edges."""
    names = _names(exchanges)
    counts = {name: Counter[int]() for name in dict.fromkeys(names.values())}
    for exchange in exchanges:
        counts[names[exchange["operation"]]][_bar(_ms(exchange))] += 1
    bars = range(min(map(min, counts.values())), max(map(max, counts.values())) + 1)
    edges = [shown(_edge(bar)) for bar in (*bars, bars.stop)]
    chart = _chart("StackedBar", edges[:-1], x_title="milliseconds, from", y_title="answers")
    for name, found in counts.items():
        chart.add(
            cut(visible(name), _NAME),
            [
                _point(found[bar], f"{low} to {high} ms")
                for bar, (low, high) in zip(bars, itertools.pairwise(edges), strict=True)
            ],
        )
    every = [_ms(exchange) for exchange in exchanges]
    quantiles = {"Fastest": 0.0, "Median": 0.5, "95th percentile": 0.95, "Slowest": 1.0}
    return {
        "name": "latency",
        "title": "How long answers took",
        "says": f"Half of {plural(len(every), 'answer')} came within {shown(latency.quantile(every, 0.5))} ms, "
        f"95 % within {shown(latency.quantile(every, 0.95))} ms, the slowest after {shown(max(every))} ms.",
        "svg": _markup(chart),
        "heads": ("Operation", "Answers", *(f"{name}, ms" for name in quantiles)),
        "rows": [
            (name, f"{len(mine):,}", *(shown(latency.quantile(mine, share)) for share in quantiles.values()))
            for name, mine in latency.by_operation(exchanges).items()
        ],
    }


def _bar(ms: float) -> int:
    """The number of the bar that the time falls into."""
    power = math.floor(math.log10(ms))
    return power * len(_EDGES) + bisect.bisect_right(_EDGES, ms / 10**power) - 1


def _edge(bar: int) -> float:
    """Where a bar starts, in milliseconds."""
    power, step = divmod(bar, len(_EDGES))
    return _EDGES[step] * 10.0**power


def _names(exchanges: Sequence[Data]) -> dict[str, str]:
    """Operation -> the name under which it is drawn."""
    most = [name for name, _ in Counter(exchange["operation"] for exchange in exchanges).most_common()]
    chosen = most if len(most) <= _COLOURS else most[: _COLOURS - 1]
    return {name: name if name in chosen else _REST for name in most}


# --- over time ------------------------------------------------------------------------------------------------------


def _over_time(exchanges: Sequence[Data]) -> Iterator[dict[str, Any]]:
    """Outcomes and times of each slice of the run, by the seconds since its first request."""
    start = min(exchange["sent_at"] for exchange in exchanges)
    width = (max(exchange["sent_at"] for exchange in exchanges) - start) / _SLICES or 1.0
    slices: list[list[Data]] = [[] for _ in range(_SLICES)]
    for exchange in exchanges:
        slices[min(_SLICES - 1, int((exchange["sent_at"] - start) / width))].append(exchange)
    seconds = [f"{number * width:.3g}" for number in range(_SLICES)]
    yield _outcomes(slices, seconds)
    yield _times(slices, seconds, width)


def _outcomes(slices: Sequence[Sequence[Data]], seconds: Sequence[str]) -> dict[str, Any]:
    counts = [Counter(str(exchange["judged"]) for exchange in mine) for mine in slices]
    total = sum(counts, Counter[str]())
    chart = _chart("StackedBar", seconds, x_title=_SINCE, y_title="requests")
    for judged in _JUDGED:
        points = [_point(found[judged], f"{judged}, from {at} s") for found, at in zip(counts, seconds, strict=True)]
        chart.add(judged, points)
    wrong = next((at for found, at in zip(counts, seconds, strict=True) if found["wrong"]), None)
    return {
        "name": "outcomes",
        "title": "What was answered when",
        "says": f"Of {plural(total.total(), 'request')} {total['right']:,} got a right answer, {total['wrong']:,} a "
        f"wrong one{f', from {wrong} s on' if wrong else ''}, and {total['undecided']:,} none that decides.",
        "svg": _markup(chart),
        "heads": ("From, s", *map(str.capitalize, _JUDGED)),
        "rows": [
            (at, *(f"{found[judged]:,}" for judged in _JUDGED))
            for found, at in zip(counts, seconds, strict=True)
            if found
        ],
    }


def _times(slices: Sequence[Sequence[Data]], seconds: Sequence[str], width: float) -> dict[str, Any]:
    times = [[_ms(exchange) for exchange in mine if exchange["response"] is not None] for mine in slices]
    lines = {
        name: [latency.quantile(found, share) if found else 0.0 for found in times]
        for name, share in (("slowest", 1.0), ("95th percentile", 0.95), ("median", 0.5))
    }
    chart = _chart("Line", seconds, x_title=_SINCE, y_title="milliseconds", logarithmic=True, dots_size=1.5, width=1320)
    for name, line in lines.items():
        chart.add(name, [_point(ms, f"{name}, from {at} s") for ms, at in zip(line, seconds, strict=True)])
    slowest = max(range(len(slices)), key=lines["slowest"].__getitem__)
    return {
        "name": "times",
        "title": "How long answers took when",
        "says": f"The slowest answer came {seconds[slowest]} s into the run. A point stands for {width:.2g} s.",
        "svg": _markup(chart),
        "heads": ("From, s", "Answers", *(f"{name.capitalize()}, ms" for name in lines)),
        "rows": [
            (at, f"{len(found):,}", *(shown(line[number]) for line in lines.values()))
            for number, (found, at) in enumerate(zip(times, seconds, strict=True))
            if found
        ],
    }


# --- pygal ----------------------------------------------------------------------------------------------------------


def _pygal() -> ModuleType:
    """The library, loaded on first need: it would be a third of the time that other commands take to start."""
    pygal = importlib.import_module("pygal")
    # It adds a finder for plug-ins of its own to all imports of the process, of a kind that no Python after 3.11 asks
    # and that 3.11 warns of at each later import. There are no plug-ins here.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _point(value: float, label: str) -> dict[str, Any] | None:
    """A value with its words; none where there is nothing to see."""
    return {"value": value, "label": label} if value else None


def _chart(kind: str, labels: Sequence[str], **options: Any) -> Graph:  # noqa: ANN401 - pygal's
    pygal = _pygal()
    # Sizes only: pygal leaves room for its texts by them, and the style sheet of the page has the same.
    style = pygal.style.Style(label_font_size=11, major_label_font_size=11, title_font_size=11, legend_font_size=11)
    chart: Graph = getattr(pygal, kind)(
        style=style,
        js=(),
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        legend_box_size=10,
        truncate_legend=-1,
        truncate_label=-1,
        allow_interruptions=True,
        margin=4,
        margin_bottom=10,
        spacing=6,
        value_formatter=lambda value: f"{value:,.0f}" if value % 1 == 0 else shown(value),
        max_scale=6,
        **{"width": 640, "height": 260, **options},
    )
    chart.x_labels = list(labels)
    if len(labels) > _LABELS:
        chart.x_labels_major_count, chart.show_minor_x_labels = _LABELS // 2, False
    return chart


def _markup(chart: Graph) -> Markup:
    """The picture without what is not to be seen; what is told of a shape becomes its tool tip."""
    root = ElementTree.fromstring(chart.render())  # noqa: S314 - written by pygal this moment
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
    for parent in list(root.iter()):
        words = {child.get("class", "").strip(): child.text or "" for child in parent if child.tag == "desc"}
        for child in [child for child in parent if child.tag in _LEFT_OUT]:
            parent.remove(child)
        if "label" in words and "value" in words:
            ElementTree.SubElement(parent, "title").text = f"{words['label']}: {words['value']}"
    for element in root.iter():
        kept = {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES}
        element.attrib.clear()
        element.attrib.update({name: _DIGITS.sub("", value) for name, value in kept.items()})
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}
    # Everything in it is ours, or a text that was made visible and is escaped here.
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704
