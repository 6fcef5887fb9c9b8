"""Derivatives at the llvm rung: the bodies of the functions that `convert-to-llvm` has declared.

    llvm.func @f(...) -> i64 attributes {dialectad.differentiated}      // optimised, one block
    llvm.func @f.vjp_0_of_0(...) -> i64 attributes {dialectad.derivative = {callee = @f, ...}}
    =>
    llvm.func @f.vjp_0_of_0(...) -> i64
    func.func @f.vjp_0_of_0.body(...) attributes {dialectad.body_of = @f.vjp_0_of_0} {
      <the code of @f, raised>; <the reverse sweep>
    }

A derivative that `@f` itself calls is made first, and inlined. The halves of a derivative are made together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from xdsl.dialects import arith, func, llvm, memref
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnrealizedConversionCastOp,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad import locations
from dialectad.ad.activity import Activity
from dialectad.ad.call_operands import Operand
from dialectad.ad.chosen_pointers import resolve_chosen_pointers
from dialectad.ad.halves import Halves, divide
from dialectad.ad.memory import buffer_of, is_memory, is_origin
from dialectad.ad.memory_form import MemoryForm, in_memory_type
from dialectad.ad.retype import retype_copies
from dialectad.ad.unspeculate import unspeculate
from dialectad.dialects.ad import LEVEL, TAPE, JVPOp, VJPOp, positions
from dialectad.dialects.call_rule import RULE, has_rule
from dialectad.dialects.host import HostCallOp
from dialectad.errors import CompileError
from dialectad.lift.raise_llvm import raise_function
from dialectad.lower.bufferization.functions import OUTS
from dialectad.lower.llvm.differentiated import DIFFERENTIATED
from dialectad.lower.llvm.function import FunctionLowering
from dialectad.lower.llvm.host import CALLBACK, TYPES
from dialectad.lower.llvm.requests import (
    BODY_OF,
    DERIVATIVE,
    DIFFERENTIATED_COPY,
    HALVES,
    SIGNATURE,
    STANDS_FOR,
    Derivative,
    declaration_of,
    differentiable,
)
from dialectad.walk import walk


def make_derivatives(module: ModuleOp) -> None:
    """Give every declared derivative its body, and drop what was differentiated."""
    maker = _Maker(module)
    while pending := [name for name in maker.declared if name not in maker.made]:
        for name in pending:
            maker.make(name)
    for op in list(module.ops):
        if isinstance(op, llvm.FuncOp) and DIFFERENTIATED in op.attributes:
            op.detach()
            op.erase()


class _Maker:
    def __init__(self, module: ModuleOp):
        self.module = module
        self.functions = {op.sym_name.data: op for op in module.ops if isinstance(op, llvm.FuncOp)}
        self.declared = {
            name: (op, derivative)
            for name, op in self.functions.items()
            if (derivative := Derivative.of(op)) is not None
        }
        self.again = {
            op.callee.root_reference.data
            for function in self.functions.values()
            if DIFFERENTIATED in function.attributes
            for op in walk(function)
            if isinstance(op, llvm.CallOp) and op.callee is not None
        }
        """What is called by what is differentiated: calls in it are checkpoints."""
        self.made: dict[str, func.FuncOp] = {}
        self.stand_ins: dict[str, str] = {}

    def make(self, name: str) -> func.FuncOp:
        if (known := self.made.get(name)) is not None:
            return known
        declaration, derivative = self.declared[name]
        if derivative.is_half:
            self._make_halves(derivative)
            return self.made[name]
        function = raise_function(self.functions[derivative.callee], f"{name}.body", self.module)
        halves = None if name in self.again else self._halves(function, derivative.level)
        self._derive(function, derivative, halves)
        self._add(function, name, declaration.arg_attrs)
        return function

    def _derive(
        self, function: func.FuncOp, derivative: Derivative, halves: Halves | None, *, divided: bool = False
    ) -> MemoryForm:
        """Add a derivative to the raised code of a function."""
        function.location = self.functions[derivative.callee].location
        try:
            self._expand(function)
            for call in [op for op in walk(function) if isinstance(op, func.CallOp) and not has_rule(op)]:
                call.attributes[LEVEL] = StringAttr(derivative.level)
                primal = call.callee.root_reference.data
                call.properties["callee"] = self._stand_in(primal, call.operand_types)
            form = self._differentiate(function, derivative, halves, divided=divided)
            for request in [op for op in walk(function) if isinstance(op, VJPOp | JVPOp)]:
                self._request(request, again=halves is None)
        except CompileError as problem:
            problem.level = problem.level or derivative.level
            raise
        return form

    def _make_halves(self, derivative: Derivative) -> None:
        _, pullback = self.declared[replace(derivative, kind="pullback").name]
        whole = replace(pullback, kind="vjp")
        joint = raise_function(self.functions[derivative.callee], f"{whole.name}.joint", self.module)
        count = len(joint.body.block.args)
        form = self._derive(joint, whole, self._halves(joint, derivative.level), divided=True)
        block = joint.body.block
        functions: list[func.FuncOp] = []
        for kind, args in (("augmented", block.args[: count + 1]), ("pullback", block.args)):
            name = replace(derivative, kind=kind).name
            types = [arg.type for arg in args]
            function = func.FuncOp(f"{name}.body", FunctionType.from_lists(types, []), visibility="private")
            function.location = joint.location
            functions.append(function)
        assert form.turn is not None
        divide(block, form.turn, form.shadows, *functions)
        for kind, function in zip(HALVES, functions, strict=True):
            name = replace(derivative, kind=kind).name
            attributes = self.declared[name][0].arg_attrs
            assert attributes is not None
            of_tape = len(FunctionLowering.flat_types(TAPE))
            self._add(function, name, ArrayAttr([DictionaryAttr({}), *attributes.data[of_tape:]]))

    def _add(self, function: func.FuncOp, name: str, arg_attrs: ArrayAttr[DictionaryAttr] | None) -> None:
        """Let `function` be the body of what was declared."""
        declaration, _ = self.declared[name]
        function.attributes[BODY_OF] = SymbolRefAttr(name)
        types = [argument.type for argument in function.body.block.args]
        function.properties["function_type"] = FunctionType.from_lists(types, [])
        if arg_attrs is not None:
            function.properties["arg_attrs"] = arg_attrs
        Rewriter.insert_op(function, InsertPoint.after(declaration))
        del declaration.attributes[DERIVATIVE]
        self.made[name] = function
        self._declare_calls(function)

    def _halves(self, function: func.FuncOp, level: str) -> Halves:
        def names(stand_in: str, active: Sequence[int], seeds: Sequence[int]) -> tuple[str, str]:
            types, outs = self._signature(stand_in)
            first_out = len(types) - outs
            shadows = [*(in_memory_type(types[i]) for i in active), *(types[first_out + i] for i in seeds)]
            callee = differentiable(self.stand_ins[stand_in])
            found: list[str] = []
            for kind, all_types in (("augmented", types), ("pullback", [*types, *shadows])):
                derivative = Derivative(
                    callee, kind, tuple(active), tuple(seeds), level, first_out, outs, tuple(all_types)
                )
                self._declare(derivative, self.functions[callee].location)
                symbol = self._stand_in(derivative.name, [TAPE, *all_types])
                found.append(symbol.root_reference.data)
            return found[0], found[1]

        return Halves(level, names, function)

    def _signature(self, stand_in: str) -> tuple[list[Attribute], int]:
        """The types of what is called, and how many outs there are."""
        signature = self.functions[differentiable(self.stand_ins[stand_in])].attributes[SIGNATURE]
        assert isinstance(signature, DictionaryAttr)
        outs = cast(IntegerAttr[Any], signature.data["outs"]).value.data
        return list(cast(ArrayAttr[Any], signature.data["types"])), outs

    def _declare(self, derivative: Derivative, location: LocationAttr) -> None:
        if derivative.name not in self.functions:
            declaration = declaration_of(derivative, location)
            Rewriter.insert_op(declaration, InsertPoint.after(self.functions[derivative.callee]))
            self.functions[derivative.name] = declaration
            self.declared[derivative.name] = declaration, derivative

    def _declare_calls(self, function: func.FuncOp) -> None:
        """Declare the functions of libraries that only derivatives call."""
        for op in walk(function):
            if isinstance(op, llvm.CallOp) and op.callee is not None:
                name = op.callee.root_reference.data
                if name not in self.functions:
                    result = op.results[0].type if op.results else None
                    type_ = llvm.LLVMFunctionType([operand.type for operand in op.operands], result)
                    new = llvm.FuncOp(name, type_, llvm.LinkageAttr("external"))
                    self.functions[name] = new
                    self.module.body.block.add_op(new)

    def _request(self, op: VJPOp | JVPOp, *, again: bool) -> None:
        """Replace the request for the derivative of a call by a call of it; its body is made later."""
        stand_in = op.callee.root_reference.data
        callee = differentiable(self.stand_ins[stand_in])
        types, outs = self._signature(stand_in)
        derivative = Derivative(
            callee,
            "vjp" if isinstance(op, VJPOp) else "jvp",
            positions(op.active),
            positions(op.seeds) if isinstance(op, VJPOp) else (),
            op.level.data,
            len(types) - outs,
            outs,
            tuple(op.operand_types),
        )
        self._declare(derivative, op.location)
        if again:
            self.again.add(derivative.name)
        call = func.CallOp(self._stand_in(derivative.name, op.operand_types), op.operands, [])
        call.location = op.location
        Rewriter.replace_op(op, call)

    def _stand_in(self, name: str, types: Sequence[Attribute]) -> SymbolRefAttr:
        """What is called, as a `func.func`, for a function in the `llvm` dialect."""
        stand_in = f"{name}.stand_in"
        if stand_in not in self.stand_ins:
            self.stand_ins[stand_in] = name
            declaration = func.FuncOp.external(stand_in, types, [])
            declaration.attributes[STANDS_FOR] = SymbolRefAttr(name)
            self.module.body.block.add_op(declaration)
        return SymbolRefAttr(stand_in)

    def _inline(self, function: func.FuncOp) -> None:
        """Put the derivatives that `function` calls in the place of the calls; they always succeed."""
        for op in [op for op in walk(function) if isinstance(op, llvm.CallOp)]:
            name = op.callee.root_reference.data if op.callee is not None else ""
            if name in self.declared or name in self.made:
                self._splice(self.make(name), op)

    def _inline_parts(self, function: func.FuncOp) -> None:
        """The same for parts of rules, which derivatives call, where these are differentiated once more."""
        for op in [op for op in walk(function) if isinstance(op, func.CallOp) and not has_rule(op)]:
            copy = self.functions.get(op.callee.root_reference.data + DIFFERENTIATED_COPY)
            if copy is not None:
                part = raise_function(copy, copy.sym_name.data, self.module)
                self._expand(part)
                self._splice(part, op)

    def _expand(self, function: func.FuncOp) -> None:
        self._inline(function)
        self._restore_calls(function)
        self._inline_parts(function)

    @staticmethod
    def _splice(callee: func.FuncOp, op: llvm.CallOp | func.CallOp) -> None:
        body = callee.body.block
        mapper: dict[SSAValue, SSAValue] = {}
        for argument, operand in zip(body.args, op.operands, strict=True):
            if isinstance(operand.type, MemRefType):
                cast = UnrealizedConversionCastOp.create(operands=[operand], result_types=[argument.type])
                Rewriter.insert_op(cast, InsertPoint.before(op))
                operand = cast.results[0]
            mapper[argument] = operand
        for inner in tuple(body.ops)[:-1]:
            Rewriter.insert_op(inner.clone(mapper), InsertPoint.before(op))
        if op.results:
            _succeeds(op)
        op.detach()
        op.erase()

    def _restore_calls(self, function: func.FuncOp) -> None:
        """Let calls with a derivative of their own, and of Python functions, be what they were before.

        %status = llvm.call @f(%x, %y)   =>   func.call @f(%x, %y) {dialectad.rule}   // passes a status on
        %status = llvm.call @dialectad.host.7(%x)   =>   "host.call"(%x) <{callback = 7 : i64}>
        """
        for op in [op for op in walk(function) if isinstance(op, llvm.CallOp)]:
            name = op.callee.root_reference.data if op.callee is not None else ""
            known = self.functions[name].attributes if name in self.functions else {}
            if RULE in known:
                call = func.CallOp(name, op.operands, [])
                call.attributes |= {key: known[key] for key in (RULE, OUTS)}
            elif CALLBACK in known:
                properties = {"callback": known[CALLBACK], "types": known[TYPES]}
                call = HostCallOp.create(operands=op.operands, properties=properties)
                call.attributes[OUTS] = known[OUTS]
            else:
                continue
            call.location = op.location
            _succeeds(op)
            Rewriter.insert_op(call, InsertPoint.before(op))
            op.detach()
            op.erase()

    def _differentiate(
        self, function: func.FuncOp, derivative: Derivative, halves: Halves | None, *, divided: bool
    ) -> MemoryForm:
        block = function.body.block
        resolve_chosen_pointers(function)
        _check_pointers(function)
        flat = derivative.flat
        args: list[SSAValue] = [
            block.args[flat[i].start] for i in range(derivative.arguments + derivative.outs)
        ]
        types = derivative.types
        first_out = derivative.arguments
        arguments = [args[i] for i in derivative.active]
        outs = args[first_out:]
        out_types = types[first_out : len(args)]
        declared = {
            value: t.element_type
            for value, t in zip(args, types, strict=False)
            if isinstance(t, MemRefType) and is_memory(value)
        }
        retype_copies(function, declared)
        pointed: dict[SSAValue, Operand] = {
            block.args[own.start]: Operand(types[i], block.args[own.start : own.stop])
            for i, own in enumerate(flat[first_out : len(args)], first_out)
        }
        shadow_types = [FunctionLowering.flat_types(t) for t in types[len(args) :]]
        if halves is not None and divided:
            halves.take_tape()
        form = MemoryForm(function, arguments, outs, _last(function), pointed, halves)
        if derivative.kind == "vjp":
            unspeculate(block, Activity.varied_by(block, arguments).varied)
            form.add_reverse_sweep([outs[i] for i in derivative.seeds], shadow_types)
        else:
            floats = [out for out, t in zip(outs, out_types, strict=True) if _holds_floats(t)]
            form.add_tangents(floats, shadow_types)
        return form


def _succeeds(op: Operation) -> None:
    """Let the status that a call gives be 0."""
    status = arith.ConstantOp.create(result_types=[i64], properties={"value": IntegerAttr(0, i64)})
    Rewriter.insert_op(status, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(status.results[0])


def _holds_floats(type_: Attribute) -> bool:
    return isinstance(type_, MemRefType) and isinstance(type_.element_type, AnyFloat)


def _last(function: func.FuncOp) -> list[memref.DeallocOp]:
    """Take out what gives memory of the top block back: it is needed until the end."""
    block = function.body.block
    ends = [
        op
        for op in block.ops
        if isinstance(op, memref.DeallocOp) and isinstance(op.memref.owner, memref.AllocOp)
    ]
    for op in ends:
        op.detach()
    freed = {op.memref for op in ends}
    for op in block.ops:
        if isinstance(op, memref.AllocOp) and op.memref not in freed:
            ends.append(memref.DeallocOp.get(op.memref))
    return ends


def _check_pointers(function: func.FuncOp) -> None:
    """Refuse memory whose place depends on control flow: it can't be told what its shadow is."""
    for op in walk(function):
        for operand in op.operands:
            if is_memory(operand) and isinstance(operand.type, llvm.LLVMPointerType):
                origin = buffer_of(operand)
                if not is_origin(origin) and not isinstance(origin.owner, llvm.ZeroOp):
                    raise CompileError(
                        "memory whose place depends on control flow",
                        locations.of(op),
                        hint="differentiate it at level loop or linalg",
                        pass_name="differentiate",
                    )
