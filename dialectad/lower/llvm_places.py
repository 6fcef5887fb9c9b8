"""Where in the user's source an instruction comes from, as debug info of LLVM IR.

    %y = llvm.fmul %x, %x : f64 loc("f.py":3:7)
    ->
    %y = fmul double %x, %x, !dbg !5        !5 = !DILocation(line: 3, column: 7, scope: !4)

Every instruction of a function gets a place, line 0 where none is known: LLVM wants one for calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects import llvm
from xdsl.ir import Operation

from dialectad import locations
from dialectad.errors import Location
from dialectad.lower.llvm_text import string
from dialectad.walk import walk


@dataclass
class Places:
    """The metadata nodes of places, made as they are asked for."""

    node: Callable[[str], int]
    """Adds a node to the module's metadata, and gives its number."""
    _unit: int | None = None
    _flags: int | None = None
    _files: dict[str, int] = field(default_factory=dict)
    _scopes: dict[tuple[int, str], int] = field(default_factory=dict)
    _locations: dict[tuple[int, Location | None], int] = field(default_factory=dict)

    def function(self, op: llvm.FuncOp) -> int | None:
        """The node of a function; None where nothing is known about it."""
        known = (locations.from_attr(inner.location) for inner in walk(op))
        if (place := next((p for p in known if p is not None), None)) is None:
            return None
        file = self._file(place.file)
        if self._unit is None:
            self._flags = self.node('!{i32 2, !"Debug Info Version", i32 3}')
            unit = f"language: DW_LANG_Python, file: !{file}, emissionKind: LineTablesOnly"
            self._unit = self.node(f"distinct !DICompileUnit({unit})")
        type_ = self.node("!DISubroutineType(types: !{})")
        scope = self.node(
            f"distinct !DISubprogram(name: {string(op.sym_name.data)}, file: !{file}, line: {place.line},"
            f" type: !{type_}, spFlags: DISPFlagDefinition, unit: !{self._unit})"
        )
        self._scopes[scope, place.file] = scope
        return scope

    def instruction(self, op: Operation, function: int) -> str:
        """`, !dbg !7` for an instruction of a function."""
        place = locations.from_attr(op.location)
        if (known := self._locations.get((function, place))) is None:
            known = self._locations[function, place] = self._location(place, function)
        return f", !dbg !{known}"

    def _location(self, place: Location | None, function: int) -> int:
        if place is None:
            return self.node(f"!DILocation(line: 0, scope: !{function})")
        if (scope := self._scopes.get((function, place.file))) is None:
            file = self._file(place.file)
            scope = self._scopes[function, place.file] = self.node(
                f"!DILexicalBlockFile(scope: !{function}, file: !{file}, discriminator: 0)"
            )
        return self.node(f"!DILocation(line: {place.line}, column: {place.column}, scope: !{scope})")

    def _file(self, name: str) -> int:
        if (known := self._files.get(name)) is None:
            known = self._files[name] = self.node(f'!DIFile(filename: {string(name)}, directory: "")')
        return known

    def lists(self) -> list[str]:
        """What makes the nodes those of the module."""
        if self._unit is None:
            return []
        return [f"!llvm.dbg.cu = !{{!{self._unit}}}", f"!llvm.module.flags = !{{!{self._flags}}}"]
