"""`host` to `llvm`: an array of pointers to what the Python function reads and writes.

    "host.call"(%x, %n, %y) <{callback = 7 : i64}>
    ->
    %places = alloca [3 x ptr];  store %x, %y and the address of a variable that holds %n
    %status = llvm.call @dialectad.host(7, %places) : (i64, !llvm.ptr) -> i64          // not 0: it has raised

In a function that is still to be differentiated it is a call that LLVM can't look into, until it is a
`host.call` again: `%status = llvm.call @dialectad.host.7(%x, %n, %y)`.
"""

from __future__ import annotations

from xdsl.dialects import llvm
from xdsl.dialects.builtin import ArrayAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.dialects.host import HostCallOp
from dialectad.lower.llvm.control import flattened
from dialectad.lower.llvm.differentiated import DifferentiatedLowering
from dialectad.lower.llvm.function import DIFFERENT, FunctionLowering, Handler, ptr, storage_type

CALL = "dialectad.host"
"""The function that calls Python's."""

CALLBACK, TYPES, OUTS = "dialectad.callback", "dialectad.types", "dialectad.outs"
"""On the declaration of an opaque call: what the `host.call` says."""


def _call(f: FunctionLowering, op: HostCallOp) -> None:
    flat = flattened(f, op.arguments)
    number = op.callback.value.data
    if isinstance(f, DifferentiatedLowering):
        status = _opaque(f, op, f"{CALL}.{number}", flat)
    else:
        places = f.stack(ptr, max(len(flat), 1), 8)
        for i, value in enumerate(flat):
            f.store(_in_memory(f, value), f.element_pointer(places, i, ptr))
        status = f.call(CALL, [f.int_constant(number), places], i64)
    assert status is not None
    f.leave_if(f.compare(DIFFERENT, status, f.int_constant(0)), status)


def _in_memory(f: FunctionLowering, value: SSAValue) -> SSAValue:
    """The address of a value: a pointer is one."""
    if value.type == ptr:
        return value
    slot = f.stack(storage_type(value.type), 1, 8)
    f.store(value, slot)
    return slot


def _opaque(f: FunctionLowering, op: HostCallOp, name: str, flat: list[SSAValue]) -> SSAValue | None:
    if name not in f.module.defined:
        attributes: dict[str, Attribute] = {
            CALLBACK: op.callback,
            TYPES: ArrayAttr(op.operand_types),
            OUTS: op.attributes[OUTS],
        }
        type_ = llvm.LLVMFunctionType([value.type for value in flat], i64)
        f.module.defined[name] = llvm.FuncOp(
            name, type_, llvm.LinkageAttr("external"), extra_attrs=attributes
        )
    return f.raw_call(name, flat, i64)


HANDLERS: dict[type[Operation], Handler] = {HostCallOp: _call}
