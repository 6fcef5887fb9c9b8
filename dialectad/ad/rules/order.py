"""`order`: its results are integers, so no derivative flows through it, whatever it looks at."""

from __future__ import annotations

from xdsl.ir import Operation

from dialectad.ad.forward import Forward
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Inactive, register
from dialectad.dialects.order import ORDER


class Numbers(Inactive):
    """In memory the op looks at what may be active, so the sweeps pass by."""

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        pass

    def forward(self, sweep: Forward, op: Operation) -> None:
        pass


for _op in ORDER.operations:
    register(_op, Numbers())
