"""`linalg`: what a body yields and what the results are (xDSL checks the extents)."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Operation, Region, SSAValue

from dialectad.verify.rule import Symbols, element_of, rule, show


def _yields(body: Region, outputs: tuple[SSAValue, ...]) -> Iterator[str]:
    last = body.block.last_op
    if last is None or not isinstance(last, linalg.YieldOp):
        yield "a body that ends in 'linalg.yield' expected"
        return
    got = [operand.type for operand in last.operands]
    expected = [element_of(output.type) for output in outputs]
    if got != expected:
        yield f"'linalg.yield' yields {show(got)}, expected {show(expected)}"


def _results(op: Operation, outputs: tuple[SSAValue, ...]) -> Iterator[str]:
    expected = [output.type for output in outputs if isinstance(output.type, TensorType)]
    got = [result.type for result in op.results]
    if got != expected:
        yield f"results are {show(got)}, expected those of the outputs, {show(expected)}"


@rule(LinalgStructuredOperation)
def structured(op: LinalgStructuredOperation, _: Symbols) -> Iterator[str]:
    outputs = tuple(op.outputs)
    yield from _results(op, outputs)
    yield from _yields(op.body, outputs)


@rule(linalg.ReduceOp)
def reduce(op: linalg.ReduceOp, _: Symbols) -> Iterator[str]:
    outputs = (op.init,)
    yield from _results(op, outputs)
    yield from _yields(op.region, outputs)
    args = [arg.type for arg in op.region.block.args]
    expected = [element_of(op.input.type), element_of(op.init.type)]
    if args != expected:
        yield f"the body takes {show(args)}, expected {show(expected)}"


@rule(linalg.BroadcastOp)
def broadcast(op: linalg.BroadcastOp, _: Symbols) -> Iterator[str]:
    yield from _results(op, (op.init,))
    if element_of(op.input.type) != element_of(op.init.type):
        yield f"the element types of {op.input.type} and {op.init.type} differ"
