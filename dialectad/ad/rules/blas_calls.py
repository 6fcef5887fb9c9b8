"""Derivatives of calls of CBLAS, at the llvm rung: calls of CBLAS on the shadows.

| call | adjoint (in the shadows dA, dB, dC of what A, B, C point to) |
|---|---|
| `gemm` C = alpha op(A) op(B) + beta C | dA += alpha dC op(B)^T, dB += alpha op(A)^T dC, dC *= beta |
| `gemv` y = alpha op(A) x + beta y | dA += alpha dy x^T (`ger`), dx += alpha op(A)^T dy, dy *= beta |
| `ger` A += alpha x y^T | dx += alpha dA y, dy += alpha dA^T x |
| `dot` r = x . y | dx += dr y, dy += dr x |

Row-major, with flags and scalars that are no active values, as `lower-blas` makes them. Any other call is
refused where something active goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import arith, llvm, scf
from xdsl.dialects.builtin import AnyFloat, Float32Type, Float64Type, IntegerAttr, i32, i64
from xdsl.ir import Block, Operation, SSAValue

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.algebra import Emitter
from dialectad.ad.forward import Forward
from dialectad.ad.memory import blas_routine, is_memory, is_order_call, written_by_call
from dialectad.ad.reverse import Reverse
from dialectad.ad.rule import Rule, register
from dialectad.ad.rules.llvm import element_pointer
from dialectad.errors import CompileError

_ROW_MAJOR, _NO_TRANS, _TRANS = 101, 111, 112


@dataclass(frozen=True)
class Array:
    """A matrix or vector of a call: element (i, j) is at `i * leading + j`, element i at `i * leading`."""

    operand: SSAValue
    rows: SSAValue
    columns: SSAValue | None
    """None for a vector."""
    leading: SSAValue


@dataclass(frozen=True)
class Product:
    """A call taken apart."""

    op: llvm.CallOp
    routine: str
    element: AnyFloat
    alpha: SSAValue | None
    beta: SSAValue | None
    lhs: Array
    rhs: Array
    dest: Array | None
    trans: tuple[bool, bool] = (False, False)

    @staticmethod
    def of(op: llvm.CallOp) -> Product:
        if (found := blas_routine(op)) is None:
            raise _unknown(op)
        routine, letter = found
        element = Float32Type() if letter == "s" else Float64Type()
        o = list(op.operands)
        match routine:
            case "gemm":
                _, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = o
                trans = _is_transposed(op, ta), _is_transposed(op, tb)
                lhs = Array(a, k, m, lda) if trans[0] else Array(a, m, k, lda)
                rhs = Array(b, n, k, ldb) if trans[1] else Array(b, k, n, ldb)
                return Product(op, routine, element, alpha, beta, lhs, rhs, Array(c, m, n, ldc), trans)
            case "gemv":
                _, ta, m, n, alpha, a, lda, x, incx, beta, y, incy = o
                t = _is_transposed(op, ta)
                wide, high = (m, n) if t else (n, m)
                lhs, rhs = Array(a, m, n, lda), Array(x, wide, None, incx)
                return Product(
                    op, routine, element, alpha, beta, lhs, rhs, Array(y, high, None, incy), (t, False)
                )
            case "ger":
                _, m, n, alpha, x, incx, y, incy, a, lda = o
                lhs, rhs = Array(x, m, None, incx), Array(y, n, None, incy)
                return Product(op, routine, element, alpha, None, lhs, rhs, Array(a, m, n, lda))
            case _:
                n, x, incx, y, incy = o
                return Product(
                    op, routine, element, None, None, Array(x, n, None, incx), Array(y, n, None, incy), None
                )

    def with_arrays(self, primal: Callable[[SSAValue], SSAValue], **arrays: SSAValue) -> Product:
        """The same product of other arrays, with sizes as `primal` gives them."""

        def moved(array: Array | None, name: str) -> Array | None:
            if array is None:
                return None
            columns = None if array.columns is None else primal(array.columns)
            operand = arrays.get(name, array.operand)
            return Array(operand, primal(array.rows), columns, primal(array.leading))

        return replace(
            self,
            alpha=None if self.alpha is None else primal(self.alpha),
            beta=None if self.beta is None else primal(self.beta),
            lhs=moved(self.lhs, "lhs"),
            rhs=moved(self.rhs, "rhs"),
            dest=moved(self.dest, "dest"),
        )


def _is_transposed(op: Operation, flag: SSAValue) -> bool:
    owner = flag.owner
    if not isinstance(owner, arith.ConstantOp) or not isinstance(owner.value, IntegerAttr):
        raise _refuse(op, "a call of BLAS with a flag that isn't a constant")
    return owner.value.value.data == _TRANS


def _refuse(op: Operation, message: str) -> CompileError:
    return CompileError(
        message,
        locations.of(op),
        hint="differentiate it at level loop or linalg",
        pass_name="differentiate",
    )


def _unknown(op: llvm.CallOp) -> CompileError:
    called = "a function pointer" if op.callee is None else repr(op.callee.root_reference.data)
    return _refuse(op, f"a call of {called}, of which no derivative is known")


class Calls:
    """Emits calls of CBLAS on arrays of one element type."""

    def __init__(self, emitter: Emitter, like: llvm.CallOp, element: AnyFloat):
        self.emitter, self.like, self.element = emitter, like, element
        self.letter = "s" if isinstance(element, Float32Type) else "d"

    def _call(self, routine: str, operands: Sequence[SSAValue]) -> None:
        self.emitter.insert(llvm.CallOp(f"cblas_{self.letter}{routine}", *operands))

    def _flag(self, on: bool) -> SSAValue:
        return self.emitter.integer(_TRANS if on else _NO_TRANS, i32)

    def _order(self) -> SSAValue:
        return self.emitter.integer(_ROW_MAJOR, i32)

    def one(self) -> SSAValue:
        return self.emitter.scalar(1.0, self.element)

    def gemm(
        self, ta: bool, tb: bool, alpha: SSAValue, a: Array, b: Array, beta: SSAValue, c: Array, k: SSAValue
    ) -> None:
        assert c.columns is not None
        sizes = [c.rows, c.columns, k]
        arrays = [alpha, a.operand, a.leading, b.operand, b.leading, beta, c.operand, c.leading]
        self._call("gemm", [self._order(), self._flag(ta), self._flag(tb), *sizes, *arrays])

    def gemv(self, t: bool, alpha: SSAValue, a: Array, x: Array, beta: SSAValue, y: Array) -> None:
        assert a.columns is not None
        arrays = [alpha, a.operand, a.leading, x.operand, x.leading, beta, y.operand, y.leading]
        self._call("gemv", [self._order(), self._flag(t), a.rows, a.columns, *arrays])

    def ger(self, alpha: SSAValue, x: Array, y: Array, a: Array) -> None:
        assert a.columns is not None
        arrays = [alpha, x.operand, x.leading, y.operand, y.leading, a.operand, a.leading]
        self._call("ger", [self._order(), a.rows, a.columns, *arrays])

    def scale(self, array: Array, factor: SSAValue) -> None:
        """Multiply by `factor`; with a constant 0 whatever was there is gone."""
        known = _known(factor)
        if known == 1:
            return
        zero = self.emitter.scalar(0.0, self.element)

        def body(address: SSAValue) -> None:
            value = zero
            if known != 0:
                old = self.emitter.emit(llvm.LoadOp(address, self.element))
                value = self.emitter.emit(arith.MulfOp(old, factor))
            self.emitter.insert(llvm.StoreOp(value, address))

        self._each([array], lambda addresses: body(addresses[0]))

    def axpy(self, factor: SSAValue, x: Array, y: Array) -> None:
        """y += factor x, for vectors."""

        def body(addresses: Sequence[SSAValue]) -> None:
            here, there = (self.emitter.emit(llvm.LoadOp(a, self.element)) for a in addresses)
            term = self.emitter.emit(arith.MulfOp(factor, here))
            self.emitter.insert(llvm.StoreOp(self.emitter.add(there, term), addresses[1]))

        self._each([x, y], body)

    def _each(self, arrays: Sequence[Array], body: Callable[[list[SSAValue]], None]) -> None:
        """Loops over all elements of arrays of one shape; `body` gets their addresses."""
        emitter = self.emitter
        first = arrays[0]
        leading = [self._wide(array.leading) for array in arrays]

        def rows(i: SSAValue) -> None:
            offsets = [emitter.emit(arith.MuliOp(i, step)) for step in leading]
            if first.columns is None:
                body([self._address(a, o) for a, o in zip(arrays, offsets, strict=True)])
                return

            def columns(j: SSAValue) -> None:
                places = [emitter.emit(arith.AddiOp(offset, j)) for offset in offsets]
                body([self._address(a, p) for a, p in zip(arrays, places, strict=True)])

            self._loop(self._wide(first.columns), columns)

        self._loop(self._wide(first.rows), rows)

    def _wide(self, value: SSAValue) -> SSAValue:
        return value if value.type == i64 else self.emitter.emit(arith.ExtSIOp(value, i64))

    def _address(self, array: Array, index: SSAValue) -> SSAValue:
        return element_pointer(self.emitter, array.operand, index, self.element)

    def _loop(self, count: SSAValue, body: Callable[[SSAValue], None]) -> None:
        block = Block(arg_types=[i64])
        zero, one = self.emitter.integer(0, i64), self.emitter.integer(1, i64)
        with self.emitter.inside(block):
            body(block.args[0])
            self.emitter.insert(scf.YieldOp())
        self.emitter.insert(scf.ForOp(zero, count, one, [], block))

    def bytes_of(self, array: Array) -> SSAValue:
        """From the first to behind the last element; 0 of an empty array."""
        emitter, zero = self.emitter, self.emitter.integer(0, i64)
        one = emitter.integer(1, i64)
        rows, leading = self._wide(array.rows), self._wide(array.leading)
        last = one if array.columns is None else self._wide(array.columns)
        before = emitter.emit(arith.MuliOp(emitter.emit(arith.SubiOp(rows, one)), leading))
        elements = emitter.emit(arith.MaxSIOp(emitter.emit(arith.AddiOp(before, last)), zero))
        some = emitter.emit(arith.CmpiOp(rows, zero, "sgt"))
        elements = emitter.emit(arith.SelectOp(some, elements, zero))
        return emitter.emit(arith.MuliOp(elements, emitter.integer(self.element.bitwidth // 8, i64)))


def _known(value: SSAValue) -> float | None:
    owner = value.owner
    return owner.value.value.data if isinstance(owner, arith.ConstantOp) else None  # pyright: ignore


class Call(Rule):
    """A call of BLAS, or of a function of which nothing is known."""

    def vary(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.CallOp)
        if is_order_call(op) or not any(activity.is_varied(o) for o in op.operands):
            return
        if blas_routine(op) is None:
            raise _unknown(op)
        if any(activity.is_varied(o) for o in op.operands if not is_memory(o)):
            raise _refuse(op, "a call of BLAS with a scalar that is differentiated")
        for written in written_by_call(op):
            activity.mark_varied(written)
        for result in op.results:
            activity.mark_varied(result)

    def use(self, activity: Activity, op: Operation) -> None:
        assert isinstance(op, llvm.CallOp)
        if blas_routine(op) is None:
            return
        if any(activity.is_useful(v) for v in (*written_by_call(op), *op.results)):
            for operand in op.operands:
                if is_memory(operand):
                    activity.mark_useful(operand)

    def reverse(self, sweep: Reverse, op: Operation) -> None:
        assert isinstance(op, llvm.CallOp)
        if is_order_call(op):
            return
        call = Product.of(op)
        d: SSAValue | None = None
        if call.dest is None:
            if (d := sweep.cotangent(op.results[0])) is None:
                return
        elif not sweep.active(call.dest.operand):
            return

        def content(array: Array) -> SSAValue:
            calls = Calls(Emitter.before(op), op, call.element)
            if sweep.primals.memory.survives(array.operand, op):
                return sweep.primal(array.operand)
            return sweep.primals.bytes(op, array.operand, calls.bytes_of(array))

        needs_lhs, needs_rhs = sweep.active(call.rhs.operand), sweep.active(call.lhs.operand)
        lhs = content(call.lhs) if needs_lhs else call.lhs.operand
        rhs = content(call.rhs) if needs_rhs else call.rhs.operand
        primal = call.with_arrays(sweep.primal, lhs=lhs, rhs=rhs)
        shadows = {
            name: sweep.shadow(array.operand)
            for name, array in (("lhs", call.lhs), ("rhs", call.rhs), ("dest", call.dest))
            if array is not None and sweep.active(array.operand)
        }
        shadow = call.with_arrays(sweep.primal, **shadows)
        calls = Calls(sweep.emitter, op, call.element)
        _ADJOINTS[call.routine](calls, primal, shadow, needs_rhs, needs_lhs, d)

    def forward(self, sweep: Forward, op: Operation) -> None:
        assert isinstance(op, llvm.CallOp)
        if is_order_call(op):
            return
        call, calls = Product.of(op), Calls(sweep.emitter, op, Product.of(op).element)
        tangents = {
            name: sweep.shadow(array.operand)
            for name, array in (("lhs", call.lhs), ("rhs", call.rhs))
            if sweep.active(array.operand)
        }
        if call.dest is None:
            total: SSAValue | None = None
            for name, t in tangents.items():
                clone = op.clone()
                clone.operands = list(op.operands)
                clone.operands[1 if name == "lhs" else 3] = t
                term = sweep.emitter.emit(clone)
                total = term if total is None else sweep.emitter.add(total, term)
            sweep.set_tangent(op.results[0], total)
            return
        if not sweep.active(call.dest.operand):
            return
        dest = sweep.shadow(call.dest.operand)
        if call.beta is not None:
            calls.scale(replace(call.dest, operand=dest), call.beta)
        for name, t in tangents.items():
            term = call.with_arrays(sweep.primal, dest=dest, **{name: t})
            _repeat(calls, term)


def _repeat(calls: Calls, p: Product) -> None:
    """The product itself, added to its destination."""
    assert p.dest is not None
    assert p.alpha is not None
    match p.routine:
        case "gemm":
            k = p.lhs.rows if p.trans[0] else p.lhs.columns
            assert k is not None
            calls.gemm(*p.trans, p.alpha, p.lhs, p.rhs, calls.one(), p.dest, k)
        case "gemv":
            calls.gemv(p.trans[0], p.alpha, p.lhs, p.rhs, calls.one(), p.dest)
        case _:
            calls.ger(p.alpha, p.lhs, p.rhs, p.dest)


_Adjoint = Callable[[Calls, Product, Product, bool, bool, "SSAValue | None"], None]


def _gemm(calls: Calls, p: Product, d: Product, lhs: bool, rhs: bool, _: SSAValue | None) -> None:
    assert p.alpha is not None
    assert p.beta is not None
    assert d.dest is not None
    assert d.dest.columns is not None
    (ta, tb), one = p.trans, calls.one()
    if lhs and ta:
        calls.gemm(tb, True, p.alpha, p.rhs, d.dest, one, d.lhs, d.dest.columns)
    elif lhs:
        calls.gemm(False, not tb, p.alpha, d.dest, p.rhs, one, d.lhs, d.dest.columns)
    if rhs and tb:
        calls.gemm(True, ta, p.alpha, d.dest, p.lhs, one, d.rhs, d.dest.rows)
    elif rhs:
        calls.gemm(not ta, False, p.alpha, p.lhs, d.dest, one, d.rhs, d.dest.rows)
    calls.scale(d.dest, p.beta)


def _gemv(calls: Calls, p: Product, d: Product, lhs: bool, rhs: bool, _: SSAValue | None) -> None:
    assert p.alpha is not None
    assert p.beta is not None
    assert d.dest is not None
    if lhs:
        x, y = (p.rhs, d.dest) if p.trans[0] else (d.dest, p.rhs)
        calls.ger(p.alpha, x, y, d.lhs)
    if rhs:
        calls.gemv(not p.trans[0], p.alpha, p.lhs, d.dest, calls.one(), d.rhs)
    calls.scale(d.dest, p.beta)


def _ger(calls: Calls, p: Product, d: Product, lhs: bool, rhs: bool, _: SSAValue | None) -> None:
    assert p.alpha is not None
    assert d.dest is not None
    if lhs:
        calls.gemv(False, p.alpha, d.dest, p.rhs, calls.one(), d.lhs)
    if rhs:
        calls.gemv(True, p.alpha, d.dest, p.lhs, calls.one(), d.rhs)


def _dot(calls: Calls, p: Product, d: Product, lhs: bool, rhs: bool, dr: SSAValue | None) -> None:
    assert dr is not None
    if lhs:
        calls.axpy(dr, p.rhs, d.lhs)
    if rhs:
        calls.axpy(dr, p.lhs, d.rhs)


_ADJOINTS: dict[str, _Adjoint] = {"gemm": _gemm, "gemv": _gemv, "ger": _ger, "dot": _dot}

register(llvm.CallOp, Call())
