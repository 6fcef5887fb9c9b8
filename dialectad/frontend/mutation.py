"""Changes of Python objects while tracing: of lists, dicts, sets and attributes.

What is traced runs once, whatever happens at run time. So a branch, a loop body or a whole function must not
simply change an object that is older than it (Note [Older objects]):

- a branch or loop merges the changed entry like a variable that it assigns (Note [Managed entries]);
- a loop that adds or removes entries is unrolled;
- a function refuses, as its caller would see the change only while it is compiled.

Note [Older objects]
    An object is older than a region if it can be reached from the cells of the functions that make up the
    region, as these are when it is entered. That is found out when a change is about to happen: until then
    nothing older than the region has changed.

Note [Managed entries]
    The first attempt at tracing raises `Manage` when it is about to change an entry of an older object. The
    next attempt hands the entry on among the region's variables, and so on until no new one comes up.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from dialectad.frontend.tracing import active, current, error

T = TypeVar("T")


class UnrollRequest(Exception):
    """The body of a loop does what only Python can do."""


@dataclass(frozen=True, eq=False)
class Entry:
    """An item of a list or dict, or an attribute of an object."""

    holder: Any
    key: Any
    is_attribute: bool

    @property
    def name(self) -> str:
        kind = type(self.holder).__name__
        return f"{kind}.{self.key}" if self.is_attribute else f"{kind}[{self.key!r}]"

    def exists(self) -> bool:
        if self.is_attribute:
            return hasattr(self.holder, self.key)
        if isinstance(self.holder, list):
            return isinstance(self.key, int) and -len(self.holder) <= self.key < len(self.holder)
        return isinstance(self.holder, dict) and self.key in self.holder

    def get(self) -> Any:
        return getattr(self.holder, self.key) if self.is_attribute else self.holder[self.key]

    def set(self, value: Any) -> None:
        if self.is_attribute:
            setattr(self.holder, self.key, value)
        else:
            self.holder[self.key] = value

    def same(self, other: Entry) -> bool:
        """Whether both are one entry (a list's may be counted from either end)."""
        if self.holder is not other.holder or self.is_attribute != other.is_attribute:
            return False
        if isinstance(self.holder, list):
            return self.key % len(self.holder) == other.key % len(self.holder)
        return self.key == other.key


class Manage(Exception):
    """An entry of an object that is older than a region is about to change in it."""

    def __init__(self, watch: Watch, entry: Entry):
        self.watch = watch
        self.entry = entry


@dataclass(eq=False)
class Watch:
    """A region being traced."""

    kind: str
    """One of "function", "branch", "loop"."""
    roots: Sequence[Any]
    entries: list[Entry] = field(default_factory=list)
    """Those that are merged like variables."""
    _older: dict[int, Any] | None = None

    def __post_init__(self):
        if self.entries:  # which may come to hold new objects, so it can't wait
            self._older = _reachable(self.roots)

    def knows(self, holder: Any) -> bool:
        """See Note [Older objects]."""
        if self._older is None:
            self._older = _reachable(self.roots)
        return id(holder) in self._older

    def changes(self, holder: Any, entry: Entry | None) -> None:
        """Allow the change of an entry, or (None) of which entries there are, or raise."""
        if entry is not None and any(e.same(entry) for e in self.entries):
            return
        if not self.knows(holder):
            return
        kind = type(holder).__name__
        if self.kind == "function":
            raise error(
                f"this function changes a {kind} from outside of it, which happens only once, while it is"
                " compiled",
                hint=f"return the new value, or change a copy of the {kind}",
            )
        if entry is not None:
            raise Manage(self, entry)
        if self.kind == "loop":
            raise UnrollRequest
        raise error(
            f"whether entries of a {kind} are added or removed depends on a value known only at run time",
            hint="give it all its entries before, and change their values",
        )


_NO_VALUE = object()


def changes(
    holder: Any,
    key: Any = None,
    value: Any = _NO_VALUE,
    *,
    is_attribute: bool = False,
    resizes: bool = False,
) -> None:
    """To be called before `holder[key]`, or the attribute `key`, becomes `value`, or entries come or go."""
    if not active():
        return
    entry = None
    if not resizes and not isinstance(key, slice):
        entry = Entry(holder, key, is_attribute)
        entry = entry if entry.exists() else None
        if entry is not None and entry.get() is value:
            return  # as after `holder[key] += v` on an array
    for watch in reversed(current().watches):
        watch.changes(holder, entry)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Tell `watch` of changes meanwhile."""
    watches = current().watches
    watches.append(watch)
    try:
        yield
    finally:
        watches.pop()


Getter = Callable[[], Sequence[Any]]
Setter = Callable[[Sequence[Any]], None]


def managing(
    kind: str,
    functions: Sequence[Any],
    get: Getter,
    set_: Setter,
    attempt: Callable[[Sequence[str], Getter, Setter], T],
) -> T:
    """Trace a region: `attempt(names, get, set)`, with the names of managed entries and accessors of the
    variables and these. Variables and entries are as before after an attempt that failed."""
    entries: list[Entry] = []
    while True:
        entered = tuple(entries)

        def get_all(entered: Sequence[Entry] = entered) -> Sequence[Any]:
            return [*get(), *(e.get() for e in entered)]

        def set_all(values: Sequence[Any], entered: Sequence[Entry] = entered) -> None:
            count = len(values) - len(entered)
            set_(values[:count])
            for entry, value in zip(entered, values[count:], strict=True):
                entry.set(value)

        before = get_all()
        watch = Watch(kind, _cells(functions), list(entries))
        try:
            with watching(watch):
                return attempt([e.name for e in entered], get_all, set_all)
        except Manage as request:
            set_all(before)
            if request.watch is not watch:
                raise
            entries.append(request.entry)
        except BaseException:
            set_all(before)
            raise


# --- what is older -----------------------------------------------------------------------------

_MOST = 200_000
"""How many objects are looked at."""

_OPAQUE = sys.stdlib_module_names | {"numpy", "xdsl", "dialectad", "builtins", "scipy"}
"""Modules whose objects aren't looked into."""

_ATOMS = (str, bytes, int, float, complex, type(None), np.ndarray, np.generic, types.ModuleType)


def _cells(functions: Sequence[Any]) -> list[Any]:
    """What the closures of functions hold."""
    return [x for f in functions if isinstance(f, types.FunctionType) for x in _closure(f)] + [
        x for f in functions if not isinstance(f, types.FunctionType) for x in parts(f)
    ]


def _closure(function: types.FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # the cell is empty
            continue
    return found


def _reachable(roots: Sequence[Any]) -> dict[int, Any]:
    """The objects that can be reached from `roots`, by identity."""
    found: dict[int, Any] = {}
    rest = list(roots)
    while rest and len(found) < _MOST:
        x = rest.pop()
        if isinstance(x, _ATOMS) or id(x) in found:
            continue
        found[id(x)] = x
        rest += parts(x)
    return found


def parts(x: Any) -> list[Any]:
    """The objects that an object holds, as far as Python code could change them."""
    match x:
        case dict():
            return list(x.values())
        case list() | tuple() | set() | frozenset() | deque():
            return list(x)
        case types.FunctionType():
            used = x.__globals__
            return [
                *_closure(x),
                *(x.__defaults__ or ()),
                *(x.__kwdefaults__ or {}).values(),
                *(used[name] for name in _names(x.__code__) if name in used and not _is_opaque(used[name])),
            ]
        case types.MethodType():
            return [x.__self__, x.__func__]
        case functools.partial():
            return [x.func, *x.args, *x.keywords.values()]
        case type():
            return [] if _is_opaque(x) else list(vars(x).values())
        case staticmethod() | classmethod():
            return [x.__func__]
        case property():
            return [x.fget, x.fset]
        case _ if hasattr(x, "__wrapped__"):
            return [x.__wrapped__]
        case _ if _is_opaque(type(x)):
            return []
        case _:
            slots = [s for c in type(x).__mro__ for s in getattr(c, "__slots__", ())]
            held = [getattr(x, s) for s in slots if isinstance(s, str) and hasattr(x, s)]
            return [type(x), *getattr(x, "__dict__", {}).values(), *held]


def _names(code: types.CodeType) -> set[str]:
    """The names that code and the code nested in it look up globally."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _is_opaque(x: Any) -> bool:
    module = getattr(x, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in _OPAQUE
