"""LLVM IR text to machine code in memory: optimise, generate an object file, link it.

    library = load("define double @f(double %x) { ... }")
    library.address("f")

An object file (`Library.object_code`) loads the same way, without LLVM's optimiser and code generator.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import llvmlite.binding as llvm

from dialectad.errors import CompileError
from dialectad.runtime import blas_library, callbacks, vector_math
from dialectad.runtime.effort import Effort, effort
from dialectad.runtime.host import LOCK, host, target_machine

PASS_NAME = "llvm"

_ORDINALS = itertools.count()
_RELEASE = "dialectad.release"
"""See `dialectad.lower.convert_to_llvm`."""
_DECLARED = re.compile(r"^declare [^@\n]*@(?!llvm\.)([\w.$]+)", re.MULTILINE)


@cache
def _jit() -> llvm.LLJIT:
    host()  # initialises LLVM
    vector_math.library()
    return llvm.create_lljit_compiler(use_jit_link=True, suppress_errors=True)


@dataclass(eq=False)
class Library:
    """Loaded machine code. Its addresses are good for as long as the library is referred to."""

    object_code: bytes = field(repr=False)
    """The object file, for a cache on disk."""
    llvm_ir: str | None = field(repr=False, default=None)
    """The text that it was made from, unoptimised; None where only the object file was given."""
    imports: Mapping[str, int] = field(repr=False, default_factory=dict)
    """Addresses of what the code calls or refers to, besides BLAS and what the process has."""
    _name: str = field(init=False)
    _trackers: list[llvm.orcjit.ResourceTracker] = field(init=False, repr=False)
    _addresses: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _release: Callable[[], None] | None = field(init=False, repr=False, default=None)
    """Gives back the memory that functions keep from one call to the next."""

    def __post_init__(self) -> None:
        builder = llvm.JITLibraryBuilder().add_object_img(self.object_code).add_current_process()
        for symbol, address in {
            **blas_library.symbols(self.object_code),
            **callbacks.symbols(self.object_code),
            **self.imports,
        }.items():
            builder.import_symbol(symbol, address)
        self._name = f"dialectad.{next(_ORDINALS)}"
        with LOCK:
            try:
                self._trackers = [builder.link(_jit(), self._name)]
            except RuntimeError as error:
                raise CompileError(
                    f"the machine code can't be linked: {error}", pass_name=PASS_NAME
                ) from error
        if _RELEASE.encode() in self.object_code:
            self._release = ctypes.CFUNCTYPE(None)(self.address(_RELEASE))

    def __del__(self) -> None:
        if self._release is not None and not sys.is_finalizing():
            self._release()

    def address(self, name: str) -> int:
        """The address of a function or global of this library."""
        if (address := self._addresses.get(name)) is not None:
            return address
        with LOCK:
            try:
                tracker = _jit().lookup(self._name, name)
            except RuntimeError as error:
                message = f"the machine code can't be linked: {error}"
                if missing := self._missing():
                    message = f"the machine code needs what isn't there: {', '.join(missing)}"
                raise CompileError(message, pass_name=PASS_NAME) from error
            self._trackers.append(tracker)
            self._addresses[name] = tracker[name]
        return self._addresses[name]

    def _missing(self) -> list[str]:
        """The functions that the text declares and nobody has; LLVM doesn't name them."""
        known = {**self.imports, **blas_library.symbols(self.object_code)}
        declared = _DECLARED.findall(self.llvm_ir or "")
        return [n for n in declared if n not in known and llvm.address_of_symbol(n) is None]

    def optimized_ir(self) -> str:
        """The LLVM IR that the code generator was given."""
        with LOCK:
            return str(_optimize(effort(self._text())))

    def assembly(self) -> str:
        """The machine code as assembly text."""
        with LOCK:
            aim = effort(self._text())
            return target_machine(aim.codegen).emit_assembly(_optimize(aim))

    def _text(self) -> str:
        if self.llvm_ir is None:
            raise ValueError("this library was loaded from an object file, without its LLVM IR")
        return self.llvm_ir


def load(
    source: str | bytes, llvm_ir: str | None = None, imports: Mapping[str, int] | None = None
) -> Library:
    """Compile LLVM IR text, or take an object file (made of `llvm_ir`, if known), and load it."""
    if isinstance(source, bytes):
        return Library(source, llvm_ir, imports or {})
    return Library(object_code(source), source, imports or {})


def object_code(llvm_ir: str, *, quick: bool = False) -> bytes:
    """The object file of LLVM IR text, optimised for this machine, or with `quick` as it is."""
    with LOCK:
        aim = effort(llvm_ir, quick=quick)
        return target_machine(aim.codegen).emit_object(_optimize(aim))


def optimize(llvm_ir: str) -> llvm.ModuleRef:
    """LLVM's O3 pipeline on LLVM IR text, with loop and SLP vectorisation for this machine."""
    return _optimize(effort(llvm_ir))


def _optimize(aim: Effort) -> llvm.ModuleRef:
    with LOCK:
        machine = target_machine(opt=3)  # initialises LLVM too
        try:
            module = llvm.parse_assembly(vector_math.specialize(aim.llvm_ir), llvm.create_context())
            module.verify()
        except RuntimeError as error:
            raise CompileError(f"LLVM can't take its input: {error}", pass_name=PASS_NAME) from error
        module.triple = host().triple
        module.data_layout = str(machine.target_data)
        tuning = llvm.create_pipeline_tuning_options(speed_level=aim.speed)
        tuning.loop_vectorization = aim.speed > 1
        tuning.slp_vectorization = aim.slp
        tuning.loop_interleaving = aim.speed > 1
        tuning.loop_unrolling = False  # but for the loops that ask for it
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        return module
