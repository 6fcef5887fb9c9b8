"""From the `llvm` dialect back up: scalar ops to `arith` and `math`, allocations to `memref`.

    %y = llvm.fmul %x, %x : f64                  ->  %y = arith.mulf %x, %x : f64
    %s = llvm.call @sin(%y) : (f64) -> f64       ->  %s = math.sin %y : f64
    %p = llvm.call @aligned_alloc(%a, %n)        ->  %m = memref.alloc(%n) : memref<?xi8>;  %p = cast %m
    llvm.call @dialectad.assert(%ok, %c3)        ->  cf.assert %ok, "<the message of status 3>"
    llvm.call @dialectad.push.f64(%c, %y)        ->  ad.push(%c, %y)
    llvm.call @dialectad.call.g(%x, %p)          ->  func.call @g(%x, %m), with %m = cast %p : memref<4xf64>
    llvm.return %status                          ->  func.return

Loads, stores and addresses stay what they are. So the rules for `arith` and `math` hold for LLVM's code too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects import arith, cf, func, llvm, math, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    ArrayAttr,
    DictionaryAttr,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    UnrealizedConversionCastOp,
    f32,
    f64,
    i1,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad import locations
from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.ad import CacheOp, CacheType, PopOp, PushOp, ReserveOp, StopOp
from dialectad.dialects.arith import RemfOp
from dialectad.errors import CompileError
from dialectad.lower.bufferization.functions import OUTS
from dialectad.lower.llvm.function import OUT_OF_MEMORY
from dialectad.lower.llvm.requests import SIGNATURE, differentiable
from dialectad.lower.llvm_libraries import (
    ASSERT,
    CACHE,
    CALL,
    END_CACHE,
    POP,
    POP_SLOT,
    PUSH,
    RESERVE,
    SLOTS,
    STOP,
)
from dialectad.walk import walk

_BINARY: dict[type[Operation], type[Operation]] = {
    llvm.FAddOp: arith.AddfOp,
    llvm.FSubOp: arith.SubfOp,
    llvm.FMulOp: arith.MulfOp,
    llvm.FDivOp: arith.DivfOp,
    llvm.FRemOp: RemfOp,
    llvm.AddOp: arith.AddiOp,
    llvm.SubOp: arith.SubiOp,
    llvm.MulOp: arith.MuliOp,
    llvm.SDivOp: arith.DivSIOp,
    llvm.UDivOp: arith.DivUIOp,
    llvm.SRemOp: arith.RemSIOp,
    llvm.URemOp: arith.RemUIOp,
    llvm.AndOp: arith.AndIOp,
    llvm.OrOp: arith.OrIOp,
    llvm.XOrOp: arith.XOrIOp,
    llvm.ShlOp: arith.ShLIOp,
    llvm.AShrOp: arith.ShRSIOp,
    llvm.LShrOp: arith.ShRUIOp,
    llvm.VectorFMaxOp: arith.MaxnumfOp,
    llvm.VectorFMinOp: arith.MinnumfOp,
    llvm.FCopySignOp: math.CopySignOp,
    llvm.FPowOp: math.PowFOp,
}

_UNARY: dict[type[Operation], type[Operation]] = {
    llvm.FNegOp: arith.NegfOp,
    llvm.FAbsOp: math.AbsFOp,
    llvm.FCeilOp: math.CeilOp,
    llvm.FFloorOp: math.FloorOp,
    llvm.FSqrtOp: math.SqrtOp,
    llvm.FExpOp: math.ExpOp,
    llvm.FExp2Op: math.Exp2Op,
    llvm.FLogOp: math.LogOp,
    llvm.FLog2Op: math.Log2Op,
    llvm.FSinOp: math.SinOp,
    llvm.FCosOp: math.CosOp,
}

_CASTS: dict[type[Operation], type[Operation]] = {
    llvm.ZExtOp: arith.ExtUIOp,
    llvm.SExtOp: arith.ExtSIOp,
    llvm.TruncOp: arith.TruncIOp,
    llvm.FPExtOp: arith.ExtFOp,
    llvm.FPTruncOp: arith.TruncFOp,
    llvm.SIToFPOp: arith.SIToFPOp,
    more_llvm.UIToFPOp: arith.UIToFPOp,
    more_llvm.FPToSIOp: arith.FPToSIOp,
    more_llvm.FPToUIOp: arith.FPToUIOp,
}

_INTRINSICS: dict[str, type[Operation]] = {
    "maximum": arith.MaximumfOp,
    "minimum": arith.MinimumfOp,
    "maxnum": arith.MaxnumfOp,
    "minnum": arith.MinnumfOp,
    "smax": arith.MaxSIOp,
    "smin": arith.MinSIOp,
    "umax": arith.MaxUIOp,
    "umin": arith.MinUIOp,
    "trunc": math.TruncOp,
    "round": math.RoundOp,
    "roundeven": math.RoundEvenOp,
    "rint": math.RoundEvenOp,
    "nearbyint": math.RoundEvenOp,
    "ctpop": math.CtPopOp,
    "fma": math.FmaOp,
    "fmuladd": math.FmaOp,
    "tan": math.TanOp,
    "sinh": math.SinhOp,
    "cosh": math.CoshOp,
    "tanh": math.TanhOp,
    "asin": math.AsinOp,
    "acos": math.AcosOp,
    "atan": math.AtanOp,
    "atan2": math.Atan2Op,
    "log10": math.Log10Op,
    "pow": math.PowFOp,
}

_FLAGGED: dict[str, type[Operation]] = {
    "abs": math.AbsIOp,
    "ctlz": math.CountLeadingZerosOp,
    "cttz": math.CountTrailingZerosOp,
}
"""Their second operand says whether a corner case is poison, which it needn't be."""

_LIBM: dict[str, type[Operation]] = {
    "exp": math.ExpOp,
    "exp2": math.Exp2Op,
    "expm1": math.ExpM1Op,
    "log": math.LogOp,
    "log2": math.Log2Op,
    "log10": math.Log10Op,
    "log1p": math.Log1pOp,
    "sin": math.SinOp,
    "cos": math.CosOp,
    "tan": math.TanOp,
    "asin": math.AsinOp,
    "acos": math.AcosOp,
    "atan": math.AtanOp,
    "sinh": math.SinhOp,
    "cosh": math.CoshOp,
    "tanh": math.TanhOp,
    "asinh": math.AsinhOp,
    "acosh": math.AcoshOp,
    "atanh": math.AtanhOp,
    "atan2": math.Atan2Op,
    "pow": math.PowFOp,
    "cbrt": math.CbrtOp,
    "erf": math.ErfOp,
    "fabs": math.AbsFOp,
    "sqrt": math.SqrtOp,
    "floor": math.FloorOp,
    "ceil": math.CeilOp,
    "trunc": math.TruncOp,
    "fmod": RemfOp,
    "fmax": arith.MaxnumfOp,
    "fmin": arith.MinnumfOp,
}

_SCOPES = ("dialectad.alias_scopes", "dialectad.noalias_scopes")

_ELEMENTS: Mapping[str, Attribute] = {str(t): t for t in (f32, f64, *map(IntegerType, (1, 8, 16, 32, 64)))}
"""What caches hold, by what the names of their functions end with."""

_ALLOCATE = {"malloc": 0, "aligned_alloc": 1}
"""Functions that give memory -> which operand is its size."""


def raise_function(lifted: llvm.FuncOp, name: str, module: ModuleOp) -> func.FuncOp:
    """A `func.func` that does what an `llvm.func` of one block does; it gives no status."""
    region = Region()
    lifted.body.clone_into(region)
    function = func.FuncOp(name, (list(lifted.function_type.inputs), []), region)
    function.location = lifted.location
    _Raiser(function.body.block, module).run()
    return function


def _locate(new: Operation, old: Operation) -> Operation:
    new.location = old.location
    return new


class _Raiser:
    def __init__(self, block: Block, module: ModuleOp):
        self.block = block
        asserts = module.attributes.get("dialectad.asserts", ArrayAttr([]))
        assert isinstance(asserts, ArrayAttr)
        self.asserts = asserts.data
        self.signatures: dict[str, DictionaryAttr] = {
            f.sym_name.data: signature
            for f in module.ops
            if isinstance(f, llvm.FuncOp)
            and isinstance(signature := f.attributes.get(SIGNATURE), DictionaryAttr)
        }
        self.frees: list[Operation] = []

    def run(self) -> None:
        for op in list(walk(self.block)):
            for scopes in _SCOPES:  # of the function that it was
                op.attributes.pop(scopes, None)
            if (handler := _HANDLERS.get(type(op))) is not None:
                handler(self, op)
        last = self.block.last_op
        assert isinstance(last, llvm.ReturnOp)
        self.replace(last, func.ReturnOp())

    def replace(self, op: Operation, *new: Operation) -> None:
        """Put `new` in the place of `op`; the last one gives its results."""
        for o in new:
            Rewriter.insert_op(_locate(o, op), InsertPoint.before(op))
        if op.results:
            results = new[-1].results
            for old, value in zip(op.results, results, strict=True):
                value.name_hint = old.name_hint
                old.replace_all_uses_with(value)
        op.detach()
        op.erase()

    def forward(self, op: Operation, value: SSAValue) -> None:
        """`op` gives `value`."""
        op.results[0].replace_all_uses_with(value)
        op.detach()
        op.erase()

    # Scalars

    def binary(self, op: Operation) -> None:
        if not _is_vector(op):
            self.replace(op, _BINARY[type(op)](op.operands[0], op.operands[1]))  # pyright: ignore[reportCallIssue]

    def unary(self, op: Operation) -> None:
        if not _is_vector(op):
            self.replace(op, _UNARY[type(op)](op.operands[0]))  # pyright: ignore[reportCallIssue]

    def cast(self, op: Operation) -> None:
        if not _is_vector(op):
            self.replace(op, _CASTS[type(op)](op.operands[0], op.results[0].type))  # pyright: ignore[reportCallIssue]

    def fma(self, op: Operation) -> None:
        if not _is_vector(op):
            a, b, c = op.operands
            self.replace(op, math.FmaOp(a, b, c))

    def constant(self, op: Operation) -> None:
        assert isinstance(op, llvm.ConstantOp)
        if isinstance(op.value, IntegerAttr | FloatAttr):
            result = op.results[0].type
            value = op.value
            if isinstance(value, IntegerAttr) and isinstance(result, IntegerType):
                value = IntegerAttr(value.value.data, result, truncate_bits=True)
            self.replace(op, arith.ConstantOp.create(result_types=[result], properties={"value": value}))

    def undefined(self, op: Operation) -> None:
        """Any value will do: zero."""
        if (zero := _zero(op.results[0].type)) is not None:
            self.replace(op, zero)

    def compare_integers(self, op: Operation) -> None:
        assert isinstance(op, llvm.ICmpOp)
        if isinstance(op.lhs.type, IntegerType):
            self.replace(op, arith.CmpiOp(op.lhs, op.rhs, op.predicate.value.data))

    def compare_floats(self, op: Operation) -> None:
        assert isinstance(op, llvm.FCmpOp)
        if isinstance(op.lhs.type, AnyFloat):
            self.replace(op, arith.CmpfOp(op.lhs, op.rhs, op.predicate.value.data))

    def select(self, op: Operation) -> None:
        assert isinstance(op, llvm.SelectOp)
        if isinstance(op.res.type, IntegerType | AnyFloat):
            self.replace(op, arith.SelectOp(*op.operands))

    def freeze(self, op: Operation) -> None:
        """Nothing is poison any more: see `undefined`."""
        self.forward(op, op.operands[0])

    def bitcast(self, op: Operation) -> None:
        result = op.results[0].type
        if result == op.operands[0].type:
            self.forward(op, op.operands[0])
        elif isinstance(result, IntegerType | AnyFloat) and isinstance(
            op.operands[0].type, IntegerType | AnyFloat
        ):
            self.replace(op, arith.BitcastOp(op.operands[0], result))

    def intrinsic(self, op: Operation) -> None:
        assert isinstance(op, llvm.CallIntrinsicOp)
        name = op.intrin.data.removeprefix("llvm.").split(".")[0]
        if _is_vector(op):
            return
        if name in _FLAGGED:
            self.replace(op, _FLAGGED[name](op.operands[0]))  # pyright: ignore[reportCallIssue]
        elif (kind := _INTRINSICS.get(name)) is not None:
            self.replace(op, kind(*op.operands))

    # Calls and memory

    def call(self, op: Operation) -> None:
        assert isinstance(op, llvm.CallOp)
        name = op.callee.root_reference.data if op.callee is not None else ""
        if name == ASSERT:
            self._assertion(op)
        elif name.startswith(f"{CALL}."):
            self._call_of_ours(op, name.removeprefix(f"{CALL}."))
        elif name.startswith(f"{STOP}."):
            self.replace(op, StopOp(op.operands[0]))
        elif (kind := _CACHES.get(name.rpartition(".")[0])) is not None:
            kind(self, op)
        elif name in _ALLOCATE:
            self._allocation(op, op.operands[_ALLOCATE[name]])
        elif name == "free":
            self._free(op)
        elif op.results and isinstance(op.results[0].type, AnyFloat):
            single = isinstance(op.results[0].type, Float32Type)
            kind = _LIBM.get(name.removesuffix("f") if single else name)
            if kind is not None and all(o.type == op.results[0].type for o in op.operands):
                self.replace(op, kind(*op.operands))

    def _assertion(self, op: Operation) -> None:
        status = _constant_of(op.operands[1])
        if status is None or not 0 < status <= len(self.asserts):
            assert status == OUT_OF_MEMORY or status is None
            op.detach()
            op.erase()
            return
        entry = self.asserts[status - 1]
        assert isinstance(entry, DictionaryAttr)
        message = entry.data["message"]
        assert isinstance(message, StringAttr)
        self.replace(op, cf.AssertOp(op.operands[0], message))

    def _call_of_ours(self, op: Operation, name: str) -> None:
        """With its operands as they were before they were flattened."""
        signature = self.signatures[differentiable(name)]
        types, outs = signature.data["types"], signature.data["outs"]
        assert isinstance(types, ArrayAttr)
        ops: list[Operation] = []
        operands: list[SSAValue] = []
        flat = list(op.operands)
        for t in types:
            value = flat.pop(0)
            if isinstance(t, MemRefType):
                count = t.get_shape().count(DYNAMIC_INDEX)
                extents = [arith.IndexCastOp(extent, IndexType()) for extent in flat[:count]]
                del flat[:count]
                parts = [value, *(extent.result for extent in extents)]
                ops += [*extents, UnrealizedConversionCastOp.create(operands=parts, result_types=[t])]
            elif t == i1:
                ops.append(arith.TruncIOp(value, i1))
            elif isinstance(t, IndexType):
                ops.append(arith.IndexCastOp(value, t))
            else:
                operands.append(value)
                continue
            operands.append(ops[-1].results[0])
        call = func.CallOp(name, operands, [])
        call.attributes[OUTS] = outs
        self.replace(op, *ops, call)

    # Caches that grow, of values and of slots

    def cache(self, op: Operation) -> None:
        self.replace(op, CacheOp(_element_of(op)))

    def slots(self, op: Operation) -> None:
        self.replace(op, CacheOp(MemRefType(_element_of(op), [DYNAMIC_INDEX])))

    def push(self, op: Operation) -> None:
        cache, value = op.operands
        self.replace(op, PushOp(_cache_of(op, cache), value))

    def pop(self, op: Operation) -> None:
        self.replace(op, PopOp(_cache_of(op, op.operands[0])))

    def reserve(self, op: Operation) -> None:
        self._slot(op, ReserveOp)

    def pop_slot(self, op: Operation) -> None:
        self._slot(op, PopOp)

    def _slot(self, op: Operation, kind: type[ReserveOp | PopOp]) -> None:
        cache, count = op.operands
        cache_type = _cache_of(op, cache).type
        assert isinstance(cache_type, CacheType)
        size = arith.IndexCastOp(count, IndexType())
        slot = kind(cache, [size.result], cache_type.element_type)
        self.replace(op, size, slot, _pointer_to(slot.result))

    def end_cache(self, op: Operation) -> None:
        """A cache ends with its block."""
        op.detach()
        op.erase()

    def _allocation(self, op: Operation, size: SSAValue) -> None:
        known = _constant_of(size)
        if known is not None:
            alloc = memref.AllocOp([], [], MemRefType(i8, [known]), IntegerAttr(64, i64))
            before: list[Operation] = []
        else:
            index = arith.IndexCastOp(size, IndexType())
            alloc = memref.AllocOp([index.result], [], MemRefType(i8, [DYNAMIC_INDEX]), IntegerAttr(64, i64))
            before = [index]
        self.replace(op, *before, alloc, _pointer_to(alloc.memref))

    def _free(self, op: Operation) -> None:
        owner = op.operands[0].owner
        if isinstance(owner, llvm.ZeroOp):
            op.detach()
            op.erase()
            return
        if not isinstance(owner, UnrealizedConversionCastOp):
            raise CompileError(
                "memory that is given back may be any of several",
                locations.of(op),
                hint="differentiate it at level loop or linalg",
                pass_name="differentiate",
            )
        self.replace(op, memref.DeallocOp.get(owner.inputs[0]))

    def alloca(self, op: Operation) -> None:
        assert isinstance(op, llvm.AllocaOp)
        count = _constant_of(op.size)
        element, total = op.elem_type, 1
        while isinstance(element, llvm.LLVMArrayType):
            total *= element.size.data
            element = element.type
        if count is None or op.parent is not self.block or not isinstance(element, IntegerType | AnyFloat):
            raise CompileError(
                f"a stack allocation of {op.elem_type} in a loop or of unknown size",
                locations.of(op),
                hint="differentiate it at level loop or linalg",
                pass_name="differentiate",
            )
        alloca = memref.AllocaOp.build(
            operands=[[], []],
            result_types=[MemRefType(element, [count * total])],
            properties={"alignment": op.alignment or IntegerAttr(16, i64)},
        )
        self.replace(op, alloca, _pointer_to(alloca.memref))


def _element_of(op: Operation) -> Attribute:
    """The type that the name of the function that is called ends with."""
    assert isinstance(op, llvm.CallOp)
    assert op.callee is not None
    return _ELEMENTS[op.callee.root_reference.data.rpartition(".")[2]]


def _cache_of(op: Operation, handle: SSAValue) -> SSAValue:
    if not isinstance(handle.type, CacheType):
        raise CompileError(
            "a cache that may be any of several",
            locations.of(op),
            hint="differentiate it at level loop or linalg",
            pass_name="differentiate",
        )
    return handle


def _pointer_to(memory: SSAValue) -> Operation:
    return UnrealizedConversionCastOp.create(operands=[memory], result_types=[llvm.LLVMPointerType()])


def _is_vector(op: Operation) -> bool:
    return not all(isinstance(v.type, IntegerType | AnyFloat) for v in (*op.operands, *op.results))


def _constant_of(value: SSAValue) -> int | None:
    owner = value.owner
    if isinstance(owner, llvm.ConstantOp | arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _zero(type_: Attribute) -> Operation | None:
    value: Attribute
    if isinstance(type_, IntegerType | IndexType):
        value = IntegerAttr(0, type_)
    elif isinstance(type_, AnyFloat):
        value = FloatAttr(0.0, type_)
    else:
        return None
    return arith.ConstantOp.create(result_types=[type_], properties={"value": value})


_CACHES: Mapping[str, Callable[[_Raiser, Operation], None]] = {
    CACHE: _Raiser.cache,
    SLOTS: _Raiser.slots,
    PUSH: _Raiser.push,
    POP: _Raiser.pop,
    RESERVE: _Raiser.reserve,
    POP_SLOT: _Raiser.pop_slot,
    END_CACHE: _Raiser.end_cache,
}

_HANDLERS: Mapping[type[Operation], Callable[[_Raiser, Operation], None]] = {
    **dict.fromkeys(_BINARY, _Raiser.binary),
    **dict.fromkeys(_UNARY, _Raiser.unary),
    **dict.fromkeys(_CASTS, _Raiser.cast),
    llvm.FMAOp: _Raiser.fma,
    llvm.ConstantOp: _Raiser.constant,
    llvm.UndefOp: _Raiser.undefined,
    more_llvm.PoisonOp: _Raiser.undefined,
    llvm.ICmpOp: _Raiser.compare_integers,
    llvm.FCmpOp: _Raiser.compare_floats,
    llvm.SelectOp: _Raiser.select,
    more_llvm.FreezeOp: _Raiser.freeze,
    llvm.BitcastOp: _Raiser.bitcast,
    llvm.CallIntrinsicOp: _Raiser.intrinsic,
    llvm.CallOp: _Raiser.call,
    llvm.AllocaOp: _Raiser.alloca,
}
