"""`optimize-llvm`: run LLVM's own optimiser on functions, before they are differentiated.

    llvm.func internal @f(%p: !llvm.ptr ...) -> i64 attributes {dialectad.differentiated} { ... }
    ->
    the same function after LLVM's mid-level passes: memory in registers, redundant and invariant code gone,
    loops rotated and simplified, one way into each and values that leave them passed on by their exits

A function goes to LLVM as text, with the globals and declarations that it uses, and is read back. Only its
body changes: arguments and their attributes, and what the module calls it, stay.

Note [Optimised for differentiation]. What runs is LLVM's level 1 twice, and the removal of dead stores. What
level 2 has more makes derivatives dearer: it loads in one iteration what the next one needs, which must then
be kept for the reverse sweep instead of loaded again, and it threads jumps, which tears loops apart.
Nothing is vectorised or unrolled, and no loop becomes a call of memset or memcpy: all that is done once the
derivative is there. Loops that are to be unrolled then still say so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as binding
from xdsl.context import Context
from xdsl.dialects import builtin, llvm
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lift.llvm_reader import read
from dialectad.lower.llvm.differentiated import DIFFERENTIATED
from dialectad.lower.llvm.requests import Derivative
from dialectad.lower.llvm_ir import translate_parts
from dialectad.walk import walk

PASS_NAME = "optimize-llvm"

_DEFINE = re.compile(r"^(define .*?)((?: !dbg !\d+)? \{)$", re.MULTILINE)
_NO_IDIOMS = '"no-builtin-memset" "no-builtin-memcpy" "no-builtin-memmove"'
"""Attributes of a function in which LLVM may not make such calls."""

_LEVEL = 1


@cache
def _machine() -> binding.TargetMachine:
    """A machine of this kind, without what only some of them have: code is generated later."""
    binding.initialize_native_target()
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine()


def optimize_text(llvm_ir: str, *, only_registers: bool = False) -> str:
    """LLVM IR text after the passes of Note [Optimised for differentiation].

    With `only_registers` nothing but what makes variables values: without it no pointer is known.
    """
    llvm_ir = llvm_ir.replace('!"llvm.loop.unroll.full"', '!"dialectad.unroll"')
    llvm_ir = _DEFINE.sub(rf"\1 {_NO_IDIOMS}\2", llvm_ir)
    machine = _machine()
    try:
        module = binding.parse_assembly(llvm_ir, binding.create_context())
        module.verify()
    except RuntimeError as error:
        raise CompileError(f"LLVM can't take its input: {error}", pass_name=PASS_NAME) from error
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    tuning = binding.create_pipeline_tuning_options(speed_level=_LEVEL)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    tuning.loop_interleaving = tuning.loop_unrolling = False
    builder = binding.create_pass_builder(machine, tuning)
    scalar = builder.getFunctionPassManager()
    stores = binding.create_new_function_pass_manager()
    stores.add_dead_store_elimination_pass()
    stores.add_instruction_combine_pass()
    canonical = binding.create_new_function_pass_manager()
    canonical.add_loop_simplify_pass()
    canonical.add_lcssa_pass()
    registers = binding.create_new_function_pass_manager()
    registers.add_sroa_pass()
    for function in module.functions:
        if not function.is_declaration:
            for passes in (registers,) if only_registers else (scalar, stores, scalar, canonical):
                passes.run(function, builder)
    return str(module)


def optimize(module: ModuleOp, names: Collection[str], *, only_registers: bool = False) -> None:
    """Optimise the functions of these names in a module of the `llvm` dialect, in place."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, llvm.FuncOp)}
    for name in names:
        if name not in functions or functions[name].body.first_block is None:
            raise CompileError(f"there is no function @{name} to optimise", pass_name=PASS_NAME)
    if not names:
        return
    text = optimize_text(translate_parts(_parts(module, names), places=True), only_registers=only_registers)
    optimized = read(text)
    known = {op.sym_name.data for op in module.ops if isinstance(op, llvm.FuncOp | llvm.GlobalOp)}
    for op in list(optimized.ops):
        assert isinstance(op, llvm.FuncOp | llvm.GlobalOp)
        name = op.sym_name.data
        if name in names and isinstance(op, llvm.FuncOp):
            _replace_body(functions[name], op)
        elif name not in known:  # a function that LLVM's simplifications call
            op.detach()
            module.body.block.add_op(op)


def _parts(module: ModuleOp, names: Collection[str]) -> list[Operation]:
    """These functions, the globals that they use, and declarations of what else they call."""
    symbols = {op.sym_name.data: op for op in module.ops if isinstance(op, llvm.FuncOp | llvm.GlobalOp)}
    chosen: dict[str, Operation] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in chosen or (op := symbols.get(name)) is None:
            continue
        if name in names or isinstance(op, llvm.GlobalOp):
            chosen[name] = op
            pending += _mentioned(op)
        else:
            chosen[name] = _declaration(op)
    return [chosen[name] for name in symbols if name in chosen]


def _mentioned(op: Operation) -> Iterable[str]:
    """The symbols that the properties of the ops in `op` refer to."""
    for inner in walk(op):
        for value in inner.properties.values():
            if isinstance(value, SymbolRefAttr):
                yield value.root_reference.data


def _declaration(op: Operation) -> Operation:
    """The function without its body, and without what only this project knows about it."""
    declared = op.clone_without_regions()
    declared.attributes.clear()
    declared.properties["linkage"] = llvm.LinkageAttr("external")
    return declared


def _replace_body(old: llvm.FuncOp, new: llvm.FuncOp) -> None:
    """Give `old` the body of `new`; ops that LLVM tells no place of get the function's."""
    for op in walk(new.body):
        if op.location == locations.UNKNOWN:
            op.location = old.location
    for block in list(old.body.blocks):
        old.body.erase_block(block, safe_erase=False)
    new.body.move_blocks(old.body)


def _requested(module: ModuleOp) -> dict[str, bool]:
    """The functions to differentiate -> whether only after LLVM has optimised them."""
    found = {
        op.sym_name.data: True
        for op in module.ops
        if isinstance(op, llvm.FuncOp) and DIFFERENTIATED in op.attributes
    }
    for op in module.ops:
        if isinstance(op, llvm.FuncOp) and (derivative := Derivative.of(op)) is not None:
            found[derivative.callee] &= derivative.level == "llvm"
    return found


@dataclass(frozen=True)
class OptimizeLlvmPass(ModulePass):
    """Run LLVM's mid-level optimiser on the functions that are differentiated at the level `llvm`."""

    name = "optimize-llvm"

    functions: tuple[str, ...] = ()
    """Names; none: the functions with the attribute `dialectad.differentiated`."""

    def apply(self, ctx: Context, op: builtin.ModuleOp) -> None:
        chosen = dict.fromkeys(self.functions, True) or _requested(op)
        optimize(op, [name for name, fully in chosen.items() if fully])
        optimize(op, [name for name, fully in chosen.items() if not fully], only_registers=True)
