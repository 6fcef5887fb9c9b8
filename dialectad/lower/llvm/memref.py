"""`memref` to `llvm`. Views are resolved while compiling: a subview is an address with known strides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod

from xdsl.dialects import llvm, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    SymbolRefAttr,
    TensorType,
    UnrankedMemRefType,
    i1,
    i8,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad import locations
from dialectad.dialects import llvm as more_llvm
from dialectad.errors import CompileError
from dialectad.lower.llvm.function import (
    EQUAL,
    PASS_NAME,
    Extent,
    FunctionLowering,
    Handler,
    View,
    byte_size,
    explicit_strides,
    ptr,
    storage_type,
)
from dialectad.lower.llvm.scopes import byte_range


def _fail(op: Operation, message: str) -> CompileError:
    return CompileError(message, locations.of(op), pass_name=PASS_NAME)


def _mixed(
    f: FunctionLowering, static: DenseArrayBase[IntegerType], operands: Iterable[SSAValue]
) -> list[Extent]:
    """Join a list such as `static_offsets` and its operands."""
    dynamic = iter(operands)
    return [
        f.extent(next(dynamic)) if value == DYNAMIC_INDEX else int(value) for value in static.get_values()
    ]


def _refined(view: View, t: MemRefType) -> View:
    """Replace sizes and strides by those that the type states."""
    sizes = tuple(
        static if static >= 0 else size for size, static in zip(view.sizes, t.get_shape(), strict=True)
    )
    strides = view.strides
    if explicit := explicit_strides(t):
        strides = tuple(s if e is None else e for s, e in zip(strides, explicit, strict=True))
    elif DYNAMIC_INDEX not in t.get_shape():
        strides = tuple(_row_major(t.get_shape()))
    return replace(view, sizes=sizes, strides=strides)


def _row_major(shape: tuple[int, ...]) -> list[int]:
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _load(f: FunctionLowering, op: memref.LoadOp) -> None:
    array, *indices = op.operands
    result, view = op.results[0], f.view(array)
    f.set(
        result, f.load(f.address(view, [f.extent(index) for index in indices]), result.type, _says(view, op))
    )


def _store(f: FunctionLowering, op: memref.StoreOp) -> None:
    value, array, *indices = op.operands
    view = f.view(array)
    f.store(f.get(value), f.address(view, [f.extent(index) for index in indices]), _says(view, op))


_PASSED_ON = ("dialectad.parallel", "dialectad.frozen")


def _says(view: View, op: Operation) -> Mapping[str, Attribute]:
    """The attributes of an access: what its memory is apart from, and the parallel loop that it is in."""
    known = {name: op.attributes[name] for name in _PASSED_ON if name in op.attributes}
    return {**view.scope, **known} if known else view.scope


# Allocation


def _alloc(f: FunctionLowering, op: memref.AllocOp) -> None:
    t = op.memref.type
    assert isinstance(t, MemRefType)
    if "dialectad.arena" in op.attributes:
        f.set(op.memref, View(_arena(f, op, t), t.element_type, t.get_shape(), (1,)))
        return
    sizes = _dynamic_shape(f, t, op.dynamic_sizes)
    slot = f.new_heap_slot()
    pointer = f.malloc(f.mul(f.product(sizes), byte_size(t.element_type)), slot)
    f.set(op.memref, View(pointer, t.element_type, tuple(sizes), tuple(f.row_major(sizes))))


def _dynamic_shape(f: FunctionLowering, t: MemRefType, operands: Iterable[SSAValue]) -> list[Extent]:
    dynamic = iter(operands)
    return [f.extent(next(dynamic)) if size == DYNAMIC_INDEX else size for size in t.get_shape()]


def _arena(f: FunctionLowering, op: memref.AllocOp, t: MemRefType) -> SSAValue:
    """Take the arena that an earlier call left behind, or get a new one.

    Note [Arena]. Fresh memory costs a page fault per 4 KiB, often more than the work done in it, so the
    function keeps its arena from one call to the next in a global pointer. It takes it with an atomic
    exchange for null and puts it back with another: a second thread, or a call from within, finds null and
    gets an arena of its own; of two that come back one is freed.
    """
    if f.arena is not None:
        raise _fail(op, "a function can have one arena")
    if t.get_num_dims() != 1 or t.get_shape()[0] < 0:
        raise _fail(op, f"an arena is a static array of bytes, not {t}")
    name = f"{f.name}.arena"
    slot = f.slot()
    f.arena = (name, slot)
    size = t.get_shape()[0] * byte_size(t.element_type)
    if not f.keeps_memory:
        return f.malloc(size, slot)
    f.module.keep(name)
    kept = f.exchange(name, f.null())
    f.store(kept, slot)
    alignment = op.alignment.value.data if op.alignment is not None else 64

    def allocate() -> None:
        f.malloc(size, slot, alignment)

    f.when(f.is_null(kept), allocate)
    return f.load(slot, ptr)


def _alloca(f: FunctionLowering, op: memref.AllocaOp) -> None:
    t = op.memref.type
    assert isinstance(t, MemRefType)
    shape = t.get_shape()
    if DYNAMIC_INDEX in shape:
        raise _fail(op, "a stack allocation of dynamic size")
    size = prod(shape) * byte_size(t.element_type)
    default = 64 if size >= 64 else byte_size(t.element_type)
    alignment = op.alignment.value.data if op.alignment is not None else default
    pointer = f.stack(storage_type(t.element_type), max(1, prod(shape)), alignment)
    view = View(pointer, t.element_type, shape, tuple(_row_major(shape)), scope=f.scopes.get(op, {}))
    f.set(op.memref, view)


def _dealloc(f: FunctionLowering, op: memref.DeallocOp) -> None:
    """Free, and clear the slot that an early exit would free again."""
    owner = op.memref.owner
    if isinstance(owner, memref.AllocaOp) or (
        isinstance(owner, memref.AllocOp) and "dialectad.arena" in owner.attributes
    ):
        return
    pointer = f.view(op.memref).ptr
    f.free(pointer)
    if (slot := f.slot_of.get(pointer)) is not None:
        f.store(f.null(), slot)
        return
    # A buffer that went around a loop may be any of them; LLVM sees through those that it can't be.
    for slot in f.heap:
        held = f.load(slot, ptr)
        same = f.compare(EQUAL, held, pointer)
        f.store(f.choose(same, f.null(), held), slot)


# Views


def _subview(f: FunctionLowering, op: memref.SubviewOp) -> None:
    source = f.view(op.source)
    t = op.result.type
    assert isinstance(t, MemRefType)
    offsets = _mixed(f, op.static_offsets, op.offsets)
    sizes = _mixed(f, op.static_sizes, op.sizes)
    steps = _mixed(f, op.static_strides, op.strides)
    offset: Extent = 0
    for position, stride in zip(offsets, source.strides, strict=True):
        offset = f.add(offset, f.mul(position, stride))
    strides = [f.mul(step, stride) for step, stride in zip(steps, source.strides, strict=True)]
    kept = _kept_axes(op.static_sizes.get_values(), t)
    # Not inbounds: an empty slice may start anywhere, and a reversed one before the array.
    pointer = f.element_pointer(source.ptr, offset, source.element, inbounds=False)
    view = View(
        pointer,
        source.element,
        tuple(sizes[axis] for axis in kept),
        tuple(strides[axis] for axis in kept),
        source.base or source.ptr,
        source.scope,
    )
    f.set(op.result, _refined(view, t) if explicit_strides(t) else _with_static_sizes(view, t))


def _with_static_sizes(view: View, t: MemRefType) -> View:
    sizes = tuple(
        static if static >= 0 else size for size, static in zip(view.sizes, t.get_shape(), strict=True)
    )
    return replace(view, sizes=sizes)


def _kept_axes(values: Sequence[int], t: MemRefType) -> list[int]:
    """The source axes of a rank-reducing subview's result: axes of static size 1 are dropped from the left.

    Which of several unit axes was dropped makes no difference: the index is 0 on all of them.
    """
    shape = list(t.get_shape())
    drop = len(values) - len(shape)
    kept: list[int] = []
    for axis, size in enumerate(values):
        matches = len(kept) < len(shape) and (
            shape[len(kept)] == size or shape[len(kept)] == DYNAMIC_INDEX or size == DYNAMIC_INDEX
        )
        if drop and size == 1 and (not matches or _rest_fits(values[axis + 1 :], shape[len(kept) :])):
            drop -= 1
        else:
            kept.append(axis)
    return kept


def _rest_fits(sizes: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether `sizes`, with some of its ones dropped, gives `shape`."""
    if not shape:
        return all(size == 1 for size in sizes)
    if len(sizes) < len(shape):
        return False
    head, want = sizes[0], shape[0]
    fits = DYNAMIC_INDEX in (head, want) or head == want
    return (fits and _rest_fits(sizes[1:], shape[1:])) or (head == 1 and _rest_fits(sizes[1:], shape))


def _view(f: FunctionLowering, op: memref.ViewOp) -> None:
    t = op.result.type
    assert isinstance(t, MemRefType)
    pointer = f.element_pointer(f.view(op.source).ptr, f.extent(op.byte_shift), i8)
    sizes = _dynamic_shape(f, t, op.sizes)
    part = op.source.owner if isinstance(op.source.owner, memref.AllocaOp) else byte_range(op)
    scope = f.scopes.get(part, {}) if part is not None else {}
    view = View(pointer, t.element_type, tuple(sizes), tuple(f.row_major(sizes)), scope=scope)
    f.set(op.result, view)


def _cast(f: FunctionLowering, op: memref.CastOp) -> None:
    t = op.dest.type
    if isinstance(t, UnrankedMemRefType):
        f.set(op.dest, f.view(op.source).ptr)
        return
    if isinstance(op.source.type, UnrankedMemRefType):
        raise _fail(op, "a cast from an unranked memref")
    assert isinstance(t, MemRefType)
    f.set(op.dest, _refined(f.view(op.source), t))


def _dim(f: FunctionLowering, op: memref.DimOp) -> None:
    axis = f.known.get(op.index)
    if axis is None:
        raise _fail(op, "memref.dim of an axis that isn't a constant")
    size = f.view(op.source).sizes[axis]
    if isinstance(size, int):
        f.known[op.result] = size
    else:
        f.set(op.result, size)


def _metadata(f: FunctionLowering, op: memref.ExtractStridedMetaDataOp) -> None:
    view = f.view(op.source)
    if op.offset.first_use is not None or op.base_buffer.first_use is not None:
        raise _fail(op, "the offset of a memref isn't kept apart from its address")
    for result, extent in zip([*op.sizes, *op.strides], [*view.sizes, *view.strides], strict=True):
        if isinstance(extent, int):
            f.known[result] = extent
        else:
            f.set(result, extent)


def _collapse(f: FunctionLowering, op: memref.CollapseShapeOp) -> None:
    source = f.view(op.src)
    t = op.result.type
    assert isinstance(t, MemRefType)
    groups = [[axis.value.data for axis in group] for group in op.reassociation]
    sizes = tuple(f.product([source.sizes[axis] for axis in group]) for group in groups)
    # The innermost axis of a group that isn't of size 1 gives the stride.
    strides = tuple(
        next((source.strides[axis] for axis in reversed(group) if source.sizes[axis] != 1), 1)
        for group in groups
    )
    f.set(op.result, _refined(replace(source, sizes=sizes, strides=strides), t))


def _expand(f: FunctionLowering, op: memref.ExpandShapeOp) -> None:
    source = f.view(op.src)
    t = op.result.type
    assert isinstance(t, MemRefType)
    sizes = _mixed(f, op.static_output_shape, op.output_shape)
    strides: list[Extent] = [1] * len(sizes)
    for group, stride in zip(op.reassociation, source.strides, strict=False):
        for axis in reversed([axis.value.data for axis in group]):
            strides[axis] = stride
            stride = f.mul(stride, sizes[axis])
    f.set(op.result, _refined(replace(source, sizes=tuple(sizes), strides=tuple(strides)), t))


def _reinterpret(f: FunctionLowering, op: memref.ReinterpretCastOp) -> None:
    """The offset counts from where the allocation starts, whatever the source's own offset."""
    source = f.view(op.source)
    t = op.result.type
    assert isinstance(t, MemRefType)
    base = source.base or source.ptr
    (offset,) = _mixed(f, op.static_offsets, op.offsets)
    sizes = _mixed(f, op.static_sizes, op.sizes)
    strides = _mixed(f, op.static_strides, op.strides)
    pointer = f.element_pointer(base, offset, source.element, inbounds=False)
    view = View(pointer, source.element, tuple(sizes), tuple(strides), base, source.scope)
    f.set(op.result, view)


# Bulk


def _copy(f: FunctionLowering, op: memref.CopyOp) -> None:
    """Both contiguous: `convert-linalg-to-loops` has made loops of the others."""
    source, target = f.view(op.source), f.view(op.destination)
    for value in (op.source, op.destination):
        assert isinstance(value.type, MemRefType)
        if not is_contiguous(value.type):
            raise _fail(op, f"memref.copy of {value.type}, which isn't contiguous")
    size = f.as_value(f.mul(f.product(target.sizes), byte_size(target.element)))
    f.block.add_op(more_llvm.MemcpyOp(target.ptr, source.ptr, size))


def is_contiguous(t: MemRefType) -> bool:
    """Whether the type says that the elements lie side by side in row-major order."""
    if isinstance(t.layout, NoneAttr):
        return True
    strides, shape = explicit_strides(t), t.get_shape()
    if len(strides) != len(shape):
        return False
    expected: int | None = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and (expected is None or stride != expected):
            return False
        expected = None if expected is None or size == DYNAMIC_INDEX else expected * size
    return True


# Globals


def lower_global(f_globals: list[Operation], op: memref.GlobalOp) -> None:
    """A constant array: flat, and bools as bytes."""
    t = op.type
    assert isinstance(t, MemRefType)
    count = prod(t.get_shape())
    element = storage_type(t.element_type)
    value = op.initial_value
    attr: Attribute | None = None
    if isinstance(value, DenseIntOrFPElementsAttr):
        attr = _flat(value, t.element_type, count)
    array = llvm.LLVMArrayType(count, element)
    lowered = llvm.GlobalOp(
        array,
        op.sym_name,
        "internal",
        constant=op.constant is not None,
        value=attr,
        alignment=64 if count * byte_size(t.element_type) >= 64 else None,
    )
    if attr is None:
        lowered.body.add_block(_zero_block(array))
    f_globals.append(lowered)


def _flat(value: DenseIntOrFPElementsAttr, element: Attribute, count: int) -> Attribute | None:
    """`value` as a one-dimensional array; None for an empty one, which has no elements to list."""
    if count == 0:
        return None
    if element == i1:
        values = [int(bool(v)) for v in value.get_values()]
        values = values * count if len(values) == 1 else values
        return DenseIntOrFPElementsAttr.from_list(TensorType(i8, [count]), values)
    return DenseIntOrFPElementsAttr(TensorType(element, [count]), value.data)  # pyright: ignore[reportArgumentType]


def _zero_block(array: Attribute) -> Block:
    zero = llvm.ZeroOp.create(result_types=[array])
    return Block([zero, llvm.ReturnOp(zero.results[0])])


def _get_global(f: FunctionLowering, op: memref.GetGlobalOp) -> None:
    t = op.memref.type
    assert isinstance(t, MemRefType)
    pointer = f.emit(
        llvm.AddressOfOp.create(
            result_types=[ptr], properties={"global_name": SymbolRefAttr(op.name_.string_value())}
        )
    )
    f.set(op.memref, View(pointer, t.element_type, t.get_shape(), tuple(_row_major(t.get_shape()))))


HANDLERS: dict[type[Operation], Handler] = {
    memref.LoadOp: _load,
    memref.StoreOp: _store,
    memref.AllocOp: _alloc,
    memref.AllocaOp: _alloca,
    memref.DeallocOp: _dealloc,
    memref.SubviewOp: _subview,
    memref.ViewOp: _view,
    memref.CastOp: _cast,
    memref.DimOp: _dim,
    memref.ExtractStridedMetaDataOp: _metadata,
    memref.CollapseShapeOp: _collapse,
    memref.ExpandShapeOp: _expand,
    memref.ReinterpretCastOp: _reinterpret,
    memref.CopyOp: _copy,
    memref.GetGlobalOp: _get_global,
}
