"""A comparison in a notebook: the table and the bars, in the notebook's own colours."""

from __future__ import annotations

from html import escape

from dialectad.comparison.html import table, verdict
from dialectad.comparison.result import Comparison
from dialectad.comparison.svg import charts
from dialectad.comparison.table import heading

_STYLE = """
.da-compare { font: 13px/1.45 system-ui, sans-serif; max-width: 70rem }
.da-compare h4 { margin: .2em 0 .6em; font: 600 14px ui-monospace, monospace }
.da-compare .scroll { overflow-x: auto }
.da-compare table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0 }
.da-compare th, .da-compare td { text-align: right; padding: .25em .8em; background: none }
.da-compare th, .da-compare td { white-space: nowrap }
.da-compare th:first-child, .da-compare .why td { text-align: left }
.da-compare thead th { border-bottom: 1px solid currentColor; font-weight: 600 }
.da-compare .dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .5em }
.da-compare .best { font-weight: 700; color: #2a8f43 }
.da-compare .why td { white-space: normal }
.da-compare .primal { opacity: .65 }
.da-compare .disagrees, .da-compare .failed, .da-compare .verdict.bad { color: #d33 }
.da-compare .refused, .da-compare .timeout { color: #b58900 }
.da-compare pre { margin: .2em 0; white-space: pre-wrap; color: inherit; background: none; border: 0 }
.da-compare .panels { display: flex; flex-wrap: wrap; gap: 1em 2em; margin-top: 1em }
.da-compare svg { width: 22rem; max-width: 100% }
"""


def fragment(comparison: Comparison) -> str:
    """HTML without scripts, as notebooks show it."""
    notes = "".join(f"<p><i>{escape(note)}</i></p>" for note in comparison.notes)
    return (
        f'<div class="da-compare"><style>{_STYLE}</style><h4>{escape(heading(comparison))}</h4>'
        f"{verdict(comparison)}{table(comparison)}{notes}"
        f'<div class="panels">{charts(comparison)}</div>'
        f"<p><small>{escape(comparison.machine)}</small></p></div>"
    )
