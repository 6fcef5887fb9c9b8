"""A traced program made machine code, and called on concrete values."""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from xdsl.dialects import cf
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr

from dialectad import locations, passes
from dialectad.ad.choose_level import has_parts
from dialectad.dialects import context
from dialectad.errors import CompileError
from dialectad.frontend import dtypes, pytrees, tuning
from dialectad.frontend.host_calls import placed
from dialectad.frontend.program import (
    ArrayType,
    Constant,
    FromArgument,
    Program,
    ResultType,
    ScalarType,
    Static,
    plain,
)
from dialectad.frontend.random.generator import State, closed, holds_generators
from dialectad.levels import Level
from dialectad.lower.llvm_ir import translate
from dialectad.runtime import abi, cache, callbacks, collector, dispatch, engine
from dialectad.walk import walk

_OUT_OF_MEMORY = -1


@dataclass(frozen=True)
class RuntimeCheck:
    """What a failed `cf.assert` raises."""

    message: str
    location: str

    def exception(self) -> Exception:
        kind, separator, text = self.message.partition(": ")
        type_ = np.linalg.LinAlgError if kind == "LinAlgError" else getattr(builtins, kind, None)
        if not separator or not isinstance(type_, type) or not issubclass(type_, Exception):
            type_, text = RuntimeError, self.message
        return type_(f"{text} (at {self.location})" if self.location else text)


def checks_of(module: ModuleOp) -> list[RuntimeCheck]:
    """The table of checks that `convert-to-llvm` left on the module."""
    table = module.attributes.get("dialectad.asserts", ArrayAttr([]))
    assert isinstance(table, ArrayAttr)
    found = []
    for entry in table:
        assert isinstance(entry, DictionaryAttr)
        message, location = entry.data["message"], entry.data["location"]
        assert isinstance(message, StringAttr)
        assert isinstance(location, StringAttr)
        found.append(RuntimeCheck(message.data, location.data))
    return found


@dataclass(eq=False)
class Compiled:
    """The machine code of a program."""

    program: Program
    level: Level
    library: engine.Library
    checks: list[RuntimeCheck]
    auto: str = ""
    """What stands for the level `auto`, where the cost model didn't choose that."""
    address: int = field(init=False)

    def __post_init__(self):
        self.address = self.library.address(self.program.name)
        inputs = self._inputs()
        outs = [t for r in self.program.results for t in _outs(r)]
        self._kernel = ctypes.CFUNCTYPE(ctypes.c_int64, *inputs, *outs)(self.address)
        if self.program.extents is not None:
            pointers = [ctypes.c_void_p] * self._open_extents()
            address = self.library.address(self.program.extents)
            self._extents_kernel = ctypes.CFUNCTYPE(ctypes.c_int64, *inputs, *pointers)(address)

    def _inputs(self) -> list[Any]:
        """The C types of what the functions take before their outs."""
        inputs: list[Any] = []
        for leaf in self.program.signature.leaves:
            if isinstance(leaf, ScalarType) and dtypes.is_complex(leaf.dtype):
                inputs.append(ctypes.c_void_p)
            elif isinstance(leaf, ScalarType):
                inputs.append(np.ctypeslib.as_ctypes_type(leaf.dtype))
            elif isinstance(leaf, ArrayType):
                inputs += _array(leaf)
        return [*inputs, *(ctypes.c_void_p for _ in self.program.captured)]

    def _open_extents(self) -> int:
        """How many extents of results are known only at run time."""
        return sum(r.shape.count(None) for r in self.program.results if isinstance(r, ArrayType))

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """Run on the leaves of the arguments, of any layout; those that the program writes are written."""
        program = self.program
        passed: list[Any] = []
        keep: list[Any] = []
        back: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        for i, (leaf, type_) in enumerate(zip(leaves, program.signature.leaves, strict=True)):
            if isinstance(type_, Static):
                continue
            if isinstance(type_, ScalarType) and dtypes.is_complex(type_.dtype):
                keep.append(np.array(leaf, type_.dtype))
                passed.append(keep[-1].ctypes.data)
                continue
            if isinstance(type_, ScalarType):
                passed.append(leaf.item() if isinstance(leaf, np.generic) else leaf)
                continue
            array = _prepared(leaf, i in program.inout, [leaves[k] for k in program.inout if k != i])
            if i in program.inout and array is not leaf:
                back.append((leaf, array))
            keep.append(array)
            passed += _passed(array, type_)
        written = [leaves[k] for k in program.inout]
        captured = [_prepared(a, False, written) for a in program.captured]
        passed += [a.ctypes.data for a in captured]
        extents = iter(self._extents(passed))
        results: list[Any] = []
        for result in program.results:
            if isinstance(result, ArrayType):
                shape = [n if isinstance(n, int) else next(extents) for n in result.shape]
                results.append(np.empty(shape, result.dtype))
                passed += _passed(results[-1], result)
            elif isinstance(result, ScalarType):
                results.append(np.empty((), result.dtype))
                passed.append(results[-1].ctypes.data)
        if status := self._kernel(*passed):
            self.fail(status)
        for target, source in back:
            target[...] = source
        for leaf in leaves:
            if isinstance(leaf, State):
                leaf.store()
        return self._assemble(leaves, results)

    def _extents(self, inputs: Sequence[Any]) -> list[int]:
        """The extents of results that are known only now, in order."""
        if self.program.extents is None:
            return []
        found = np.empty(self._open_extents(), np.int64)
        pointers = [found.ctypes.data + i * found.itemsize for i in range(found.size)]
        if status := self._extents_kernel(*inputs, *pointers):
            self.fail(status)
        return found.tolist()

    def _assemble(self, leaves: Sequence[Any], values: Sequence[Any]) -> Any:
        rest = iter(values)
        made: list[Any] = []
        for result in self.program.results:
            match result:
                case FromArgument():
                    made.append(leaves[result.leaf])
                case Constant():
                    made.append(result.value)
                case ScalarType():
                    value = next(rest)[()]
                    made.append(value.item() if result.weak else value)
                case ArrayType():
                    made.append(next(rest))
        found = pytrees.unflatten(self.program.structure, made)
        return closed(found) if holds_generators(self.program.structure) else found

    def entry(self, slow: Callable[..., Any], name: str, doc: str | None) -> Callable[..., Any] | None:
        """The native callable, which passes calls that don't fit to `slow`; None if it can't be made so."""
        program = self.program
        if program.signature.keywords:
            return None
        if not all(
            type(a) is np.ndarray and a.flags.c_contiguous and a.flags.aligned for a in program.captured
        ):
            return None
        try:
            arguments = iter(self._abi_arguments())
            args = tuple(_tree(s, arguments, abi.StaticArg(None)) for s in program.signature.structures)
            results = _tree(program.structure, iter(self._abi_results()), abi.ConstantResult(None))
        except _NotNative:
            return None
        captured = tuple(program.captured)
        return dispatch.native_callable(
            self.address, args, captured, results, slow, self.fail, name, doc, keep=self
        )

    def _abi_arguments(self) -> list[abi.Arg]:
        made: list[abi.Arg] = []
        for i, leaf in enumerate(self.program.signature.leaves):
            match leaf:
                case ArrayType():
                    made.append(abi.ArrayArg(leaf.dtype, _numbers(leaf), i in self.program.inout))
                case ScalarType():
                    made.append(abi.ScalarArg(leaf.dtype, leaf.weak))
                case Static():
                    made.append(abi.StaticArg(plain(leaf.value)))
        return made

    def _abi_results(self) -> list[abi.Result]:
        made: list[abi.Result] = []
        for result in self.program.results:
            match result:
                case ArrayType():
                    made.append(abi.ArrayResult(result.dtype, _numbers(result)))
                case ScalarType():
                    made.append(abi.ScalarResult(result.dtype, result.weak))
                case FromArgument():
                    made.append(abi.ArgumentResult(result.leaf))
                case Constant():
                    made.append(abi.ConstantResult(result.value))
        return made

    def fail(self, status: int) -> NoReturn:
        """Raise what a status other than zero means."""
        if status == _OUT_OF_MEMORY:
            raise MemoryError(f"{self.program.name} can't allocate its temporaries")
        if status == callbacks.FAILED:
            raise callbacks.exception()
        check = self.checks[status - 1]
        raised = self.program.raised.get(check.message)
        if raised is None:
            raise check.exception()
        raise placed(type(raised), raised.args, raised.__dict__, check.location)


class _NotNative(Exception):
    """A pytree has containers that native code doesn't take apart, or an array an extent that it must ask."""


def _tree(structure: pytrees.TreeDef, leaves: Iterator[Any], none: abi.Arg | abi.Result) -> abi.Tree:
    if isinstance(structure, pytrees.Leaf):
        return abi.Tree.leaf(next(leaves))
    if structure.type is type(None):
        return abi.Tree.leaf(none)
    children = [_tree(child, leaves, none) for child in structure.children]
    if structure.type is tuple:
        return abi.Tree.tuple(*children)
    if structure.type is list:
        return abi.Tree.list(*children)
    if structure.type is dict:
        return abi.Tree.dict(dict(zip(structure.keys, children, strict=True)))
    raise _NotNative


def _prepared(
    leaf: np.ndarray[Any, Any], written: bool, others: Sequence[np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """`leaf` as the kernel takes it: contiguous, aligned, and apart from what is written."""
    if written and not leaf.flags.writeable:
        raise ValueError("assignment destination is read-only")
    if any(np.shares_memory(leaf, other) for other in others):
        raise ValueError(
            "an argument that the compiled function writes into shares memory with another array that it uses"
        )
    if leaf.flags.c_contiguous and leaf.flags.aligned:
        return leaf
    return np.array(leaf, order="C", copy=True, subok=False)


def _numbers(type_: ArrayType) -> tuple[int, ...]:
    if (numbers := type_.numbers) is None:
        raise _NotNative
    return numbers


def _array(type_: ArrayType) -> list[Any]:
    """The C types of an array: its address, and the extents that its type leaves open."""
    return [ctypes.c_void_p, *(ctypes.c_int64 for n in type_.shape if not isinstance(n, int))]


def _outs(result: ResultType) -> list[Any]:
    """The C types of a result that the function writes."""
    match result:
        case ArrayType():
            return _array(result)
        case ScalarType():
            return [ctypes.c_void_p]
        case _:
            return []


def _passed(array: np.ndarray[Any, Any], type_: ArrayType) -> list[int]:
    """An array as functions take it."""
    extents = zip(array.shape, type_.shape, strict=True)
    return [array.ctypes.data, *(n for n, known in extents if not isinstance(known, int))]


def compile_program(program: Program, level: Level, leaves: Sequence[Any] | None = None) -> Compiled:
    """Lower a traced program at a level and load it; machine code on disk is used where it fits.

    With `leaves`, arguments to try it on, the level `auto` can be chosen by measuring.
    """
    if level.tune and leaves is not None and not program.callbacks:
        return _fastest(program, level, leaves)
    try:
        return _compile(program, level)
    except CompileError as problem:
        if level.name != "auto" or problem.level in (None, FALLBACK):
            raise
    return _compile(program, level, FALLBACK)


FALLBACK = "linalg"
"""What the level `auto` means where the one that was chosen can't do a program."""


@collector.paused()
def _compile(program: Program, level: Level, auto: str = "") -> Compiled:
    """Compile at a level, or at what `auto` says that stands for the level `auto`."""
    pipeline = program.pipeline(level, auto=auto)
    key = None
    if not program.callbacks and cache.directory() is not None:  # these have other numbers in another process
        key = cache.key(str(program.module), pipeline, _locations(program.module))
        if (known := _load(program, level, key)) is not None:
            return known
    module = program.module.clone()
    try:
        passes.run(context(), module, pipeline)
    except CompileError as problem:
        problem.level = problem.level or level.name
        raise
    compiled = Compiled(program, level, engine.load(translate(module)), checks_of(module), auto)
    if key is not None:
        _store(compiled, key)
    return compiled


def _load(program: Program, level: Level, key: str) -> Compiled | None:
    if (entry := cache.load(key)) is None:
        return None
    checks = [RuntimeCheck(*c) for c in entry.metadata["checks"]]
    return Compiled(program, level, engine.load(entry.object_code), checks, entry.metadata.get("auto", ""))


def _store(compiled: Compiled, key: str) -> None:
    checks = [[c.message, c.location] for c in compiled.checks]
    cache.store(key, compiled.library.object_code, {"checks": checks, "auto": compiled.auto})


def _fastest(program: Program, level: Level, leaves: Sequence[Any]) -> Compiled:
    """Compile at every level that `auto` may stand for, measure, and remember the fastest on disk."""
    key = cache.key(
        str(program.module), f"fastest of {TUNED} without {level.left_out}", _locations(program.module)
    )
    if (known := _load(program, level, key)) is not None:
        return known
    tried: list[Compiled] = []
    problems: list[CompileError] = []
    for auto in _candidates(program):
        try:
            tried.append(_compile(program, level, auto))
        except CompileError as problem:
            problems.append(problem)
    if not tried:
        raise problems[0]
    times = tuning.best_times([lambda args, c=c: c(args) for c in tried], leaves)
    best = tried[times.index(min(times))]
    _store(best, key)
    return best


TUNED = ("linalg", "loop", "llvm", "mixed")
"""The levels that are measured; `mixed` where there are parts that may have a level of their own."""


def _candidates(program: Program) -> Sequence[str]:
    return TUNED if has_parts(program.module) else [level for level in TUNED if level != "mixed"]


def _locations(module: ModuleOp) -> str:
    """Where the checks of a module are: the part of its locations that compiled code can show."""
    return ";".join(str(locations.of(op)) for op in walk(module) if isinstance(op, cf.AssertOp))
