"""Levels within levels: parts of what is differentiated that have a level of their own.

Such a part comes further down the pipeline than what is around it: the body of a function that was given a
level (if the level of what is around takes notice of that: `mixed`), or a request. It is made a call with
the attribute `dialectad.level`:

    %y, %dx = "ad.vjp"(%x, %dy) <{callee = @g, level = "llvm", ...}>
    =>
    %y, %dx = func.call @g.request(%x, %dy) {dialectad.level = "llvm"}

    func.func private @g.request(%x, %dy) { %y, %dx = "ad.vjp"(%x, %dy) ...; return %y, %dx }

The derivative of the call is a request of that level (`rules/func.py`). All other calls are inlined, but
those with a rule of their own; so are parts that call Python. That
goes for what is differentiated now, and for what is left to a later point of the pipeline: the passes before
that (`inline`, `bufferize`) keep these calls.

Calls of functions that call themselves, or are marked `no_inline`, stay too. In what is differentiated now
they get the level that is at work, so the derivative of the call is made at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, StringAttr
from xdsl.ir import Attribute, Block, Operation

from dialectad.ad.isolate_memory import call_in_memory
from dialectad.ad.prepare import inline_calls
from dialectad.dialects.ad import LEVEL, POINTS, JVPOp, VJPOp, point_of
from dialectad.dialects.call_rule import has_rule
from dialectad.dialects.host import HostCallOp
from dialectad.lower.bufferization.functions import OUTS
from dialectad.rewrite.call_graph import NO_INLINE, staying
from dialectad.walk import walk

Request = VJPOp | JVPOp
Functions = dict[str, func.FuncOp]


def add_private(functions: Functions, beside: func.FuncOp, suffix: str, type_: FunctionType) -> func.FuncOp:
    """A new private function with an empty block, whose name says that it is made of another."""
    name = f"{beside.sym_name.data}.{suffix}"
    while name in functions:
        name += "_"
    function = functions[name] = func.FuncOp(name, type_, visibility="private")
    function.location = beside.location
    if NO_INLINE in beside.attributes:
        function.attributes[NO_INLINE] = beside.attributes[NO_INLINE]
    parent = beside.parent
    assert parent is not None
    parent.insert_op_after(function, beside)
    return function


def replace(op: Operation, call: Operation) -> None:
    """Put a call in the place of a request."""
    call.location = op.location
    block = op.parent
    assert block is not None
    block.insert_op_before(call, op)
    for old, new in zip(op.results, call.results, strict=True):
        old.replace_all_uses_with(new)
    block.erase_op(op)


class Isolation:
    """The parts of a module with a level of their own."""

    def __init__(self, functions: Functions):
        self.functions = functions
        self.staying = staying(functions)
        self.wrappers: dict[Sequence[Attribute], func.FuncOp] = {}

    def isolate(self, block: Block, point: str, *, mixed: bool, level: str | None = None) -> None:
        """Let a block that is differentiated at a point hold no calls but those of a later level, and those
        that stay; these are differentiated at `level`, if that is now."""

        def keep(call: func.CallOp) -> bool:
            if has_rule(call):
                return True
            name = call.callee.root_reference.data
            later = call.attributes.get(LEVEL)
            if later is None and mixed:
                later = self.functions[name].attributes.get(LEVEL)
            if (
                isinstance(later, StringAttr)
                and _is_later(later.data, point)
                and not self._calls_python(call)
            ):
                call.attributes[LEVEL] = later
                return True
            if name not in self.staying:
                return False
            if level is not None:
                call.attributes[LEVEL] = StringAttr(level)
            return True

        inline_calls(block, self.functions, keep)
        for op in requests_in(walk(block)):
            if _is_later(op.level.data, point):
                self._wrap(op)

    def _calls_python(self, op: Operation) -> bool:
        if isinstance(op, func.CallOp):
            callee = self.functions.get(op.callee.root_reference.data)
            return callee is not None and any(map(self._calls_python, walk(callee.body)))
        return isinstance(op, HostCallOp)

    def isolate_callees(self, requests: Iterable[Request]) -> None:
        """The same, for the functions that requests of later points name."""
        callees = {op.callee.root_reference.data: point_of(op.level.data) for op in requests}
        for name, point in callees.items():
            function = self.functions[name]
            self.isolate(function.body.block, point, mixed=LEVEL in function.attributes)

    def _wrap(self, op: Request) -> None:
        """Make a request a call of a function that does nothing else."""
        callee = self.functions[op.callee.root_reference.data]
        if OUTS in callee.attributes:
            call_in_memory(op, callee, lambda type_: add_private(self.functions, callee, "request", type_))
            return
        key = (StringAttr(op.name), *op.properties.values())
        if (function := self.wrappers.get(key)) is None:
            function = self.wrappers[key] = self._wrapper(op, callee)
        call = func.CallOp(function.sym_name.data, op.operands, op.result_types)
        call.attributes[LEVEL] = op.level
        replace(op, call)

    def _wrapper(self, op: Request, callee: func.FuncOp) -> func.FuncOp:
        type_ = FunctionType.from_lists(op.operand_types, op.result_types)
        function = add_private(self.functions, callee, "request", type_)
        block = function.body.block
        request = type(op).create(
            operands=block.args,
            result_types=op.result_types,
            properties=op.properties,
            location=op.location,
        )
        block.add_ops([request, func.ReturnOp(*request.results)])
        return function


def requests_in(ops: Iterable[Operation]) -> list[Request]:
    return [op for op in ops if isinstance(op, Request)]


def _is_later(level: str, point: str) -> bool:
    """Whether requests of this level are replaced after those of a point."""
    return point_of(level) in POINTS and POINTS.index(point_of(level)) > POINTS.index(point)
