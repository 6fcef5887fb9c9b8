"""What metadata says about instructions, as attributes that the LLVM IR writer turns back into metadata.

    load ..., !alias.scope !3                  dialectad.alias_scopes = ["a"]
    load ..., !noalias !5                      dialectad.noalias_scopes = ["b", "c"]
    load ..., !tbaa !7                         dialectad.tbaa = [["double", ...], ["double", ...], 0]
    load ..., !invariant.load !0               invariant
    br ..., !prof !9                           branch_weights = array<i32: 1, 99>
    br ..., !llvm.loop !2                      dialectad.unroll, dialectad.loop = [["llvm.loop.mustprogress"]]
    anything, !dbg !4                          loc("file.c":3:7)

All other kinds only add facts (LLVM lets anyone drop metadata), and are dropped. Nodes are read when they are
first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    IntegerAttr,
    LocationAttr,
    StringAttr,
    UnitAttr,
    i32,
    i64,
)
from xdsl.ir import Attribute

from dialectad import locations
from dialectad.errors import Location
from dialectad.lift.llvm_reader.lexer import Tokens

Fields: TypeAlias = Mapping[str, str | int]
"""Of a specialised node: `line: 3, scope: !7`."""


@dataclass(frozen=True)
class Node:
    """`distinct !{...}` or `!Kind(...)`."""

    number: int
    operands: Sequence[str | int | bytes | None] = ()
    """References as `!7`, integers, strings as bytes, None for what isn't understood."""
    kind: str = ""
    fields: Fields = field(default_factory=dict)


@dataclass
class Attached:
    """What the metadata after an instruction comes to."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    location: LocationAttr | None = None


class Metadata:
    """The metadata nodes of a module, read on demand."""

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self._starts: dict[str, int] = {}
        self._nodes: dict[str, Node] = {}
        self._trees: dict[str, Attribute | None] = {}
        self._scope_names: dict[str, StringAttr] = {}
        self._taken_names: set[str] = set()
        self._scope_lists: dict[str, ArrayAttr] = {}
        self._locations: dict[str, LocationAttr | None] = {}
        self.local_scopes: set[str] = set()
        """Scopes that a `llvm.experimental.noalias.scope.decl` limits to one run of the code around it."""

    # Reading nodes

    def define(self) -> None:
        """Take `!7 = ...`, to be read later."""
        tokens = self.tokens
        name = tokens.take()
        tokens.expect("=")
        tokens.accept("distinct")
        self._starts[name] = tokens.at
        self._skip()

    def skip_named(self) -> None:
        """Take `!llvm.module.flags = !{...}`."""
        self.tokens.at += 1
        self.tokens.expect("=")
        self._skip()

    def _skip(self) -> None:
        """Take a node without looking at it."""
        tokens = self.tokens
        head = tokens.take()
        opening, closing = ("{", "}") if head == "!" else ("(", ")")
        tokens.expect(opening)
        depth = 1
        items, at = tokens.list, tokens.at
        while depth:
            token = items[at]
            if token == opening:
                depth += 1
            elif token == closing:
                depth -= 1
            elif token == "":
                tokens.at = at
                tokens.unexpected(f"`{closing}`")
            at += 1
        tokens.at = at

    def node(self, reference: str) -> Node | None:
        """The node that `!7` refers to."""
        if (found := self._nodes.get(reference)) is not None:
            return found
        if (start := self._starts.get(reference)) is None:
            return None
        tokens = self.tokens
        back, tokens.at = tokens.at, start
        number = int(reference[1:])
        if tokens.accept("!"):
            tokens.expect("{")
            found = Node(number, tokens.listed(self._operand, "}"))
        else:
            kind = tokens.take()
            found = Node(number, kind=kind, fields=self._fields())
        tokens.at = back
        self._nodes[reference] = found
        return found

    def _operand(self) -> str | int | bytes | None:
        tokens = self.tokens
        token = tokens.take()
        if token == "!":
            return tokens.string()
        if token[:1] == "!":
            if tokens.next == "(":  # a specialised node in place
                tokens.balanced()
                return None
            return token
        if token[:1] == "i" and token[1:].isdigit():
            value = tokens.take()
            return {"true": 1, "false": 0}.get(value) if value in ("true", "false") else int(value)
        # `null`, a float, an address: nothing that any kind of metadata read here has.
        depth = 0
        while depth or tokens.next not in (",", "}"):
            depth += {"(": 1, "[": 1, "{": 1, "<": 1, ")": -1, "]": -1, "}": -1, ">": -1}.get(tokens.next, 0)
            if tokens.take() == "":
                tokens.unexpected("`}`")
        return None

    def _fields(self) -> Fields:
        """`(line: 3, scope: !7)`; only integers, references and strings are kept."""
        tokens = self.tokens
        fields: dict[str, str | int] = {}
        tokens.expect("(")
        while not tokens.accept(")"):
            key = tokens.take()
            value = tokens.take()
            if key.endswith(":"):
                if value[:1] == '"':
                    fields[key[:-1]] = value[1:-1]
                elif value[:1] == "!":
                    fields[key[:-1]] = value
                elif value.isdigit():
                    fields[key[:-1]] = int(value)
            while tokens.next not in (",", ")"):
                if tokens.next == "(":
                    tokens.balanced()
                elif tokens.take() == "":
                    tokens.unexpected("`)`")
            tokens.accept(",")
        return fields

    # Attachments

    def attachments(self) -> Attached | None:
        """Take `, !kind !7` as often as it comes."""
        tokens = self.tokens
        found: Attached | None = None
        items = tokens.list
        while items[tokens.at] == "," and items[tokens.at + 1][:1] == "!":
            found = found or Attached()
            kind, reference = items[tokens.at + 1], items[tokens.at + 2]
            tokens.at += 2
            if reference == "!" or items[tokens.at + 1] == "(":  # a node in place
                self._skip()
            else:
                tokens.at += 1
                if (handler := _KINDS.get(kind)) is not None:
                    handler(self, found, reference)
        return found

    def attributes(self) -> dict[str, Attribute]:
        """As `attachments`, where only attributes are asked for."""
        found = self.attachments()
        return {} if found is None else found.attributes

    # Aliasing

    def declare_scopes(self, reference: str) -> None:
        """The scopes in this list hold for one run of the code around their declaration only.

        The dialect's attributes hold for the whole function, so nothing is said of these scopes at all.
        """
        if (node := self.node(reference)) is not None:
            self.local_scopes.update(o for o in node.operands if isinstance(o, str))

    def _alias_scopes(self, reference: str) -> ArrayAttr | None:
        """What an access belongs to. Without one of its scopes the list would promise more than it does."""
        scopes = self._listed(reference)
        return None if self.local_scopes.intersection(scopes) else self._scope_list(reference, scopes)

    def _noalias_scopes(self, reference: str) -> ArrayAttr | None:
        """What an access is apart from: each scope stands for itself."""
        scopes = [scope for scope in self._listed(reference) if scope not in self.local_scopes]
        return self._scope_list(reference, scopes)

    def _listed(self, reference: str) -> Sequence[str]:
        node = self.node(reference)
        return [o for o in node.operands if isinstance(o, str)] if node is not None else ()

    def _scope_list(self, reference: str, scopes: Sequence[str]) -> ArrayAttr | None:
        if (found := self._scope_lists.get(reference)) is None:
            names = [self._scope_name(scope) for scope in scopes]
            found = self._scope_lists[reference] = ArrayAttr(names)
        return found if found.data else None

    def _scope_name(self, reference: str) -> StringAttr:
        """A name of the scope's own: its string, if no other scope has the same one."""
        if (found := self._scope_names.get(reference)) is None:
            node = self.node(reference)
            strings = (
                [o.decode("utf-8", "replace") for o in node.operands if isinstance(o, bytes)] if node else []
            )
            name = strings[0] if strings else f"scope {reference[1:]}"
            if name in self._taken_names:
                name = f"{name} ({reference[1:]})"
            self._taken_names.add(name)
            found = self._scope_names[reference] = StringAttr(name)
        return found

    # Trees: type-based alias information, properties of loops

    def _tree(self, reference: str) -> Attribute | None:
        """A node and what it refers to as nested lists; None for one that refers to itself."""
        if reference in self._trees:
            return self._trees[reference]
        self._trees[reference] = None  # meanwhile: whoever finds this is in a circle
        node = self.node(reference)
        parts = [self._leaf(o) for o in node.operands] if node is not None and not node.kind else [None]
        tree = ArrayAttr([p for p in parts if p is not None]) if None not in parts else None
        self._trees[reference] = tree
        return tree

    def _leaf(self, operand: str | int | bytes | None) -> Attribute | None:
        match operand:
            case bytes():
                return StringAttr(operand.decode("utf-8", "replace"))
            case int():
                return IntegerAttr(operand, i64)
            case str():
                return self._tree(operand)
            case None:
                return None

    def _loop(self, attached: Attached, reference: str) -> None:
        """A loop's node refers to itself first, then to its properties."""
        node = self.node(reference)
        properties: list[Attribute] = []
        for operand in node.operands if node is not None else ():
            if not isinstance(operand, str) or operand == reference:
                continue
            if (groups := self._parallel_accesses(operand)) is not None:
                if len(groups) == 1 and (group := self._access_group(groups[0])) is not None:
                    attached.attributes[_PARALLEL] = group
                continue
            tree = self._tree(operand)
            if not isinstance(tree, ArrayAttr) or not tree.data or not isinstance(tree.data[0], StringAttr):
                continue  # where the loop is in the source
            if tree.data[0].data in ("llvm.loop.unroll.full", "dialectad.unroll"):
                attached.attributes["dialectad.unroll"] = UnitAttr()
            else:
                properties.append(tree)
        if properties:
            attached.attributes["dialectad.loop"] = ArrayAttr(properties)

    def _parallel_accesses(self, reference: str) -> Sequence[str] | None:
        """The groups of accesses that a loop's iterations are independent in, if the node says so."""
        node = self.node(reference)
        if node is None or node.operands[:1] != [b"llvm.loop.parallel_accesses"]:
            return None
        return [o for o in node.operands if isinstance(o, str)]

    def _access_group(self, reference: str) -> StringAttr | None:
        """The name of a group of accesses; an access of several groups counts as one of none."""
        node = self.node(reference)
        return None if node is None or node.operands else StringAttr(f"group {reference[1:]}")

    def _weights(self, attached: Attached, reference: str) -> None:
        node = self.node(reference)
        operands = node.operands if node is not None else ()
        weights = [o for o in operands if isinstance(o, int)]
        if operands[:1] == [b"branch_weights"] and all(0 <= w < 2**31 for w in weights):
            attached.attributes["branch_weights"] = DenseArrayBase.from_list(i32, weights)

    # Places in the source

    def _location(self, attached: Attached, reference: str) -> None:
        attached.location = self.location(reference)

    def location(self, reference: str) -> LocationAttr | None:
        """The place that a `!DILocation` or a `!DISubprogram` means."""
        if reference not in self._locations:
            self._locations[reference] = self._find_location(reference)
        return self._locations[reference]

    def _find_location(self, reference: str) -> LocationAttr | None:
        node = self.node(reference)
        if node is None or node.kind not in ("!DILocation", "!DISubprogram"):
            return None
        line, column = node.fields.get("line", 0), node.fields.get("column", 0)
        file = self._file(reference)
        if file is None or not isinstance(line, int) or not isinstance(column, int) or not line:
            return None
        return locations.to_attr(Location(file, line, column))

    def _file(self, scope: str | int | None) -> str | None:
        """The file of a scope, which may have it from the scope around."""
        seen: set[str] = set()
        while isinstance(scope, str) and scope not in seen:
            seen.add(scope)
            node = self.node(scope)
            if node is None:
                return None
            if node.kind == "!DIFile":
                name, directory = str(node.fields.get("filename", "")), str(node.fields.get("directory", ""))
                return name if name.startswith(("/", "<")) or not directory else f"{directory}/{name}"
            scope = node.fields.get("file", node.fields.get("scope"))
        return None


_PARALLEL = "dialectad.parallel"
"""On a loop's branch and on the accesses in it: the group that makes it parallel."""

_Handler: TypeAlias = Callable[[Metadata, Attached, str], None]


def _sets(name: str, value: Callable[[Metadata, str], Attribute | None]) -> _Handler:
    def handler(metadata: Metadata, attached: Attached, reference: str) -> None:
        if (attribute := value(metadata, reference)) is not None:
            attached.attributes[name] = attribute

    return handler


_KINDS: dict[str, _Handler] = {
    "!alias.scope": _sets("dialectad.alias_scopes", Metadata._alias_scopes),
    "!noalias": _sets("dialectad.noalias_scopes", Metadata._noalias_scopes),
    "!tbaa": _sets("dialectad.tbaa", Metadata._tree),
    "!invariant.load": _sets("invariant", lambda _, __: UnitAttr()),
    "!nontemporal": _sets("nontemporal", lambda _, __: UnitAttr()),
    "!llvm.access.group": _sets(_PARALLEL, Metadata._access_group),
    "!prof": Metadata._weights,
    "!llvm.loop": Metadata._loop,
    "!dbg": Metadata._location,
}
