"""Random programs of the linalg rung, built from a seed.

A value is only ever built from values in scope, and every program runs on every input: indices are in
bounds, loops are short, integer divisors aren't zero.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith, cf, func, math, scf, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    ModuleOp,
    TensorType,
    f64,
    i1,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.rewriter import InsertPoint

from dialectad.dialects.linalg import DotOp, MatvecOp, VecmatOp

INDEX = IndexType()
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, float("inf"), float("-inf"), float("nan"))

UNARY = (arith.NegfOp, math.AbsFOp, math.ExpOp, math.TanhOp, math.SqrtOp, math.FloorOp)
BINARY = (arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.DivfOp, arith.MaximumfOp)
INTEGER = (arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.MinSIOp, arith.MaxSIOp, arith.XOrIOp, arith.AndIOp)


def tensor_of(*shape: int, of: Attribute = f64) -> TensorType:
    return TensorType(of, shape)


class Programs:
    """Builds the body of one function."""

    def __init__(self, seed: int, statements: int):
        self.rng = random.Random(seed)
        m, n = self.rng.choice((0, 1, 2, 3, 4)), self.rng.choice((1, 2, 3, 5))
        self.shapes = [(), (m,), (n,), (m, n), (n, m), (1, n), (n, n)]
        self.args: list[Attribute] = [f64, f64, i64, i1, INDEX]
        self.args += [tensor_of(*shape) for shape in self.shapes] + [tensor_of(n, of=i64)]
        block = Block(arg_types=self.args)
        self.builder = Builder(InsertPoint.at_end(block))
        self.scopes: list[list[SSAValue]] = [list(block.args)]
        self.depth = 0
        for _ in range(statements):
            self.statement()
        results = self.rng.sample(self.scopes[0], min(10, len(self.scopes[0])))
        self.builder.insert(func.ReturnOp(*results))
        type_ = FunctionType.from_lists(self.args, [r.type for r in results])
        self.module = ModuleOp([func.FuncOp("f", type_, Region(block))])

    # --- values ---

    def put(self, op: Operation) -> SSAValue:
        self.builder.insert(op)
        self.scopes[-1].extend(op.results)
        return op.results[0]

    def hidden(self, op: Operation) -> SSAValue:
        self.builder.insert(op)
        return op.results[0]

    def values(self, *types: Attribute) -> list[SSAValue]:
        return [v for scope in self.scopes for v in scope if v.type in types]

    def pick(self, *types: Attribute) -> SSAValue:
        return self.rng.choice(self.values(*types)[-8:])

    def any_tensor(self, min_rank: int = 0) -> SSAValue:
        found = [
            v
            for scope in self.scopes
            for v in scope
            if isinstance(v.type, TensorType)
            and v.type.element_type == f64
            and v.type.get_num_dims() >= min_rank
        ]
        return self.rng.choice(found[-10:])

    def number(self, value: float) -> SSAValue:
        return self.hidden(arith.ConstantOp(FloatAttr(value, f64)))

    def index(self, value: int) -> SSAValue:
        return self.hidden(arith.ConstantOp(IntegerAttr(value, INDEX)))

    def zeros(self, *shape: int) -> SSAValue:
        return self.hidden(tensor.SplatOp(self.number(0.0), [], tensor_of(*shape)))

    def empty(self, *shape: int) -> SSAValue:
        return self.hidden(tensor.EmptyOp([], tensor_of(*shape)))

    def shape(self, value: SSAValue) -> tuple[int, ...]:
        assert isinstance(value.type, TensorType)
        return value.type.get_shape()

    # --- statements ---

    def statement(self) -> None:
        simple: list[Callable[[], object]] = [
            self.unary,
            self.binary,
            self.binary,
            self.binary,
            self.scalar_constant,
            self.tensor_constant,
            self.splat,
            self.integer,
            self.select,
            self.compare,
            self.broadcast,
            self.transpose,
            self.reduce,
            self.extract,
            self.insert,
            self.extract_slice,
            self.insert_slice,
            self.reshape,
            self.product,
            self.iota,
            self.map,
            self.check,
            self.dim,
        ]
        nested = [self.loop, self.branch, self.while_loop] if self.depth < 2 else []
        self.rng.choice([*simple, *simple, *nested, *nested])()

    def unary(self) -> None:
        self.put(self.rng.choice(UNARY)(self.any_tensor() if self.rng.random() < 0.7 else self.pick(f64)))

    def binary(self) -> None:
        a = self.any_tensor() if self.rng.random() < 0.7 else self.pick(f64)
        self.put(self.rng.choice(BINARY)(a, self.pick(a.type)))

    def scalar_constant(self) -> None:
        self.put(arith.ConstantOp(FloatAttr(self.rng.choice(SPECIAL), f64)))
        self.put(arith.ConstantOp(IntegerAttr(self.rng.choice((0, 1, -1, 3, 7)), i64)))
        if self.rng.random() < 0.3:
            self.put(arith.ConstantOp(IntegerAttr(self.rng.choice((0, 1)), i1)))

    def tensor_constant(self) -> None:
        type_ = tensor_of(*self.rng.choice(self.shapes))
        size = int(np.prod(type_.get_shape()))
        uniform = self.rng.random() < 0.5
        data = [self.rng.choice(SPECIAL[:7]) for _ in range(1 if uniform else size)] * (
            size if uniform else 1
        )
        if size:
            self.put(arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(type_, data)))

    def splat(self) -> None:
        self.put(tensor.SplatOp(self.pick(f64), [], tensor_of(*self.rng.choice(self.shapes))))

    def integer(self) -> None:
        a = self.pick(*(t for t in self.args if isinstance(t, TensorType) and t.element_type == i64), i64)
        self.put(self.rng.choice(INTEGER)(a, self.pick(a.type)))

    def select(self) -> None:
        a = self.any_tensor() if self.rng.random() < 0.6 else self.pick(f64)
        b = self.pick(a.type)
        if isinstance(a.type, TensorType):
            mask = self.hidden(arith.CmpfOp(self.pick(a.type), b, self.rng.choice(("olt", "une", "oge"))))
        else:
            mask = self.pick(i1)
        self.put(arith.SelectOp(mask, a, b))

    def compare(self) -> None:
        if self.rng.random() < 0.5:
            self.put(arith.CmpfOp(self.pick(f64), self.pick(f64), self.rng.randrange(16)))
        else:
            self.put(arith.CmpiOp(self.pick(i64), self.pick(i64), self.rng.randrange(10)))

    def broadcast(self) -> None:
        source = self.any_tensor()
        shape = self.shape(source)
        at = self.rng.randint(0, len(shape))
        if len(shape) > 2:
            return
        wide = (*shape[:at], self.rng.choice((1, 2, 3)), *shape[at:])
        self.put(linalg.BroadcastOp(source, self.empty(*wide), DenseArrayBase.from_list(i64, [at])))

    def transpose(self) -> None:
        source = self.any_tensor(1)
        shape = self.shape(source)
        permutation = self.rng.sample(range(len(shape)), len(shape))
        out = self.empty(*(shape[p] for p in permutation))
        self.put(linalg.TransposeOp(source, out, DenseArrayBase.from_list(i64, permutation)))

    def reduce(self) -> None:
        source = self.any_tensor(1)
        shape = self.shape(source)
        dims = sorted(self.rng.sample(range(len(shape)), self.rng.randint(1, len(shape))))
        kept = [n for d, n in enumerate(shape) if d not in dims]
        body = Block(arg_types=[f64, f64])
        combined = self.rng.choice((arith.AddfOp, arith.MaximumfOp, arith.MulfOp))(*body.args)
        body.add_ops([combined, linalg.YieldOp(combined.results[0])])
        init = self.zeros(*kept)
        if self.rng.random() < 0.3 and self.values(tensor_of(*kept)):
            init = self.pick(tensor_of(*kept))
        self.put(linalg.ReduceOp(source, init, DenseArrayBase.from_list(i64, dims), Region(body)))

    def indices(self, shape: tuple[int, ...]) -> list[SSAValue] | None:
        """In bounds: constants or the index argument modulo the extent."""
        if 0 in shape:
            return None
        found = []
        for extent in shape:
            if self.rng.random() < 0.7:
                found.append(self.index(self.rng.randrange(extent)))
            else:
                found.append(self.hidden(arith.RemSIOp(self.pick(INDEX), self.index(extent))))
        return found

    def extract(self) -> None:
        source = self.any_tensor()
        indices = self.indices(self.shape(source))
        if indices is not None:
            self.put(tensor.ExtractOp(source, indices, f64))

    def insert(self) -> None:
        dest = self.any_tensor()
        indices = self.indices(self.shape(dest))
        if indices is not None:
            self.put(tensor.InsertOp(self.pick(f64), dest, indices))

    def window(self, shape: tuple[int, ...]) -> tuple[list[int], list[int], list[int]]:
        sizes = [self.rng.randint(0, n) for n in shape]
        strides = [
            2 if n >= 2 * s - 1 and s > 1 and self.rng.random() < 0.3 else 1
            for n, s in zip(shape, sizes, strict=True)
        ]
        offsets = [
            self.rng.randint(0, n - ((s - 1) * t + 1 if s else 0))
            for n, s, t in zip(shape, sizes, strides, strict=True)
        ]
        return offsets, sizes, strides

    def extract_slice(self) -> None:
        source = self.any_tensor(1)
        offsets, sizes, strides = self.window(self.shape(source))
        self.put(tensor.ExtractSliceOp(source, offsets, sizes, strides, tensor_of(*sizes)))

    def insert_slice(self) -> None:
        dest = self.any_tensor(1)
        offsets, sizes, strides = self.window(self.shape(dest))
        found = self.values(tensor_of(*sizes))
        source = self.rng.choice(found) if found else self.zeros(*sizes)
        self.put(
            tensor.InsertSliceOp.get(
                source, dest, static_sizes=sizes, static_offsets=offsets, static_strides=strides
            )
        )

    def reshape(self) -> None:
        source = self.any_tensor(1)
        shape = self.shape(source)

        def groups(*lists: list[int]) -> ArrayAttr:
            return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in g]) for g in lists])

        if len(shape) == 2 and self.rng.random() < 0.7:
            self.put(
                tensor.CollapseShapeOp.create(
                    operands=[source],
                    result_types=[tensor_of(shape[0] * shape[1])],
                    properties={"reassociation": groups([0, 1])},
                )
            )
        elif len(shape) == 1:
            wide = self.rng.choice(((1, *shape), (*shape, 1)))
            self.put(tensor.ExpandShapeOp(source, [], groups([0, 1]), wide, tensor_of(*wide)))

    def product(self) -> None:
        a = self.any_tensor(1)
        shape = self.shape(a)
        if len(shape) == 1:
            kind, out = self.rng.choice(((DotOp, ()), (VecmatOp, None)))
            if kind is DotOp:
                self.put(DotOp([a, self.pick(a.type)], [self.zeros(*out)]))
                return
            found = [
                v for s in self.shapes if len(s) == 2 and s[0] == shape[0] for v in self.values(tensor_of(*s))
            ]
            if found:
                b = self.rng.choice(found)
                self.put(VecmatOp([a, b], [self.zeros(self.shape(b)[1])]))
        elif len(shape) == 2:
            vectors = self.values(tensor_of(shape[1]))
            if vectors and self.rng.random() < 0.5:
                self.put(MatvecOp([a, self.rng.choice(vectors)], [self.zeros(shape[0])]))
                return
            found = [
                v for s in self.shapes if len(s) == 2 and s[0] == shape[1] for v in self.values(tensor_of(*s))
            ]
            if found:
                b = self.rng.choice(found)
                out = self.zeros(shape[0], self.shape(b)[1])
                if self.rng.random() < 0.3 and self.values(out.type):
                    out = self.pick(out.type)
                self.put(linalg.MatmulOp([a, b], [out]))

    def generic(
        self, inputs: list[SSAValue], maps: list[AffineMap], shape: tuple[int, ...], body: Block
    ) -> None:
        out_map = AffineMap.identity(len(shape))
        self.put(
            linalg.GenericOp(
                inputs,
                [self.empty(*shape)],
                Region(body),
                ArrayAttr([AffineMapAttr(m) for m in [*maps, out_map]]),
                ArrayAttr([IteratorTypeAttr.parallel()] * len(shape)),
                [tensor_of(*shape)],
            )
        )

    def iota(self) -> None:
        shape = self.rng.choice([s for s in self.shapes if s])
        body = Block(arg_types=[f64])
        where = linalg.IndexOp(self.rng.randrange(len(shape)))
        integer = arith.IndexCastOp(where.result, i64)
        number = arith.SIToFPOp(integer.result, f64)
        body.add_ops([where, integer, number, linalg.YieldOp(number.result)])
        self.generic([], [], shape, body)

    def map(self) -> None:
        """A generic with a broadcast operand, a captured scalar and, now and then, a gather."""
        source = self.any_tensor(2)
        shape = self.shape(source)
        if len(shape) != 2:
            return
        rows = self.values(tensor_of(shape[0]))
        if not rows:
            return
        body = Block(arg_types=[f64, f64, f64])
        a = arith.MulfOp(body.args[0], body.args[1])
        b = arith.AddfOp(a.result, self.pick(f64))
        body.add_ops([a, b])
        last: SSAValue = b.result
        vectors = self.values(tensor_of(shape[1]))
        if self.rng.random() < 0.3 and vectors:
            where = linalg.IndexOp(1)
            element = tensor.ExtractOp(self.rng.choice(vectors), [where.result], f64)
            total = arith.AddfOp(last, element.result)
            body.add_ops([where, element, total])
            last = total.result
        body.add_op(linalg.YieldOp(last))
        d0 = AffineMap(2, 0, (AffineDimExpr(0),))
        self.generic([source, self.rng.choice(rows)], [AffineMap.identity(2), d0], shape, body)

    def check(self) -> None:
        value = self.pick(i64)
        same = self.hidden(arith.CmpiOp(value, value, "eq"))
        self.builder.insert(cf.AssertOp(same, "ValueError: never"))

    def dim(self) -> None:
        source = self.any_tensor(1)
        self.put(tensor.DimOp(source, self.index(0)))

    # --- control flow ---

    @contextmanager
    def inside(self, block: Block, values: list[SSAValue]):
        outer = self.builder
        self.builder = Builder(InsertPoint.at_end(block))
        self.scopes.append(values)
        self.depth += 1
        yield
        self.depth -= 1
        self.scopes.pop()
        self.builder = outer

    def carried(self) -> list[SSAValue]:
        candidates = [v for scope in self.scopes for v in scope if v.type not in (i1, INDEX)]
        return self.rng.sample(candidates, self.rng.randint(1, 3))

    def successors(self, values: list[SSAValue]) -> list[SSAValue]:
        return [self.pick(v.type) for v in values]

    def loop(self) -> None:
        inits = self.carried()
        body = Block(arg_types=[INDEX, *(v.type for v in inits)])
        low, step = self.index(0), self.index(self.rng.choice((1, 2)))
        high = self.index(self.rng.choice((0, 1, 2, 3)))
        if self.rng.random() < 0.4:
            high = self.hidden(arith.RemSIOp(self.pick(INDEX), self.index(4)))
        with self.inside(body, list(body.args)):
            for _ in range(self.rng.randint(1, 5)):
                self.statement()
            self.builder.insert(scf.YieldOp(*self.successors(inits)))
        self.put(scf.ForOp(low, high, step, inits, body))

    def branch(self) -> None:
        types = [v.type for v in self.carried()]
        regions = []
        for _ in range(2):
            block = Block()
            with self.inside(block, []):
                for _ in range(self.rng.randint(0, 3)):
                    self.statement()
                self.builder.insert(scf.YieldOp(*[self.pick(t) for t in types]))
            regions.append(Region(block))
        self.put(scf.IfOp(self.pick(i1), types, *regions))

    def while_loop(self) -> None:
        inits = self.carried()
        types = [INDEX, *(v.type for v in inits)]
        before, after = Block(arg_types=types), Block(arg_types=types)
        with self.inside(before, list(before.args)):
            if self.rng.random() < 0.3:
                self.statement()
            limit = self.index(self.rng.choice((0, 1, 3)))
            condition = self.hidden(arith.CmpiOp(before.args[0], limit, "slt"))
            self.builder.insert(scf.ConditionOp(condition, *before.args))
        with self.inside(after, list(after.args)):
            for _ in range(self.rng.randint(1, 3)):
                self.statement()
            following = self.hidden(arith.AddiOp(after.args[0], self.index(1)))
            self.builder.insert(scf.YieldOp(following, *self.successors(inits)))
        self.put(scf.WhileOp([self.index(0), *inits], types, Region(before), Region(after)))


def inputs(program: Programs, seed: int) -> list[object]:
    """Arguments for the program, with the odd special value."""
    rng = np.random.default_rng(seed)
    found: list[object] = []
    for type_ in program.args:
        if type_ == f64:
            found.append(float(rng.choice(SPECIAL)) if rng.random() < 0.3 else float(rng.normal()))
        elif type_ == i64:
            found.append(int(rng.integers(-3, 4)))
        elif type_ == i1:
            found.append(bool(rng.integers(2)))
        elif type_ == INDEX:
            found.append(int(rng.integers(0, 9)))
        else:
            assert isinstance(type_, TensorType)
            shape = type_.get_shape()
            if type_.element_type == i64:
                found.append(rng.integers(-3, 4, shape))
                continue
            data = rng.normal(size=shape)
            special = rng.random(shape) < 0.1
            found.append(np.where(special, rng.choice(SPECIAL, shape), data))
    return found
