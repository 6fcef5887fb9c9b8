"""Text that holds values known only at run time: messages of exceptions, and what is printed.

Note [Text with places]
    `f"{x:.3e}"` of a traced value is a `Text`: a str with a *place* where the value is to be, such as
    `<float64 #3 known only at run time>`. The trace knows by the number what is shown there, and how. Where
    text goes to a call of Python (`host_calls.py`), the values go there too, and fill the places. Other
    code may join such text with other, but not look at it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from dialectad.frontend import pytrees
from dialectad.frontend.tracing import active, current, error

_PLACE = re.compile(r"<[\w ]+ #(\d+) known only at run time>")
_CONVERSIONS: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}


@dataclass(frozen=True)
class Shown:
    """What stands in a place: values, and how they are formatted when they are known."""

    leaves: Sequence[Any]
    structure: pytrees.TreeDef
    conversion: str
    """One of "s", "r", "a", or nothing."""
    spec: str

    def text(self, values: Sequence[Any]) -> str:
        """The text for these values of the leaves."""
        from dialectad.frontend import complexes

        value = complexes.concrete(pytrees.unflatten(self.structure, values))
        return formatted(value, self.conversion, self.spec)


def formatted(value: Any, conversion: str, spec: str) -> str:
    """`f"{value!conversion:spec}"`"""
    return format(_CONVERSIONS[conversion](value) if conversion else value, spec)


class Text(str):
    """See Note [Text with places]."""

    __slots__ = ()

    def __add__(self, other: str) -> Text:
        return Text(str(self) + str(other))

    def __radd__(self, other: str) -> Text:
        return Text(str(other) + str(self))

    def __format__(self, spec: str) -> str:
        return self if not spec else _refuse(self)


def _refuse(*_: Any) -> NoReturn:
    raise error(
        "the text of a value known only at run time is needed here while the function is compiled",
        hint="such text can be the message of an exception or of an assert, or go to da.print",
    )


_LOOKS = frozenset(
    f"__{name}__" for name in "eq ne lt le gt ge hash len iter contains getitem mul rmul mod".split()
)
for _name in dir(str):
    if _name in _LOOKS or not _name.startswith("_"):
        setattr(Text, _name, _refuse)


def show(value: Any, what: str, conversion: str = "", spec: str = "") -> str:
    """Text that will tell a traced value, `what` it is, or a container of some."""
    from dialectad.frontend import complexes
    from dialectad.frontend.tracers import Array, Tracer

    if not active():
        return f"<{what} known only at run time>"
    if holds_places(spec):
        _refuse()
    leaves, structure = complexes.flatten(value)
    # an array may be written into before the text is used
    leaves = [Array.fresh(x.ssa()) if isinstance(x, Array) else x for x in leaves]
    assert any(isinstance(leaf, Tracer) for leaf in leaves)
    shown = current().shown
    shown.append(Shown(leaves, structure, conversion, spec))
    return Text(f"<{what} #{len(shown) - 1} known only at run time>")


def text(*parts: Any) -> str:
    """What rewritten code calls for an f-string: of text, and of values with their conversion and format."""
    made = [part if isinstance(part, str) else _formatted(*part) for part in parts]
    joined = "".join(made)
    return Text(joined) if any(isinstance(part, Text) for part in made) else joined


def _formatted(value: Any, conversion: str, spec: str) -> str:
    from dialectad.frontend.tracers import Tracer

    if isinstance(value, Tracer):
        return show(value, str(value.dtype), conversion, spec)
    if isinstance(value, list | tuple | dict) and any(
        isinstance(leaf, Tracer) for leaf in pytrees.flatten(value)[0]
    ):
        return show(value, type(value).__name__, conversion, spec)
    return formatted(value, conversion, spec)


def holds_places(value: Any) -> bool:
    """Whether a value is text that isn't known before the program runs."""
    return isinstance(value, str) and _PLACE.search(str(value)) is not None


def shown_in(text: str) -> Iterator[str | Shown]:
    """Text taken apart: what is known of it, and what is shown in its places."""
    rest = str(text)
    at = 0
    for place in _PLACE.finditer(rest):
        yield rest[at : place.start()]
        yield current().shown[int(place[1])]
        at = place.end()
    yield rest[at:]
