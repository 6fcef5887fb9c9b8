"""Slices, reshapes and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from dialectad.dialects import blas
from dialectad.tape.printing.printer import Printer, prints
from dialectad.tape.printing.text import Form, Text, Unprintable, dtype_name, element_of, shape_of


@prints(tensor.EmptyOp)
def _empty(printer: Printer, op: tensor.EmptyOp) -> Text:
    shape_of(op.results[0])
    return Text("None")  # nobody reads it: a destination prints itself


@prints(tensor.SplatOp, linalg.FillOp)
def _splat(printer: Printer, op: Operation) -> Text:
    shape_of(op.results[0])
    return Text(printer[op.operands[0]].source, Form.NUMBER, fresh=False)


@prints(linalg.BroadcastOp)
def _broadcast(printer: Printer, op: Any) -> Text:
    source = printer[op.operands[0]]
    added = set(op.dimensions.get_values())
    if source.form is Form.NUMBER or not shape_of(op.operands[0]):
        return Text(source.source, Form.NUMBER, fresh=False)
    keys = ["None" if a in added else ":" for a in range(len(shape_of(op.results[0])))]
    return Text(index(printer.whole(op.operands[0]).source, keys), Form.SPREAD, fresh=False)


def index(source: str, keys: Sequence[str]) -> str:
    """`source[keys]`, without leading None, which broadcasting implies."""
    keys = list(keys)
    while keys and keys[0] == "None":
        keys.pop(0)
    return source if all(k == ":" for k in keys) else f"{source}[{', '.join(keys)}]"


@prints(linalg.TransposeOp)
def _transpose(printer: Printer, op: Any) -> Text:
    permutation = list(op.permutation.get_values())
    return Text(transposed(printer.whole(op.operands[0]).source, permutation), fresh=False)


def transposed(source: str, permutation: Sequence[int]) -> str:
    if list(permutation) == sorted(permutation):
        return source
    if list(permutation) == list(reversed(range(len(permutation)))):
        return f"{source}.T"
    return f"{source}.transpose({', '.join(map(str, permutation))})"


@prints(tensor.CollapseShapeOp, tensor.ExpandShapeOp)
def _reshape(printer: Printer, op: Operation) -> Text:
    source = printer[op.operands[0]]
    shape = shape_of(op.results[0])
    if source.form is Form.NUMBER:
        return source
    return Text(f"{printer.whole(op.operands[0]).source}.reshape({shape})", fresh=False)


@prints(tensor.CastOp)
def _cast(printer: Printer, op: Operation) -> Text:
    return printer[op.operands[0]]


@prints(tensor.FromElementsOp)
def _from_elements(printer: Printer, op: Operation) -> Text:
    elements = [printer[o].source for o in op.operands]
    dtype = dtype_name(element_of(op.results[0]))
    if shape_of(op.results[0]) == () and len(elements) == 1:
        return Text(elements[0], Form.NUMBER)
    return Text(f"join(({', '.join(elements)},), {dtype}).reshape({shape_of(op.results[0])})")


@prints(tensor.ExtractOp)
def _extract(printer: Printer, op: tensor.ExtractOp) -> Text:
    source = printer[op.operands[0]]
    indices = [_static(v) for v in op.operands[1:]]
    if source.form is Form.NUMBER:
        return Text(source.source, Form.NUMBER)
    if not indices:
        return Text(f"number({source.source})", Form.NUMBER)
    return Text(f"{printer.whole(op.operands[0]).source}[{', '.join(map(str, indices))}]", Form.NUMBER)


def _static(value: SSAValue) -> int:
    from dialectad.frontend.emit import static

    if (known := static(value)) is None:
        raise Unprintable("an index is computed")
    return known


def _slice(op: Any, shape: Sequence[int], reduced: Sequence[int]) -> list[str]:
    """The keys of a slice of an array of `shape`, whose result has the extents `reduced`."""
    offsets, sizes, strides = (
        list(a.get_values()) for a in (op.static_offsets, op.static_sizes, op.static_strides)
    )
    if DYNAMIC_INDEX in (*offsets, *sizes, *strides):
        raise Unprintable("a slice is computed")
    keys = []
    for offset, size, stride, extent, stays in zip(
        offsets, sizes, strides, shape, _kept(sizes, reduced), strict=True
    ):
        stop = offset + (size - 1) * stride + 1 if size else offset
        if not stays:
            keys.append(str(offset))
        elif offset == 0 and size == extent and stride == 1:
            keys.append(":")
        else:
            keys.append(f"{offset}:{stop}" + (f":{stride}" if stride != 1 else ""))
    return keys


def _kept(sizes: Sequence[int], reduced: Sequence[int]) -> list[bool]:
    """Which axes of a slice its result has: the others have extent 1."""
    if len(sizes) == len(reduced):
        return [True] * len(sizes)
    if reduced and sizes[0] == reduced[0]:
        rest = [n for n in sizes[1:] if n != 1]
        if rest == [n for n in reduced[1:] if n != 1]:
            return [True, *_kept(sizes[1:], reduced[1:])]
    assert sizes[0] == 1
    return [False, *_kept(sizes[1:], reduced)]


@prints(tensor.ExtractSliceOp)
def _extract_slice(printer: Printer, op: tensor.ExtractSliceOp) -> Text:
    source = printer[op.source]
    if source.form is Form.NUMBER:
        return source
    keys = _slice(op, shape_of(op.source), shape_of(op.result))
    return Text(index(printer.whole(op.source).source, keys), fresh=False)


@prints(tensor.InsertSliceOp)
def _insert_slice(printer: Printer, op: tensor.InsertSliceOp) -> Text:
    keys = _slice(op, shape_of(op.dest), shape_of(op.source))
    return _inserted(printer, op.source, op.dest, keys)


@prints(tensor.InsertOp)
def _insert(printer: Printer, op: tensor.InsertOp) -> Text:
    return _inserted(printer, op.scalar, op.dest, [str(_static(i)) for i in op.indices])


def _inserted(printer: Printer, source: SSAValue, dest: SSAValue, keys: Sequence[str]) -> Text:
    """A new array, or one that nobody else reads, with something written into it."""
    written = printer[source].source
    if not written.isidentifier():
        written = printer.temporary(written)
    shape, dtype = shape_of(dest), dtype_name(element_of(dest))
    old = printer[dest]
    if isinstance(dest.owner, tensor.EmptyOp):
        name = printer.temporary(f"empty({shape}, {dtype}, {written})")
    elif old.form is not Form.WHOLE:
        name = printer.temporary(f"expand({old.source}, {shape}, {dtype}, {written})")
    elif old.fresh and printer.used_once(dest) and old.source.isidentifier():
        name = old.source
    else:
        name = printer.temporary(f"copy({printer.whole(dest).source}, {written})")
    printer.statements.append(f"{name}[{', '.join(keys) or '()'}] = {written}")
    return Text(name)


@prints(blas.GemmOp)
def _gemm(printer: Printer, op: blas.GemmOp) -> Text:
    a, b = printer.whole(op.lhs).source, printer.whole(op.rhs).source
    a += ".T" if op.trans_a is not None else ""
    b += ".T" if op.trans_b is not None else ""
    return _scaled(printer, op, f"({a} @ {b})")


@prints(blas.GemvOp)
def _gemv(printer: Printer, op: blas.GemvOp) -> Text:
    a, x = printer.whole(op.lhs).source, printer.whole(op.rhs).source
    return _scaled(printer, op, f"({x} @ {a})" if op.trans is not None else f"({a} @ {x})")


@prints(blas.GerOp)
def _ger(printer: Printer, op: blas.GerOp) -> Text:
    x, y = printer.whole(op.lhs).source, printer.whole(op.rhs).source
    return _scaled(printer, op, f"({x}[:, None] * {y})")


def _scaled(printer: Printer, op: Any, product: str) -> Text:
    """`alpha * product + beta * dest`; Python's numbers take on the dtype of the product."""
    alpha, beta = op.alpha.value.data, op.beta.value.data
    result = product if alpha == 1 else f"({alpha!r} * {product})"
    if beta:
        dest = printer[op.dest].source
        result = f"({result} + {dest})" if beta == 1 else f"({result} + {beta!r} * {dest})"
    return Text(result)


@prints(blas.DotOp)
def _dot(printer: Printer, op: blas.DotOp) -> Text:
    return Text(f"({printer.whole(op.lhs).source} @ {printer.whole(op.rhs).source})", Form.NUMBER)
