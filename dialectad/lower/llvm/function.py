"""The state of lowering one function: blocks, values, constants, and what must be freed on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    DictionaryAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StridedLayoutAttr,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    UnrankedMemRefType,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad import locations
from dialectad.dialects import llvm as more_llvm
from dialectad.dialects.ad import TAPE
from dialectad.errors import CompileError
from dialectad.lower.llvm.stacks import Stack

PASS_NAME = "convert-to-llvm"

ptr = llvm.LLVMPointerType()

OUT_OF_MEMORY = -1
"""The status of a function that couldn't get memory; k + 1: assertion k failed; 0: all is well."""

Part: TypeAlias = tuple[int, int] | Operation | SSAValue
"""Memory apart from other memory: a byte range of the arena, an `ad.cache` or alloca, or an argument."""

Extent: TypeAlias = int | SSAValue
"""A size, stride or index: known now, or an `i64` value."""

NO_FAST_MATH = llvm.FastMathAttr(None)
NSW = IntegerAttr(1, i32)
MAY_WRAP = IntegerAttr(0, i32)

_NONE: Mapping[str, Attribute] = {}
_LIKELY: Mapping[str, Attribute] = {"branch_weights": DenseArrayBase.from_list(i32, [1_000_000, 1])}
UNLIKELY: Mapping[str, Attribute] = {"branch_weights": DenseArrayBase.from_list(i32, [1, 1_000_000])}
_CCONV = llvm.CallingConventionAttr("ccc")
_NO_TAIL = llvm.TailCallKindAttr(llvm.TailCallKind.NONE)
_NO_BUNDLES = DenseArrayBase.from_list(i32, ())
_NO_WRAP_FLAGS = IntegerAttr(0, i32)
_ONE_DYNAMIC_INDEX = DenseArrayBase.from_list(i32, [llvm.GEP_USE_SSA_VAL])
_NOT_ATOMIC = IntegerAttr(0, i64)
EQUAL, DIFFERENT = IntegerAttr(0, i64), IntegerAttr(1, i64)


# By exact type: attributes have abstract base classes, which make `isinstance` twenty times slower.
SCALARS = frozenset((Float32Type, Float64Type, IntegerType, llvm.LLVMPointerType))


def scalar_type(t: Attribute) -> Attribute:
    """The llvm type of a scalar in a register: `index` is `i64`."""
    kind = type(t)
    if kind in SCALARS:
        return t
    if kind is IndexType:
        return i64
    raise CompileError(f"type {t} has no llvm counterpart", pass_name=PASS_NAME)


def storage_type(t: Attribute) -> Attribute:
    """The llvm type of an element in memory: a bool is a byte, as in NumPy."""
    if type(t) is IntegerType:
        return i8 if t.width.data == 1 else t
    return scalar_type(t)


def byte_size(t: Attribute) -> int:
    """Bytes that an element takes in memory."""
    storage = storage_type(t)
    if isinstance(storage, IntegerType):
        return max(1, storage.width.data // 8)
    return 4 if isinstance(storage, Float32Type) else 8


# Note [Apart by less than a page]
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# A processor compares the lower twelve bits of addresses to find out whether a load depends on a store that
# is still under way. Arrays that are a multiple of 4096 bytes apart look the same to it, and a loop that
# reads one and writes the other at the same index waits at every step: five times slower. So arrays that
# follow each other in memory have a size that keeps them apart.

_PAGE = 4096
_APART = 448


def apart(size: int) -> int:
    """At least `size` bytes, and not near a multiple of a page, if they are many."""
    if size < _PAGE - _APART:
        return size
    near = (size + _APART) % _PAGE
    return size + (2 * _APART - near) // 64 * 64 if near < 2 * _APART else size


@cache
def integer_attr(value: int, t: IntegerType) -> IntegerAttr:
    """`value : t`, wrapped around to the width of `t`."""
    return IntegerAttr(value, t, truncate_bits=True)


@cache
def counts(*values: int) -> DenseArrayBase:
    """`array<i32: ...>`, such as the sizes of an op's groups of operands."""
    return DenseArrayBase.from_list(i32, values)


@dataclass(frozen=True)
class View:
    """What a memref is at compile time. No descriptor exists when the program runs."""

    ptr: SSAValue
    """Where element (0, ..., 0) is: the memref's offset is already in it."""
    element: Attribute
    """The element type in the IR (`i1` for bools, which are bytes in memory)."""
    sizes: tuple[Extent, ...]
    strides: tuple[Extent, ...]
    base: SSAValue | None = None
    """Where the allocation starts, when that isn't `ptr`."""
    scope: Mapping[str, Attribute] = field(default_factory=dict)
    """Attributes of loads and stores that say which other parts of the arena they don't touch."""


@dataclass
class ModuleLowering:
    """What the functions of a module share."""

    externals: dict[str, tuple[Attribute | None, tuple[Attribute, ...]]] = field(default_factory=dict)
    """Library functions that are called: their result and argument types."""
    defined: dict[str, llvm.FuncOp] = field(default_factory=dict)
    """The functions of the module, declarations included."""
    recursive: set[str] = field(default_factory=set)
    """Those that call themselves, be it through others."""
    library: set[str] = field(default_factory=set)
    """Those that are only declared: they follow C's conventions, not ours."""
    other_names: dict[str, str] = field(default_factory=dict)
    """What stands for functions in the `llvm` dialect -> their names."""
    globals: list[Operation] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """The globals that keep the functions' memory between calls."""
    differentiated: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The functions that are differentiated at the level `llvm` (see `differentiated.py`): how many arguments
    each reads, and how many outs it has."""
    asserts: dict[DictionaryAttr, int] = field(default_factory=dict)
    """What can fail, at its place in the module attribute `dialectad.asserts`."""

    def keep(self, name: str) -> None:
        """A global pointer, null at first, that keeps memory from one call to the next. See Note [Arena]."""
        zero = llvm.ZeroOp.create(result_types=[ptr])
        body = Region(Block([zero, llvm.ReturnOp(zero.results[0])]))
        self.kept.append(name)
        self.globals.append(llvm.GlobalOp(ptr, name, "internal", body=body))

    def declare(self, name: str, result: Attribute | None, arguments: tuple[Attribute, ...]) -> None:
        """Note a call of a library function; a second signature for one name is an error."""
        known = self.externals.setdefault(name, (result, arguments))
        if known != (result, arguments):
            raise CompileError(f"{name} is called with two signatures", pass_name=PASS_NAME)


_CACHE_IN_FRAME = 4096
"""A cache that is known to take at most so many bytes lives in the function's frame."""
_CACHES_OF_RECURSION = 512
"""All caches in the frame of a function that calls itself take no more: its frames may be thousands."""


class FunctionLowering:
    """Emits the blocks of one `llvm.func`."""

    keeps_memory = True
    """Whether arenas and caches are kept from one call to the next. See Note [Arena]."""

    def __init__(self, module: ModuleLowering, name: str, body: Region):
        self.module = module
        self.name = name
        self.body = body
        self.block: Block = Block()
        self.values: dict[SSAValue, SSAValue | object] = {}
        self.known: dict[SSAValue, int] = {}
        """Integer and index values that are constants."""
        self.blocks: dict[Block, Block] = {}
        self.heap: list[SSAValue] = []
        """Slots that hold a pointer to free on an early exit, or null."""
        self.slot_of: dict[SSAValue, SSAValue] = {}
        """Memory as it came from `malloc` -> the slot that holds its address."""
        self.scopes: Mapping[Part, Mapping[str, Attribute]] = {}
        """Memory -> what accesses to it say about aliasing; see `scopes.py`."""
        self.arena: tuple[str, SSAValue] | None = None
        """The global that keeps the arena between calls, and the slot that holds it during one."""
        self._prologue: list[Operation] = []
        self._frame_left = _CACHES_OF_RECURSION if name in module.recursive else None
        self._constants: dict[tuple[Attribute, Attribute], SSAValue] = {}
        self._integers: dict[tuple[int, Attribute], SSAValue] = {}
        self._exit: Block | None = None

    # Emitting

    def emit(self, op: Operation) -> SSAValue:
        """Append an op with one result to the current block."""
        self.block.add_op(op)
        return op.results[0]

    def start(self, block: Block) -> None:
        """Continue in `block`, which goes to the end of the function."""
        self.body.add_block(block)
        self.block = block

    def finish(self) -> None:
        """Put constants and stack slots at the head of the function, and the error exit at its end."""
        if self._exit is not None:
            self._emit_exit(self._exit)
        entry = self.body.first_block
        assert entry is not None
        if self._prologue:
            assert entry.first_op is not None
            entry.insert_ops_before(self._prologue, entry.first_op)

    # Values

    def get(self, value: SSAValue) -> SSAValue:
        """The lowered scalar."""
        lowered = self.values.get(value)
        if lowered is None:
            return self.int_constant(self.known[value], scalar_type(value.type))
        assert isinstance(lowered, SSAValue)
        return lowered

    def view(self, value: SSAValue) -> View:
        """The lowered memref."""
        view = self.values[value]
        assert isinstance(view, View)
        return view

    def extent(self, value: SSAValue) -> Extent:
        """A size or index operand."""
        constant = self.known.get(value)
        return self.get(value) if constant is None else constant

    def set(self, value: SSAValue, lowered: SSAValue | object) -> None:
        """`lowered` stands for `value` from here on."""
        self.values[value] = lowered
        if isinstance(lowered, SSAValue) and lowered.name_hint is None:
            lowered.name_hint = value.name_hint

    # Constants

    def int_constant(self, value: int, t: Any = i64) -> SSAValue:
        """An integer, at the head of the function."""
        found = self._integers.get((value, t))
        if found is None:
            attr = integer_attr(value, t)
            found = self._integers[value, t] = self.constant(attr, t)
        return found

    def float_constant(self, value: float, t: Attribute) -> SSAValue:
        """A float, at the head of the function."""
        assert isinstance(t, Float32Type | Float64Type)
        return self.constant(FloatAttr(value, t), t)

    def constant(self, attr: Attribute, t: Attribute) -> SSAValue:
        """A constant, at the head of the function."""
        # FloatAttr compares by value, which doesn't tell 0.0 from -0.0, nor NaN from itself: ask for bits.
        key = (StringAttr(attr.value.data.hex()) if isinstance(attr, FloatAttr) else attr, t)
        found = self._constants.get(key)
        if found is None:
            op = llvm.ConstantOp.create(result_types=[t], properties={"value": attr})
            self._prologue.append(op)
            found = self._constants[key] = op.results[0]
        return found

    def null(self) -> SSAValue:
        """The null pointer."""
        key = (ptr, ptr)
        found = self._constants.get(key)
        if found is None:
            op = llvm.ZeroOp.create(result_types=[ptr])
            self._prologue.append(op)
            found = self._constants[key] = op.results[0]
        return found

    def as_value(self, extent: Extent) -> SSAValue:
        """The extent as an `i64`."""
        return self.int_constant(extent) if isinstance(extent, int) else extent

    # Arithmetic on extents. Sizes and offsets lie within one allocation, so nothing here overflows.

    def mul(self, a: Extent, b: Extent) -> Extent:
        """a * b, folded where possible."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(a, int):
            a, b = b, a
        if isinstance(b, int) and b in (0, 1):
            return a if b == 1 else 0
        return self.integer(llvm.MulOp, self.as_value(a), self.as_value(b), NSW)

    def add(self, a: Extent, b: Extent) -> Extent:
        """a + b, folded where possible."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int):
            a, b = b, a
        if isinstance(b, int) and b == 0:
            return a
        return self.integer(llvm.AddOp, self.as_value(a), self.as_value(b), NSW)

    def product(self, extents: Iterable[Extent]) -> Extent:
        """The product of sizes."""
        result: Extent = 1
        for extent in extents:
            result = self.mul(result, extent)
        return result

    def integer(
        self, op: type[Operation], a: SSAValue, b: SSAValue, overflow: Attribute = MAY_WRAP
    ) -> SSAValue:
        """An integer op that has overflow flags (add, sub, mul, shl)."""
        return self.emit(
            op.create(operands=[a, b], result_types=[a.type], properties={"overflowFlags": overflow})
        )

    def compare(self, predicate: IntegerAttr, a: SSAValue, b: SSAValue) -> SSAValue:
        """An integer or pointer comparison."""
        if a.type is ptr:  # xDSL's icmp knows integers only; LLVM folds the casts away
            a, b = (self.emit(llvm.PtrToIntOp.create(operands=[p], result_types=[i64])) for p in (a, b))
        return self.emit(
            llvm.ICmpOp.create(operands=[a, b], result_types=[i1], properties={"predicate": predicate})
        )

    def choose(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        """`a` where the condition holds, otherwise `b`."""
        properties: dict[str, Attribute] = {"fastmathFlags": NO_FAST_MATH}
        return self.emit(
            llvm.SelectOp.create(operands=[condition, a, b], result_types=[a.type], properties=properties)
        )

    def is_null(self, pointer: SSAValue) -> SSAValue:
        """Whether a pointer is null."""
        address = self.emit(llvm.PtrToIntOp.create(operands=[pointer], result_types=[i64]))
        return self.compare(EQUAL, address, self.int_constant(0))

    # Memory

    def element_pointer(
        self, base: SSAValue, index: Extent, element: Attribute, *, inbounds: bool = True
    ) -> SSAValue:
        """The address of an element. `inbounds` promises that it lies in (or just past) the allocation."""
        if isinstance(index, int) and index == 0:
            return base
        operands, raw = [base], _ONE_DYNAMIC_INDEX
        if isinstance(index, int) and 0 < index < 2**31:
            raw = counts(index)
        else:
            operands.append(self.as_value(index))
        properties: dict[str, Attribute] = {
            "rawConstantIndices": raw,
            "elem_type": storage_type(element),
            "noWrapFlags": _NO_WRAP_FLAGS,
        }
        if inbounds:
            properties["inbounds"] = UnitAttr()
        return self.emit(llvm.GEPOp.create(operands=operands, result_types=[ptr], properties=properties))

    def address(self, view: View, indices: Sequence[Extent]) -> SSAValue:
        """The address of `view[indices]`."""
        linear: Extent = 0
        constant = 0
        for index, stride in zip(indices, view.strides, strict=True):
            term = self.mul(index, stride)
            if isinstance(term, int):
                constant += term
            else:
                linear = self.add(linear, term)
        return self.element_pointer(view.ptr, self.add(linear, constant), view.element)

    def load(self, address: SSAValue, t: Attribute, scope: Mapping[str, Attribute] = _NONE) -> SSAValue:
        """Load a register of type `t`; a bool is stored as a byte."""
        storage = ptr if t is ptr else storage_type(t)
        value = self.emit(
            llvm.LoadOp.create(
                operands=[address],
                result_types=[storage],
                properties={"ordering": _NOT_ATOMIC},
                attributes=scope,
            )
        )
        return self.compare(DIFFERENT, value, self.int_constant(0, i8)) if t == i1 else value

    def store(self, value: SSAValue, address: SSAValue, scope: Mapping[str, Attribute] = _NONE) -> None:
        """Store a register; a bool is stored as a byte."""
        if value.type == i1:
            value = self.emit(llvm.ZExtOp.create(operands=[value], result_types=[i8]))
        self.block.add_op(
            llvm.StoreOp.create(
                operands=[value, address], properties={"ordering": _NOT_ATOMIC}, attributes=scope
            )
        )

    def takes_frame(self, size: int) -> bool:
        """Whether a cache of so many bytes is to be in the function's frame."""
        if self._frame_left is None:
            return size <= _CACHE_IN_FRAME
        if size > self._frame_left:
            return False
        self._frame_left -= size
        return True

    def stack(self, element: Attribute, count: int, alignment: int) -> SSAValue:
        """Static room in the function's frame: see Note [Apart by less than a page]."""
        size = byte_size(element)
        count += (apart(count * size) - count * size) // size
        one = self.int_constant(1)
        room = llvm.LLVMArrayType(count, element) if count != 1 else element
        op = llvm.AllocaOp.create(
            operands=[one],
            result_types=[ptr],
            properties={"elem_type": room, "alignment": IntegerAttr(alignment, i64)},
        )
        self._prologue.append(op)
        return op.results[0]

    def slot(self, t: Attribute = ptr, initial: SSAValue | None = None) -> SSAValue:
        """A variable, null or zero when the function starts; LLVM turns it into registers."""
        address = self.stack(t, 1, 8)
        if initial is None:
            initial = self.null() if t is ptr else self.int_constant(0, t)
        self._prologue.append(
            llvm.StoreOp.create(operands=[initial, address], properties={"ordering": _NOT_ATOMIC})
        )
        return address

    def malloc(self, bytes_: Extent, slot: SSAValue, alignment: int = 16) -> SSAValue:
        """Get memory, remember it in `slot` for an early exit, and leave the function when there is none."""
        if isinstance(bytes_, int):
            size = self.int_constant(max(1, -(-bytes_ // alignment) * alignment))
        else:  # one byte too many is cheaper than to ask whether it is zero, for which malloc may give null
            size = self.emit(llvm.OrOp.create(operands=[bytes_, self.int_constant(1)], result_types=[i64]))
        if alignment <= 16:
            pointer = self.call("malloc", [size], ptr)
        else:
            assert isinstance(bytes_, int)
            pointer = self.call("aligned_alloc", [self.int_constant(alignment), size], ptr)
        assert pointer is not None
        self.slot_of[pointer] = slot
        self.store(pointer, slot)
        self.leave_if(self.is_null(pointer), self.int_constant(OUT_OF_MEMORY))
        return pointer

    def free(self, pointer: SSAValue) -> None:
        """Give memory back."""
        self.call("free", [pointer], None)

    def new_heap_slot(self) -> SSAValue:
        """A slot that an early exit frees."""
        slot = self.slot()
        self.heap.append(slot)
        return slot

    def exchange(self, global_name: str, value: SSAValue) -> SSAValue:
        """Atomically put `value` into a global pointer; gives what was there."""
        place = self.emit(
            llvm.AddressOfOp.create(
                result_types=[ptr], properties={"global_name": SymbolRefAttr(global_name)}
            )
        )
        return self.emit(more_llvm.AtomicRMWOp("xchg", place, value))

    def put_arena_back(self) -> None:
        """Keep the arena for the next call, and free another that came back meanwhile."""
        if self.arena is not None:
            name, slot = self.arena
            self.free(self.exchange(name, self.load(slot, ptr)))

    # Calls

    def call(self, callee: str, args: Sequence[SSAValue], result: Attribute | None) -> SSAValue | None:
        """Call a library function."""
        self.module.declare(callee, result, tuple(arg.type for arg in args))
        return self.raw_call(callee, args, result)

    def raw_call(self, callee: str, args: Sequence[SSAValue], result: Attribute | None) -> SSAValue | None:
        """Call a function that is declared already."""
        op = llvm.CallOp.create(
            operands=args,
            result_types=[] if result is None else [result],
            properties={
                "callee": SymbolRefAttr(callee),
                "fastmathFlags": NO_FAST_MATH,
                "CConv": _CCONV,
                "op_bundle_sizes": _NO_BUNDLES,
                "TailCallKind": _NO_TAIL,
                "operandSegmentSizes": counts(len(args), 0),
            },
        )
        self.block.add_op(op)
        return op.results[0] if result is not None else None

    def call_ours(self, name: str, args: Sequence[SSAValue]) -> None:
        """Call a function of the program."""
        self.call_with_status(name, args)

    def call_with_status(self, name: str, args: Sequence[SSAValue]) -> None:
        """Call a function that gives a status, and leave with it unless it is 0."""
        status = self.raw_call(name, args, i64)
        assert status is not None
        self.leave_if(self.compare(DIFFERENT, status, self.int_constant(0)), status)

    def intrinsic(self, name: str, args: Sequence[SSAValue], result: Attribute) -> SSAValue:
        """Call an LLVM intrinsic by its unmangled name."""
        return self.emit(
            llvm.CallIntrinsicOp.create(
                operands=args,
                result_types=[result],
                properties={
                    "intrin": StringAttr(name),
                    "fastmathFlags": NO_FAST_MATH,
                    "op_bundle_sizes": _NO_BUNDLES,
                    "operandSegmentSizes": counts(len(args), 0),
                },
            )
        )

    # Control

    def branch(
        self, target: Block, operands: Sequence[SSAValue] = (), attributes: Mapping[str, Attribute] = _NONE
    ) -> None:
        """Jump."""
        self.block.add_op(llvm.BrOp.create(operands=operands, successors=[target], attributes=attributes))

    def conditional(
        self,
        condition: SSAValue,
        then: Block,
        then_operands: Sequence[SSAValue],
        otherwise: Block,
        otherwise_operands: Sequence[SSAValue],
        attributes: Mapping[str, Attribute] = _NONE,
    ) -> None:
        """Jump on a condition."""
        sizes = counts(1, len(then_operands), len(otherwise_operands))
        self.block.add_op(
            llvm.CondBrOp.create(
                operands=[condition, *then_operands, *otherwise_operands],
                successors=[then, otherwise],
                properties={"operandSegmentSizes": sizes},
                attributes=attributes,
            )
        )

    def when(self, condition: SSAValue, then: Callable[[], None], *, likely: bool = False) -> None:
        """Emit what `then` emits under a condition, and continue after it."""
        taken, after = Block(), Block()
        self.conditional(condition, taken, (), after, (), _LIKELY if likely else UNLIKELY)
        self.start(taken)
        then()
        self.branch(after)
        self.start(after)

    def leave_if(self, failed: SSAValue, status: SSAValue) -> None:
        """Leave the function with `status` when `failed`; everything allocated is freed on the way."""
        if self._exit is None:
            self._exit = Block(arg_types=[i64])
        after = Block()
        self.conditional(failed, self._exit, [status], after, (), UNLIKELY)
        self.start(after)

    def assert_that(self, condition: SSAValue, message: str, op: Operation) -> None:
        """Leave the function with the number of the assertion unless `condition`."""
        location = locations.of(op)
        entry = DictionaryAttr(
            {
                "message": StringAttr(message),
                "location": StringAttr("" if location is None else str(location)),
            }
        )
        number = self.module.asserts.setdefault(entry, len(self.module.asserts))
        self.leave_unless(condition, self.int_constant(number + 1))

    def leave_unless(self, condition: SSAValue, status: SSAValue) -> None:
        """Leave the function with `status` unless the condition holds."""
        if self._exit is None:
            self._exit = Block(arg_types=[i64])
        after = Block()
        self.conditional(condition, after, (), self._exit, [status], _LIKELY)
        self.start(after)

    def stopped(self, value: SSAValue) -> SSAValue:
        """`value`, as a constant for what is differentiated."""
        return value

    def return_status(self, status: SSAValue) -> None:
        """Return; the arena goes back to its global."""
        self.put_arena_back()
        self.block.add_op(llvm.ReturnOp.create(operands=[status]))

    def _emit_exit(self, block: Block) -> None:
        self.start(block)
        for slot in self.heap:
            self.free(self.load(slot, ptr))
        self.return_status(block.args[0])

    # Memrefs across blocks and functions

    @staticmethod
    def flat_types(t: Attribute) -> list[Attribute]:
        """What a value of type `t` is passed as.

        A memref is a pointer, then each dynamic size and stride; a tape is the addresses of its variables.
        """
        if isinstance(t, UnrankedMemRefType):
            return [ptr]
        if t == TAPE:
            return [ptr] * 3
        if not isinstance(t, MemRefType):
            return [scalar_type(t)]
        return [ptr, *[i64] * _dynamic_count(t)]

    def flatten(self, value: SSAValue) -> list[SSAValue]:
        """The operands that pass `value` across a branch or a call."""
        if isinstance(stack := self.values.get(value), Stack):
            return stack.variables
        if not isinstance(value.type, MemRefType):
            return [self.get(value)]
        view = self.view(value)
        flat = [view.ptr]
        flat += [
            self.as_value(size)
            for size, static in zip(view.sizes, value.type.get_shape(), strict=True)
            if static == DYNAMIC_INDEX
        ]
        flat += [
            self.as_value(stride)
            for stride, static in zip(view.strides, explicit_strides(value.type), strict=False)
            if static is None
        ]
        return flat

    def unflatten(self, t: Attribute, flat: list[SSAValue]) -> SSAValue | View | Stack:
        """The value of type `t` that was passed as `flat` (which is consumed from its front)."""
        first = flat.pop(0)
        if t == TAPE:
            return Stack.of_variables(first, flat.pop(0), flat.pop(0))
        if not isinstance(t, MemRefType):
            return first
        sizes: list[Extent] = [flat.pop(0) if size == DYNAMIC_INDEX else size for size in t.get_shape()]
        explicit = explicit_strides(t)
        if explicit:
            strides: list[Extent] = [flat.pop(0) if s is None else s for s in explicit]
        else:
            strides = self.row_major(sizes)
        return View(first, t.element_type, tuple(sizes), tuple(strides))

    def row_major(self, sizes: Sequence[Extent]) -> list[Extent]:
        """The strides of a contiguous row-major array."""
        strides: list[Extent] = []
        stride: Extent = 1
        for position, size in enumerate(reversed(sizes)):
            strides.append(stride)
            if position + 1 < len(sizes):
                stride = self.mul(stride, size)
        return strides[::-1]


def explicit_strides(t: MemRefType) -> tuple[int | None, ...]:
    """The strides that the layout states, None for a dynamic one; () for the identity layout."""
    if isinstance(t.layout, StridedLayoutAttr):
        return tuple(t.layout.get_strides())
    return ()


def _dynamic_count(t: MemRefType) -> int:
    return t.get_shape().count(DYNAMIC_INDEX) + explicit_strides(t).count(None)


Handler: TypeAlias = Callable[[FunctionLowering, Any], None]
"""Emits what replaces an op."""
