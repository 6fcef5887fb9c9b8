"""`inline`: put the body of a function in the place of each call.

    func.func private @g(%x) { %y = use %x; return %y }
    %r = func.call @g(%a)     ~>     %y = use %a     // and @g is gone

Callees come first, so that every body is moved or copied once per call. Ops get the location
`callsite(where they were written at the call)`.

A call stays if its function calls itself or is marked `no_inline` (`call_graph.py`). A call that
`dialectad.level` marks stays in a function that is still to be differentiated: it is differentiated later
than what is around it. One with a rule of its own (`dialectad.rule`) stays as long as there are requests, and
one that `dialectad.apart` marks for good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import CallSiteLoc, LocationAttr, ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad import locations
from dialectad.dialects.ad import LEVEL, REQUESTS
from dialectad.dialects.call_rule import APART, has_rule
from dialectad.errors import CompileError
from dialectad.rewrite import call_graph, dce, structure
from dialectad.walk import walk


@dataclass
class _Inliner:
    functions: dict[str, func.FuncOp]
    calls: dict[str, list[func.CallOp]]
    "The calls in the body of each function."
    requested: set[str]
    "The functions that requests for derivatives name."
    staying: set[str]
    "The functions that are called wherever they were called."
    remaining: dict[str, int] = field(default_factory=dict)
    "How many calls of a private function are still there; the last one takes the body as it is."
    done: set[str] = field(default_factory=set)

    def visit(self, name: str) -> None:
        if name in self.done:
            return
        self.done.add(name)  # those on a cycle aren't inlined, so it doesn't matter which of them comes first
        pending = deque(call for call in self.calls[name] if not self._stays(call, name))
        while pending:
            call = pending.popleft()
            callee = call.callee.root_reference.data
            if callee not in self.functions or callee in self.staying:
                continue
            self.visit(callee)
            stayed = self._inline(call, self.functions[callee])
            pending += [inner for inner in stayed if not self._stays(inner, name)]

    def _stays(self, call: func.CallOp, caller: str) -> bool:
        if APART in call.attributes:
            return True
        if has_rule(call):
            return bool(self.requested)
        return caller in self.requested and LEVEL in call.attributes

    def _inline(self, call: func.CallOp, callee: func.FuncOp) -> list[func.CallOp]:
        """Gives the calls that have stayed in the callee, and now are in the caller."""
        name = callee.sym_name.data
        if len(callee.body.blocks) != 1:
            raise CompileError(
                f"can't inline {name!r}, which has more than one block",
                locations.of(call),
                pass_name="inline",
            )
        self.remaining[name] -= 1
        # only callers that were themselves copied could still call it, and those have no calls left
        last = self.remaining[name] == 0 and dce.is_private(callee)
        block = callee.body.block if last else _copy(callee.body.block)
        relocate(block.ops, call.location)
        stayed = [inner for inner in _calls(block) if self._stays(inner, name)]
        structure.replace(call, structure.splice(call, block, call.operands))
        if last:
            structure.erase(callee)
            del self.functions[name]
        for inner in stayed:
            self.remaining[inner.callee.root_reference.data] += 1
        return stayed


def _copy(block: Block) -> Block:
    copy = Block(arg_types=block.arg_types)
    values: dict[SSAValue, SSAValue] = dict(zip(block.args, copy.args, strict=True))
    for op in block.ops:
        copy.add_op(op.clone(values))
    return copy


def relocate(ops: Iterable[Operation], caller: LocationAttr) -> None:
    """Tell of ops, and of what is in them, that they come from a function that is called there."""
    if caller == locations.UNKNOWN:
        return
    known: dict[int, LocationAttr] = {}
    for op in (inner for outer in ops for inner in walk(outer)):
        new = known.get(id(op.location))
        if new is None:
            new = caller if op.location == locations.UNKNOWN else CallSiteLoc(op.location, caller)
            known[id(op.location)] = new
        op.location = new


def _calls(root: Operation | Block) -> list[func.CallOp]:
    return [op for op in walk(root) if type(op) is func.CallOp]


@dataclass(frozen=True)
class InlinePass(ModulePass):
    """Inline the calls of functions of the module, callees first; drop unused private functions."""

    name = "inline"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp) and f.body.blocks}
        calls = {name: _calls(function) for name, function in functions.items()}
        staying = call_graph.staying(functions)
        inliner = _Inliner(functions, calls, _requested(op), staying, _reference_counts(op, functions))
        for name in list(functions):
            inliner.visit(name)
        dce.drop_unused_functions(op)


def _requested(module: ModuleOp) -> set[str]:
    return {op.callee.root_reference.data for op in walk(module) if isinstance(op, REQUESTS)}


def _reference_counts(module: ModuleOp, functions: dict[str, func.FuncOp]) -> dict[str, int]:
    """How often each function is mentioned, be it by a call or by a request for its derivative."""
    counts = dict.fromkeys(functions, 0)
    for symbol in dce.mentioned(module):
        if symbol in counts:
            counts[symbol] += 1
    return counts
