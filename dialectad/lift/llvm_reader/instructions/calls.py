"""Calls: of functions, through pointers, and of intrinsics.

    %y = tail call nnan double @sin(double %x) #1     llvm.call tail @sin(%x) {fastmathFlags = ...}
    call void %f(ptr %x)                              llvm.call %f(%x)
    %y = call double @llvm.fabs.f64(double %x)        llvm.intr.fabs(%x)
    %y = call double @llvm.maximum.f64(...)           llvm.call_intrinsic "llvm.maximum"(...)

Attributes of a call are facts about this call of a function that has attributes of its own, and are dropped;
but how an argument is passed must agree with the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from xdsl.dialects import llvm
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.llvm import TailCallKind, TailCallKindAttr
from xdsl.ir import Attribute, SSAValue

from dialectad.lift.llvm_reader.instructions.arithmetic import fast_math
from dialectad.lift.llvm_reader.instructions.handler import Handler
from dialectad.lift.llvm_reader.instructions.intrinsics import intrinsic
from dialectad.lift.llvm_reader.lexer import Tokens, symbol_name
from dialectad.lift.llvm_reader.types import POINTER, VOID
from dialectad.lower.llvm.function import counts

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function

_TAIL = {kind.value: TailCallKindAttr(kind) for kind in TailCallKind}
_CONVENTIONS = frozenset(
    "ccc fastcc coldcc anyregcc preserve_mostcc preserve_allcc cxx_fast_tlscc tailcc".split()
)


@cache
def _convention_attr(name: str) -> llvm.CallingConventionAttr:
    return llvm.CallingConventionAttr(name)


def convention(tokens: Tokens) -> llvm.CallingConventionAttr:
    """Take a calling convention."""
    return _convention_attr(tokens.take() if tokens.next in _CONVENTIONS else "ccc")


@dataclass
class _Arguments:
    values: list[SSAValue]
    passing: list[dict[str, Attribute]]
    """What says how they are passed."""
    metadata: str | None = None
    """The one argument of `llvm.experimental.noalias.scope.decl`."""


def _arguments(f: Function) -> _Arguments:
    """Take `(type attributes value, ...)`."""
    tokens = f.tokens
    found = _Arguments([], [])
    tokens.expect("(")
    while not tokens.accept(")"):
        if tokens.next == "metadata":
            found.metadata = tokens.list[tokens.at + 1]
            tokens.at += 2
            if tokens.next == "(":
                tokens.balanced()
        else:
            t = f.types.type()
            found.passing.append(f.attributes.argument_of_call())
            found.values.append(f.operand(t))
        if tokens.next != ")":
            tokens.expect(",")
    return found


def _call(kind: str = "none") -> Handler:
    tail = _TAIL[kind]

    def handler(f: Function) -> SSAValue | None:
        tokens = f.tokens
        start = tokens.at - 1
        if kind != "none":
            tokens.expect("call")
        flags = fast_math(f)
        calling = convention(tokens)
        if "llvm.inreg" in f.attributes.parameter():
            tokens.fail("a result that is passed as `inreg` is not supported", start)
        f.types.address_space()
        t = f.types.type()
        result = t.output if isinstance(t, llvm.LLVMFunctionType) else t
        token = tokens.next
        if token == "asm":
            tokens.fail("inline assembly is not supported", start)
        name = symbol_name(tokens.take()) if token[:1] == "@" else None
        callee = f.operand(POINTER) if name is None else None
        arguments = _arguments(f)
        f.attributes.of_call()
        bundles = tokens.next == "["
        if bundles and name != "llvm.assume":
            tokens.fail("a call with operand bundles is not supported", start)
        if name is not None and name.startswith("llvm."):
            if bundles:  # facts only
                tokens.at = _after_bundles(tokens.list, tokens.at)
                return None
            return intrinsic(f, name, arguments.values, arguments.metadata, result, flags, start)
        if arguments.metadata is not None:
            tokens.fail("metadata as an argument is not supported", start)
        properties: dict[str, Attribute] = {
            "fastmathFlags": flags,
            "CConv": calling,
            "TailCallKind": tail,
            "op_bundle_sizes": counts(),
        }
        operands = arguments.values
        if name is not None:
            _check_passing(f, name, arguments, start)
            properties["callee"] = SymbolRefAttr(name)
        else:
            assert callee is not None
            if any(arguments.passing):
                tokens.fail("an indirect call whose arguments are passed in a special way", start)
            operands = [callee, *operands]
        if isinstance(t, llvm.LLVMFunctionType) and t.is_variadic:
            properties["var_callee_type"] = t
        properties["operandSegmentSizes"] = counts(len(operands), 0)
        results = [] if result is VOID else [result]
        op = llvm.CallOp.create(operands=operands, result_types=results, properties=properties)
        f.ops.append(op)
        return op.results[0] if results else None

    return handler


def _check_passing(f: Function, name: str, arguments: _Arguments, start: int) -> None:
    """Arguments must be passed as the function takes them; the op has no place for anything else."""
    if (signature := f.signatures.get(name)) is None:
        f.tokens.fail(f"there is no function @{name}", start)
    given = [value.type for value in arguments.values]
    expected = list(signature.inputs)
    if given[: len(expected)] != expected or (len(given) > len(expected) and not signature.is_variadic):
        f.tokens.fail(f"the arguments of this call aren't those of @{name}", start)
    if not any(arguments.passing):
        return
    taken = f.module.argument_attributes[name]
    for position, passing in enumerate(arguments.passing):
        declared = taken[position] if position < len(taken) else {}
        for key, value in passing.items():
            if declared.get(key) != value:
                what = key.removeprefix("llvm.")
                f.tokens.fail(f"argument {position} is passed as `{what}`, but @{name} doesn't say so", start)


def _after_bundles(items: list[str], at: int) -> int:
    depth = 0
    while True:
        depth += {"[": 1, "]": -1}.get(items[at], 0)
        at += 1
        if not depth:
            return at


INSTRUCTIONS: dict[str, Handler] = {"call": _call()} | {
    kind: _call(kind) for kind in ("tail", "musttail", "notail")
}
