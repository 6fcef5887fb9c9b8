"""The body of one function: blocks, values by name, and the edges between blocks.

    loop:                                        ^loop(%i: i64):
      %i = phi i64 [ 0, %entry ], [ %n, %loop ]    %n = llvm.add %i, %one : i64
      %n = add i64 %i, 1                    ->     ...
      br i1 %c, label %loop, label %exit           llvm.cond_br %c, ^loop(%n : i64), ^exit

Blocks come in any order, so a value may be used in the text before it is defined. An operand is then a
stand-in until its definition comes; what a phi takes, and with it the terminators, wait until the whole body
is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from xdsl.dialects import llvm
from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialectad import locations
from dialectad.lift.llvm_reader.attributes import Attributes
from dialectad.lift.llvm_reader.constants import Constants
from dialectad.lift.llvm_reader.edges import Phi, Terminator
from dialectad.lift.llvm_reader.instructions import (
    BUILDERS,
    EXPRESSIONS,
    FAST_MATH,
    INSTRUCTIONS,
    TERMINATORS,
)
from dialectad.lift.llvm_reader.lexer import Tokens, symbol_name
from dialectad.lift.llvm_reader.metadata import Attached, Metadata
from dialectad.lift.llvm_reader.types import Types

_SERIAL = re.compile(r"(?:[._]\d+)+$")
"""What the writer, LLVM and xDSL append to make a name unique."""


@dataclass
class ModuleContext:
    """What reading a function needs of its module."""

    tokens: Tokens
    types: Types
    attributes: Attributes
    metadata: Metadata
    signatures: Mapping[str, llvm.LLVMFunctionType]
    """The functions of the module; intrinsics that are declared are among them."""
    argument_attributes: Mapping[str, Sequence[Mapping[str, Attribute]]]
    located: bool
    """Whether ops get their place in the text, where no debug info says better."""


class Function:
    """Reads the body of a function into `body`."""

    def __init__(self, module: ModuleContext, body: Region):
        self.module = module
        self.tokens = module.tokens
        self.types = module.types
        self.attributes = module.attributes
        self.metadata = module.metadata
        self.signatures = module.signatures
        self.body = body
        self.ops: list[Operation] = []
        """The ops of the block at hand."""
        self.prologue: list[Operation] = []
        """Constants, which go to the head of the function."""
        self.constants = Constants(module.tokens, module.types, self.prologue.append)
        for opcode, take in EXPRESSIONS.items():
            self.constants.expressions[opcode] = lambda take=take: self._expression(take)
        self.values: dict[str, SSAValue] = {}
        self.forward: dict[str, tuple[SSAValue, int]] = {}
        """Name -> stand-in, and the token of its first use."""
        self.stood_for: dict[SSAValue, SSAValue] = {}
        """Stand-in -> the value in its place: terminators, which are built later, still have the stand-in."""
        self.blocks: dict[str, Block] = {}
        self.phis: dict[Block, list[Phi]] = {}
        self.terminators: list[Terminator] = []
        self.unnamed = 0

    # Values

    def operand(self, t: Attribute) -> SSAValue:
        """Take a local value or a constant of type `t`."""
        tokens = self.tokens
        token = tokens.list[tokens.at]
        if token[:1] != "%":
            return self.constants.value(t)
        if (found := self.values.get(token)) is None:
            if token in self.forward:
                found = self.forward[token][0]
            else:
                found = llvm.UndefOp.create(result_types=[t]).results[0]
                self.forward[token] = found, tokens.at
        if found.type is not t and found.type != t:
            tokens.fail(f"{token} is of type {found.type}, {t} expected")
        tokens.at += 1
        return found

    def typed(self) -> SSAValue:
        """Take a type and a value of it."""
        return self.operand(self.types.type())

    def define(self, token: str, value: SSAValue) -> None:
        """`token` (`%name`) names `value` from here on."""
        if token in self.values:
            self.tokens.fail(f"{token} is defined twice")
        self.values[token] = value
        if self.forward and (found := self.forward.pop(token, None)) is not None:
            stand_in, at = found
            if stand_in.type != value.type:
                self.tokens.fail(f"{token} is of type {value.type}, {stand_in.type} expected", at)
            stand_in.replace_all_uses_with(value)
            self.stood_for[stand_in] = value
        hint = _SERIAL.sub("", token[1:])
        if hint not in ("", "v") and SSAValue.is_valid_name(hint):
            value.name_hint = hint

    def unnamed_token(self) -> str:
        """The name of what has none: such values, arguments and blocks are numbered."""
        self.unnamed += 1
        return f"%{self.unnamed - 1}"

    def add(self, op: Operation) -> SSAValue:
        """Append an op with a result to the block at hand."""
        self.ops.append(op)
        return op.results[0]

    def _expression(self, take) -> SSAValue:
        """Take a constant expression, whose ops go to the head of the function."""
        here, self.ops = self.ops, self.prologue
        try:
            return take(self)
        finally:
            self.ops = here

    # Blocks

    def read(self, arguments: Sequence[tuple[str, Attribute]]) -> None:
        """Take the body after `{`, up to `}`."""
        tokens = self.tokens
        entry = Block(arg_types=[t for _, t in arguments])
        self.body.add_block(entry)
        for (token, _), value in zip(arguments, entry.args, strict=True):
            self.define(token or self.unnamed_token(), value)
        label = self._label() or self.unnamed_token()[1:]
        self.blocks[label] = entry
        self._block(entry, label)
        while not tokens.accept("}"):
            label = self._label() or self.unnamed_token()[1:]
            if label in self.blocks:
                tokens.fail(f"there are two blocks %{label}", tokens.at - 1)
            block = self.blocks[label] = Block()
            self.body.add_block(block)
            self._block(block, label)
        self._finish(entry)

    def _label(self) -> str | None:
        token = self.tokens.next
        if token[-1:] != ":":
            return None
        self.tokens.at += 1
        name = token[:-1]
        if name.isdigit():
            self.unnamed = int(name) + 1
        return symbol_name(f"%{name}")

    def _block(self, block: Block, label: str) -> None:
        """Take instructions up to a terminator."""
        tokens, items = self.tokens, self.tokens.list
        ops = self.ops = []
        located = self.module.located
        while True:
            start = tokens.at
            token = items[start]
            name = ""
            if token[:1] == "%" and items[start + 1] == "=":
                name = token
                tokens.at += 2
                token = items[tokens.at]
            tokens.at += 1
            before = len(ops)
            if (handler := INSTRUCTIONS.get(token)) is not None:
                value = handler(self)
            elif (terminator := TERMINATORS.get(token)) is not None:
                end = terminator(self, block, label, start)
                end.attached = self.metadata.attachments()
                self.terminators.append(end)
                break
            elif token == "phi":
                value = self._phi(block)
            elif token[:5] == "#dbg_":
                tokens.balanced()
                continue
            else:
                tokens.at -= 1
                self._unknown(token)
            attached = self.metadata.attachments() if items[tokens.at] == "," else None
            if attached is not None or located:
                self._attach(ops[before:], attached, start)
            if name:
                if value is None:
                    tokens.fail(f"{name} names what gives no value", start)
                self.define(name, value)
                if name[1:].isdigit():
                    self.unnamed = int(name[1:]) + 1
            elif value is not None:
                self.define(self.unnamed_token(), value)
        block.add_ops(ops)

    def _unknown(self, token: str) -> NoReturn:
        if token in _UNSUPPORTED:
            self.tokens.fail(f"instruction `{token}` is not supported")
        self.tokens.unexpected("an instruction")

    def _attach(self, ops: Sequence[Operation], attached: Attached | None, start: int) -> None:
        """Give ops the place of the instruction, and the last of them what metadata says."""
        if not ops:
            return
        if attached is not None:
            ops[-1].attributes |= attached.attributes
        if (location := self._location(attached, start)) is not None:
            for op in ops:
                op.location = location

    def _location(self, attached: Attached | None, start: int) -> LocationAttr | None:
        if attached is not None and attached.location is not None:
            return attached.location
        return locations.to_attr(self.tokens.location(start)) if self.module.located else None

    # Edges

    def _phi(self, block: Block) -> SSAValue:
        """Take `[fast-math flags] type [ value, %label ], ...` as an argument of the block."""
        tokens, items = self.tokens, self.tokens.list
        at = tokens.at - 1
        while items[tokens.at] in FAST_MATH:
            tokens.at += 1
        t = self.types.type()
        phi = Phi(at, t)
        while True:
            tokens.expect("[")
            value = tokens.take() if items[tokens.at][:1] == "%" else self.constants.value(t)
            tokens.expect(",")
            label = symbol_name(tokens.take())
            tokens.expect("]")
            phi.incoming.setdefault(label, value)  # an edge that comes twice brings the same value
            if items[tokens.at] != "," or items[tokens.at + 1] != "[":
                break
            tokens.at += 1
        self.phis.setdefault(block, []).append(phi)
        return block.insert_arg(t, len(block.args))

    def _finish(self, entry: Block) -> None:
        for token, (_, at) in self.forward.items():
            self.tokens.fail(f"there is no value {token}", at)
        if entry in self.phis:
            self.tokens.fail("a phi in the entry block", self.phis[entry][0].at)
        edges: dict[Block, set[str]] = {block: set() for block in self.phis}
        for end in self.terminators:
            self._terminate(end, edges)
        for block, phis in self.phis.items():
            for phi in phis:
                for label in phi.incoming:
                    if label not in edges[block]:
                        self.tokens.fail(f"the phi's block %{label} doesn't branch here", phi.at)
        first = entry.first_op
        assert first is not None
        entry.insert_ops_before(self._used_constants(), first)

    def _used_constants(self) -> list[Operation]:
        """The ops of the prologue, less those that became part of another op, such as an index."""
        used: list[Operation] = []
        for op in reversed(self.prologue):
            if any(result.first_use is not None for result in op.results):
                used.append(op)
            else:
                op.erase()
        return used[::-1]

    def _terminate(self, end: Terminator, edges: Mapping[Block, set[str]]) -> None:
        """Build the terminator of a block, with what it passes on."""
        branches: list[tuple[Block, Sequence[SSAValue]]] = []
        for target in end.targets:
            if (block := self.blocks.get(target)) is None:
                self.tokens.fail(f"there is no block %{target}", end.at)
            if block in edges:
                edges[block].add(end.label)
            branches.append((block, [self._incoming(phi, end) for phi in self.phis.get(block, ())]))
        end.operands = [self.stood_for.get(operand, operand) for operand in end.operands]
        op = BUILDERS[end.kind](end, branches)
        if end.attached is not None:
            op.attributes |= end.attached.attributes
        if (location := self._location(end.attached, end.at)) is not None:
            op.location = location
        end.block.add_op(op)

    def _incoming(self, phi: Phi, end: Terminator) -> SSAValue:
        """What a phi is when control comes from the block of `end`."""
        value = phi.incoming.get(end.label)
        if value is None:
            self.tokens.fail(f"the phi has no value for block %{end.label}, which branches here", phi.at)
        if isinstance(value, SSAValue):
            return value
        if (found := self.values.get(value)) is None:
            self.tokens.fail(f"there is no value {value}", phi.at)
        if found.type != phi.type:
            self.tokens.fail(f"{value} is of type {found.type}, {phi.type} expected", phi.at)
        return found


_UNSUPPORTED = frozenset(
    "indirectbr invoke callbr resume catchswitch catchret cleanupret catchpad cleanuppad landingpad"
    " cmpxchg fence va_arg".split()
)
