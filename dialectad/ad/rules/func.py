"""Calls: they are inlined before differentiation (`prepare.inline_calls`), so there is none to differentiate.

An op that calls is still listed, so that the table of rules is complete.
"""

from __future__ import annotations

from xdsl.dialects import cf, func

from dialectad.ad.rule import inactive

inactive(cf.AssertOp, func.ReturnOp)
