"""`convert-to-llvm`: from blocks, scalars and memrefs to the `llvm` dialect.

    func.func @f(%x: memref<4xf64>, %n: index, %out: memref<f64>) attributes {dialectad.outs = 1 : i64}
    ->
    llvm.func @f(%x: !llvm.ptr {llvm.noalias, llvm.readonly, ...}, %n: i64, %out: !llvm.ptr {...}) -> i64

A memref argument is a bare pointer, followed by an `i64` per dynamic extent; a bool is a byte. The function
gives 0, or k + 1 when the k-th entry of the module attribute `dialectad.asserts` failed, or -1 when there was
no memory. See `dialectad/lower/llvm/` for the tables, one a dialect, and there `requests.py` and
`differentiated.py` for what is differentiated at the level `llvm`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects import builtin, func, llvm, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    UnrankedMemRefType,
    i1,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialectad import locations
from dialectad.dialects.ad import TAPE
from dialectad.errors import CompileError
from dialectad.lower.llvm import ad, arith, control, host, math, passed_on, requests
from dialectad.lower.llvm import memref as memref_lowering
from dialectad.lower.llvm.differentiated import DIFFERENTIATED, DifferentiatedLowering
from dialectad.lower.llvm.function import (
    DIFFERENT,
    PASS_NAME,
    FunctionLowering,
    Handler,
    ModuleLowering,
    scalar_type,
)
from dialectad.lower.llvm.scopes import alias_scopes
from dialectad.lower.llvm.signature import Parameters
from dialectad.rewrite import call_graph
from dialectad.walk import walk

HANDLERS: dict[type[Operation], Handler] = {
    **arith.HANDLERS,
    **math.HANDLERS,
    **memref_lowering.HANDLERS,
    **control.HANDLERS,
    **ad.HANDLERS,
    **requests.HANDLERS,
    **passed_on.HANDLERS,
    **host.HANDLERS,
}
"""Op type -> what emits its replacement."""


def _reverse_postorder(region: Region) -> list[Block]:
    """The reachable blocks, each after those that dominate it."""
    entry = region.first_block
    assert entry is not None
    order: list[Block] = []
    seen = {entry}
    stack: list[tuple[Block, Iterator[Block]]] = [(entry, _successors(entry))]
    while stack:
        block, successors = stack[-1]
        following = next((s for s in successors if s not in seen), None)
        if following is None:
            order.append(block)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, _successors(following)))
    return order[::-1]


def _successors(block: Block) -> Iterator[Block]:
    terminator = block.last_op
    # The last first, so that the order of a postorder, reversed, is the textual one.
    return iter(reversed(terminator.successors)) if terminator is not None else iter(())


def _argument_attributes(op: func.FuncOp) -> list[dict[str, Attribute]]:
    if op.arg_attrs is None:
        return [{} for _ in op.function_type.inputs]
    return [dict(attributes.data) for attributes in op.arg_attrs]


def _parameters(op: func.FuncOp) -> Parameters:
    """The `llvm` types and argument attributes of a function of ours.

    A derivative in memory form doesn't say what it writes: it may be any of its memory.
    """
    outs = op.attributes.get("dialectad.outs")
    inputs = op.function_type.inputs.data
    first_out = len(inputs) - outs.value.data if isinstance(outs, IntegerAttr) else 0
    parameters = Parameters()
    for position, (t, known) in enumerate(zip(inputs, _argument_attributes(op), strict=True)):
        parameters.add(t, writable=position >= first_out or "dialectad.inout" in known)
    return parameters


def _declare(op: func.FuncOp, module: ModuleLowering) -> llvm.FuncOp:
    """The `llvm.func` for `op`, without its body yet."""
    name = _symbol(op)
    outputs = op.function_type.outputs.data
    if op.body.first_block is None:
        if len(outputs) > 1:
            raise CompileError(
                f"external @{name} gives several results", locations.of(op), pass_name=PASS_NAME
            )
        inputs = [flat for t in op.function_type.inputs for flat in FunctionLowering.flat_types(t)]
        result = scalar_type(outputs[0]) if outputs else None
        module.library.add(name)
        return llvm.FuncOp(name, llvm.LLVMFunctionType(inputs, result), llvm.LinkageAttr("external"))
    if outputs:
        raise CompileError(
            f"@{name} still gives results", locations.of(op), hint="run bufferize first", pass_name=PASS_NAME
        )
    parameters = _parameters(op)
    private = requests.BODY_OF in op.attributes or (
        op.sym_visibility is not None and op.sym_visibility.data == "private"
    )
    return llvm.FuncOp(
        name,
        llvm.LLVMFunctionType(parameters.types, i64),
        llvm.LinkageAttr("internal" if private else "external"),
        other_props={"arg_attrs": ArrayAttr(parameters.attributes)},
        extra_attrs=_differentiated(op) if name in module.differentiated else None,
    )


def _differentiated(op: func.FuncOp) -> dict[str, Attribute]:
    signature = op.attributes.get(requests.SIGNATURE)
    return {DIFFERENTIATED: UnitAttr()} | ({requests.SIGNATURE: signature} if signature is not None else {})


def _symbol(op: func.FuncOp) -> str:
    """What the `llvm.func` for `op` is called."""
    declared = op.attributes.get(requests.BODY_OF)
    return declared.root_reference.data if isinstance(declared, SymbolRefAttr) else op.sym_name.data


def _lower_body(op: func.FuncOp, lowered: llvm.FuncOp, module: ModuleLowering) -> None:
    kind = DifferentiatedLowering if DIFFERENTIATED in lowered.attributes else FunctionLowering
    f = kind(module, _symbol(op), lowered.body)
    lowered.location = op.location
    order = _reverse_postorder(op.body)
    entry, *others = order
    f.blocks = {
        block: Block(arg_types=[flat for arg in block.args for flat in f.flat_types(arg.type)])
        for block in others
    }
    f.scopes = alias_scopes(order)
    f.start(Block(arg_types=lowered.function_type.inputs.data))
    _bind_arguments(f, entry)
    _lower_ops(f, entry)
    for block in others:
        f.start(f.blocks[block])
        _bind_arguments(f, block)
        _lower_ops(f, block)
    f.finish()


def _bind_arguments(f: FunctionLowering, block: Block) -> None:
    """Give the block's arguments their lowered values; at the entry a bool comes as a byte."""
    flat: list[SSAValue] = list(f.block.args)
    for arg in block.args:
        if isinstance(arg.type, MemRefType | UnrankedMemRefType):
            flat[0].name_hint = arg.name_hint
            view = f.unflatten(arg.type, flat)
            f.set(arg, replace(view, scope=f.scopes[arg]) if arg in f.scopes else view)
            continue
        if arg.type == TAPE:
            f.set(arg, f.unflatten(arg.type, flat))
            continue
        value = flat.pop(0)
        if arg.type == i1 and value.type == i8:
            value = f.compare(DIFFERENT, value, f.int_constant(0, i8))
        f.set(arg, value)


def _lower_ops(f: FunctionLowering, block: Block) -> None:
    for op in block.ops:
        handler = HANDLERS.get(type(op))
        if handler is None:
            raise CompileError(
                f"{op.name} has no lowering to the llvm dialect", locations.of(op), pass_name=PASS_NAME
            )
        block, last = f.block, f.block.last_op
        handler(f, op)
        if isinstance(f, DifferentiatedLowering):
            f.locate(op.location, block, last)


ASSERTS, KEPT = "dialectad.asserts", "dialectad.kept"
"""Attributes of the module: what can fail, and the globals that keep memory between calls."""

RELEASE = "dialectad.release"
"""The function that gives back what the module's functions keep between calls; call it before unloading."""


def _release_kept(module: ModuleLowering) -> llvm.FuncOp:
    lowered = llvm.FuncOp(RELEASE, llvm.LLVMFunctionType([]), llvm.LinkageAttr("external"))
    f = FunctionLowering(module, RELEASE, lowered.body)
    f.start(Block())
    for name in module.kept:
        f.free(f.exchange(name, f.null()))
    f.block.add_op(llvm.ReturnOp())
    f.finish()
    return lowered


def _take_over(module_op: builtin.ModuleOp, module: ModuleLowering) -> list[Operation]:
    """Note what is in the `llvm` dialect already; gives the rest."""
    rest: list[Operation] = []
    for op in module_op.body.block.ops:
        match op:
            case llvm.FuncOp():
                if op.sym_name.data != RELEASE:
                    module.defined[op.sym_name.data] = op
            case llvm.GlobalOp():
                module.globals.append(op)
            case _:
                rest.append(op)
    for attribute in (ASSERTS, KEPT):
        known = module_op.attributes.get(attribute, ArrayAttr([]))
        assert isinstance(known, ArrayAttr)
        for entry in known:
            if isinstance(entry, StringAttr):
                module.kept.append(entry.data)
            elif isinstance(entry, DictionaryAttr):
                module.asserts.setdefault(entry, len(module.asserts))
    return rest


def _called(op: func.FuncOp, module: ModuleLowering) -> set[str]:
    names = [o.callee.string_value() for o in walk(op) if isinstance(o, func.CallOp)]
    return {module.other_names.get(name, name) for name in names}


def _stands_for_another(op: func.FuncOp, module: ModuleLowering) -> bool:
    """Whether calls of it are of a function in the `llvm` dialect, which is noted then."""
    if not isinstance(other := op.attributes.get(requests.STANDS_FOR), SymbolRefAttr):
        return False
    module.other_names[op.sym_name.data] = other.root_reference.data
    return True


def lower_module(module_op: builtin.ModuleOp) -> None:
    """Replace the content of the module."""
    module = ModuleLowering()
    requests.add_differentiable_callees(module_op)
    requests.copy_parts_of_rules(module_op)
    module.differentiated |= requests.differentiated(module_op)
    top = _take_over(module_op, module)
    functions = [op for op in top if isinstance(op, func.FuncOp) and not _stands_for_another(op, module)]
    for op in functions:
        module.defined[_symbol(op)] = _declare(op, module)
    module.recursive |= call_graph.on_cycles({_symbol(op): _called(op, module) for op in functions})
    for op in top:
        if isinstance(op, memref.GlobalOp):
            memref_lowering.lower_global(module.globals, op)
        elif not isinstance(op, func.FuncOp):
            raise CompileError(
                f"{op.name} has no lowering to the llvm dialect", locations.of(op), pass_name=PASS_NAME
            )
    for op in functions:
        if op.body.first_block is not None:
            _lower_body(op, module.defined[_symbol(op)], module)
    for op in list(module_op.body.block.ops):
        op.detach()
    for op in top:
        op.erase(safe_erase=False)
    if module.kept:
        module.defined[RELEASE] = _release_kept(module)
    for name, (result, arguments) in module.externals.items():
        if name not in module.defined:
            t = llvm.LLVMFunctionType(arguments, result)
            module.defined[name] = llvm.FuncOp(name, t, llvm.LinkageAttr("external"))
    module_op.body.block.add_ops([*module.globals, *module.defined.values()])
    module_op.attributes[ASSERTS] = ArrayAttr(list(module.asserts))
    if module.kept:
        module_op.attributes[KEPT] = ArrayAttr(map(StringAttr, module.kept))


@dataclass(frozen=True)
class ConvertToLlvmPass(ModulePass):
    """Lower functions of blocks, scalars and memrefs to the `llvm` dialect."""

    name = "convert-to-llvm"

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        lower_module(op)
