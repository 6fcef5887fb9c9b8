"""The variables that cross the boundary of a branch or loop: their leaves, and the types these take.

Each variable is a pytree. A leaf that is a number or an array becomes an SSA value of the region op; any
other leaf must be the same on every way.

Note [Arrays that change their shape]
    What a region op carries or gives is in memory whose size is known before it. An array that hasn't the
    same shape on all ways, or after each iteration, goes through a stack instead (`ad.cache`), and the region
    op gives its extents:

        x = x[x > 0]     =>     ad.push(%c, %positive)  ...  yield %n       %x = ad.pop(%c)[%n]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType, UnitAttr
from xdsl.ir import Attribute, Block, SSAValue

from dialectad.dialects import ad
from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, emit, pytrees
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import DType
from dialectad.frontend.texts import Text
from dialectad.frontend.tracers import Array, Scalar, Tracer, is_number, lift
from dialectad.frontend.tracing import current, error


class Undefined:
    """What a variable holds that has not been assigned yet."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} is unbound>"


def is_dynamic(leaf: Any) -> bool:
    """Whether a leaf can be an SSA value."""
    return isinstance(leaf, Tracer | np.ndarray) or is_number(leaf)


Extent = int | SSAValue | None
"""Of an array that crosses a boundary: an extent that is known, also by a value from outside of the region,
or None where it isn't the same on all ways. See Note [Arrays that change their shape]."""


@dataclass(frozen=True)
class LeafType:
    """What a leaf is at run time."""

    dtype: DType
    shape: tuple[Extent, ...] | None
    """None for a scalar."""
    weak: bool
    index: bool = False
    """Whether an integer scalar is of type `index`."""

    @classmethod
    def of(cls, leaf: Any) -> LeafType:
        tracer = lift(leaf)
        if isinstance(tracer, Array):
            return cls(tracer.dtype, tracer.extents, False)
        assert isinstance(tracer, Scalar)
        return cls(tracer.dtype, None, tracer.weak, tracer.value.type == dtypes.INDEX)

    @property
    def varies(self) -> bool:
        """Whether it is an array that hasn't one shape."""
        return self.shape is not None and None in self.shape

    def ir(self) -> Attribute:
        if self.shape is None:
            return dtypes.INDEX if self.index else dtypes.to_ir(self.dtype)
        shape = [n if isinstance(n, int) else DYNAMIC_INDEX for n in self.shape]
        return TensorType(dtypes.to_ir(self.dtype), shape)

    def outside(self) -> LeafType:
        """The type as it is seen from here, where the values of a region are unknown."""
        if self.shape is None:
            return self
        return replace(self, shape=tuple(n if not _is_lost(n) else None for n in self.shape))

    def unknown(self) -> LeafType:
        """The type with no extents but those that are numbers."""
        if self.shape is None:
            return self
        return replace(self, shape=tuple(n if isinstance(n, int) else None for n in self.shape))

    def convert(self, value: SSAValue) -> SSAValue:
        """`value`, of a leaf of another type, as this one."""
        if self.shape is None:
            if isinstance(value.type, TensorType):
                value = emit.extract(value, [])
            return emit.cast(value, self.ir())
        value = emit.cast(value, dtypes.to_ir(self.dtype))
        if not isinstance(value.type, TensorType):
            value = emit.splat(value, ())
        return (
            value
            if value.type == self.ir()
            else emit.retyped(value, [n if isinstance(n, int) else value for n in self.shape])
        )

    def wrap(self, value: SSAValue, shape: Sequence[int | SSAValue] | None = None) -> Tracer:
        """The tracer of an SSA value of this type, and of this shape where the type leaves that open."""
        if self.shape is None:
            return Scalar(value, weak=self.weak)
        return Array.fresh(value, tuple(n for n in shape or self.shape if n is not None))

    def zero(self) -> SSAValue:
        """A value to stand where none is defined."""
        if self.shape is None:
            return emit.constant(0, self.ir())
        value = emit.full([n or 0 for n in self.shape], 0, dtypes.to_ir(self.dtype))
        return self.convert(value)


@dataclass(frozen=True)
class Passage:
    """How a leaf gets across the boundary of a region op, see Note [Arrays that change their shape]."""

    type: LeafType
    stack: SSAValue | None

    @classmethod
    def of(cls, type_: LeafType) -> Passage:
        """To be made before the op."""
        if not type_.varies:
            return cls(type_, None)
        if any(point.startswith("llvm") for point in current().levels[:-1]):
            raise error(
                "an array that changes its shape in a loop or branch, in what is differentiated twice, at the"
                " level llvm",
                hint="choose the level linalg or loop for the outer derivative",
            )
        stack = ad.CacheOp(type_.ir())
        stack.attributes[ad.PASSED] = UnitAttr()
        return cls(type_, emit.op(stack))

    def types(self) -> list[Attribute]:
        """Of the values that the op carries for it."""
        if self.stack is None:
            return [self.type.ir()]
        assert self.type.shape is not None
        return [dtypes.INDEX] * self.type.shape.count(None)

    def send(self, value: SSAValue) -> list[SSAValue]:
        """Hand on a leaf's value; gives what the op carries for it."""
        converted = self.type.convert(value)
        if self.stack is None:
            return [converted]
        assert self.type.shape is not None
        extents = emit.shape(value)
        current().insert(ad.PushOp(self.stack, converted))
        return [emit.index(n) for n, known in zip(extents, self.type.shape, strict=True) if known is None]

    def receive(self, values: Iterator[SSAValue]) -> Tracer:
        """The leaf where it arrives, of the next of these values."""
        if self.stack is None:
            return self.type.wrap(next(values))
        assert self.type.shape is not None
        shape = [next(values) if n is None else n for n in self.type.shape]
        sizes = [n for n in shape if isinstance(n, SSAValue)]
        return self.type.wrap(emit.op(ad.PopOp(self.stack, sizes)), shape)


def _is_lost(n: Extent) -> bool:
    """Whether an extent is a value of a region that isn't open any more."""
    if not isinstance(n, SSAValue):
        return False
    block = n.owner if isinstance(n.owner, Block) else n.owner.parent
    return block not in current().open_blocks


def join(name: str, a: LeafType, b: LeafType) -> LeafType:
    """The one type that a variable takes which is an `a` on one way and a `b` on the other."""
    if a == b:
        return a
    if len(a.shape or ()) != len(b.shape or ()):
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
    shape = tuple(m if m == n else None for m, n in zip(a.shape or (), b.shape or (), strict=True))
    return LeafType(dtype, None if a.shape is None else shape, a.weak and b.weak, index)


def _say(name: str) -> str:
    return "the returned value" if name.startswith("__da_ret") else f"variable {name!r}"


def _describe(t: LeafType) -> str:
    if t.shape is None:
        return f"a {t.dtype} scalar"
    extents = [str(n) if isinstance(n, int) else "?" for n in t.shape]
    return f"an array of shape ({', '.join(extents)}{',' * (len(extents) == 1)}) and dtype {t.dtype}"


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
        raise error(
            "an array of a shape that is known only at run time becomes complex here",
            hint="make it complex before: x + 0j",
        )
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
