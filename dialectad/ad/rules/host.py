"""`host.call` has no derivative; it is in the forward sweep once, and nowhere else.

One that has a derivative is in a function with a rule of its own, see `dialects/call_rule.py`.
"""

from __future__ import annotations

from xdsl.ir import Operation

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.call_operands import split
from dialectad.ad.forward import Forward
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, register
from dialectad.ad.rules import ruled_calls
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError


class HostCall(Rule):
    def vary(self, activity: Activity, op: Operation) -> None:
        ruled_calls.vary(activity, op)

    def use(self, activity: Activity, op: Operation) -> None:
        ruled_calls.use(activity, op)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        _check(sweep, op)

    def forward(self, sweep: Forward, op: Operation) -> None:
        _check(sweep, op)


def _check(sweep: Reverse | Forward, op: Operation) -> None:
    """Refuse a call whose result is differentiated."""
    if any(out.is_float and sweep.active(out.value) for out in split(op)[1]):
        raise CompileError(
            "what a Python function gives to compiled code has no derivative",
            locations.of(op),
            hint="give it one (da.host_callback(..., vjp=...)), or call it with da.stop_gradient(x)",
            pass_name="differentiate",
        )


register(HostCallOp, HostCall())
