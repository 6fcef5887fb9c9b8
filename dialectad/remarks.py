"""What a pass did to a part of the program, where, and what for: LLVM's optimisation remarks.

with remarks.collected() as found:
    passes.run(ctx, module, pipeline)
found[0]            raise-loops: f.py:7: 3 loops are a product now (blas.gemm, 24,000 multiplications)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from xdsl.ir import Operation

from dialectad import locations
from dialectad.errors import Location


@dataclass(frozen=True)
class Remark:
    """One rewrite."""

    pass_name: str
    message: str
    location: Location | None
    "In the user's source, where that is known."

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        return f"{self.pass_name}: {where}{self.message}"


_COLLECTED: ContextVar[list[Remark] | None] = ContextVar("_COLLECTED", default=None)


@contextmanager
def collected() -> Iterator[list[Remark]]:
    """The remarks that passes make within."""
    found: list[Remark] = []
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


def remark(pass_name: str, op: Operation, message: str) -> None:
    """Say what becomes of `op`, if anybody asks."""
    found = _COLLECTED.get()
    if found is not None:
        found.append(Remark(pass_name, message, locations.of(op)))
