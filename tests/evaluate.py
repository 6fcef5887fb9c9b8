"""An interpreter of the linalg and loop rungs on NumPy arrays: the oracle of the tests.

It is written for obviousness, not speed: one function per op, tensors are arrays that nobody writes
into, memrefs are arrays that everybody writes into, a cache is a Python list.
"""

from __future__ import annotations

import builtins
import itertools
import math as pymath
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, cf, func, math, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    TensorType,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad.dialects import ad, blas, order
from dialectad.dialects.arith import RemfOp
from tests import requests

Environment = dict[SSAValue, Any]
Rule = Callable[["Interpreter", Operation, list[Any]], Sequence[Any]]


def dtype_of(type_: Attribute) -> np.dtype[Any]:
    """The NumPy dtype of a scalar type."""
    if isinstance(type_, IndexType):
        return np.dtype(np.int64)
    if isinstance(type_, IntegerType):
        return np.dtype(np.bool_) if type_.width.data == 1 else np.dtype(f"i{type_.width.data // 8}")
    return np.dtype(f"f{type_.bitwidth // 8}")  # pyright: ignore[reportAttributeAccessIssue]


def evaluate(module: ModuleOp, name: str, args: Sequence[Any]) -> list[Any]:
    """The results of function `name` on `args` (loop rung: the arrays are written into)."""
    with np.errstate(all="ignore"):
        return Interpreter(module).call(name, list(args))


class Interpreter:
    point: tuple[int, ...] = ()
    """Where in its iteration space the current linalg op is."""

    def __init__(self, module: ModuleOp):
        self.symbols = {
            op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp | memref.GlobalOp)
        }

    def call(self, name: str, args: list[Any]) -> list[Any]:
        function = self.symbols[name]
        assert isinstance(function, func.FuncOp)
        block = function.body.block
        assert len(block.args) == len(args), f"{name} takes {len(block.args)} arguments"
        values = [_coerce(arg, value.type) for arg, value in zip(args, block.args, strict=True)]
        return self.block(block, values, {})

    def block(self, block: Block, args: Sequence[Any], env: Environment) -> list[Any]:
        """Run a block and give the operands of its terminator."""
        env = dict(env)
        env.update(zip(block.args, args, strict=True))
        for op in block.ops:
            operands = [env[o] for o in op.operands]
            if op is block.last_op and op.next_op is None and not op.results and type(op) in _TERMINATORS:
                return operands
            if type(op) in _STRUCTURED:
                results = _STRUCTURED[type(op)](self, op, operands, env)
            elif isinstance(op, LinalgStructuredOperation):
                results = self.structured(op, operands, env)
            elif (rule := _RULES.get(type(op))) is None:
                raise KeyError(f"the interpreter doesn't know {op.name}")
            else:
                results = rule(self, op, operands)
            for result, value in zip(op.results, results, strict=True):
                env[result] = value
        return []

    def structured(
        self, op: LinalgStructuredOperation, operands: list[Any], env: Environment
    ) -> Sequence[Any]:
        maps = [m.data for m in op.get_indexing_maps()]
        on_tensors = bool(op.results)
        count = len(op.inputs)
        outs = [np.array(o) if on_tensors else o for o in operands[count:]]
        data = [*operands[:count], *outs]
        body = op.body.block if op.body.blocks else None
        assert body is not None
        for point in np.ndindex(*_extents(maps, data)):
            self.point = point
            elements = [
                d[tuple(m.eval(point, []))] if isinstance(d, np.ndarray) else d
                for m, d in zip(maps, data, strict=True)
            ]
            results = self.block(body, elements, env)
            for out, m, value in zip(outs, maps[count:], results, strict=True):
                out[tuple(m.eval(point, []))] = value
        return outs if on_tensors else []


def _coerce(value: Any, type_: Attribute) -> Any:
    if isinstance(type_, TensorType):
        return np.asarray(value, dtype_of(type_.element_type))
    if isinstance(type_, MemRefType):
        return value
    return np.asarray(value).astype(dtype_of(type_))[()]


def _extents(maps: Sequence[Any], data: Sequence[Any]) -> list[int]:
    """The extents of the iteration space, from the operands that a dimension indexes alone."""
    extents: list[int | None] = [None] * maps[0].num_dims
    for map_, array in zip(maps, data, strict=True):
        for axis, expression in enumerate(map_.results):
            if type(expression).__name__ == "AffineDimExpr":
                extent = np.shape(array)[axis]
                known = extents[expression.position]
                assert known in (None, extent), f"extents {known} and {extent} differ"
                extents[expression.position] = extent
    for map_, array in zip(maps, data, strict=True):  # -d0 + c alone: the extent is that of the axis
        for axis, expression in enumerate(map_.results):
            for dim in range(maps[0].num_dims):
                if extents[dim] is None and expression.is_function_of_dim(dim):
                    extents[dim] = np.shape(array)[axis]
    assert None not in extents, "an iteration dimension has no extent"
    return extents  # pyright: ignore[reportReturnType]


# --- constants and elementwise ops -------------------------------------------------------------


def constant(value: Attribute, type_: Attribute) -> Any:
    if isinstance(value, IntegerAttr):
        return dtype_of(type_).type(value.value.data)
    if isinstance(value, FloatAttr):
        return dtype_of(type_).type(value.value.data)
    assert isinstance(value, DenseIntOrFPElementsAttr)
    assert isinstance(type_, TensorType | MemRefType)
    elements = np.array(list(value.get_values()), dtype_of(type_.element_type))
    if value.is_splat() and elements.size:
        return np.full(type_.get_shape(), elements[0])
    return elements.reshape(type_.get_shape())


def _unsigned(x: Any) -> Any:
    x = np.asarray(x)
    return x.view(f"u{x.dtype.itemsize}") if x.dtype != np.bool_ else x


def _like(x: Any, reference: Any) -> Any:
    """`x` with the dtype of `reference`; an array stays an array, a scalar a scalar."""
    dtype = np.asarray(reference).dtype
    x = np.asarray(x).astype(dtype)
    return x if isinstance(reference, np.ndarray) else x[()]


def _elementwise(function: Callable[..., Any]) -> Rule:
    def rule(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
        return [_like(function(*operands), operands[0])]

    return rule


def _cast(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    type_ = op.results[0].type
    dtype = dtype_of(type_.element_type if isinstance(type_, TensorType) else type_)
    x = np.asarray(operands[0]).astype(dtype)
    return [x if isinstance(operands[0], np.ndarray) else x[()]]


_CMPI = {0: "equal", 1: "not_equal", 2: "less", 3: "less_equal", 4: "greater", 5: "greater_equal"}
_CMPF = {1: "equal", 2: "greater", 3: "greater_equal", 4: "less", 5: "less_equal", 6: "not_equal"}


def _compare(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    a, b = operands
    predicate = op.predicate.value.data  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(op, arith.CmpiOp):
        if predicate >= 6:
            a, b, predicate = _unsigned(a), _unsigned(b), predicate - 4
        return [getattr(np, _CMPI[predicate])(a, b)]
    unordered = np.isnan(a) | np.isnan(b)
    if predicate in (0, 15):
        return [np.full_like(unordered, predicate == 15) if np.ndim(unordered) else np.bool_(predicate == 15)]
    if predicate == 7:
        return [~unordered]
    if predicate == 14:
        return [unordered]
    if predicate <= 6:
        return [getattr(np, _CMPF[predicate])(a, b) & ~unordered]
    return [getattr(np, _CMPF[predicate - 7])(a, b) | unordered]


_erf = np.vectorize(pymath.erf, otypes=[np.float64])

_RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: lambda _, op, __: [constant(op.value, op.results[0].type)],  # pyright: ignore
    arith.CmpiOp: _compare,
    arith.CmpfOp: _compare,
    arith.SelectOp: lambda _, __, o: [
        np.where(o[0], o[1], o[2]) if np.ndim(o[0]) else (o[1] if o[0] else o[2])
    ],
}

_RULES |= {
    op: _elementwise(function)
    for op, function in {
        arith.AddfOp: np.add,
        arith.SubfOp: np.subtract,
        arith.MulfOp: np.multiply,
        arith.DivfOp: np.divide,
        RemfOp: np.fmod,
        arith.NegfOp: np.negative,
        arith.MaximumfOp: np.maximum,
        arith.MinimumfOp: np.minimum,
        arith.MaxnumfOp: np.fmax,
        arith.MinnumfOp: np.fmin,
        arith.AddiOp: np.add,
        arith.SubiOp: np.subtract,
        arith.MuliOp: np.multiply,
        arith.FloorDivSIOp: np.floor_divide,
        arith.CeilDivSIOp: lambda a, b: -(-a // b),
        arith.DivSIOp: lambda a, b: np.sign(a) * np.sign(b) * (abs(a) // abs(b)),
        arith.RemSIOp: np.fmod,
        arith.DivUIOp: lambda a, b: _unsigned(a) // _unsigned(b),
        arith.RemUIOp: lambda a, b: _unsigned(a) % _unsigned(b),
        arith.MaxSIOp: np.maximum,
        arith.MinSIOp: np.minimum,
        arith.MaxUIOp: lambda a, b: np.maximum(_unsigned(a), _unsigned(b)),
        arith.MinUIOp: lambda a, b: np.minimum(_unsigned(a), _unsigned(b)),
        arith.AndIOp: np.bitwise_and,
        arith.OrIOp: np.bitwise_or,
        arith.XOrIOp: np.bitwise_xor,
        arith.ShLIOp: np.left_shift,
        arith.ShRSIOp: np.right_shift,
        arith.ShRUIOp: lambda a, b: _unsigned(a) >> _unsigned(b),
        math.AbsFOp: np.abs,
        math.AbsIOp: np.abs,
        math.CtPopOp: lambda x: np.bitwise_count(_unsigned(x)),
        math.AcosOp: np.arccos,
        math.AcoshOp: np.arccosh,
        math.AsinOp: np.arcsin,
        math.AsinhOp: np.arcsinh,
        math.AtanOp: np.arctan,
        math.AtanhOp: np.arctanh,
        math.Atan2Op: np.arctan2,
        math.CbrtOp: np.cbrt,
        math.CeilOp: np.ceil,
        math.CopySignOp: np.copysign,
        math.CosOp: np.cos,
        math.CoshOp: np.cosh,
        math.SinOp: np.sin,
        math.SinhOp: np.sinh,
        math.ErfOp: _erf,
        math.ExpOp: np.exp,
        math.Exp2Op: np.exp2,
        math.ExpM1Op: np.expm1,
        math.FloorOp: np.floor,
        math.FmaOp: lambda a, b, c: a * b + c,
        math.FPowIOp: lambda a, b: np.power(a, np.asarray(b).astype(np.asarray(a).dtype)),
        math.IPowIOp: np.power,
        math.LogOp: np.log,
        math.Log10Op: np.log10,
        math.Log1pOp: np.log1p,
        math.Log2Op: np.log2,
        math.PowFOp: np.power,
        math.RoundOp: lambda a: np.copysign(np.floor(np.abs(a) + 0.5), a),
        math.RoundEvenOp: np.rint,
        math.RsqrtOp: lambda a: 1 / np.sqrt(a),
        math.SqrtOp: np.sqrt,
        math.TanOp: np.tan,
        math.TanhOp: np.tanh,
        math.TruncOp: np.trunc,
    }.items()
}

_RULES |= dict.fromkeys(
    (
        arith.ExtFOp,
        arith.TruncFOp,
        arith.SIToFPOp,
        arith.FPToSIOp,
        arith.IndexCastOp,
        arith.TruncIOp,
        arith.ExtSIOp,
    ),
    _cast,
)


def _unsigned_cast(interpreter: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    x = _unsigned(operands[0])
    return _cast(interpreter, op, [x if isinstance(operands[0], np.ndarray) else x[()]])


_RULES |= {
    arith.ExtUIOp: _unsigned_cast,
    arith.UIToFPOp: _unsigned_cast,
}


# --- tensor and memref -------------------------------------------------------------------------


def _mixed(static: Any, dynamic: Sequence[Any]) -> list[int]:
    rest = iter(dynamic)
    return [int(next(rest)) if s == DYNAMIC_INDEX else s for s in static.get_values()]


def _index(op: Any, operands: list[Any], skip: int) -> tuple[slice, ...]:
    a, b = skip + len(op.offsets), skip + len(op.offsets) + len(op.sizes)
    offsets = _mixed(op.static_offsets, operands[skip:a])
    sizes = _mixed(op.static_sizes, operands[a:b])
    strides = _mixed(op.static_strides, operands[b:])
    for o, n, s in zip(offsets, sizes, strides, strict=True):
        assert n >= 0, f"{op.name}: negative size {n}"
        assert s > 0, f"{op.name}: stride {s}"
        assert o >= 0, f"{op.name}: offset {o}"
    return tuple(slice(o, o + n * s, s) for o, n, s in zip(offsets, sizes, strides, strict=True))


def _sizes(op: Any, operands: list[Any], skip: int) -> list[int]:
    a, b = skip + len(op.offsets), skip + len(op.offsets) + len(op.sizes)
    return _mixed(op.static_sizes, operands[a:b])


def _rank_reduced(array: np.ndarray[Any, Any], type_: Any) -> np.ndarray[Any, Any]:
    """A view without some of the unit axes, so that it has the shape of `type_`."""
    target = type_.get_shape()
    if array.ndim == len(target):
        return array
    for kept in itertools.combinations(range(array.ndim), len(target)):
        dropped = [a for a in range(array.ndim) if a not in kept]
        if all(array.shape[a] == 1 for a in dropped) and all(
            t in (DYNAMIC_INDEX, array.shape[a]) for a, t in zip(kept, target, strict=True)
        ):
            return array[tuple(slice(None) if a in kept else 0 for a in range(array.ndim))]
    raise AssertionError(f"no rank reduction from {array.shape} to {target}")


def _extract_slice(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    source = operands[0]
    region = source[_index(op, operands, 1)]
    assert list(region.shape) == _sizes(op, operands, 1), f"{op.name}: out of bounds"
    if isinstance(op, tensor.ExtractSliceOp):
        region = region.copy()
    return [_rank_reduced(region, op.results[0].type)]


def _insert_slice(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    source, dest = operands[0], operands[1].copy()
    region = dest[_index(op, operands, 2)]
    assert list(region.shape) == _sizes(op, operands, 2), f"{op.name}: out of bounds"
    assert source.size == region.size, f"{op.name}: {source.shape} into {region.shape}"
    region[...] = source.reshape(region.shape)
    return [dest]


def _insert(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    value, dest, *indices = operands
    dest = dest.copy()
    assert all(0 <= i < n for i, n in zip(indices, dest.shape, strict=True)), "insert out of bounds"
    dest[tuple(indices)] = value
    return [dest]


def _extract(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    source, *indices = operands
    assert all(0 <= i < n for i, n in zip(indices, source.shape, strict=True)), "extract out of bounds"
    return [source[tuple(indices)]]


def _store(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    value, dest, *indices = operands
    assert all(0 <= i < n for i, n in zip(indices, dest.shape, strict=True)), "store out of bounds"
    dest[tuple(indices)] = value
    return []


def _garbage(type_: Any, sizes: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Uninitialised content: a value that shows when it is used."""
    rest = iter(sizes)
    shape = [int(next(rest)) if s == DYNAMIC_INDEX else s for s in type_.get_shape()]
    dtype = dtype_of(type_.element_type)
    fill = np.nan if dtype.kind == "f" else (True if dtype.kind == "b" else 77)
    return np.full(shape, fill, dtype)


def _reshape(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    array, shape = operands[0], list(op.results[0].type.get_shape())
    if shape.count(DYNAMIC_INDEX) == 1:
        known = int(np.prod([s for s in shape if s != DYNAMIC_INDEX]))
        shape[shape.index(DYNAMIC_INDEX)] = array.size // known if known else 0
    elif DYNAMIC_INDEX in shape:
        assert isinstance(op, tensor.ExpandShapeOp), "an ambiguous reshape"
        shape = _mixed(op.static_output_shape, operands[1:])
    result = array.reshape(shape)
    if not isinstance(op, tensor.CollapseShapeOp | tensor.ExpandShapeOp) and array.size:
        assert np.shares_memory(result, array), f"{op.name} of a layout that it can't take"
    return [result]


def _memref_view(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    source, shift, *sizes = operands
    type_ = op.results[0].type
    rest = iter(sizes)
    shape = [int(next(rest)) if s == DYNAMIC_INDEX else s for s in type_.get_shape()]
    dtype = dtype_of(type_.element_type)
    size = int(np.prod(shape)) * dtype.itemsize
    assert shift + size <= source.size, "memref.view out of bounds"
    return [source[shift : shift + size].view(dtype).reshape(shape)]


def _get_global(interpreter: Interpreter, op: Any, _: list[Any]) -> Sequence[Any]:
    symbol = interpreter.symbols[op.name_.root_reference.data]
    assert isinstance(symbol, memref.GlobalOp)
    array = constant(symbol.initial_value, op.results[0].type)
    array.flags.writeable = False
    return [array]


def _copy(_: Interpreter, op: Operation, operands: list[Any]) -> Sequence[Any]:
    source, dest = operands
    assert source.shape == dest.shape, "memref.copy between different shapes"
    dest[...] = source.copy()
    return []


_RULES |= {
    tensor.EmptyOp: lambda _, op, o: [_garbage(op.results[0].type, o)],
    tensor.SplatOp: lambda _, op, o: [np.full_like(_garbage(op.results[0].type, o[1:]), o[0])],
    tensor.ExtractOp: _extract,
    tensor.InsertOp: _insert,
    tensor.ExtractSliceOp: _extract_slice,
    tensor.InsertSliceOp: _insert_slice,
    tensor.CollapseShapeOp: _reshape,
    tensor.ExpandShapeOp: _reshape,
    tensor.CastOp: lambda _, __, o: [o[0]],
    tensor.DimOp: lambda _, __, o: [np.int64(o[0].shape[o[1]])],
    tensor.FromElementsOp: lambda _, op, o: [np.array(o).reshape(op.results[0].type.get_shape())],  # pyright: ignore
    memref.AllocOp: lambda _, op, o: [_garbage(op.results[0].type, o)],
    memref.AllocaOp: lambda _, op, o: [_garbage(op.results[0].type, o)],
    memref.DeallocOp: lambda _, __, ___: [],
    memref.LoadOp: _extract,
    memref.StoreOp: _store,
    memref.SubviewOp: _extract_slice,
    memref.CopyOp: _copy,
    memref.CastOp: lambda _, __, o: [o[0]],
    memref.DimOp: lambda _, __, o: [np.int64(o[0].shape[o[1]])],
    memref.CollapseShapeOp: _reshape,
    memref.ExpandShapeOp: _reshape,
    memref.ViewOp: _memref_view,
    memref.GetGlobalOp: _get_global,
}


# --- linalg named ops, blas, ad ----------------------------------------------------------------


def _fill(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    if op.results:
        return [np.full_like(operands[1], operands[0])]
    operands[1][...] = operands[0]
    return []


def _into(result: Any, op: Operation, dest: Any) -> Sequence[Any]:
    if op.results:
        return [np.array(result, dest.dtype).reshape(dest.shape)]
    dest[...] = result
    return []


def _broadcast(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    source, dest = operands
    source = np.expand_dims(source, tuple(op.dimensions.get_values()))
    return _into(np.broadcast_to(source, dest.shape), op, dest)


def _transpose(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    return _into(np.transpose(operands[0], op.permutation.get_values()), op, operands[1])


def _reduce(interpreter: Interpreter, op: Any, operands: list[Any], env: Environment) -> Sequence[Any]:
    half = len(operands) // 2
    inputs, inits = operands[:half], [np.array(o) for o in operands[half:]]
    axes = set(op.dimensions.get_values())
    for point in np.ndindex(*inputs[0].shape):
        kept = tuple(i for axis, i in enumerate(point) if axis not in axes)
        values = interpreter.block(
            op.regions[0].block, [*(x[point] for x in inputs), *(x[kept] for x in inits)], env
        )
        for init, value in zip(inits, values, strict=True):
            init[kept] = value
    if op.results:
        return inits
    for dest, init in zip(operands[half:], inits, strict=True):
        dest[...] = init
    return []


def _scaled(op: Any, product: Any, dest: Any) -> Sequence[Any]:
    alpha, beta = op.alpha.value.data, op.beta.value.data
    result = product if alpha == 1 else dest.dtype.type(alpha) * product
    if beta != 0:
        result = result + (dest if beta == 1 else dest.dtype.type(beta) * dest)
    return _into(result, op, dest)


def _gemm(_: Interpreter, op: Any, o: list[Any]) -> Sequence[Any]:
    a = o[0].T if op.trans_a is not None else o[0]
    b = o[1].T if op.trans_b is not None else o[1]
    return _scaled(op, a @ b, o[2])


def _gemv(_: Interpreter, op: Any, o: list[Any]) -> Sequence[Any]:
    return _scaled(op, (o[0].T if op.trans is not None else o[0]) @ o[1], o[2])


def _push(_: Interpreter, op: Operation, o: list[Any]) -> Sequence[Any]:
    o[0].append(np.array(o[1]) if isinstance(o[1], np.ndarray) else o[1])
    return []


def _reserve(_: Interpreter, op: Any, o: list[Any]) -> Sequence[Any]:
    o[0].append(_garbage(op.results[0].type, o[1:]))
    return [o[0][-1]]


_RULES |= {
    linalg.FillOp: _fill,
    linalg.BroadcastOp: _broadcast,
    linalg.TransposeOp: _transpose,
    linalg.IndexOp: lambda i, op, _: [np.int64(i.point[op.dim.value.data])],  # pyright: ignore
    blas.GemmOp: _gemm,
    blas.GemvOp: _gemv,
    blas.GerOp: lambda _, op, o: _scaled(op, np.outer(o[0], o[1]), o[2]),
    order.ArgsortOp: lambda _, op, o: _into(np.argsort(o[0], axis=1, kind="stable"), op, o[1]),
    order.SearchOp: lambda _, op, o: _into(
        np.searchsorted(o[0], o[1], "right" if "right" in op.properties else "left"), op, o[2]
    ),
    blas.DotOp: lambda _, __, o: [o[0].dtype.type(o[0] @ o[1])],
    ad.CacheOp: lambda _, __, ___: [[]],
    ad.PushOp: _push,
    ad.ReserveOp: _reserve,
    ad.PopOp: lambda _, __, o: [o[0].pop()],
    ad.StopOp: lambda _, __, o: [o[0]],
    ad.VJPOp: requests.vjp,
    ad.JVPOp: requests.jvp,
    ad.AugmentedOp: requests.augmented,
    ad.PullbackOp: requests.pullback,
}


# --- control flow ------------------------------------------------------------------------------


def _assert(_: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    if not operands[0]:
        kind, _, message = op.msg.data.partition(": ")
        raise getattr(builtins, kind)(message)
    return []


def _call(interpreter: Interpreter, op: Any, operands: list[Any]) -> Sequence[Any]:
    return interpreter.call(op.callee.root_reference.data, operands)


def _if(interpreter: Interpreter, op: Any, operands: list[Any], env: Environment) -> Sequence[Any]:
    region = op.true_region if operands[0] else op.false_region
    return interpreter.block(region.block, [], env) if region.blocks else []


def _for(interpreter: Interpreter, op: Any, operands: list[Any], env: Environment) -> Sequence[Any]:
    lb, ub, step, *values = operands
    assert step > 0, "scf.for with a step that is not positive"
    for i in range(int(lb), int(ub), int(step)):
        values = interpreter.block(op.body.block, [np.int64(i), *values], env)
    return values


def _while(interpreter: Interpreter, op: Any, operands: list[Any], env: Environment) -> Sequence[Any]:
    values = operands
    while True:
        go_on, *values = interpreter.block(op.before_region.block, values, env)
        if not go_on:
            return values
        values = interpreter.block(op.after_region.block, values, env)


_RULES |= {cf.AssertOp: _assert, func.CallOp: _call}
_STRUCTURED: dict[type[Operation], Any] = {
    scf.IfOp: _if,
    scf.ForOp: _for,
    scf.WhileOp: _while,
    linalg.ReduceOp: _reduce,
    linalg.FillOp: lambda i, op, o, _: _fill(i, op, o),
    linalg.BroadcastOp: lambda i, op, o, _: _broadcast(i, op, o),
    linalg.TransposeOp: lambda i, op, o, _: _transpose(i, op, o),
}
_TERMINATORS = {func.ReturnOp, scf.YieldOp, scf.ConditionOp, linalg.YieldOp}
