"""The bars of a comparison as inline SVG, in the colours of the text around it."""

from __future__ import annotations

from html import escape

from dialectad.comparison.chart import Bar, Panel, panels
from dialectad.comparison.result import Comparison

_WIDTH, _ROW, _BAR = 360, 22, 14
_NAME, _LABEL = 112, 100
"""Room for the names before the bars, and for the figures after the longest."""
_TOP, _BOTTOM = 24, 22


def charts(comparison: Comparison) -> str:
    """An SVG for each panel."""
    return "\n".join(_panel(panel) for panel in panels(comparison))


def _panel(panel: Panel) -> str:
    height = _TOP + _ROW * len(panel.bars) + _BOTTOM
    title = panel.title + (" (log scale)" if panel.is_log else "")
    parts = [
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}"'
        ' font-family="system-ui, sans-serif" font-size="11.5" fill="currentColor">',
        f'<text x="0" y="12" font-weight="600">{escape(title)}</text>',
    ]
    parts += [_bar(panel, bar, _TOP + _ROW * i) for i, bar in enumerate(panel.bars)]
    if panel.baseline:
        x = _x(panel, panel.baseline)
        end = _TOP + _ROW * len(panel.bars)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 2}" y2="{end + 2}" stroke="currentColor"'
            ' stroke-dasharray="3 2.5" opacity=".55"/>'
            f'<text x="{_NAME}" y="{end + 15}" opacity=".65" font-size="10.5">'
            f"dashed: {escape(panel.baseline_label)}</text>"
        )
    parts += [_texts(panel, bar, _TOP + _ROW * i) for i, bar in enumerate(panel.bars)]
    return "".join([*parts, "</svg>"])


def _x(panel: Panel, value: float) -> float:
    return _NAME + panel.fraction(value) * (_WIDTH - _NAME - _LABEL)


def _bar(panel: Panel, bar: Bar, top: float) -> str:
    if bar.value is None:
        return ""
    width = max(1.5, _x(panel, bar.value) - _NAME)
    faded = ' opacity=".45"' if bar.wrong else ""
    return (
        f'<rect x="{_NAME}" y="{top + (_ROW - _BAR) / 2}" width="{width:.1f}" height="{_BAR}" rx="2"'
        f' fill="{bar.color}"{faded}><title>{escape(bar.level)}: {escape(bar.label)}</title></rect>'
    )


def _texts(panel: Panel, bar: Bar, top: float) -> str:
    """The names of a bar and of its figure; a halo in the page's colour keeps the dashed line out of it."""
    middle = top + _ROW / 2 + 4
    end = _NAME if bar.value is None else _x(panel, bar.value)
    color = (
        ' fill="#d33" font-weight="600"' if bar.wrong else ' fill-opacity=".55"' if bar.value is None else ""
    )
    halo = 'style="paint-order: stroke; stroke: var(--page, transparent); stroke-width: 3px"'
    label = f"{bar.label} wrong" if bar.wrong else bar.label
    return (
        f'{_name(bar.level, middle)}<text x="{end + 5:.1f}" y="{middle}" {halo}{color}>{escape(label)}</text>'
    )


def _name(level: str, middle: float) -> str:
    """The level, and its options in small letters below."""
    name, bracket, options = level.partition("(")
    end = f'x="{_NAME - 8}" text-anchor="end"'
    if not bracket:
        return f'<text {end} y="{middle}">{escape(name)}</text>'
    return (
        f'<text {end} y="{middle - 4}">{escape(name)}</text>'
        f'<text {end} y="{middle + 5}" font-size="8.5" opacity=".75">{escape(options[:-1])}</text>'
    )
