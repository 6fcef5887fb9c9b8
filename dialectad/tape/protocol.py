"""NumPy's protocols, Python's operators and the methods of arrays, for tape values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from dialectad.errors import CompileError, UnsupportedTypeError
from dialectad.frontend.tracers import Tracer
from dialectad.tape import elementwise, indexing, memory
from dialectad.tape.elementwise import BINARY, COPIES, UNARY, Elementwise, ufunc_operation
from dialectad.tape.errors import error
from dialectad.tape.functions import apply, holds_tape
from dialectad.tape.kinds import PLAIN
from dialectad.tape.values import Snapshot, TapeArray, TapeScalar, TapeValue, TapeView

_OPERANDS = (TapeValue, np.ndarray, np.generic, int, float, complex, Tracer)


# --- operators ---------------------------------------------------------------------------------


def _binary(op: Elementwise) -> Callable[[Any, Any], Any]:
    plans, plain = op.plans, PLAIN

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is TapeArray or kind is TapeScalar:
            forward = plans.get((self.kind, other.kind))
        else:
            forward = plans.get((self.kind, plain.get(kind)))
        if forward is not None:
            return forward(self, other)
        return _slow(op, self, other)

    return method


def _reflected(op: Elementwise) -> Callable[[Any, Any], Any]:
    plans, plain = op.plans, PLAIN

    def method(self: Any, other: Any) -> Any:
        forward = plans.get((plain.get(type(other)), self.kind))
        if forward is not None:
            return forward(other, self)
        return _slow(op, other, self)

    return method


def _slow(op: Elementwise, *operands: Any) -> Any:
    converted = [_as_operand(x) for x in operands]
    if any(x is NotImplemented for x in converted):
        return NotImplemented
    return op(*converted)


def _as_operand(x: Any) -> Any:
    if type(x) is TapeArray or isinstance(x, _OPERANDS):
        return x
    if isinstance(x, list | tuple):
        return apply(np.array, (x,), {}) if holds_tape(x) else np.array(x)
    return NotImplemented


def _power(self: Any, other: Any) -> Any:
    if type(other) is int and (op := elementwise.power(other)) is not None:
        forward = op.plans.get((self.kind,))
        return forward(self) if forward is not None else op(self)
    return _general_power(self, other)


_general_power = _binary(BINARY["pow"])


def _unary(op: Elementwise) -> Callable[[Any], Any]:
    plans = op.plans

    def method(self: Any) -> Any:
        forward = plans.get((self.kind,))
        return forward(self) if forward is not None else op(self)

    return method


for _name, _op in BINARY.items():
    setattr(TapeValue, f"__{_name}__", _binary(_op))
    if _name not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(TapeValue, f"__r{_name}__", _reflected(_op))
for _name, _op in UNARY.items():
    setattr(TapeValue, f"__{_name}__", _unary(_op))
TapeValue.__pow__ = _power  # pyright: ignore[reportAttributeAccessIssue]


def _matmul(self: Any, other: Any) -> Any:
    return _product(self, other)


def _rmatmul(self: Any, other: Any) -> Any:
    return _product(other, self)


def _product(a: Any, b: Any) -> Any:
    if type(a) is TapeArray and type(b) is TapeArray:
        return apply(np.matmul, (a, b), {})
    if _as_operand(a) is NotImplemented or _as_operand(b) is NotImplemented:
        return NotImplemented
    return apply(np.matmul, (a, b), {})


TapeValue.__matmul__ = _matmul  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__rmatmul__ = _rmatmul  # pyright: ignore[reportAttributeAccessIssue]


def _divmod(self: Any, other: Any) -> Any:
    return self // other, self % other


TapeValue.__divmod__ = _divmod  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__rdivmod__ = lambda self, other: (other // self, other % self)  # pyright: ignore


def _in_place(name: str, ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    op = BINARY.get(name)

    def method(self: TapeArray, other: Any) -> Any:
        other = _as_operand(other)
        if other is NotImplemented:
            return NotImplemented
        if name in ("add", "sub"):
            memory.increment(self, other, 1 if name == "add" else -1)
            return self
        result = op(self, other) if op is not None else apply(ufunc, (self, other), {})
        write_result(ufunc, self, result)
        return self

    return method


for _name, _ufunc in {
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
}.items():
    setattr(TapeArray, f"__i{_name}__", _in_place(_name, _ufunc))


def write_result(
    ufunc: np.ufunc, out: Any, result: Any, where: Any = True, casting: str = "same_kind"
) -> Any:
    """Write what a ufunc gave into `out`, as its argument `out` and in-place operators do."""
    if not isinstance(out, TapeArray):
        if isinstance(result, TapeValue) and not result.is_active:
            np.copyto(out, result.value, casting=casting, where=where)  # pyright: ignore[reportArgumentType]
            return out
        raise plain_write()
    dtype = getattr(result, "dtype", None)
    if dtype is not None and not np.can_cast(dtype, out.dtype, casting):  # pyright: ignore[reportArgumentType]
        message = f"Cannot cast ufunc {ufunc.__name__!r} output from {dtype!r} to {out.dtype!r}"
        raise TypeError(f"{message} with casting rule {casting!r}")
    if where is not True:
        old: Any = out
        result = np.where(where, result, old)
    indexing.set_(out, ..., result)
    return out


def plain_write() -> CompileError:
    """The error of writing what has a derivative into an array that the tape doesn't follow."""
    return error(
        "a value with a derivative is written into a plain array, which would lose the derivative",
        hint="pass the array as an argument, or create it (numpy.zeros, ...) in the differentiated function",
    )


# --- NumPy -------------------------------------------------------------------------------------


def _array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__":
        if not kwargs and len(inputs) == ufunc.nin:
            return call_ufunc(ufunc, inputs)
        return _ufunc_with_options(ufunc, inputs, kwargs)
    if method == "at":
        return _ufunc_at(ufunc, *inputs)
    out = kwargs.pop("out", None)
    result = (
        apply(getattr(ufunc, method), inputs, kwargs)
        if holds_tape((inputs, kwargs))
        else getattr(ufunc, method)(*inputs, **kwargs)
    )
    return result if out is None else write_result(ufunc, out[0] if isinstance(out, tuple) else out, result)


def call_ufunc(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Any:
    op = ufunc_operation(ufunc)
    if op is None:
        return apply(ufunc, inputs, {})
    if ufunc is np.power and type(inputs[1]) is int and isinstance(inputs[0], TapeArray):
        return _power(*inputs)
    if len(inputs) == 1:
        forward = op.plans.get((inputs[0].kind,))
        if forward is not None:
            return forward(inputs[0])
    result = _slow(op, *inputs)
    if result is NotImplemented:
        kinds = ", ".join(type(x).__name__ for x in inputs)
        raise error(f"numpy.{ufunc.__name__} of {kinds} is not supported", kind=UnsupportedTypeError)
    return result


def _ufunc_with_options(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out, where = kwargs.pop("out", None), kwargs.pop("where", True)
    if len(inputs) > ufunc.nin:
        inputs, out = inputs[: ufunc.nin], inputs[ufunc.nin :]
    casting = kwargs.pop("casting", "same_kind")
    if (dtype := kwargs.pop("dtype", None)) is not None:
        inputs = tuple(x.astype(dtype) if hasattr(x, "astype") else np.dtype(dtype).type(x) for x in inputs)
    if kwargs:
        raise error(f"numpy.{ufunc.__name__}: argument {next(iter(kwargs))!r} is not supported on a tape")
    result = call_ufunc(ufunc, inputs) if holds_tape(inputs) else ufunc(*inputs)
    if out is None:
        if where is not True:
            raise error("`where=` needs `out=`", hint="use numpy.where")
        return result
    outs = out if isinstance(out, tuple) else (out,)
    if len(outs) != 1:
        raise error(f"numpy.{ufunc.__name__}: several `out=` are not supported on a tape")
    return result if outs[0] is None else write_result(ufunc, outs[0], result, where, casting)


def _ufunc_at(ufunc: np.ufunc, a: Any, indices: Any, *b: Any) -> None:
    key = indexing.plain_key(indices)
    if not isinstance(a, TapeArray):
        if any(isinstance(x, TapeValue) and x.is_active for x in b):
            raise plain_write()
        ufunc.at(a, key, *(x.value if isinstance(x, TapeValue) else x for x in b))
    elif ufunc in (np.add, np.subtract):
        memory.scatter(a, key, b[0], 1 if ufunc is np.add else -1)
    elif not a.base.is_active and not any(isinstance(x, TapeValue) and x.is_active for x in b):
        memory.before_write(a)
        ufunc.at(a.value, key, *(x.value if isinstance(x, TapeValue) else x for x in b))
    else:
        raise error(f"numpy.{ufunc.__name__}.at is not supported on a tape", hint="write it as a loop")


def _array_function(self: Any, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    return call_function(function, args, kwargs)


_SPECIAL: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy functions that write into an argument, or give arrays whose elements share memory."""


def _refuse(function: Callable[..., Any], hint: str) -> None:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise error(f"numpy.{function.__name__} is not supported on a tape", hint=hint)

    _SPECIAL[function] = refused


_refuse(np.put, "write `x.reshape(-1)[indices] = values`")
_refuse(np.place, "write `x[mask] = values`")
_refuse(np.lib.stride_tricks.sliding_window_view, "index with x[np.arange(n)[:, None] + np.arange(width)]")


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy function with tape values among its arguments."""
    if (special := _SPECIAL.get(function)) is not None:
        return special(*args, **kwargs)
    out = kwargs.get("out")
    if function is np.nan_to_num and kwargs.get("copy") is False:
        raise error("numpy.nan_to_num(copy=False) is not supported on a tape", hint="assign its result")
    if out is None:
        return apply(function, args, kwargs)
    kwargs = {k: v for k, v in kwargs.items() if k != "out"}
    result = apply(function, args, kwargs) if holds_tape((args, kwargs)) else function(*args, **kwargs)
    return write_result(np.positive, out, result, casting="unsafe")


def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    write_result(np.positive, dst, src, where, casting)


_SPECIAL[np.copyto] = _copyto


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if wrap or a.ndim != 2:
        raise error("numpy.fill_diagonal is supported on matrices, without wrap")
    n = np.arange(min(a.shape))
    a[n, n] = val


_SPECIAL[np.fill_diagonal] = _fill_diagonal


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int) -> None:
    indices = indexing.plain_key(indices)
    shape = arr.shape
    keys = [
        np.arange(n).reshape([-1 if a == d else 1 for a in range(len(shape))]) for d, n in enumerate(shape)
    ]
    keys[axis] = indices
    arr[tuple(keys)] = values


_SPECIAL[np.put_along_axis] = _put_along_axis


def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Always stable, as in compiled functions."""
    if kind is not None or order is not None or stable is not None:
        np.argsort(np.zeros(0), kind=kind, order=order, stable=stable)  # it raises what is to be raised
    return apply(np.argsort, (a,), {"axis": axis, "kind": "stable"})


def _by_sorting(function: Any, instead: Callable[..., Any]) -> Callable[..., Any]:
    """A partition, whose derivative is known where all of it is in order."""

    def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
        shape = np.shape(a)
        n = a.size if axis is None else shape[normalize_axis_index(axis, len(shape))]
        function(np.zeros(n), indexing.plain_key(kth), -1, kind, order)  # it raises what is to be raised
        return instead(a, axis)

    return partition


def _bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """With the length that the result has in this run."""
    numbers = indexing.plain_key(x)
    if isinstance(numbers, np.ndarray) and numbers.size and numbers.dtype.kind in "iub":
        minlength = max(int(numbers.max()) + 1, minlength)
    return apply(np.bincount, (numbers, weights), {"minlength": minlength})


def _unique(
    ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False, **kwargs: Any
) -> Any:
    """What is there for the first time is read."""
    if kwargs.get("axis") is not None:
        raise error("numpy.unique along an axis is not supported")
    plain = indexing.plain_key(ar)
    if isinstance(plain, Tracer):
        return apply(np.unique, (ar, return_index, return_inverse, return_counts), kwargs)
    _, index, *others = np.unique(plain, True, return_inverse, return_counts, **kwargs)
    results = [np.ravel(ar)[index], *([index] if return_index else ()), *others]
    return results[0] if len(results) == 1 else tuple(results)


def _compress(condition: Any, a: Any, axis: Any = None) -> Any:
    return np.take(a, np.flatnonzero(indexing.plain_key(condition)), axis)


def _extract(condition: Any, arr: Any) -> Any:
    return np.take(np.ravel(arr), np.flatnonzero(indexing.plain_key(condition)))


_SPECIAL[np.compress] = _compress
_SPECIAL[np.extract] = _extract
_SPECIAL[np.bincount] = _bincount
_SPECIAL[np.unique] = _unique
_SPECIAL[np.argsort] = _argsort
_SPECIAL[np.partition] = _by_sorting(np.partition, lambda a, axis: apply(np.sort, (a, axis), {}))
_SPECIAL[np.argpartition] = _by_sorting(np.argpartition, _argsort)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    mask = indexing.plain_key(mask)
    repeated = np.resize(values, a.shape) if np.shape(values) != a.shape else values
    a[mask] = repeated[mask]


_SPECIAL[np.putmask] = _putmask

for _method, _function in {
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
}.items():
    setattr(TapeValue, _method, _function)


def _array(self: TapeArray, dtype: Any = None, copy: Any = None) -> Any:
    """For code that knows nothing of tapes: an array without a derivative gives its memory away."""
    base = self.base
    if base.is_active or not isinstance(self.value, np.ndarray):
        self.lost("a plain array")
    memory.save(base)
    base.pins = []
    base.tape.exposed[id(base)] = base
    return np.asarray(self.value, dtype) if not copy else np.array(self.value, dtype)


def _scalar_array(self: TapeScalar, dtype: Any = None, copy: Any = None) -> Any:
    self.lost("a plain array")


TapeArray.__array__ = _array  # pyright: ignore[reportAttributeAccessIssue]
TapeScalar.__array__ = _scalar_array  # pyright: ignore[reportAttributeAccessIssue]


# --- Python's conversions ----------------------------------------------------------------------


def _float(self: TapeValue) -> float:
    if self.is_active or not isinstance(self.value, np.ndarray | float):
        self.lost("a Python float")
    return float(self.value)


def _complex(self: TapeValue) -> complex:
    if self.is_active:
        self.lost("a Python complex")
    return complex(self.value)


TapeValue.__bool__ = lambda self: bool(self.value)  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__float__ = _float  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__complex__ = _complex  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__int__ = lambda self: int(self.value)  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__trunc__ = lambda self: int(self.value)  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.__index__ = lambda self: operator.index(self.value)  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__floor__ = lambda self: int(np.floor(self.value))  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__ceil__ = lambda self: int(np.ceil(self.value))  # pyright: ignore[reportAttributeAccessIssue]


def _round(self: Any, ndigits: int | None = None) -> Any:
    return round(self.value) if ndigits is None else np.round(self, ndigits)


TapeValue.__round__ = _round  # pyright: ignore[reportAttributeAccessIssue]
TapeValue.__repr__ = lambda self: repr(self.value)
TapeValue.__str__ = lambda self: str(self.value)
TapeValue.__format__ = lambda self, spec: format(self.value, spec)
TapeArray.__hash__ = None  # pyright: ignore[reportAttributeAccessIssue]
TapeScalar.__hash__ = lambda self: hash(self.value)  # pyright: ignore[reportAttributeAccessIssue]


# --- attributes and methods --------------------------------------------------------------------


def _iterate(self: TapeArray) -> Iterator[Any]:
    return (indexing.get(self, i) for i in range(len(self.value)))


TapeArray.__getitem__ = indexing.get  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.__setitem__ = indexing.set_  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.__iter__ = _iterate  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.__len__ = lambda self: len(self.value)  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.__contains__ = lambda self, x: bool(np.any(self == x))  # pyright: ignore

for _name in ("shape", "ndim", "size", "itemsize", "nbytes"):
    setattr(TapeArray, _name, property(operator.attrgetter(f"value.{_name}")))
for _name, _known in {"shape": (), "ndim": 0, "size": 1}.items():
    setattr(TapeScalar, _name, property(lambda self, _k=_known: _k))
TapeArray.T = property(lambda self: apply(np.transpose, (self,), {}))  # pyright: ignore
TapeArray.mT = property(lambda self: apply(np.matrix_transpose, (self,), {}))  # pyright: ignore
TapeScalar.T = property(lambda self: self)  # pyright: ignore


def _real(self: TapeValue) -> Any:
    return apply(np.real, (self,), {}) if self.dtype.kind == "c" else self


def _imag(self: TapeValue) -> Any:
    return apply(np.imag, (self,), {})


TapeValue.real = property(_real, lambda self, value: indexing.set_(_real(self), ..., value))  # pyright: ignore
TapeValue.imag = property(_imag, lambda self, value: indexing.set_(_imag(self), ..., value))  # pyright: ignore


def _copy(self: Any, order: str = "C") -> Any:
    return self if isinstance(self, TapeScalar) else COPIES[order](self)


TapeValue.copy = _copy
for _name in ("__copy__", "__deepcopy__"):
    setattr(TapeValue, _name, lambda self, *_: _copy(self, "K"))


def cast(x: Any, dtype: Any) -> Any:
    """`x.astype(dtype)`"""
    return x.astype(dtype) if hasattr(x, "astype") else np.dtype(dtype).type(x)


def _astype(self: Any, dtype: Any, *_: Any, **__: Any) -> Any:
    return apply(cast, (self, np.dtype(dtype).type), {})


def item(x: Any, *place: Any) -> Any:
    """`x.item()`: as a Python number"""
    return x.item(*place) if hasattr(x, "item") else x


def _item(self: Any, *place: Any) -> Any:
    return apply(item, (self, *place), {})


def _tolist(self: Any) -> Any:
    if isinstance(self, TapeScalar) or self.ndim == 0:
        return _item(self)
    if not self.base.is_active:
        return self.value.tolist()
    return [_tolist(part) if isinstance(part, TapeValue) else part for part in self]


def _reshape(self: Any, *shape: Any, **kwargs: Any) -> Any:
    return apply(np.reshape, (self, shape[0] if len(shape) == 1 else shape), kwargs)


def _transpose(self: Any, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 else axes or None
    return apply(np.transpose, (self, given), {})


def _fill(self: TapeArray, value: Any) -> None:
    indexing.set_(self, ..., value)


def _flatten(self: Any, order: str = "C") -> Any:
    return _copy(apply(np.ravel, (self,), {"order": order}))


for _name, _method in {
    "astype": _astype,
    "item": _item,
    "tolist": _tolist,
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
}.items():
    setattr(TapeValue, _name, _method)
TapeArray.fill = _fill  # pyright: ignore[reportAttributeAccessIssue]


def _by_function(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: call_function(function, (self, *args), kwargs)


for _name, _function in {
    **{
        name: getattr(np, name)
        for name in (
            "all any argmax argmin argpartition argsort choose clip conjugate cumprod cumsum diagonal dot max"
            " mean min nonzero prod ravel repeat round searchsorted squeeze std sum swapaxes take trace var"
        ).split()
    },
    "conj": np.conjugate,
}.items():
    setattr(TapeValue, _name, _by_function(_function))


def _refused(name: str) -> Callable[..., Any]:
    def method(self: TapeArray, *args: Any, **kwargs: Any) -> Any:
        if self.base.is_active:
            raise error(
                f"`.{name}()` of an array with a derivative is not supported",
                hint="write it with functions of numpy, or da.stop_gradient(x)",
            )
        memory.before_write(self)
        return getattr(self.value, name)(*args, **kwargs)

    return method


def _in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """What sorts in place."""

    def method(self: TapeArray, *args: Any, **kwargs: Any) -> None:
        indexing.set_(self, ..., call_function(function, (self, *args), kwargs))

    return method


TapeArray.sort = _in_order(np.sort)  # pyright: ignore[reportAttributeAccessIssue]
TapeArray.partition = _in_order(np.partition)  # pyright: ignore[reportAttributeAccessIssue]


def _compress_method(self: TapeArray, condition: Any, axis: Any = None) -> Any:
    return _compress(condition, self, axis)


TapeArray.compress = _compress_method  # pyright: ignore[reportAttributeAccessIssue]

for _name in "tobytes tofile byteswap setflags put resize".split():
    setattr(TapeArray, _name, _refused(_name))


def _is_integer(self: TapeScalar) -> bool:
    return self.value.is_integer()


TapeScalar.is_integer = _is_integer  # pyright: ignore[reportAttributeAccessIssue]

__all__ = ["Snapshot", "TapeView", "call_function", "call_ufunc", "cast", "item"]
