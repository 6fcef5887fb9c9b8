"""A module of LLVM IR text as a module of the `llvm` dialect: globals, declarations, functions.

What follows the arguments of a function is read after everything else: attribute groups and metadata, which
it refers to, stand at the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import llvm
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region

from dialectad import locations
from dialectad.lift.llvm_reader.attributes import Attributes, dictionaries
from dialectad.lift.llvm_reader.constants import attribute
from dialectad.lift.llvm_reader.function import Function, ModuleContext
from dialectad.lift.llvm_reader.instructions.calls import convention
from dialectad.lift.llvm_reader.lexer import Tokens, symbol_name
from dialectad.lift.llvm_reader.metadata import Metadata
from dialectad.lift.llvm_reader.types import Types

_LINKAGES = frozenset(
    "private internal available_externally linkonce weak common appending extern_weak linkonce_odr weak_odr"
    " external".split()
)
_UNNAMED = {"local_unnamed_addr": 1, "unnamed_addr": 2}
_IGNORED = frozenset("default hidden protected dso_local dso_preemptable dllimport dllexport".split())
"""How a symbol is linked to other objects."""

_LAYOUT = re.compile(r"e(?:-|$)(?!(?:.*-)?p:(?!64))")
"""Little-endian, with pointers of 64 bits."""

_SCOPE_DECLARATION = "@llvm.experimental.noalias.scope.decl"


@dataclass
class _Head:
    """A function whose attributes, and perhaps body, are still to be read."""

    op: llvm.FuncOp
    at: int
    """The token where it starts."""
    names: Sequence[str]
    tail: int
    """The token after its arguments."""
    defined: bool


class Reader:
    """Reads one text."""

    def __init__(self, text: str, name: str, *, located: bool):
        self.tokens = Tokens(text, name)
        self.types = Types(self.tokens)
        self.attributes = Attributes(self.tokens, self.types)
        self.metadata = Metadata(self.tokens)
        self.signatures: dict[str, llvm.LLVMFunctionType] = {}
        self.argument_attributes: dict[str, Sequence[Mapping[str, Attribute]]] = {}
        self.context = ModuleContext(
            self.tokens,
            self.types,
            self.attributes,
            self.metadata,
            self.signatures,
            self.argument_attributes,
            located,
        )
        self.ops: list[Operation] = []
        self.heads: list[_Head] = []

    def module(self) -> ModuleOp:
        """Take the whole text."""
        tokens = self.tokens
        while (token := tokens.next) != "":
            if token[:1] == "@":
                self.ops.append(self._global())
            elif token[:1] == "!":
                self._metadata()
            elif token[:1] == "%":
                self._named_type()
            elif token[:1] == "$":
                tokens.at += 4  # $name = comdat any
            elif (entity := _ENTITIES.get(token)) is not None:
                tokens.at += 1
                entity(self)
            else:
                tokens.unexpected("a global, a function, a type or metadata")
        self._find_local_scopes()
        for head in self.heads:
            self._finish(head)
        return ModuleOp(self.ops)

    # What is only noted

    def _metadata(self) -> None:
        if self.tokens.next[1:].isdigit():
            self.metadata.define()
        else:
            self.metadata.skip_named()

    def _find_local_scopes(self) -> None:
        """Scopes whose declaration says that they are those of one run of the code around it."""
        items, at = self.tokens.list, 0
        for _ in range(items.count(_SCOPE_DECLARATION)):
            at = items.index(_SCOPE_DECLARATION, at) + 1
            if items[at + 1] == "metadata" and items[at + 2] != ")":  # a call
                self.metadata.declare_scopes(items[at + 2])

    def _named_type(self) -> None:
        tokens = self.tokens
        name = symbol_name(tokens.take())
        tokens.expect("=")
        tokens.expect("type")
        self.types.named[name] = tokens.at
        if tokens.accept("opaque"):
            return
        depth = 0
        while True:
            token = tokens.take()
            depth += {"{": 1, "[": 1, "<": 1, "(": 1, "}": -1, "]": -1, ">": -1, ")": -1}.get(token, 0)
            if not depth:
                return
            if token == "":
                tokens.unexpected("a type")

    def _target(self) -> None:
        tokens = self.tokens
        what = tokens.take()
        tokens.expect("=")
        start = tokens.at
        text = tokens.string().decode()
        if what == "datalayout" and text and not _LAYOUT.match(text):
            tokens.fail("only little-endian machines with pointers of 64 bits are supported", start)

    def _source_filename(self) -> None:
        self.tokens.expect("=")
        self.tokens.string()

    def _assembly(self) -> None:
        self.tokens.at -= 1
        self.tokens.fail("assembly in a module is not supported")

    # Globals

    def _linked(self) -> tuple[str, str]:
        """Take what precedes a global's or function's type; gives the linkage, and what isn't supported."""
        tokens = self.tokens
        linkage, other = "", ""
        while True:
            token = tokens.next
            if token in _LINKAGES:
                linkage = token
            elif token in ("thread_local", "externally_initialized", "alias", "ifunc"):
                other = token
            elif token not in _IGNORED:
                return linkage, other
            tokens.at += 1

    def _global(self) -> llvm.GlobalOp:
        tokens = self.tokens
        start = tokens.at
        name = symbol_name(tokens.take())
        tokens.expect("=")
        linkage, other = self._linked()
        unnamed = self._unnamed()
        space = self.types.address_space()
        if tokens.next in ("alias", "ifunc", "externally_initialized"):
            other = tokens.next
        if other or space:
            tokens.fail(f"`{other or 'addrspace'}` of a global is not supported", start)
        constant = tokens.accept("constant")
        if not constant:
            tokens.expect("global")
        t = self.types.type()
        op = llvm.GlobalOp(t, name, linkage or "external", constant=constant, unnamed_addr=unnamed or None)
        if linkage not in ("external", "extern_weak"):
            self._initialize(op, t)
        self._global_tail(op)
        if self.context.located:
            op.location = locations.to_attr(tokens.location(start))
        return op

    def _unnamed(self) -> int:
        if (kind := _UNNAMED.get(self.tokens.next, 0)) != 0:
            self.tokens.at += 1
        return kind

    def _initialize(self, op: llvm.GlobalOp, t: Attribute) -> None:
        """Take a global's first content: an attribute if it is numbers, otherwise a region that builds it."""
        function = Function(self.context, Region())
        constant = function.constants.constant(t)
        if (value := attribute(constant, t)) is not None:
            op.properties["value"] = value
            return
        result = function.constants.materialize(constant, t)
        op.body.add_block(Block([*function.prologue, llvm.ReturnOp(result)]))

    def _global_tail(self, op: llvm.GlobalOp) -> None:
        tokens, items = self.tokens, self.tokens.list
        while tokens.next == ",":
            match items[tokens.at + 1]:
                case "align":
                    tokens.at += 2
                    op.properties["alignment"] = IntegerAttr(tokens.integer(), i64)
                case "section":
                    tokens.at += 2
                    op.properties["section"] = StringAttr(tokens.string().decode())
                case "comdat" | "partition" | "code_model" | "no_sanitize_address" | "no_sanitize_hwaddress":
                    tokens.at += 2
                    if tokens.next == "(":
                        tokens.balanced()
                    elif tokens.next[:1] == '"':
                        tokens.at += 1
                case key if key[:1] == "!":
                    self.metadata.attachments()
                case _:
                    tokens.at += 1
                    tokens.unexpected("a property of a global")
        while tokens.next[:1] == "#":
            tokens.at += 1

    # Functions

    def _define(self) -> None:
        self._function(defined=True)

    def _declare(self) -> None:
        self._function(defined=False)

    def _function(self, *, defined: bool) -> None:
        tokens = self.tokens
        start = tokens.at - 1
        while tokens.next[:1] == "!":  # of a declaration
            tokens.at += 2
        linkage, _ = self._linked()
        calling = convention(self.tokens)
        result_attributes = self.attributes.parameter()
        result = self.types.type()
        if tokens.next[:1] != "@":
            tokens.unexpected("the name of a function")
        name = symbol_name(tokens.take())
        if name in self.signatures:
            tokens.fail(f"there are two functions @{name}", tokens.at - 1)
        if name.startswith("llvm."):  # an intrinsic, which whoever writes the text declares again
            tokens.balanced()
            self._tail(tokens.at, None)
            return
        names, inputs, attributes, variadic = self._parameters()
        t = llvm.LLVMFunctionType(inputs, result, is_variadic=variadic)
        self.signatures[name] = t
        self.argument_attributes[name] = attributes
        self._unnamed()  # a fact
        op = llvm.FuncOp(name, t, llvm.LinkageAttr(linkage or "external"), calling)
        if (found := dictionaries(attributes)) is not None:
            op.properties["arg_attrs"] = found
        if (found := dictionaries([result_attributes])) is not None:
            op.properties["res_attrs"] = found
        self.heads.append(_Head(op, start, names, tokens.at, defined))
        self._tail(tokens.at, None)
        if defined:
            self._skip_body()
        self.ops.append(op)

    def _parameters(self) -> tuple[list[str], list[Attribute], list[dict[str, Attribute]], bool]:
        tokens = self.tokens
        names: list[str] = []
        inputs: list[Attribute] = []
        attributes: list[dict[str, Attribute]] = []
        variadic = False
        tokens.expect("(")
        while not tokens.accept(")"):
            if tokens.accept("..."):
                variadic = True
            else:
                inputs.append(self.types.type())
                attributes.append(self.attributes.parameter())
                names.append(tokens.take() if tokens.next[:1] == "%" else "")
            if tokens.next != ")":
                tokens.expect(",")
        return names, inputs, attributes, variadic

    def _tail(self, start: int, op: llvm.FuncOp | None) -> None:
        """Take what stands between the arguments and the body; without `op`, only to get past it."""
        tokens = self.tokens
        tokens.at = start
        passthrough: list[Attribute] = []
        while True:
            token = tokens.next
            if token[:1] == "!" and not self._top_level(token):
                self._function_metadata(op)
            elif token in ("section", "partition"):
                tokens.at += 1
                tokens.string()
            elif token == "comdat":
                tokens.at += 1
                if tokens.next == "(":
                    tokens.balanced()
            elif token == "align":
                tokens.at += 1
                tokens.integer()
            elif token == "addrspace":
                self.types.address_space()
            elif token in ("prefix", "prologue", "gc"):
                tokens.fail(f"`{token}` of a function is not supported")
            elif token == "personality":  # needed by what catches exceptions, which is not supported
                tokens.at += 1
                Function(self.context, Region()).constants.constant(self.types.type())
            else:
                found = self.attributes.function(resolve=op is not None)
                if tokens.list[tokens.at] is token:
                    break
                passthrough += found
        if op is not None and passthrough:
            op.properties["passthrough"] = ArrayAttr(passthrough)

    def _top_level(self, token: str) -> bool:
        return self.tokens.list[self.tokens.at + 1] == "="

    def _function_metadata(self, op: llvm.FuncOp | None) -> None:
        """Take `!dbg !7`: where the function is in the source."""
        tokens = self.tokens
        kind, reference = tokens.take(), tokens.take()
        if op is None or kind != "!dbg":
            return
        if (location := self.metadata.location(reference)) is not None:
            op.location = location

    def _skip_body(self) -> None:
        tokens = self.tokens
        tokens.expect("{")
        open_ = 1
        while open_:
            start = tokens.at
            tokens.skip_past("}")
            open_ += tokens.list[start : tokens.at].count("{") - 1

    def _finish(self, head: _Head) -> None:
        tokens = self.tokens
        if self.context.located:
            head.op.location = locations.to_attr(tokens.location(head.at))
        self._tail(head.tail, head.op)
        if not head.defined:
            return
        tokens.expect("{")
        t = head.op.function_type
        if t.is_variadic:
            tokens.fail("the body of a function that takes any number of arguments is not supported", head.at)
        arguments = list(zip(head.names, t.inputs, strict=True))
        Function(self.context, head.op.body).read(arguments)


_ENTITIES = {
    "define": Reader._define,
    "declare": Reader._declare,
    "attributes": lambda reader: reader.attributes.define_group(),
    "source_filename": Reader._source_filename,
    "target": Reader._target,
    "module": Reader._assembly,
}
