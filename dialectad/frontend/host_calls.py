"""Calls of Python functions that the program makes when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType, i1
from xdsl.ir import Attribute, SSAValue

from dialectad.dialects.host import HostCallOp
from dialectad.errors import Location
from dialectad.frontend import complexes, dtypes, emit, pytrees, texts
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.tracers import Scalar, Tracer, lift, wrap
from dialectad.frontend.tracing import current
from dialectad.runtime.callbacks import Callback, Kind


def emit_call(
    function: Callable[[list[Any]], Sequence[Any]],
    leaves: Sequence[Any],
    kinds: Sequence[Kind],
    condition: SSAValue | None = None,
) -> list[Any]:
    """A call of `function` with what the leaves are then, which gives what is of these kinds.

    Text among the leaves is complete then. With a condition, the function is one that raises an exception
    where that holds, and does nothing else.
    """
    operands: list[Tracer] = []
    readers = [_reader(leaf, operands) for leaf in leaves]

    def with_constants(values: list[Any]) -> Sequence[Any]:
        rest = iter(values)
        if condition is not None and not next(rest):
            return ()
        return function([read(rest) for read in readers])

    if condition is not None:
        operands.insert(0, Scalar(condition, weak=True))
    callback = Callback(with_constants, [_kind(x) for x in operands], kinds)
    trace = current()
    trace.callbacks.append(callback)
    values = [_value(x) for x in operands]
    op = HostCallOp(callback.number, values, [_ir(kind) for kind in kinds], raises=condition is not None)
    trace.insert(op)
    return [wrap(result, weak=kind.weak) for result, kind in zip(op.results, kinds, strict=True)]


_Reader = Callable[[Iterator[Any]], Any]
"""Makes the value of a leaf of those of operands, which it takes from an iterator."""


def _reader(leaf: Any, operands: list[Tracer]) -> _Reader:
    """How a leaf is read at run time; what it needs is added to the operands."""
    if isinstance(leaf, Tracer | np.ndarray):
        operands.append(lift(leaf))
        return next
    if not texts.holds_places(leaf):
        return lambda _: leaf
    parts = [
        part if isinstance(part, str) else (part, [_reader(x, operands) for x in part.leaves])
        for part in texts.shown_in(leaf)
    ]

    def read(rest: Iterator[Any]) -> str:
        return "".join(
            part if isinstance(part, str) else part[0].text([reader(rest) for reader in part[1]])
            for part in parts
        )

    return read


def _value(tracer: Tracer) -> SSAValue:
    value = tracer.ssa()
    return emit.cast(value, dtypes.to_ir(dtypes.INT64)) if value.type == INDEX else value


def _kind(tracer: Tracer) -> Kind:
    if isinstance(tracer, Scalar):
        return Kind(tracer.dtype, None, tracer.weak)
    type_ = tracer.ssa().type
    assert isinstance(type_, TensorType)
    return Kind(tracer.dtype, tuple(None if n == DYNAMIC_INDEX else n for n in type_.get_shape()))


def _ir(kind: Kind) -> Attribute:
    element = dtypes.to_ir(kind.dtype)
    if kind.shape is None:
        return element
    assert None not in kind.shape
    return emit.tensor_type([n for n in kind.shape if n is not None], element)


def raise_(raised: Exception, location: Location | None) -> bool:
    """Raise a copy of an exception, with the values of then in it, where control gets here.

    Gives False, and does nothing, if there are no such values.
    """
    leaves, structure = complexes.flatten((raised.args, dict(raised.__dict__)))
    if not any(isinstance(x, Tracer) or texts.holds_places(x) for x in leaves):
        return False
    if current().is_silent:  # it was raised the first time
        return True
    kind, where = type(raised), "" if location is None else str(location)

    def fail(values: list[Any]) -> Sequence[Any]:
        args, attributes = complexes.concrete(pytrees.unflatten(structure, values))
        raise placed(kind, args, attributes, where)

    emit_call(fail, leaves, (), emit.constant(1, i1))
    return True


def placed(
    kind: type[Exception], args: tuple[Any, ...], attributes: dict[str, Any], location: str
) -> Exception:
    """An exception that tells where it comes from: in its message if that is all it holds."""
    new = kind.__new__(kind, *args)
    new.__dict__.update(attributes)
    match args:
        case _ if not location:
            new.args = args
        case (str() as text,):
            new.args = (f"{text} (at {location})",)
        case _:
            new.args = args
            new.add_note(f"at {location}")
    return new
