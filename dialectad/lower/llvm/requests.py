"""Requests of the level `llvm`: calls of derivatives that are declared here and made at the llvm rung.

    "ad.vjp"(%x, %y, %dx, %dy) <{callee = @f, active = [0], seeds = [0], level = "llvm"}>
    ->
    %status = llvm.call @f.vjp_0_of_0(%x, %y, %dx, %dy) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i64

    llvm.func @f.vjp_0_of_0(!llvm.ptr {llvm.noalias, llvm.readonly, ...}, ...) -> i64 attributes {
      dialectad.derivative = {callee = @f, kind = "vjp", active = array<i64: 0>, seeds = array<i64: 0>,
                              level = "llvm", arguments = 1 : i64, outs = 1 : i64,
                              types = [memref<4xf64>, memref<f64>, ...]}}
    llvm.func internal @f(...) -> i64 attributes {dialectad.differentiated} { ... }

`types` are those of the request's operands, which are passed as to every function of ours: a memref is a
pointer and an `i64` for each dynamic extent, a bool is a byte. A status that isn't 0 is passed on. Once made,
the body is a `func.func` of its own, until that is lowered too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xdsl.dialects import func, llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    LocationAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Operation

from dialectad import locations
from dialectad.dialects import ad
from dialectad.dialects.call_rule import has_rule, rule_symbols
from dialectad.errors import CompileError
from dialectad.lower.llvm.control import as_bytes, flattened
from dialectad.lower.llvm.function import PASS_NAME, FunctionLowering, Handler
from dialectad.lower.llvm.signature import Parameters
from dialectad.walk import walk

DERIVATIVE = "dialectad.derivative"

SIGNATURE = "dialectad.signature"
"""On an `llvm.func` that is called by what is differentiated, and so differentiated too: the `types` of its
operands, and how many `outs` there are."""

STANDS_FOR = "dialectad.stands_for"
"""On a declaration of a `func.func`: the `llvm.func` that calls of it are of."""

_DIFFERENTIABLE = ".differentiable"


def differentiable(name: str) -> str:
    """The version of a function that is differentiated, where the function itself is called too."""
    return f"{name}{_DIFFERENTIABLE}"


def add_differentiable_callees(module: ModuleOp) -> None:
    """Let what is called by what requests name have a version of its own to be differentiated.

    "ad.vjp"(...) <{callee = @f, level = "llvm", ...}>   =>   callee = @f.differentiable
    func.func private @f(...) { func.call @f }           =>   the same, and a copy: @f.differentiable
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    requests = [op for op in walk(module) if isinstance(op, ad.VJPOp | ad.JVPOp)]
    pending = [op.callee.root_reference.data for op in requests]
    seen: set[str] = set()
    called: dict[str, None] = {}
    while pending:
        name = pending.pop()
        if name in functions and name not in seen:
            seen.add(name)
            calls = [op for op in walk(functions[name]) if isinstance(op, func.CallOp) and not has_rule(op)]
            names = [op.callee.root_reference.data for op in calls]
            called |= dict.fromkeys(name for name in names if not functions[name].is_declaration)
            pending += names
    for name in called:
        copy = functions[name].clone()
        copy.properties["sym_visibility"] = StringAttr("private")
        copy.properties["sym_name"] = StringAttr(differentiable(name))
        inputs, outs = copy.function_type.inputs, copy.attributes["dialectad.outs"]
        copy.attributes[SIGNATURE] = DictionaryAttr({"types": ArrayAttr(inputs), "outs": outs})
        module.body.block.insert_op_after(copy, functions[name])
    for op in requests:
        if (name := op.callee.root_reference.data) in called:
            op.properties["callee"] = SymbolRefAttr(differentiable(name))


BODY_OF = "dialectad.body_of"
"""On a `func.func`: the declaration of an `llvm.func` that it is the body of. Calls are of that one."""


HALVES = ("augmented", "pullback")
"""The kinds of derivatives that are half of one."""


@dataclass(frozen=True)
class Derivative:
    """What the declaration of a derivative says about the body that it is to get."""

    callee: str
    """The `llvm.func` to differentiate, which has the attribute `dialectad.differentiated`."""
    kind: str
    """`vjp` or `jvp`, or half of the former, with a tape before all else: `augmented` or `pullback`."""
    active: tuple[int, ...]
    """Positions among the callee's arguments, before they are flattened."""
    seeds: tuple[int, ...]
    """Positions among the callee's outs; () in forward mode."""
    level: str
    """`llvm`, or `llvm-unoptimized`."""
    arguments: int
    """How many arguments the callee reads; they come first."""
    outs: int
    """How many arguments it writes, and doesn't read; they come next."""
    types: tuple[Attribute, ...]
    """Of the request's operands: what the callee takes, and then the shadows. The tape isn't among them."""

    @classmethod
    def of(cls, op: llvm.FuncOp) -> Derivative | None:
        """What a declaration says; None: it isn't one of a derivative."""
        if not isinstance(data := op.attributes.get(DERIVATIVE), DictionaryAttr):
            return None
        known: dict[str, Any] = dict(data.data)
        return cls(
            known["callee"].root_reference.data,
            known["kind"].data,
            ad.positions(known["active"]),
            ad.positions(known["seeds"]),
            known["level"].data,
            known["arguments"].value.data,
            known["outs"].value.data,
            tuple(known["types"]),
        )

    def attribute(self) -> DictionaryAttr:
        """The value of `dialectad.derivative`."""
        return DictionaryAttr(
            {
                "callee": SymbolRefAttr(self.callee),
                "kind": StringAttr(self.kind),
                "active": DenseArrayBase.from_list(i64, self.active),
                "seeds": DenseArrayBase.from_list(i64, self.seeds),
                "level": StringAttr(self.level),
                "arguments": IntegerAttr(self.arguments, i64),
                "outs": IntegerAttr(self.outs, i64),
                "types": ArrayAttr(self.types),
            }
        )

    @property
    def name(self) -> str:
        """`f.vjp_0_of_0`, `f.jvp_0`."""
        numbers = "_".join(map(str, self.active))
        if self.kind != "jvp":
            numbers += "_of_" + "_".join(map(str, self.seeds))
        suffix = "" if self.level == "llvm" else f".{self.level}"
        return f"{self.callee}.{self.kind}_{numbers}{suffix}"

    @property
    def is_half(self) -> bool:
        return self.kind in HALVES

    @property
    def flat(self) -> list[range]:
        """Per operand: which parameters of the declaration pass it."""
        found: list[range] = []
        for t in self.types:
            first = found[-1].stop if found else 0
            found.append(range(first, first + len(FunctionLowering.flat_types(t))))
        return found


def differentiated(module: ModuleOp) -> dict[str, tuple[int, int]]:
    """The functions to differentiate: how many arguments each reads, and how many outs it has."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    names = {op.callee.root_reference.data for op in walk(module) if isinstance(op, ad.VJPOp | ad.JVPOp)}
    names |= {name for name, function in functions.items() if SIGNATURE in function.attributes}
    names |= {name for name in functions if name.endswith(DIFFERENTIATED_COPY)}
    found: dict[str, tuple[int, int]] = {}
    for name in sorted(names):
        count = functions[name].attributes.get("dialectad.outs")
        outs = count.value.data if isinstance(count, IntegerAttr) else 0
        found[name] = len(functions[name].function_type.inputs) - outs, outs
    return found


DIFFERENTIATED_COPY = ".differentiated"
"""What the name ends with of a copy of a function that the parts of a rule are, see `copy_parts_of_rules`."""


def copy_parts_of_rules(module: ModuleOp) -> None:
    """Where derivatives are nested, let there be a copy of what rules name, to be differentiated.

    A derivative calls the parts of a rule (`ad/rules/ruled_calls.py`), so its own is one of them, too.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    requested = {op.callee.root_reference.data for op in walk(module) if isinstance(op, ad.VJPOp | ad.JVPOp)}
    nested = any(isinstance(op, ad.VJPOp | ad.JVPOp) for name in requested for op in walk(functions[name]))
    parts = dict.fromkeys(name for op in walk(module) for name in rule_symbols(op)) if nested else ()
    for name in parts:
        copy = functions[name].clone()
        copy.properties["sym_name"] = StringAttr(name + DIFFERENTIATED_COPY)
        module.body.block.insert_op_after(copy, functions[name])


def _request(f: FunctionLowering, op: ad.VJPOp | ad.JVPOp) -> None:
    if (point := ad.point_of(op.level.data)) != "llvm":
        raise CompileError(
            f"a derivative at the level {op.level} is left",
            locations.of(op),
            hint=f"run the pass `differentiate{{level={point}}}` before",
            pass_name=PASS_NAME,
        )
    reverse = isinstance(op, ad.VJPOp)
    callee = op.callee.root_reference.data
    derivative = Derivative(
        callee,
        "vjp" if reverse else "jvp",
        ad.positions(op.active),
        ad.positions(op.seeds) if reverse else (),
        op.level.data,
        *f.module.differentiated[callee],
        tuple(op.operand_types),
    )
    if derivative.name not in f.module.defined:
        f.module.defined[derivative.name] = declaration_of(derivative, op.location)
    f.call_with_status(derivative.name, as_bytes(f, flattened(f, op.operands)))


def declaration_of(derivative: Derivative, location: LocationAttr) -> llvm.FuncOp:
    """Of a function that reads the arguments and, in forward mode, their tangents, and writes the rest."""
    first_shadow = derivative.arguments + derivative.outs
    read = {*range(derivative.arguments)}
    if derivative.kind == "jvp":
        read |= {*range(first_shadow, first_shadow + len(derivative.active))}
    parameters = Parameters()
    if derivative.is_half:
        parameters.add(ad.TAPE, writable=True)
    for position, t in enumerate(derivative.types):
        parameters.add(t, writable=position not in read)
    declaration = llvm.FuncOp(
        derivative.name,
        llvm.LLVMFunctionType(parameters.types, i64),
        llvm.LinkageAttr("external"),
        other_props={"arg_attrs": ArrayAttr(parameters.attributes)},
        extra_attrs={DERIVATIVE: derivative.attribute()},
    )
    declaration.location = location
    return declaration


HANDLERS: dict[type[Operation], Handler] = {ad.VJPOp: _request, ad.JVPOp: _request}
