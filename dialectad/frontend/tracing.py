"""The trace under way: where ops go, which scope they are in, and what is known of memory.

A *scope* is a block being filled: the body of a function, a branch, or the body of a loop. NumPy's
mutable arrays live in `Storage`s; what a storage holds now is an SSA value *per scope*. A scope that
touches a storage of an enclosing scope `enter`s it: a loop body gets a block argument for it, a branch
takes the value as it is, a function body gets a parameter. When the scope closes, the storages whose
value changed become results of the op, and the others are put back (Note [Touched storages]).

Note [Touched storages]
    Tracing a body once is enough, because the block argument of a storage is made when the storage is
    first touched, and removed again if the body turns out only to read it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeVar

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects.builtin import LocationAttr, ModuleOp, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from dialectad import locations, places
from dialectad.errors import CompileError, Location
from dialectad.frontend import dtypes
from dialectad.levels import Level
from dialectad.places import is_shown, locate

OpT = TypeVar("OpT", bound=Operation)


class Storage:
    """The memory of one NumPy array. What it holds is asked of the trace, as it depends on the scope."""

    __slots__ = ("extents", "may_be", "type")

    def __init__(self, type_: TensorType[Any], extents: tuple[int | SSAValue, ...] | None = None):
        self.type = type_
        self.extents = extents
        """Its shape, where values say what the type leaves open."""
        self.may_be: set[Storage] = set()
        """Storages that might be this very memory, when control flow decided (if a write hits one, the
        content of the other isn't known any more)."""

    def link(self, other: Storage) -> None:
        """Note that both might be the same memory."""
        if other is not self:
            self.may_be.add(other)
            other.may_be.add(self)

    def candidates(self) -> set[Storage]:
        """This storage and all that might be the same memory."""
        return {self, *self.may_be}


@dataclass(frozen=True)
class Stale:
    """Why the content of a storage isn't known any more."""

    reason: str
    location: Location | None
    """The write that made it so."""

    def error(self, location: Location | None = None) -> CompileError:
        hint = "copy the array (`.copy()`) where one name may come to stand for either of two"
        return CompileError(self.reason, location or self.location, hint=hint, pass_name="trace")


@dataclass(eq=False)
class Scope:
    """A block being filled."""

    block: Block
    parent: Scope | None
    kind: str
    """One of "function", "branch", "loop"."""

    values: dict[Storage, SSAValue] = field(default_factory=dict)
    """What each storage that was created or touched here holds now."""

    entered: dict[Storage, SSAValue] = field(default_factory=dict)
    """What each touched storage held on entry, as seen from inside."""

    captured: dict[SSAValue, BlockArgument] = field(default_factory=dict)
    """Function scopes: values of enclosing functions, and the parameter that each became."""

    regions: list[Level] = field(default_factory=list)
    """Function scopes: the levels of the open regions, see `regions.py`."""

    arrays: dict[int, tuple[np.ndarray[Any, Any], Storage]] = field(default_factory=dict)
    """The outermost function's scope: NumPy arrays of the surrounding program that it uses."""

    builder: Builder = field(init=False)

    def __post_init__(self):
        self.builder = Builder(InsertPoint.at_end(self.block))

    def function(self) -> Scope:
        """The scope of the function that this one belongs to."""
        scope = self
        while scope.kind != "function":
            assert scope.parent is not None
            scope = scope.parent
        return scope

    def enter(self, storage: Storage, outer: SSAValue) -> SSAValue:
        """What `storage`, which holds `outer` around this scope, holds at the start of this scope."""
        if self.kind == "branch":
            return outer
        assert self.kind == "loop"
        return self.block.insert_arg(outer.type, len(self.block.args))

    def take(self, values: Iterable[SSAValue]) -> dict[SSAValue, SSAValue]:
        """Let a function take these values from around it, in this order, as its last parameters.

        Gives what has become of the parameters that it had for some of them.
        """
        before, self.captured = self.captured, {}
        renamed: dict[SSAValue, SSAValue] = {}
        for value in values:
            new = self.captured[value] = self.block.insert_arg(value.type, len(self.block.args))
            if (old := before.pop(value, None)) is not None:
                old.replace_all_uses_with(new)
                self.block.erase_arg(old)
                renamed[old] = new
        assert not before
        return renamed

    def written(self) -> list[Storage]:
        """The touched storages whose content changed in this scope."""
        return [s for s, before in self.entered.items() if self.values[s] is not before]


@dataclass(eq=False)
class Trace:
    """One function being traced, with the functions nested in it."""

    module: ModuleOp
    scope: Scope | None = None
    open_blocks: set[Block] = field(default_factory=set)
    """The blocks of the scopes that are open: what is defined elsewhere can't be used."""

    given: set[Storage] = field(default_factory=set)
    """The memory of arrays of the surrounding program, which is only read."""

    pairs: dict[int, Any] = field(default_factory=dict)
    """The complex arrays of the surrounding program, by identity: what stands for them."""

    names: dict[str, int] = field(default_factory=dict)
    """How many functions took each symbol name."""

    rebound: set[Hashable] = field(default_factory=set)
    """Which leaves of which variables are rebound by which loops, see Note [Arrays that a loop rebinds]."""

    watches: list[Any] = field(default_factory=list)
    """The regions being traced, see `mutation.py`."""

    taking: list[list[Any]] = field(default_factory=list)
    """Where iterators that take a step are to be noted, see `iterators.py`."""

    stale: dict[Storage, Stale] = field(default_factory=dict)
    """The storages whose content is not known any more."""

    raised: dict[str, Exception] = field(default_factory=dict)
    """The exceptions of `raise` statements that became checks, by the messages of these."""

    shown: list[Any] = field(default_factory=list)
    """What is part of text though it isn't known yet, see `texts.py`."""

    definition: Location | None = None
    """Where the traced function is defined: the place of errors that no line of it causes."""

    extents: dict[SSAValue, tuple[int | SSAValue, ...]] = field(default_factory=dict)
    """The shapes of parameters of which the type leaves something open."""

    calls: list[Any] = field(default_factory=list)
    """The calls of the user's functions that are being traced, see `outlining.py`."""

    functions: dict[Any, list[Any]] = field(default_factory=dict)
    """What the user's functions became in the module, where they are called."""

    large: dict[Any, set[Any]] = field(default_factory=dict)
    """The user's functions of many ops, and for arguments of which types they were traced again."""

    inserted: int = 0
    """How many ops have been inserted so far."""

    levels: list[str] = field(default_factory=list)
    """The points of the pipeline that differentiate the functions being traced, the innermost last."""

    callbacks: list[Any] = field(default_factory=list)
    """The Python functions that the program calls when it runs."""

    prints: int = 0
    """How often `da.print` was met so far."""

    is_silent: bool = False
    """Whether `da.print` does nothing: what is traced runs again what ran before."""

    @contextlib.contextmanager
    def silenced(self) -> Iterator[None]:
        """Print nothing of what is traced meanwhile."""
        before, self.is_silent = self.is_silent, True
        try:
            yield
        finally:
            self.is_silent = before

    under_way: dict[Hashable, Any] = field(default_factory=dict)
    """The derivatives of their own that are being traced, see `custom.py`."""

    @contextlib.contextmanager
    def differentiated_at(self, level: Level) -> Iterator[None]:
        """What is traced meanwhile is differentiated at this level."""
        self.levels.append(level.point)
        try:
            yield
        finally:
            self.levels.pop()

    def symbol(self, name: str) -> str:
        """A symbol name that no other function of the module has, nor any of the process.

        Compiled code calls the C library by name: a user's `sin` or `malloc` must not take its place.
        """
        name = "".join(c if c.isalnum() or c == "_" else "_" for c in name) or "f"
        name = f"{name}_" if _is_foreign(name) else name
        count = self.names[name] = self.names.get(name, -1) + 1
        return f"{name}_{count}" if count else name

    @contextlib.contextmanager
    def open(self, block: Block, kind: str) -> Iterator[Scope]:
        """Fill `block` meanwhile."""
        scope = self.scope = Scope(block, self.scope, kind)
        self.open_blocks.add(block)
        try:
            yield scope
        finally:
            self.open_blocks.discard(block)
            self.scope = scope.parent

    @property
    def here(self) -> Scope:
        assert self.scope is not None, "nothing is being traced"
        return self.scope

    def insert(self, op: OpT) -> OpT:
        """Append an op to the current block, with the user's location."""
        op.location = self.location_attr()
        self.inserted += 1
        self.here.builder.insert(op)
        return op

    # --- values ---

    def resolve(self, value: SSAValue, scope: Scope | None = None) -> SSAValue:
        """`value` as it may be used in a scope (by default here): itself, or the parameter for it."""
        block = value.block if isinstance(value, BlockArgument) else value.owner.parent  # pyright: ignore
        if block not in self.open_blocks:
            raise CompileError(
                "a value computed inside a branch, a loop or another function is used outside of it",
                self.location(),
                hint="assign it to a variable that the branch or loop updates, or return it",
                pass_name="trace",
            )
        scope = scope or self.here
        functions: list[Scope] = []
        while scope.block is not block:
            if scope.kind == "function":
                functions.append(scope)
            assert scope.parent is not None
            scope = scope.parent
        for function in reversed(functions):
            if value not in function.captured:
                function.captured[value] = function.block.insert_arg(value.type, len(function.block.args))
            value = function.captured[value]
        return value

    def create(self, value: SSAValue, extents: tuple[int | SSAValue, ...] | None = None) -> Storage:
        """New memory that holds `value`, of this shape where the type of that doesn't tell."""
        assert isinstance(value.type, TensorType)
        storage = Storage(value.type, extents)
        self.here.values[storage] = value
        return storage

    def read(self, storage: Storage) -> SSAValue:
        """What `storage` holds now."""
        if (stale := self.stale.get(storage)) is not None:
            raise stale.error(self.location())
        return self._touch(storage, self.here)

    def write(self, storage: Storage, value: SSAValue) -> None:
        """Let `storage` hold `value` from now on."""
        assert value.type == storage.type, f"{value.type} written into memory of {storage.type}"
        if storage in self.given:
            raise foreign_write(self.location())
        self.read(storage)
        self.here.values[storage] = value
        for other in storage.may_be:
            where = self.location()
            reason = f"control flow decides whether the array that is written into at {where} is this one"
            self.stale[other] = Stale(reason, where)

    def _touch(self, storage: Storage, scope: Scope) -> SSAValue:
        if storage in scope.values:
            return scope.values[storage]
        if scope.parent is None:
            raise CompileError(
                "an array created inside a branch, a loop or another function is used outside of it",
                self.location(),
                hint="create it before, or assign it to a variable that the branch or loop updates",
                pass_name="trace",
            )
        outer = self._touch(storage, scope.parent)
        value = self.resolve(outer, scope) if scope.kind == "function" else scope.enter(storage, outer)
        scope.values[storage] = scope.entered[storage] = value
        return value

    def capture(self, array: np.ndarray[Any, Any]) -> Storage:
        """The storage of a NumPy array of the surrounding program, which becomes a hidden parameter."""
        root = self.here
        while root.parent is not None:
            root = root.parent
        if id(array) not in root.arrays:
            type_ = dtypes.memory_type(array.dtype, array.shape)
            storage = Storage(type_)
            root.values[storage] = root.block.insert_arg(type_, len(root.block.args))
            root.arrays[id(array)] = (array, storage)
            self.given.add(storage)
        return root.arrays[id(array)][1]

    # --- locations ---

    def location(self) -> Location | None:
        """The line and column of the user's code that is running."""
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code in ROOTS:
                return self.definition
            if is_shown(code):
                return locate(code, frame.f_lasti)
            frame = frame.f_back
        return None

    def location_attr(self) -> LocationAttr:
        location = self.location()
        return locations.UNKNOWN if location is None else _attr(location)


ROOTS: set[CodeType] = set()
"""The functions that start a trace: what is below them on the stack is not part of the traced program."""


def foreign_write(location: Location | None) -> CompileError:
    """The error of writing into an array that no argument is."""
    return CompileError(
        "an array of the surrounding program is written into by a compiled function",
        location,
        hint="pass it as an argument, or create it inside with numpy.zeros, empty, array, ...",
        pass_name="trace",
    )


@functools.cache
def _is_foreign(symbol: str) -> bool:
    """Whether the libraries of this process define `symbol`."""
    return hasattr(ctypes.CDLL(None), symbol)


_ATTRS: dict[Location, LocationAttr] = {}


def _attr(location: Location) -> LocationAttr:
    if location not in _ATTRS:
        _ATTRS[location] = locations.to_attr(location)
    return _ATTRS[location]


class _Current(threading.local):
    trace: Trace | None = None


_current = _Current()


def active() -> bool:
    """Whether this thread is tracing."""
    return _current.trace is not None


def current() -> Trace:
    """The trace of this thread."""
    assert _current.trace is not None, "nothing is being traced"
    return _current.trace


@contextlib.contextmanager
def tracing(trace: Trace | None) -> Iterator[Trace | None]:
    """Make `trace` the one of this thread meanwhile; with None, nothing is being traced."""
    before, _current.trace = _current.trace, trace
    try:
        yield trace
    finally:
        _current.trace = before


def error(message: str, *, hint: str | None = None, kind: type[CompileError] = CompileError) -> CompileError:
    """An error at the user's line."""
    location = _current.trace.location() if _current.trace else places.running()
    return kind(message, location, hint=hint, pass_name="trace")


def types_of(values: list[SSAValue]) -> list[Attribute]:
    return [v.type for v in values]


Thunk = Callable[[], Any]
