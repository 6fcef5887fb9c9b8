"""The tape: what one run did, in order, and how it is played back.

A *record* is a list: the function that plays it back, then the slots that it reads and writes, then the
values that it needs, as they were. A *slot* holds the cotangent (or tangent) of one array's memory, or of
one number, while the tape is played.

Note [One slot for one memory]
    NumPy's arrays are memory that is written into, and that views share. So there is one slot for the
    memory of an array, whatever was written into it how often, and a view has none of its own: its
    cotangent is the same view on the cotangent of its base. Played backwards, at each point of the record
    the slot holds the cotangent of what the memory held then: a record of a read adds to the part that was
    read, and a record of a write takes the part that was overwritten, and clears it. The cost is the
    work, not the array.

Note [Values that are overwritten]
    A record keeps the arrays that its playback needs, not copies of them. The array's `pins` list these
    records. Before anything is written into the memory, they get copies (`memory.before_write`). So an
    array is copied at most once for each operation that read it, and never if nobody writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from dialectad.frontend import tracing
from dialectad.frontend.complexes import Complex
from dialectad.frontend.tracers import Array
from dialectad.tape.errors import error
from dialectad.tape.kinds import Flavour, Mode

Record = list[Any]
Cotangents = list[Any]


class Tape:
    """A run being recorded."""

    __slots__ = (
        *("__weakref__", "apart", "append", "constants", "exposed", "externals"),
        "flavour",
        *("kept", "outer", "records", "slots", "trace", "written"),
    )

    def __init__(self, mode: Mode, outer: Tape | None, trace: Any):
        depth = 0 if outer is None else outer.flavour.depth + 1
        self.records: list[Record] = []
        self.append: Callable[[Record], None] = self.records.append
        self.slots = 0
        """How many slots there are so far."""
        self.outer = outer
        """The tape that records what this one does."""
        self.trace = trace
        """The trace (of a compiled function) that was under way when this tape was begun."""
        self.flavour = Flavour(mode, depth, outer is not None or trace is not None)
        self.externals: dict[int, Any] = {}
        """The wrapped arrays from outside, by their identity."""
        self.constants: dict[int, Any] = {}
        """Those that aren't arguments, by the identity of what they wrap."""
        self.kept: list[Any] = []
        """Keeps alive what `constants` knows by identity."""
        self.apart: dict[int, int] = {}
        """How many of those each one that is written into is known to be apart from."""
        self.exposed: dict[int, Any] = {}
        """The wrapped arrays whose memory was handed out to plain NumPy, by their identity."""
        self.written: dict[int, np.ndarray[Any, Any]] = {}
        """Memory from outside of which the content depends on active values by now."""

    def new_slot(self) -> int:
        slot = self.slots
        self.slots = slot + 1
        return slot

    def host(self, array: np.ndarray[Any, Any]) -> Any:
        """A new array as what is around this tape can follow it."""
        if self.outer is not None:
            return self.outer.wrap(self.outer.host(array))
        return array if self.trace is None else traced(array)

    def wrap(self, value: Any) -> Any:
        """A new array (as what is around this tape sees it), followed by this tape."""
        from dialectad.tape.values import wrapped

        return wrapped(self, value)

    def fresh(self, array: np.ndarray[Any, Any]) -> Any:
        """A new array, followed by this tape and by what is around it."""
        return self.wrap(self.host(array) if self.flavour.nested else array)

    def finish(self) -> None:
        """Record no more."""
        self.append = _finished

    @property
    def is_finished(self) -> bool:
        return self.append is _finished

    # --- playing it ---

    def backward(self, seeds: dict[int, Any]) -> Cotangents:
        """The cotangents of all slots, for these of some."""
        g: Cotangents = [None] * self.slots
        for slot, d in seeds.items():
            g[slot] = d
        play = Playback()
        with np.errstate(all="ignore"):
            for record in reversed(self.records):
                record[0](g, play, record)
        return g

    def forward(self, seeds: dict[int, Any]) -> Cotangents:
        """The tangents of all slots, for these of some."""
        t: Cotangents = [None] * self.slots
        for slot, d in seeds.items():
            t[slot] = d
        play = Playback()
        with np.errstate(all="ignore"):
            for record in self.records:
                record[0](t, play, record)
        return t


def _finished(record: Record) -> NoReturn:
    raise error(
        "a value is used here that belongs to a derivative that has been computed already",
        hint="return it from the differentiated function (has_aux=True)",
    )


def traced(array: np.ndarray[Any, Any]) -> Any:
    """A new array of the function that is being compiled."""
    from dialectad.frontend.numpy.creation import constant_array

    if array.dtype.kind == "c":
        return Complex(*(Array.fresh(constant_array(part)) for part in (array.real, array.imag)))
    return Array.fresh(constant_array(array))


class Playback:
    """One way through a tape: which cotangents are buffers of their own, to be written into."""

    __slots__ = ("host", "owned")

    def __init__(self):
        self.owned: dict[int, Any] = {}
        """Slot -> the strides of its buffer."""
        self.host = hosting()

    def own(self, g: Cotangents, slot: int, like: Any) -> Any:
        """The cotangent in a slot as a buffer, laid out like the array that it belongs to."""
        d = g[slot]
        if self.host is not None:
            return self._hosted(g, slot, like)
        if type(d) is np.ndarray and slot in self.owned and d.strides == self.owned[slot]:
            return d
        if d is None:
            made = np.zeros_like(like)
        else:
            made = np.empty_like(like)
            made[...] = d
        g[slot] = made
        self.owned[slot] = made.strides
        return made

    def _hosted(self, g: Cotangents, slot: int, like: Any) -> Any:
        d = g[slot]
        if hasattr(d, "__setitem__") and slot in self.owned and _strides(d) == self.owned[slot]:
            return d
        assert self.host is not None
        layout = _innermost(like)
        made = np.zeros_like(layout) if isinstance(layout, np.ndarray) else np.zeros(like.shape, like.dtype)
        self.owned[slot] = made.strides
        made = g[slot] = self.host(made)
        if d is not None:
            made[...] = d
        return made


def _innermost(array: Any) -> Any:
    """What is under all tapes."""
    while (value := getattr(array, "value", None)) is not None:
        array = value
    return array


def _strides(array: Any) -> Any:
    found = _innermost(array)
    return found.strides if isinstance(found, np.ndarray) else np.empty(found.shape, found.dtype).strides


class _Stack(threading.local):
    """The tapes that this thread is recording, the innermost last."""

    def __init__(self) -> None:
        self.tapes: list[Tape] = []


_STACK = _Stack()


def current() -> Tape | None:
    """The innermost tape, unless a function is being compiled within it."""
    tapes = _STACK.tapes
    if not tapes:
        return None
    tape = tapes[-1]
    return tape if tape.trace is _trace() else None


def _trace() -> Any:
    return tracing.current() if tracing.active() else None


def hosting() -> Callable[[np.ndarray[Any, Any]], Any] | None:
    """What makes new arrays those of what is recording or compiling; None if nothing does."""
    if (tape := current()) is not None:
        return tape.fresh
    return traced if tracing.active() else None


class recording:
    """Record on a new tape meanwhile."""

    def __init__(self, mode: Mode):
        self.mode: Mode = mode

    def __enter__(self) -> Tape:
        tape = Tape(self.mode, current(), _trace())
        _STACK.tapes.append(tape)
        return tape

    def __exit__(self, *_: object) -> None:
        _STACK.tapes.pop().finish()


class around:
    """Leave the innermost tape of a depth, and those within it, for what is around it."""

    def __init__(self, depth: int):
        self.depth = depth

    def __enter__(self) -> Tape:
        tapes = _STACK.tapes
        first = max(i for i, tape in enumerate(tapes) if tape.flavour.depth == self.depth)
        self.left = tapes[first:]
        del tapes[first:]
        return self.left[0]

    def __exit__(self, *_: object) -> None:
        _STACK.tapes.extend(self.left)
