"""Elements of SVG as text, every attribute and text escaped."""

from collections.abc import Iterable

from markupsafe import Markup, escape


def element(name: str, content: str | Markup = "", **attributes: str | float) -> Markup:
    """An element; `class_` and the like lose their underscore, others become hyphens, text content is escaped.

    >>> element("text", "a < b", x=1.25, class_="axis", text_anchor="end")
    Markup('<text x="1.25" class="axis" text-anchor="end">a &lt; b</text>')
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(Markup(key.rstrip("_").replace("_", "-")), _number(value))  # noqa: S704 # our own keys
        for key, value in attributes.items()
    )
    tag = Markup(name)  # noqa: S704 # our own names
    return Markup("<{}{}>{}</{}>").format(tag, written, escape(content), tag)


def join(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def path_of(points: Iterable[tuple[float, float]]) -> str:
    """Straight lines through points, as path data."""
    return "".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))


def picture(width: float, height: float, label: str, *content: Markup) -> Markup:
    """An SVG that fills its column and says what it shows to those who cannot see it."""
    title = element("title", label)
    return element(
        "svg",
        join([title, *content]),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        class_="chart",
    )


def _number(value: str | float) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)
