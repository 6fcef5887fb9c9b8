"""What user code sees instead of arrays and numbers while a tape records.

`TapeArray.value` is the array itself, and `TapeScalar.value` the number: operations are NumPy's and Python's
own, on those, so that dtypes, shapes and kinds of numbers come out as ever. If another tape or a trace is
around this one, a value is what that one wraps.

A number that no active value went into isn't wrapped. An array is, since something active may be written into
it later. Operators and methods are attached in `protocol.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from dialectad.errors import MissingAttributeError
from dialectad.frontend import pytrees
from dialectad.frontend.recorded import Recorded
from dialectad.tape import kinds
from dialectad.tape.errors import error
from dialectad.tape.kinds import Kind
from dialectad.tape.tape import Record, Tape

Step = Callable[[Any], Any]
"""From an array to a view on it."""


class TapeValue(Recorded):
    """What arrays and numbers have in common."""

    __slots__ = ("kind", "slot", "tape", "value")
    __array_priority__: ClassVar[int] = 2000

    value: Any
    kind: Kind
    """What it is like; for a view, `VIEW`."""
    tape: Tape
    slot: int
    """Where its cotangent will be; -1 if it isn't active."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What `protocol.py` attaches."""

    else:

        def __getattr__(self, name: str) -> Any:
            """What nothing else defines, see `Tracer`."""
            if name.startswith("__"):
                raise AttributeError(name)
            if hasattr(type(self), name):  # a property, in which an attribute was missing
                return object.__getattribute__(self, name)
            what = "array" if isinstance(self, TapeArray) else "number"
            raise error(
                f"a recorded {what} has no attribute {name!r}",
                hint="look at it outside of what is differentiated",
                kind=MissingAttributeError,
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype if hasattr(self.value, "dtype") else np.dtype(type(self.value))

    @property
    def is_active(self) -> bool:
        return self.slot >= 0

    def stopped(self) -> Any:
        from dialectad.frontend.transforms import stop_gradient

        value = stop_gradient(self.value)
        return self.tape.wrap(value) if isinstance(self, TapeArray) else value

    def call_compiled(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from dialectad.tape import compiled

        return compiled.call(function, args, kwargs)

    def observe(self, function: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        leaves, structure = pytrees.flatten((args, kwargs))
        plain = [leaf.value if isinstance(leaf, TapeValue) else leaf for leaf in leaves]
        args, kwargs = pytrees.unflatten(structure, plain)
        function(*args, **kwargs)

    def lost(self, what: str) -> NoReturn:
        """Refuse to become a plain value, which would have no derivative.

        The error is no TypeError: NumPy would catch it.
        """
        raise error(
            f"{what} is needed here, which would lose the derivative of this value",
            hint="use functions of numpy, and arrays that are arguments or created in the differentiated"
            " function; or da.stop_gradient(x), if the value is to be a constant",
        )


class TapeScalar(TapeValue):
    """A number that depends on what is differentiated by.

    It has no subscripts: NumPy would take it for a sequence, and hide the error of `__float__`.
    """

    __slots__ = ()


class TapeArray(TapeValue):
    """An array."""

    __slots__ = ("pins",)

    pins: list[Record]
    """The records that keep this array, or a view on it, since it was last written into. A new list after
    each write, so that it also tells versions of the content apart."""

    @property
    def base(self) -> TapeArray:
        """The array whose memory this is."""
        return self

    @property
    def exposed(self) -> bool:
        """Whether plain NumPy was given this memory, see `protocol.py`."""
        return id(self) in self.tape.exposed

    @property
    def path(self) -> tuple[Step, ...]:
        """The steps from the base to here."""
        return ()


class TapeView(TapeArray):
    """An array that shares the memory of another one."""

    __slots__ = ("_base", "_path", "content", "derive", "key", "parent")

    content: Snapshot | None
    """What it held when it was last read."""
    parent: TapeArray
    key: Any
    """What it was taken with, if by a subscript."""
    derive: Callable[[Any], Any] | None
    """For views that NumPy won't write into: what gives their content from that of the parent."""

    @property
    def base(self) -> TapeArray:
        return self._base

    @property
    def is_active(self) -> bool:
        return self._base.slot >= 0

    @property
    def path(self) -> tuple[Step, ...]:
        return self._path


class Snapshot(TapeArray):
    """The content of a view at one time, as an operand."""

    __slots__ = ("source",)

    source: TapeView


VIEW = kinds.Kind("array", np.dtype(np.float64), (-1,))
"""The kind of views: as operands their content stands for them."""

_new = object.__new__


def wrapped(tape: Tape, value: Any) -> TapeArray:
    """An array that is not active (yet)."""
    made = _new(TapeArray)
    made.value = value
    made.kind = kinds.of_value(value, tape.flavour)
    made.tape = tape
    made.slot = -1
    made.pins = []
    return made


def activated(tape: Tape, value: Any) -> TapeArray | TapeScalar:
    """An argument to differentiate by."""
    kind = kinds.of_value(value, tape.flavour, True)
    made: Any
    if kind.form == "array":
        made = _new(TapeArray)
        made.pins = []
    else:
        made = _new(TapeScalar)
    made.value, made.kind, made.tape, made.slot = value, kind, tape, tape.new_slot()
    return made


def view(parent: TapeArray, value: Any, step: Step, key: Any = None, derive: Any = None) -> TapeView:
    """A view on `parent`, which `step` takes."""
    if type(parent) is Snapshot:
        parent = parent.source
    made = _new(TapeView)
    made.value = value
    made.kind = VIEW
    made.tape = parent.tape
    made.slot = -1
    made.pins = []
    if type(parent) is TapeView:
        made._base = parent._base
        made._path = (*parent._path, step)
    else:
        made._base = parent
        made._path = (step,)
    made.content = None
    made.parent = parent
    made.key = key
    made.derive = derive
    return made


def shares_memory(a: Any, b: Any) -> bool:
    """Whether writing into one array changes the other."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.may_share_memory(a, b)
    if isinstance(a, TapeArray) and isinstance(b, TapeArray):
        return a.base is b.base
    return getattr(a, "storage", a) is getattr(b, "storage", b)


def is_writeable(array: Any) -> bool:
    """Whether NumPy would write into it, each element for itself."""
    if isinstance(array, np.ndarray):
        repeats = any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))
        return not repeats and array.flags.writeable
    return not (type(array) is TapeView and array.derive is not None)
