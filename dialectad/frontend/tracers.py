"""What user code sees instead of arrays and numbers while its function is traced.

An `Array` stands for a mutable `numpy.ndarray`: a storage and a view on it. A `Scalar` stands for a NumPy
scalar or, when it is *weak*, for a Python number, whose dtype gives way in promotions (NumPy 2, NEP 50).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
from xdsl.dialects.builtin import IndexType, TensorType, i1
from xdsl.ir import SSAValue

from dialectad.errors import CompileError, MissingAttributeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, texts, views
from dialectad.frontend.dtypes import BOOL, FLOAT64, INT64, DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracing import Storage, current, error

Interval = tuple[int, int]


_AS_PYTHON = "write it with supported functions, or keep it as a call of Python: da.host_callback"


WITHOUT = {
    "flags": "every array is in C order in compiled code, and can be written into",
    "strides": "every array is in C order in compiled code: compute them from `.shape` and `.itemsize`",
    "base": "whether two arrays share memory is not a question that compiled code can ask",
    "flat": "use `.ravel()`",
}
"""What to do without attributes that NumPy's arrays do have."""


class ConcretizationError(CompileError, TypeError):
    """A value is needed while tracing that will be known only at run time."""


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> what it does on tracers."""

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
"""NumPy ufunc -> what calling it on tracers does: `implementation(*inputs)`, without `out` and `where`."""


CALLS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What user code calls -> what is called instead while tracing, also when no argument is traced."""


class Tracer:
    """What arrays and scalars have in common: NumPy's protocols and Python's operators."""

    __slots__ = ("__weakref__",)
    __array_priority__: ClassVar[int] = 1000
    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]

    dtype: DType
    shape: tuple[Any, ...]

    def ssa(self) -> SSAValue:
        """The SSA value of the content now."""
        raise NotImplementedError

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if function not in FUNCTIONS:
            from dialectad.frontend.numpy import refused

            module = function.__module__.removeprefix("numpy").lstrip(".")
            name = f"{module}.{function.__name__}" if module == "linalg" else function.__name__
            raise error(f"numpy function {name!r} is not supported", hint=refused.hint(name) or _AS_PYTHON)
        return FUNCTIONS[function](*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise self._not_concrete("an array")

    def __bool__(self) -> bool:
        raise self._not_concrete("a bool")

    def __index__(self) -> int:
        raise self._not_concrete("an integer")

    def __int__(self) -> int:
        raise self._not_concrete("an integer")

    def __float__(self) -> float:
        raise self._not_concrete("a float")

    def __complex__(self) -> complex:
        raise self._not_concrete("a complex number")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What nothing else defines. Python and NumPy ask for names in underscores, and often."""
            if name.startswith("__"):
                raise AttributeError(name)
            if hasattr(type(self), name):  # a property, in which an attribute was missing
                return object.__getattribute__(self, name)
            what = "an array" if self.is_array else "a number"
            raise error(
                f"{what} that is known only at run time has no attribute {name!r}",
                hint=WITHOUT.get(name, "look at it outside, or call what needs it with da.host_callback"),
                kind=MissingAttributeError,
            )

    def _not_concrete(self, what: str) -> CompileError:
        return error(
            f"{what} is needed here while the function is compiled,"
            " but this value will be known only when it runs",
            hint="keep the value in NumPy operations, or compute it from shapes and Python numbers; call what"
            " can't be compiled with da.host_callback",
            kind=ConcretizationError,
        )

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Any:
        total: Any = 1
        for n in self.shape:
            total = total * n
        return total

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        return self.size * self.itemsize

    @property
    def is_array(self) -> bool:
        """Whether it stands for an `ndarray`."""
        return False

    @property
    def real(self) -> Tracer:
        return self

    def item(self) -> Scalar:
        """The one element, as a Python number."""
        value = self.ssa()
        if isinstance(value.type, TensorType):
            value = emit.extract(emit.reshape(value, ()), [])
        return Scalar(value, weak=True)

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        return wrap(emit.cast(self.ssa(), dtypes.to_ir(supported(dtype))))

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other  # pyright: ignore[reportOperatorIssue]

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __copy__(self) -> Any:
        return self.copy()  # pyright: ignore[reportAttributeAccessIssue]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.__copy__()

    def __repr__(self) -> str:
        shape = ", ".join(str(n) if isinstance(n, int) else "?" for n in self.shape)
        return f"{type(self).__name__}({self.dtype}[{shape}], traced)"

    def __str__(self) -> str:
        """See Note [Text with places]."""
        return texts.show(self, str(self.dtype))

    def __format__(self, spec: str) -> str:
        return texts.show(self, str(self.dtype), "", spec)


class Scalar(Tracer):
    """A traced number: a NumPy scalar, or a Python number when `weak`."""

    __slots__ = ("interval", "offset", "value", "weak")

    shape: ClassVar[tuple[Any, ...]] = ()  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        value: SSAValue,
        *,
        weak: bool = False,
        interval: Interval | None = None,
        offset: tuple[SSAValue, int] | None = None,
    ):
        self.value = value
        self.weak = weak
        self.interval = interval
        """Integers: bounds, both inclusive, that are known to hold."""
        self.offset = offset or (value, 0)
        """Integers: a value and the constant by which this one exceeds it."""

    def ssa(self) -> SSAValue:
        return current().resolve(self.value)

    @property
    def dtype(self) -> DType:  # pyright: ignore[reportIncompatibleVariableOverride]
        return dtypes.from_ir(self.value.type)

    @property
    def python_type(self) -> type:
        return {"b": bool, "i": int, "f": float}[self.dtype.kind]

    def index(self) -> SSAValue:
        """The value as an `index`."""
        return emit.cast(self.ssa(), dtypes.INDEX)


class Array(Tracer):
    """A traced `numpy.ndarray`."""

    __slots__ = ("storage", "view")

    def __init__(self, storage: Storage, view: views.View = ()):
        self.storage = storage
        self.view = view

    @property
    def is_array(self) -> bool:
        return True

    @classmethod
    def fresh(cls, value: SSAValue, extents: tuple[Extent, ...] | None = None) -> Array:
        """A new array that holds `value`; `extents` is its shape, where that isn't known from `value`."""
        return cls(current().create(value, extents))

    def ssa(self) -> SSAValue:
        return views.get(views.here(self.view), current().read(self.storage))

    def write(self, value: SSAValue) -> None:
        """Replace all elements; whoever shares the memory sees it."""
        trace = current()
        base = trace.read(self.storage)
        trace.write(self.storage, views.set_(views.here(self.view), base, value))

    @property
    def extents(self) -> tuple[Extent, ...]:
        if not self.view:
            if (known := self.storage.extents) is not None:
                return tuple(n if isinstance(n, int) else current().resolve(n) for n in known)
            base = self.storage.type.get_shape()
            return tuple(base) if -1 not in base and min(base, default=0) >= 0 else emit.shape(self.ssa())
        step = self.view[-1].here()
        match step:
            case views.Slice():
                return tuple(n for a, n in enumerate(step.sizes) if a not in step.dropped)
            case views.Reshape():
                return step.after
            case _:
                before = Array(self.storage, self.view[:-1]).extents
                return (
                    tuple(before[p] for p in step.permutation) if isinstance(step, views.Permute) else before
                )

    @property
    def shape(self) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple(n if isinstance(n, int) else Scalar(n, weak=True) for n in self.extents)

    @property
    def dtype(self) -> DType:  # pyright: ignore[reportIncompatibleVariableOverride]
        return dtypes.from_ir(self.storage.type)

    @property
    def T(self) -> Array:
        return self.viewed(views.Permute(tuple(reversed(range(self.ndim)))))

    def viewed(self, step: views.Step) -> Array:
        """A view on this array."""
        return Array(self.storage, views.extend(self.view, step))

    def copy(self, order: str = "C") -> Array:
        return Array.fresh(self.ssa())

    def __len__(self) -> int:
        if not self.shape:
            raise error("len() of a 0-d array", kind=UnsupportedTypeError)
        if not isinstance(self.shape[0], int):
            raise self._not_concrete("the length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        from dialectad.frontend import indexing

        return indexing.load(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from dialectad.frontend import indexing

        indexing.store(self, key, value)

    def fill(self, value: Any) -> None:
        self[...] = value


# --- from and to values ------------------------------------------------------------------------


def wrap(value: SSAValue, *, weak: bool = False) -> Any:
    """The tracer of a new value: an array for a tensor, otherwise a scalar."""
    return Array.fresh(value) if isinstance(value.type, TensorType) else Scalar(value, weak=weak)


def scalar_or_array(value: SSAValue) -> Any:
    """As `wrap`, but a tensor of rank 0 gives a scalar, as NumPy's functions do."""
    if isinstance(value.type, TensorType) and not value.type.get_shape():
        value = emit.extract(value, [])
    return wrap(value)


def supported(dtype: Any) -> DType:
    """`dtype` as a NumPy dtype, if it can be compiled."""
    dtype = np.dtype(dtype)
    if not dtypes.is_supported(dtype):
        raise error(
            f"dtype {dtype} is not supported",
            hint=f"use {dtypes.NAMES}",
            kind=UnsupportedTypeError,
        )
    return dtype


def is_number(x: Any) -> bool:
    """Whether `x` is a Python or NumPy number."""
    return isinstance(x, bool | int | float | np.bool_ | np.number)


def check_plain(array: np.ndarray[Any, Any]) -> None:
    """Refuse the kinds of arrays whose operations mean something else."""
    if isinstance(array, np.ma.MaskedArray | np.matrix):
        raise error(
            f"a {type(array).__name__} is no plain array",
            hint="pass numpy.asarray(x)",
            kind=UnsupportedTypeError,
        )


def lift(x: Any) -> Tracer:
    """The tracer of whatever NumPy takes for an array or number."""
    if isinstance(x, Tracer):
        return x
    if type(x) is bool:
        return Scalar(emit.constant(x, i1), weak=True)
    if type(x) is int:
        if not -(2**63) <= x < 2**63:
            raise IntegerRangeError.of(x, INT64)
        return Scalar(emit.constant(x, dtypes.INDEX), weak=True, interval=(x, x))
    if type(x) is float:
        return Scalar(emit.constant(x, dtypes.to_ir(FLOAT64)), weak=True)
    if isinstance(x, complex | np.complexfloating) or (isinstance(x, np.ndarray) and x.dtype.kind == "c"):
        from dialectad.frontend.complexes import lifted

        return lifted(x)
    if isinstance(x, np.generic):
        dtype = supported(x.dtype)
        number = x.item()
        interval = (number, number) if dtypes.is_integral(dtype) and number < 2**63 else None
        return Scalar(emit.constant(number, dtypes.to_ir(dtype)), interval=interval)
    if isinstance(x, np.ndarray):
        check_plain(x)
        supported(x.dtype)
        return Array(current().capture(x))
    if isinstance(x, list | tuple):
        from dialectad.frontend.numpy.creation import array

        return array(x)
    raise error(
        f"a value of type {type(x).__name__!r} can't be used as an array or number",
        kind=UnsupportedTypeError,
    )


class IntegerRangeError(UnsupportedTypeError, OverflowError):
    """A Python integer where NumPy takes only those that its dtype can hold."""

    @classmethod
    def of(cls, number: int, dtype: DType) -> CompileError:
        return error(f"Python integer {number} out of bounds for {dtype}", kind=cls)


def converted(x: Tracer, dtype: DType) -> SSAValue:
    """The value of `x` in `dtype`. A Python integer has to fit, as for NumPy: others wrap around."""
    if isinstance(x, Scalar) and x.weak and x.dtype == INT64 and dtypes.is_integral(dtype):
        info, (low, high) = np.iinfo(dtype), x.interval or (-(2**63), 2**63 - 1)
        least, most = int(info.min), min(int(info.max), 2**63 - 1)
        if high < least or low > most:
            raise IntegerRangeError.of(low, dtype)
        if low < least or high > most:
            number = emit.cast(x.ssa(), dtypes.to_ir(INT64))
            fits = [emit.compare("sge", number, emit.like(number, least))] if low < least else []
            fits += [emit.compare("sle", number, emit.like(number, most))] if high > most else []
            for condition in fits:
                emit.check(condition, f"OverflowError: Python integer out of bounds for {dtype}")
    return emit.cast(x.ssa(), dtypes.to_ir(dtype))


def promote(*operands: Any) -> tuple[DType, bool]:
    """The dtype that NumPy gives operands together, and whether it is weak."""
    tracers = [lift(x) for x in operands]
    weak = all(isinstance(t, Scalar) and t.weak for t in tracers)
    return np.result_type(*(_representative(t) for t in tracers)), weak


def _representative(t: Tracer) -> Any:
    """What stands for the tracer in NumPy's promotion."""
    return t.python_type(1) if isinstance(t, Scalar) and t.weak else t.dtype


def broadcast_extents(*shapes: Sequence[Extent]) -> tuple[Extent, ...]:
    """The shape that NumPy broadcasts `shapes` to. Extents known only at run time are checked to agree."""
    result: list[Extent] = []
    for axis in range(-max(map(len, shapes), default=0), 0):
        extent: Extent = 1
        for s in shapes:
            if len(s) < -axis or (isinstance(s[axis], int) and s[axis] == 1):
                continue
            n = s[axis]
            if isinstance(extent, int) and extent == 1:
                extent = n
            elif isinstance(extent, int) and isinstance(n, int):
                if extent != n:
                    raise _mismatch(shapes)
            elif not emit.same_extent(extent, n):
                equal = emit.compare("eq", emit.index(extent), emit.index(n))
                emit.check(equal, "ValueError: operands could not be broadcast together")
                extent = extent if isinstance(extent, int) else n
        result.append(extent)
    return tuple(result)


def _mismatch(shapes: Sequence[Sequence[Extent]]) -> CompileError:
    from dialectad.errors import ShapeError

    texts = " ".join(map(shape_text, shapes))
    return error(f"operands could not be broadcast together with shapes {texts}", kind=ShapeError)


def shape_text(shape: Sequence[Extent]) -> str:
    """A shape as NumPy writes it in messages."""
    inner = ",".join(str(n) if isinstance(n, int) else "?" for n in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def elementwise(
    function: Callable[..., SSAValue], operands: Sequence[Tracer], input_dtypes: Sequence[DType]
) -> SSAValue:
    """Cast and broadcast the operands, then apply `function` to their values."""
    shape = broadcast_extents(*(extents(t) for t in operands))
    is_array = any(isinstance(t, Array) for t in operands)
    values = []
    for tracer, dtype in zip(operands, input_dtypes, strict=True):
        value = tracer.ssa()
        if not (isinstance(value.type, IndexType) and dtype == INT64 and not is_array):
            value = emit.cast(value, dtypes.to_ir(dtype))
        values.append(emit.broadcast(value, shape) if is_array else value)
    if not is_array and {v.type for v in values} > {dtypes.INDEX}:  # index meets i64: i64
        values = [emit.cast(v, dtypes.to_ir(INT64)) if v.type == dtypes.INDEX else v for v in values]
    return function(*values)


def extents(t: Tracer) -> tuple[Extent, ...]:
    """The shape in terms of the IR."""
    return t.extents if isinstance(t, Array) else ()


# --- ufuncs ------------------------------------------------------------------------------------


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A ufunc on operands of which at least one is traced."""
    from dialectad.frontend import complexes

    if complexes.holds_complex((*inputs, *kwargs.values())) or complexes.is_complex_dtype(
        kwargs.get("dtype")
    ):
        from dialectad.frontend.numpy import complex_ufuncs

        return complex_ufuncs.apply_ufunc(ufunc, method, inputs, kwargs)
    if method == "__call__" and len(inputs) > ufunc.nin:
        kwargs = {**kwargs, "out": tuple(inputs[ufunc.nin :])}
        inputs = inputs[: ufunc.nin]
    if method != "__call__":
        from dialectad.frontend.numpy import ufunc_methods

        return ufunc_methods.apply(ufunc, method, inputs, kwargs)
    if ufunc not in UFUNCS:
        raise error(f"numpy ufunc {ufunc.__name__!r} is not supported", hint=_AS_PYTHON)
    out, where = kwargs.pop("out", None), kwargs.pop("where", True)
    dtype, casting = kwargs.pop("dtype", None), kwargs.pop("casting", "same_kind")
    if kwargs:
        raise error(
            f"{ufunc.__name__}: argument {next(iter(kwargs))!r} is not supported",
            hint="leave it out: every result is in C order",
        )
    if dtype is not None:
        inputs = [lift(x).astype(dtype) for x in inputs]
    result = UFUNCS[ufunc](*inputs)
    if out is None and where is True:
        return result
    out = out[0] if isinstance(out, tuple) else out
    if out is None:
        raise error("`where=` needs `out=`", hint="use numpy.where")
    return write_out(out, result, where, casting)


def write_out(out: Any, result: Any, where: Any = True, casting: str = "same_kind") -> Any:
    """Write `result` into the array `out` (where `where` holds), as `out=` does."""
    if not isinstance(out, Array):
        raise error(
            "`out=`, or an in-place operator, needs an array of the function",
            hint="an array of the surrounding program must be passed as an argument to be written into",
        )
    result = as_stored(lift(result), casting)
    weak = isinstance(result, Scalar) and result.weak
    if not weak and not np.can_cast(result.dtype, out.dtype, casting):  # pyright: ignore[reportArgumentType]
        raise error(
            f"can't cast the result from {result.dtype} to {out.dtype} under rule {casting!r}",
            kind=UnsupportedTypeError,
        )
    value = converted(result, out.dtype)
    target = out.extents
    broadcast = broadcast_extents(emit.shape(value), target)
    if len(broadcast) != len(target) or not all(map(_agrees, broadcast, target)):
        raise _mismatch([emit.shape(value), target])
    value = emit.retyped(emit.broadcast(value, broadcast), target)
    if where is not True:
        mask = emit.broadcast(emit.cast(lift(where).ssa(), dtypes.to_ir(BOOL)), target)
        value = emit.select(mask, value, out.ssa())
    out.write(value)
    return out


def _agrees(found: Extent, wanted: Extent) -> bool:
    """Whether what was broadcast to an extent has it: where that isn't known, it has been checked."""
    return emit.same_extent(found, wanted) or (isinstance(found, int) and not isinstance(wanted, int))


def as_stored(result: Tracer, casting: str) -> Tracer:
    """What a real array keeps of a value that is assigned to it."""
    from dialectad.frontend.complexes import Complex, without_imaginary

    if casting != "unsafe" or not isinstance(result, Complex):
        return result
    if result.weak:
        raise error("a real array can't hold a Python complex number", kind=UnsupportedTypeError)
    return lift(without_imaginary(result))


def _binary(ufunc: np.ufunc, *, reverse: bool = False) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if not isinstance(other, Tracer | np.ndarray | np.generic | int | float | complex | list | tuple):
            return NotImplemented
        operands = (other, self) if reverse else (self, other)
        return apply_ufunc(ufunc, "__call__", operands, {})

    return operator


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: apply_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})


BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "matmul": np.matmul,
}
"""The operators that have a form in place."""

for _name, _ufunc in BINARY.items():
    setattr(Tracer, f"__{_name}__", _binary(_ufunc))
    setattr(Tracer, f"__r{_name}__", _binary(_ufunc, reverse=True))
    setattr(Array, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(Tracer, f"__{_name}__", _binary(_ufunc))
for _name, _ufunc in {
    "neg": np.negative,
    "pos": np.positive,
    "abs": np.absolute,
    "invert": np.invert,
}.items():
    setattr(Tracer, f"__{_name}__", lambda self, _u=_ufunc: apply_ufunc(_u, "__call__", (self,), {}))
