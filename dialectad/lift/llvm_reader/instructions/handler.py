"""The type of what reads an instruction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from xdsl.ir import SSAValue

if TYPE_CHECKING:
    from dialectad.lift.llvm_reader.function import Function

Handler: TypeAlias = Callable[["Function"], SSAValue | None]
