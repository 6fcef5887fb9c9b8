"""Elements of shadow memory that the reverse sweep holds in registers.

    a[i] = a[i] - x
    =>  d = da[i];  da[i] = 0;  dx = -d;  da[i] = da[i] + d        what the rules say, one after the other
    =>  d = da[i];  dx = -d                                        what is done

A *cell* is an element of shadow memory at an address that is known by name. Within straight-line code the
sweep remembers what a cell holds, and writes it back before anything else touches the same memory, and at the
end of the block; not at all if it then holds what it did before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from xdsl.ir import SSAValue


@dataclass
class _Cell:
    buffer: SSAValue
    current: SSAValue | None
    """What the element should hold; None is zero."""
    stored: SSAValue | None
    """What memory holds."""
    known: bool
    """Whether it is known what memory holds."""
    write: Callable[[SSAValue | None], None]
    """How to write the element."""

    def write_back(self) -> None:
        if not self.known or self.current is not self.stored:
            self.write(self.current)
        self.stored, self.known = self.current, True


class Cells:
    """The cells of the block that is being built."""

    def __init__(self) -> None:
        self._cells: dict[Hashable, _Cell] = {}

    def read(self, key: Hashable, buffer: SSAValue, load: Callable[[], SSAValue]) -> SSAValue | None:
        """What an element of `buffer` holds; None: zero. `load` loads it."""
        if (cell := self._cells.get(key)) is not None:
            return cell.current
        self._write_back(key, buffer)
        value = load()
        self._cells[key] = _Cell(buffer, value, value, known=True, write=_never)
        return value

    def write(
        self,
        key: Hashable,
        buffer: SSAValue,
        value: SSAValue | None,
        store: Callable[[SSAValue | None], None],
    ) -> None:
        """Let an element of `buffer` hold `value`, None being zero; `store` stores it."""
        self._write_back(key, buffer)
        # What other names of elements of the buffer stand for isn't known any more.
        for other in [k for k, cell in self._cells.items() if cell.buffer is buffer and k != key]:
            del self._cells[other]
        if (cell := self._cells.get(key)) is None:
            self._cells[key] = _Cell(buffer, value, None, known=False, write=store)
        else:
            cell.current, cell.write = value, store

    def flush(self) -> None:
        """Write everything back, and forget it."""
        for cell in self._cells.values():
            cell.write_back()
        self._cells.clear()

    def _write_back(self, key: Hashable, buffer: SSAValue) -> None:
        """Write back what an access of `buffer` by the name `key` may find under another name."""
        for other, cell in self._cells.items():
            if cell.buffer is buffer and other != key:
                cell.write_back()


def _never(value: SSAValue | None) -> None:
    raise AssertionError("a cell that was only read has nothing to write back")
