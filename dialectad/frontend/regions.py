"""`at_level`: parts of a program that are differentiated at a level of their own.

A region is traced where it stands, between two markers. When the whole program is traced, what is between
them becomes a private function:

    "ad.begin_region"() <{level = "loop", ...}>        %y = func.call @region(%x)
    %t = math.sin %x                                   use %y
    %y = arith.mulf %t, %t                        =>
    "ad.end_region"()                                  func.func private @region(%x)
    use %y                                                 attributes {dialectad.level = "loop"}

So a region may do whatever other code may: assign variables, write into arrays, return and break.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def

from dialectad.dialects import ad
from dialectad.frontend import staging
from dialectad.frontend.tracing import Trace, active, current, error
from dialectad.levels import Level
from dialectad.levels import of as level_of
from dialectad.rewrite.outline import move_free_out, outline_ops
from dialectad.walk import walk

F = TypeVar("F", bound=Callable[..., Any])


class at_level:
    """Choose the level at which a part of a program is differentiated.

    It decorates a function, or stands in a `with` statement within one. The choice counts where the program
    around it is differentiated at the level `mixed`; a pure level takes no notice of it. The cotangents cross
    the boundary as values. In a loop the part is a checkpoint: nothing but its arguments is kept of it, and
    it is computed again when the reverse sweep comes to it.

    Parameters
    ----------
    level : {"linalg", "loop", "llvm"} or Level
        No higher than that of the region around it, if there is one.

    Raises
    ------
    CompileError
        If a part of a program can't be differentiated at that level.

    Examples
    --------
    >>> import numpy as np
    >>> import dialectad as da
    >>> @da.at_level("loop")
    ... def smooth(x):
    ...     for i in range(1, len(x)):
    ...         x[i] += 0.5 * x[i - 1]
    ...     return x
    >>> da.grad(lambda w: np.sum(smooth(w * w)), level="mixed")(np.ones(3))
    array([3.5, 3. , 2. ])
    """

    def __init__(self, level: str | Level):
        self.level = level_of(level)
        if self.level.name not in LEVELS:
            raise error(
                f"a part of a program can't be differentiated at the level {self.level.name!r}",
                hint=f"the levels for parts are: {', '.join(LEVELS)}",
            )

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def at_its_level(*args: Any, **kwargs: Any) -> Any:
            if not active():
                return function(*args, **kwargs)
            with self._region(getattr(function, "__name__", "region")):
                return staging.call(function)(*args, **kwargs)

        return cast(F, at_its_level)

    def __enter__(self) -> at_level:
        if active():
            _begin(current(), self.level, "region")
        return self

    def __exit__(self, *_: object) -> None:
        if active():
            _end(current())

    @contextmanager
    def _region(self, name: str) -> Iterator[None]:
        trace = current()
        _begin(trace, self.level, name)
        try:
            yield
        finally:
            _end(trace)


LEVELS = ("linalg", "loop", "llvm")
"""The levels that a region can have, from the highest to the lowest."""


def _begin(trace: Trace, level: Level, name: str) -> None:
    around = trace.here.function().regions
    if around and LEVELS.index(level.name) < LEVELS.index(around[-1].name):
        raise error(
            f"a part at the level {level} is within one at the level {around[-1]}, which is lower",
            hint="go down the ladder only: linalg, loop, llvm",
        )
    around.append(level)
    trace.insert(Begin(level, name))


def _end(trace: Trace) -> None:
    trace.insert(End())
    trace.here.function().regions.pop()


@irdl_op_definition
class Begin(IRDLOperation):
    """A region of this level begins, whose function is to have this name."""

    name = "ad.begin_region"
    level = prop_def(StringAttr)
    symbol = prop_def(StringAttr)

    def __init__(self, level: Level, symbol: str):
        super().__init__(properties={"level": StringAttr(level.point), "symbol": StringAttr(symbol)})


@irdl_op_definition
class End(IRDLOperation):
    """The region ends that began last."""

    name = "ad.end_region"


# --- functions made of regions -----------------------------------------------------------------


def outline(trace: Trace) -> None:
    """Make functions of all regions of a traced program, the inner ones first; equal ones share one."""
    names: dict[str, str] = {}
    for begin in reversed([op for op in walk(trace.module) if isinstance(op, Begin)]):
        _outline(trace, begin, names)


def _outline(trace: Trace, begin: Begin, names: dict[str, str]) -> None:
    *ops, end = _between(begin)
    ops = move_free_out(ops, begin)
    if ops and ad.point_of(begin.level.data) in ad.MEMORY:
        _replace_by_call(trace, ops, begin, names)
    for marker in (begin, end):
        marker.detach()
        marker.erase()


def _between(begin: Begin) -> list[Operation]:
    """What follows, with the marker that ends it; the regions within are functions already."""
    ops: list[Operation] = []
    op = begin.next_op
    while op is not None:
        ops.append(op)
        if isinstance(op, End):
            return ops
        op = op.next_op
    raise AssertionError("a region without an end")


def _replace_by_call(trace: Trace, ops: list[Operation], begin: Begin, names: dict[str, str]) -> None:
    function, call = outline_ops(ops, "region", begin)
    function.attributes[ad.LEVEL] = begin.level
    text = str(function)
    if text not in names:
        names[text] = trace.symbol(begin.symbol.data)
        function.properties["sym_name"] = StringAttr(names[text])
        trace.module.body.block.add_op(function)
    else:
        function.erase()
    call.properties["callee"] = SymbolRefAttr(names[text])
