"""`linalg.reduce` and `linalg.generic` as whole-array expressions.

    linalg.generic {maps = [(i, j) -> (i, j), (i, j) -> (j), (i, j) -> (i, j)]} ins(%a, %m) {
      ^bb0(%x, %y, %_): %e = arith.cmpf oeq, %x, %y;  linalg.yield %e            =>   a == m
    }

Operands are brought into the order of the iteration dimensions, with `None` for those that they lack, and
the body becomes an expression on them. A reduction is that expression, reduced; a sum of products is an
`einsum`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.rewrite import constants
from dialectad.tape.printing.printer import Printer, prints
from dialectad.tape.printing.tensors import index, transposed
from dialectad.tape.printing.text import Form, Text, Unprintable, shape_of

Dims = tuple[int, ...]

_REDUCERS: dict[type[Operation], tuple[str, str, float | int]] = {
    arith.AddfOp: ("add", "({} + {})", 0.0),
    arith.MulfOp: ("multiply", "({} * {})", 1.0),
    arith.MaximumfOp: ("maximum", "maximum({}, {})", float("-inf")),
    arith.MinimumfOp: ("minimum", "minimum({}, {})", float("inf")),
    arith.AddiOp: ("add", "({} + {})", 0),
    arith.MuliOp: ("multiply", "({} * {})", 1),
}
"""Combining op -> the NumPy ufunc that reduces, how it combines two values, and its neutral element."""


@prints(linalg.ReduceOp)
def _reduce(printer: Printer, op: Any) -> Text:
    block = op.regions[0].block
    combine, rest = _combination(block, block.args[1])
    if rest is not block.args[0]:
        raise Unprintable.op(op)
    axes = tuple(op.dimensions.get_values())
    return _reduced(printer, type(combine), printer.whole(op.input).source, axes, op.init)


def _combination(block: Block, accumulator: SSAValue) -> tuple[Operation, SSAValue]:
    """The op that a body yields, and what it combines the accumulator with."""
    terminator = block.last_op
    assert terminator is not None
    combine = terminator.operands[0].owner
    if not isinstance(combine, Operation) or type(combine) not in _REDUCERS:
        raise Unprintable("a reduction other than of one NumPy function")
    rest = [o for o in combine.operands if o is not accumulator]
    if len(rest) != 1 or len(list(accumulator.uses)) != 1:
        raise Unprintable("a reduction whose body looks at the accumulator")
    return combine, rest[0]


def _reduced(printer: Printer, combine: type[Operation], source: str, axes: Dims, init: SSAValue) -> Text:
    name, both, neutral = _REDUCERS[combine]
    reduced = f"{name}.reduce({source}, {axes})" if axes else source
    form = Form.WHOLE if shape_of(init) else Form.NUMBER
    known = constants.uniform(init)
    if known is not None and known.value.data == neutral:
        return Text(reduced, form)
    return Text(both.format(printer.whole(init).source, reduced), form)


@prints(linalg.GenericOp)
def _generic(printer: Printer, op: linalg.GenericOp) -> Text:
    if len(op.outputs) != 1 or len(op.results) != 1:
        raise Unprintable.op(op)
    *inputs, out = [_dims(m.data) for m in op.indexing_maps]
    rank = op.indexing_maps.data[0].data.num_dims
    reductions = tuple(d for d, kind in enumerate(op.iterator_types) if kind.data is IteratorType.REDUCTION)
    block = op.body.block
    if not reductions:
        text = _body(printer, op, [*inputs, out], rank, _yielded(block))
        if list(out) == sorted(out):
            return text
        if text.form is not Form.WHOLE:
            raise Unprintable("a transposition of what is to be spread")
        return Text(transposed(text.source, out), fresh=False)
    combine, element = _combination(block, block.args[-1])
    source = _einsum(printer, op, [*inputs, out], combine, element)
    if source is None:
        text = _body(printer, op, inputs, rank, element)
        if text.form is not Form.WHOLE:
            raise Unprintable("a reduction over an extent that no operand has")
        source = f"{_REDUCERS[type(combine)][0]}.reduce({text.source}, {reductions})"
        kept = [d for d in range(rank) if d not in reductions]
        source = transposed(source, [kept.index(d) for d in out])
    return _reduced(printer, type(combine), source, (), op.outputs[0])


def _yielded(block: Block) -> SSAValue:
    terminator = block.last_op
    assert terminator is not None
    return terminator.operands[0]


def _dims(map_: AffineMap) -> Dims:
    """The dimensions that index an operand, one for each of its axes."""
    dims = tuple(e.position for e in map_.results if isinstance(e, AffineDimExpr))
    if len(dims) != len(map_.results) or len(set(dims)) != len(dims):
        raise Unprintable("an indexing map that is no projection")
    return dims


def _aligned(printer: Printer, value: SSAValue, dims: Dims, rank: int) -> Text:
    """An operand with its axes in the order of the iteration dimensions."""
    text = printer[value]
    if text.form is Form.NUMBER or not dims:
        return Text(text.source, Form.NUMBER)
    source = transposed(printer.whole(value).source, [dims.index(d) for d in sorted(dims)])
    keys = [":" if d in dims else "None" for d in range(rank)]
    return Text(index(source, keys), Form.WHOLE if len(dims) == rank else Form.SPREAD)


def _body(printer: Printer, op: linalg.GenericOp, maps: Sequence[Dims], rank: int, element: SSAValue) -> Text:
    """The expression of a value of the body, over the whole iteration space."""
    block = op.body.block
    for argument, value, dims in zip(block.args, op.operands, maps, strict=False):
        if argument.first_use is not None:
            printer.texts[argument] = _aligned(printer, value, dims, rank)
    for inner in list(block.ops)[:-1]:
        if isinstance(inner, linalg.IndexOp):
            printer.texts[inner.result] = _positions(op, maps, inner.dim.value.data, rank)
            continue
        if len(inner.results) != 1 or inner.regions:
            raise Unprintable.op(inner)
        if any(o not in printer.texts for o in inner.operands if _within(o, block)):
            continue  # it leads to the combination only
        text = printer.text_of(inner)
        uses = len(list(inner.results[0].uses))
        if uses > 1 and inner.operands:
            text = Text(printer.temporary(text.source), text.form)
        printer.texts[inner.results[0]] = text
    return printer[element]


def _positions(op: linalg.GenericOp, maps: Sequence[Dims], dim: int, rank: int) -> Text:
    """The index along a dimension, everywhere."""
    extents = [
        shape_of(value)[dims.index(dim)]
        for value, dims in zip(op.operands, maps, strict=False)
        if dim in dims
    ]
    if not extents:
        raise Unprintable("an index along an extent that no operand has")
    keys = [":" if d == dim else "None" for d in range(rank)]
    return Text(index(f"arange({extents[0]})", keys), Form.WHOLE if rank == 1 else Form.SPREAD)


def _within(value: SSAValue, block: Block) -> bool:
    owner = value.owner
    return owner is block or (isinstance(owner, Operation) and owner.parent is block)


def _einsum(
    printer: Printer, op: linalg.GenericOp, maps: Sequence[Dims], combine: Operation, element: SSAValue
) -> str | None:
    """A sum of products of two operands."""
    product, block = element.owner, op.body.block
    if not isinstance(combine, arith.AddfOp) or not isinstance(product, arith.MulfOp):
        return None
    arguments: list[SSAValue] = list(block.args)
    if any(o not in arguments for o in product.operands) or len(list(block.ops)) != 3:
        return None
    places = [arguments.index(o) for o in product.operands]
    letters = ["".join(chr(ord("a") + d) for d in dims) for dims in maps]
    spec = f"{','.join(letters[p] for p in places)}->{letters[-1]}"
    sources = [printer.whole(op.operands[p]).source for p in places]
    return f"einsum({spec!r}, {', '.join(sources)})"
