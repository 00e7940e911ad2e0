"""Small charts set by hand as SVG. Colours are classes of the style sheet, so that they follow light and dark."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from vlm_eval.metrics.estimate import Estimate

Points = Sequence[tuple[float, float]]


def tag(name: str, body: str | Markup = "", **attributes: object) -> Markup:
    """Return an SVG element; `_` in a name of an attribute is written as `-`, a trailing one is dropped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{escape(body)}</{name}>")


def _short(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def join(parts: Iterable[str]) -> Markup:
    """Put elements one after the other."""
    return Markup("").join(parts)


def picture(width: int, height: int, label: str, parts: Iterable[str], class_: str = "") -> Markup:
    """Return a chart that a screen reader reads as one picture with a label."""
    size = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    return tag("svg", join(parts), role="img", aria_label=label, class_=f"chart {class_}".strip(), **size)


def path(points: Points, class_: str, *, close: bool = False) -> Markup:
    """Return a line through points, in pixels."""
    steps = " ".join(f"{'L' if index else 'M'}{_short(x)} {_short(y)}" for index, (x, y) in enumerate(points))
    return tag("path", d=steps + ("Z" if close else ""), class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line, in pixels."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def words(x: float, y: float, text: str, class_: str = "", anchor: str = "start") -> Markup:
    """Return a text, in pixels."""
    return tag("text", text, x=x, y=y, class_=class_, text_anchor=anchor)


class Scale:
    """A linear map from data to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; values outside end at the border."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def whisker(estimate: Estimate, low: float, high: float, width: int, mark: float | None, class_: str) -> Markup:
    """Draw an estimate as a dot with its interval on a line of its own; empty where it is undefined."""
    if estimate.value is None:
        return Markup("")
    at = Scale(low, high, 4, width - 4)
    parts = [line(at(low), 9, at(high), 9, "rail")]
    if mark is not None:
        parts.append(line(at(mark), 1, at(mark), 17, "mark"))
    if estimate.low is not None and estimate.high is not None:
        parts.append(line(at(estimate.low), 9, at(estimate.high), 9, f"whisker {class_}"))
    parts.append(tag("circle", cx=at(estimate.value), cy=9, r=3.5, class_=f"dot {class_}"))
    size = {"viewBox": f"0 0 {width} 18", "width": width, "height": 18}
    return tag("svg", join(parts), class_="chart", aria_hidden="true", **size)


def axis_below(low: float, high: float, ticks: Sequence[tuple[float, str]], width: int) -> Markup:
    """Draw the axis that a column of whiskers shares."""
    at = Scale(low, high, 4, width - 4)
    parts = [line(at(low), 3, at(high), 3, "axis")]
    for value, text in ticks:
        parts += [line(at(value), 3, at(value), 7, "axis"), words(at(value), 18, text, "tick", "middle")]
    size = {"viewBox": f"0 0 {width} 22", "width": width, "height": 22}
    return tag("svg", join(parts), class_="chart", aria_hidden="true", **size)
