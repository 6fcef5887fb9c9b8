"""The variables that cross the boundary of a branch or loop: their leaves, and the types these take.

Each variable is a pytree. A leaf that is a number or an array becomes an SSA value of the region op; any
other leaf must be the same on every way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.ir import Attribute, SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, emit, pytrees
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import DType
from dialectad.frontend.texts import Text
from dialectad.frontend.tracers import Array, Scalar, Tracer, is_number, lift
from dialectad.frontend.tracing import error


class Undefined:
    """What a variable holds that has not been assigned yet."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} is unbound>"


def is_dynamic(leaf: Any) -> bool:
    """Whether a leaf can be an SSA value."""
    return isinstance(leaf, Tracer | np.ndarray) or is_number(leaf)


@dataclass(frozen=True)
class LeafType:
    """What a leaf is at run time."""

    dtype: DType
    shape: tuple[Any, ...] | None
    """None for a scalar."""
    weak: bool
    index: bool = False
    """Whether an integer scalar is of type `index`."""

    @classmethod
    def of(cls, leaf: Any) -> LeafType:
        tracer = lift(leaf)
        if isinstance(tracer, Array):
            return cls(
                tracer.dtype,
                tuple(tracer.storage.type.get_shape())
                if not tracer.view
                else tuple(n if isinstance(n, int) else DYNAMIC_INDEX for n in tracer.extents),
                False,
            )
        assert isinstance(tracer, Scalar)
        return cls(tracer.dtype, None, tracer.weak, tracer.value.type == dtypes.INDEX)

    def ir(self) -> Attribute:
        if self.shape is None:
            return dtypes.INDEX if self.index else dtypes.to_ir(self.dtype)
        return TensorType(dtypes.to_ir(self.dtype), self.shape)

    def convert(self, value: SSAValue) -> SSAValue:
        """`value`, of a leaf of another type, as this one."""
        if self.shape is None:
            if isinstance(value.type, TensorType):
                value = emit.extract(value, [])
            return emit.cast(value, self.ir())
        value = emit.cast(value, dtypes.to_ir(self.dtype))
        if not isinstance(value.type, TensorType):
            value = emit.splat(value, self.shape)
        type_ = emit.tensor_type(self.shape, dtypes.to_ir(self.dtype))
        return value if value.type == type_ else emit.op(tensor.CastOp(value, type_))

    def wrap(self, value: SSAValue) -> Tracer:
        """The tracer of an SSA value of this type."""
        return Scalar(value, weak=self.weak) if self.shape is None else Array.fresh(value)

    def zero(self) -> SSAValue:
        """A value to stand where none is defined."""
        if self.shape is None:
            return emit.constant(0, self.ir())
        if DYNAMIC_INDEX in self.shape:
            raise error(
                "a variable of a shape that is known only at run time must be assigned before the loop"
            )
        return emit.full(self.shape, 0, dtypes.to_ir(self.dtype))


def join(name: str, a: LeafType, b: LeafType) -> LeafType:
    """The one type that a variable takes which is an `a` on one way and a `b` on the other.

    It leaves the extents open that one of them leaves open: that they agree is seen when it runs.
    """
    if a == b:
        return a
    shape = _same_shape(a.shape or (), b.shape or ())
    if shape is None:
        raise error(
            f"{_say(name)} is {_describe(a)} on one way and {_describe(b)} on the other",
            hint="give it one shape, for instance by creating the whole array before",
            kind=UnsupportedTypeError,
        )
    if a.weak == b.weak:
        dtype = np.result_type(a.dtype, b.dtype)
    else:
        weak, strong = (a, b) if a.weak else (b, a)
        dtype = np.result_type({"b": bool, "i": int, "f": float}[weak.dtype.kind](1), strong.dtype)
    index = dtype.kind == "i" and (a.index or a.dtype.kind == "b") and (b.index or b.dtype.kind == "b")
    return LeafType(dtype, None if a.shape is None else shape, a.weak and b.weak, index)


def _same_shape(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The shape of both, as open as either; None if they are known to differ."""
    if len(a) != len(b) or any(m != n and DYNAMIC_INDEX not in (m, n) for m, n in zip(a, b, strict=True)):
        return None
    return tuple(m if m == n else DYNAMIC_INDEX for m, n in zip(a, b, strict=True))


def _say(name: str) -> str:
    return "the returned value" if name.startswith("__da_ret") else f"variable {name!r}"


def _describe(t: LeafType) -> str:
    return f"a {t.dtype} scalar" if t.shape is None else f"an array of shape {t.shape} and dtype {t.dtype}"


def value_of(leaf: Any) -> SSAValue:
    """The SSA value of a dynamic leaf now."""
    return lift(leaf).ssa()


def is_internal(name: str) -> bool:
    """Whether a variable is one that the rewriting made for `break`, `continue` and `return`."""
    return name.startswith("__da_")


def _as_complex(x: Any) -> Complex:
    """A real number or array as a complex one; nothing is emitted, as this may be needed elsewhere."""
    if not isinstance(x, Array | np.ndarray):
        return Complex(float(x) if type(x) is int else x, 0.0)
    if not all(isinstance(n, int) for n in x.shape):
        raise error("an array of a shape that is known only at run time becomes complex here")
    return Complex(x, np.zeros(x.shape, np.result_type(x.dtype, np.float32)))


@dataclass
class Variable:
    """A variable with its leaves, at one point of the program."""

    name: str
    value: Any
    leaves: list[Any]
    structure: pytrees.TreeDef

    @classmethod
    def of(cls, name: str, value: Any) -> Variable:
        return cls(name, value, *complexes.flatten(value))

    @property
    def undefined(self) -> bool:
        return isinstance(self.value, Undefined)

    def pairs(self) -> Any:
        """The value, in which known complex numbers are pairs too."""
        return pytrees.unflatten(self.structure, self.leaves)

    def with_complex(self, leaves: list[Any], others: list[Any], structure: pytrees.TreeDef) -> Variable:
        """The variable, of whose `leaves` those are complex that are so among the others."""
        made = [
            _as_complex(x) if isinstance(y, Complex) and not isinstance(x, Complex) and is_dynamic(x) else x
            for x, y in zip(leaves, others, strict=True)
        ]
        if all(x is y for x, y in zip(leaves, made, strict=True)):
            return self
        return Variable.of(self.name, pytrees.unflatten(structure, made))


def alike(a: Variable, b: Variable) -> tuple[Variable, Variable]:
    """Both, where what is complex in one and real in the other is complex in both."""
    xs, structure = complexes.flatten_whole(a.pairs())
    ys, other = complexes.flatten_whole(b.pairs())
    if structure != other:
        return a, b
    return a.with_complex(xs, ys, structure), b.with_complex(ys, xs, structure)


def check_same_structure(a: Variable, b: Variable) -> None:
    if a.structure != b.structure:
        raise error(
            f"{_say(a.name)} has another structure on one way ({_kind(a)}) than on the other ({_kind(b)})",
            hint="assign the same kind of value on both ways",
            kind=UnsupportedTypeError,
        )


def _kind(v: Variable) -> str:
    return "None" if v.value is None else type(v.value).__name__


def same_static(a: Any, b: Any) -> bool:
    """Whether two leaves that are not traced are interchangeable."""
    if a is b:
        return True
    if isinstance(a, Tracer | np.ndarray) or isinstance(b, Tracer | np.ndarray) or type(a) is not type(b):
        return False
    if isinstance(a, Text):
        return False
    if isinstance(a, float) and a != a:
        return b != b
    return bool(a == b) and (a != 0 or str(a) == str(b))


def static_mismatch(name: str, a: Any, b: Any) -> Exception:
    return error(
        f"{_say(name)} is {a!r} on one way and {b!r} on the other,"
        " which a compiled branch or loop can't choose between at run time",
        hint="make it a number or an array",
        kind=UnsupportedTypeError,
    )


def storages(variables: Sequence[Variable]) -> list[tuple[str, Any]]:
    """The storages of the arrays among the leaves, with the variables' names."""
    return [(v.name, leaf.storage) for v in variables for leaf in v.leaves if isinstance(leaf, Array)]
