"""`convert-to-graph`: what is differentiated at the level `graph` becomes a graph without control flow.

    func.func private @f(%x: f64) -> f64 {          func.func private @f.graph(%x: f64) -> f64 {
      %r = scf.for %i = 0 to 2 ... (%a = %x) {        %a = arith.mulf %x, %x
        %b = arith.mulf %a, %x;  yield %b }    ~>     %b = arith.mulf %a, %x
      %s = scf.if %c { yield %r }                     %s = arith.select %c, %b, %x
           else { yield %x }                          return %s
      return %s                                     }
    }

Loops are unrolled, both branches of an `if` are computed and one is selected, calls are inlined
(`static_graph.py`). What can't be written so is refused: a loop whose count depends on data, an array whose
shape does, a function that writes into its arguments.

The functions named by the requests of the level are converted into new ones, which the requests name then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, SymbolRefAttr, i1
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad.dialects.ad import JVPOp, VJPOp, point_of
from dialectad.dialects.call_rule import rule_symbols
from dialectad.rewrite import dce, effects
from dialectad.rewrite.gates import Gates
from dialectad.rewrite.speculation import is_speculatable
from dialectad.rewrite.static_graph import Request, StaticGraph, refusal
from dialectad.walk import walk


def _is_graph_request(op: Operation) -> bool:
    return isinstance(op, VJPOp | JVPOp) and point_of(op.level.data) == "graph"


_ENDS = (func.ReturnOp, *effects.TERMINATORS)


@dataclass
class _Converter:
    functions: dict[str, func.FuncOp]
    graphs: dict[tuple[str, bool], str] = field(default_factory=dict)
    "The graph of a function, without and with a guard."
    originals: dict[str, str] = field(default_factory=dict)
    "The function that a graph was made of."
    visited: set[str] = field(default_factory=set)

    def visit(self, name: str) -> None:
        """Let the requests in a function, and in those that it calls, name graphs."""
        if name in self.visited or name not in self.functions:
            return
        self.visited.add(name)
        for op in walk(self.functions[name]):
            if _is_graph_request(op):
                assert isinstance(op, Request)
                self.redirect(op, None)
            elif isinstance(op, func.CallOp | Request):
                for callee in (op.callee.root_reference.data, *rule_symbols(op)):
                    self.visit(callee)

    def redirect(self, request: Request, taken: SSAValue | None) -> None:
        """Let a request name a graph; in a branch the graph is told whether the branch is taken."""
        name = self._graph(request, guarded=taken is not None)
        request.properties["callee"] = SymbolRefAttr(name)
        if taken is not None:
            count = len(self.functions[name].function_type.inputs) - 1
            request.operands = [*request.operands[:count], taken, *request.operands[count:]]

    def _graph(self, request: Request, guarded: bool) -> str:
        name = request.callee.root_reference.data
        key = self.originals.get(name, name), guarded
        if key not in self.graphs:
            self.graphs[key] = self._convert(self.functions[key[0]], request, guarded)
        return self.graphs[key]

    def _convert(self, function: func.FuncOp, request: Request, guarded: bool) -> str:
        _check_arguments(function)
        inputs = [*function.function_type.inputs, *([i1] if guarded else [])]
        block = Block(arg_types=inputs)
        for old, new in zip(function.body.block.args, block.args, strict=False):
            new.name_hint = old.name_hint
        graph = StaticGraph(block, self.functions, self._nested)
        if guarded:
            graph.way = Gates(block.args[-1], block)
        results = graph.call(function, block.args[: len(function.body.block.args)], request)
        block.add_op(func.ReturnOp(*results))
        name = f"{function.sym_name.data}.graph"
        while name in self.functions:
            name += "_"
        type_ = FunctionType.from_lists(inputs, function.function_type.outputs.data)
        made = func.FuncOp(name, type_, Region(block), visibility="private")
        made.location = function.location
        assert function.parent is not None
        function.parent.insert_op_after(made, function)
        self.functions[name] = made
        self.originals[name] = function.sym_name.data
        return name

    def _nested(self, request: Request | func.CallOp, taken: SSAValue | None) -> None:
        """A request, or a call with a rule of its own, inside of a function that becomes a graph."""
        if isinstance(request, func.CallOp):
            for name in (request.callee.root_reference.data, *rule_symbols(request)):
                self.visit(name)
                if taken is not None and not self._never_fails(name):
                    raise refusal(
                        "a call with a derivative of its own in a branch, of a function that may fail,"
                        " can't be part of a static graph",
                        request,
                    )
        elif _is_graph_request(request):
            self.redirect(request, taken)
        elif taken is not None and not self._never_fails(request.callee.root_reference.data):
            raise refusal(
                f"a derivative at the level {request.level} in a branch, of a function that may fail, can't"
                " be part of a static graph",
                request,
                hint="take it at the level graph too, or before the branch",
            )

    def _never_fails(self, name: str) -> bool:
        """Whether a function can be run on whatever arguments there are."""
        return all(
            self._never_fails(op.callee.root_reference.data)
            if isinstance(op, func.CallOp | Request)
            else type(op) in _ENDS or (is_speculatable(op) and effects.has_no_effects(op))
            for op in walk(self.functions[name].body)
        )


def _check_arguments(function: func.FuncOp) -> None:
    """Refuse a function that writes into an argument, where that gets its last value."""
    terminator = function.body.block.last_op
    assert terminator is not None
    for attributes in function.arg_attrs or ():
        position = attributes.data.get("dialectad.inout")
        if isinstance(position, IntegerAttr):
            last = terminator.operands[position.value.data].owner
            raise refusal(
                "the function writes into its argument, which a static graph can't",
                last if isinstance(last, Operation) else function,
                hint="copy the argument first",
            )


@dataclass(frozen=True)
class ConvertToGraphPass(ModulePass):
    """Unroll the loops and merge the branches of what is differentiated at the level `graph`."""

    name = "convert-to-graph"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        converter = _Converter(functions)
        for name, function in tuple(functions.items()):
            if not dce.is_private(function):
                converter.visit(name)
        dce.drop_unused_functions(op)
