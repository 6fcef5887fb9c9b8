"""From the `llvm` dialect to LLVM IR text.

    llvm.func @f(%x : f64) -> f64 {            define double @f(double %x.0) {
      %c = llvm.mlir.constant(2.0 : f64) : f64   b0:
      %y = llvm.fmul %x, %c : f64           ->     %y.1 = fmul double %x.0, 0x4000000000000000
      llvm.return %y : f64                         ret double %y.1
    }                                          }

Values are named on first mention, so blocks may stand in any order. Constants, addresses of globals, undef
and poison have no instruction: their text stands where they are used. Block arguments become phis; where
one terminator reaches a block twice, the second edge gets a block of its own.

Nothing here depends on the machine: `dialectad.runtime.vector_math` adds what does.

Ops are found by name, so an op of upstream's that xDSL lacks works wherever it is defined, with upstream's
operand and property names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects import llvm
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialectad import locations
from dialectad.errors import CompileError
from dialectad.lower.llvm_initializers import initializer
from dialectad.lower.llvm_libraries import INTRINSICS_IN_LIBM, known_attributes
from dialectad.lower.llvm_places import Places
from dialectad.lower.llvm_text import (
    PASS_NAME,
    constant_text,
    function_attributes,
    function_type_text,
    mangled,
    parameter_attributes,
    string,
    symbol,
    type_text,
    unsupported,
)
from dialectad.lower.order_library import definition


def translate(module: ModuleOp) -> str:
    """The LLVM IR text of a module of the `llvm` dialect, with what it calls of `order_library`."""
    writer = _written(module.body.ops, places=False)
    for name in writer.declarations.keys() - writer.defined:
        if (text := definition(name)) is not None:
            writer.functions.append(text)
            writer.defined.add(name)
    return writer.text()


def translate_parts(ops: Iterable[Operation], *, places: bool = False) -> str:
    """The LLVM IR text of functions and globals; `places`: with debug info of where their ops are from."""
    return _written(ops, places=places).text()


def _written(ops: Iterable[Operation], *, places: bool) -> _Module:
    writer = _Module(places=places)
    for op in ops:
        try:
            match op:
                case llvm.GlobalOp():
                    writer.globals.append(_global(op))
                case llvm.FuncOp():
                    writer.function(op)
                case _:
                    raise unsupported(f"'{op.name}' is not LLVM: the module has to be lowered first")
        except CompileError as error:
            error.location = error.location or locations.of(op)
            raise
    return writer


def _global(op: llvm.GlobalOp) -> str:
    linkage = "" if op.linkage.linkage.data == "external" else f"{op.linkage.linkage.data} "
    kind = "constant" if op.constant is not None else "global"
    unnamed = ("", "local_unnamed_addr ", "unnamed_addr ")[
        op.unnamed_addr.value.data if op.unnamed_addr is not None else 0
    ]
    if op.body.first_block is not None:
        initial = " " + initializer(op.body.block, _INLINE)
    elif op.value is not None:
        initial = " " + constant_text(op.value, op.global_type)
    else:  # declared here, defined elsewhere
        initial, linkage = "", linkage or "external "
    section = f", section {string(op.section.data)}" if op.section is not None else ""
    align = f", align {op.alignment.value.data}" if op.alignment is not None else ""
    head = f"{symbol(op.sym_name.data)} = {linkage}{unnamed}{kind} {type_text(op.global_type)}"
    return f"{head}{initial}{section}{align}"


class _Module:
    """The pieces of the text, and the declarations and metadata that functions ask for on the way."""

    def __init__(self, *, places: bool) -> None:
        self.globals: list[str] = []
        self.functions: list[str] = []
        self.declarations: dict[str, str] = {}
        self.defined: set[str] = set()
        self.metadata: list[str] = []
        self.scopes: dict[tuple[str, str], int] = {}
        self.scope_lists: dict[Sequence[int], int] = {}
        self.access_groups: dict[tuple[str, str], int] = {}
        self.trees: dict[Attribute, int] = {}
        self.places = Places(self.node) if places else None

    def text(self) -> str:
        declarations = [text for name, text in self.declarations.items() if name not in self.defined]
        lists = self.places.lists() if self.places is not None else []
        return "\n".join([*self.globals, "", *self.functions, *declarations, "", *lists, *self.metadata, ""])

    def declare(self, name: str, result: str, arguments: Sequence[str], attributes: str = "") -> None:
        """Declare an external function, unless the module does so itself."""
        if name in self.declarations:
            return
        known = attributes or known_attributes(name)
        head = f"declare {result} {symbol(name)}({', '.join(arguments)})"
        self.declarations[name] = f"{head} {known}" if known else head

    def node(self, content: str) -> int:
        self.metadata.append(f"!{len(self.metadata)} = {content}")
        return len(self.metadata) - 1

    def loop(self, properties: Iterable[Attribute], group: int | None, *, unroll: bool) -> int:
        """The metadata node of a loop, of which each needs its own."""
        nodes = [self.tree(property_) for property_ in properties]
        if group is not None:
            nodes.append(self.node(f'!{{!"llvm.loop.parallel_accesses", !{group}}}'))
        if unroll:
            nodes.append(self.tree(_UNROLL_FULL))
        return self.node(f"distinct !{{!{len(self.metadata)}" + "".join(f", !{n}" for n in nodes) + "}")

    def tree(self, tree: Attribute) -> int:
        """The metadata node of nested lists of strings and integers."""
        if (known := self.trees.get(tree)) is None:
            assert isinstance(tree, ArrayAttr)
            known = self.trees[tree] = self.node("!{" + ", ".join(map(self._leaf, tree)) + "}")
        return known

    def _leaf(self, leaf: Attribute) -> str:
        match leaf:
            case StringAttr():
                return f"!{string(leaf.data)}"
            case IntegerAttr():
                return f"{type_text(leaf.type)} {leaf.value.data}"
            case _:
                return f"!{self.tree(leaf)}"

    def scope_list(self, function: str, names: Iterable[str]) -> int:
        """The metadata node of a list of alias scopes, which are named within a function."""
        numbers = []
        for name in names:
            if (key := (function, name)) not in self.scopes:
                domain = self.scopes.get((function, ""))
                if domain is None:
                    domain = self.scopes[function, ""] = self.node(f"distinct !{{!{string(function)}}}")
                self.scopes[key] = self.node(f"distinct !{{!{string(name)}, !{domain}}}")
            numbers.append(self.scopes[key])
        if (key := tuple(numbers)) not in self.scope_lists:
            self.scope_lists[key] = self.node("!{" + ", ".join(f"!{n}" for n in numbers) + "}")
        return self.scope_lists[key]

    def access_group(self, function: str, name: str) -> int:
        """The metadata node of the accesses of a parallel loop."""
        if (key := (function, name)) not in self.access_groups:
            self.access_groups[key] = self.node("distinct !{}")
        return self.access_groups[key]

    def function(self, op: llvm.FuncOp) -> None:
        name, type_ = op.sym_name.data, op.function_type
        inputs = type_.inputs.data
        arg_attrs = op.arg_attrs.data if op.arg_attrs is not None else [None] * len(inputs)
        arguments = [type_text(t) + parameter_attributes(a) for t, a in zip(inputs, arg_attrs, strict=True)]
        result_attrs = op.res_attrs.data[0] if op.res_attrs is not None and op.res_attrs.data else None
        result = f"{parameter_attributes(result_attrs)} {type_text(type_.output)}"
        if (convention := op.CConv.convention.data) != "ccc":
            result = f" {convention}{result}"
        attributes = " ".join(function_attributes(op))
        if not op.body.blocks:
            if "dialectad.derivative" in op.attributes:
                raise unsupported(f"@{name}, a derivative at the level llvm, has no body yet")
            if "nounwind" not in attributes and (known := known_attributes(name)):
                attributes = f"{attributes} {known}".strip()
            variadic = ["..."] if type_.is_variadic else []
            head = f"declare{result} {symbol(name)}({', '.join(arguments + variadic)})"
            self.declarations[name] = f"{head} {attributes}" if attributes else head
            return
        self.defined.add(name)
        if (linkage := op.linkage.linkage.data) != "external":
            result = f" {linkage}{result}"
        body = _Function(self, op)
        names = [body.use(a) for a in op.body.blocks[0].args]
        parameters = ", ".join(f"{t} {n}" for t, n in zip(arguments, names, strict=True))
        attributes = f" {attributes}" if attributes else ""
        if body.place is not None:
            attributes += f" !dbg !{body.place}"
        head = f"define{result} {symbol(name)}({parameters}){attributes} {{"
        self.functions.append("\n".join([head, *body.lines(), "}", ""]))


Handler = Callable[["_Function", Operation], None]

_UNROLL_FULL = ArrayAttr([StringAttr("llvm.loop.unroll.full")])

# Upstream's own attributes hold a `distinct[...]`, which xDSL doesn't have.
_SCOPE_ATTRIBUTES = (
    ("dialectad.alias_scopes", "alias.scope"),
    ("dialectad.noalias_scopes", "noalias"),
)


class _Function:
    """The lines of one function, and the names of its values and blocks."""

    def __init__(self, module: _Module, op: llvm.FuncOp):
        self.module = module
        self.name = op.sym_name.data
        self.blocks = tuple(op.body.blocks)
        self.names: dict[SSAValue, str] = {}
        self.labels = {block: f"b{i}" for i, block in enumerate(self.blocks)}
        self.incoming: dict[Block, list[tuple[str, Sequence[SSAValue]]]] = {b: [] for b in self.blocks}
        self.trampolines: dict[tuple[Block, int], str] = {}
        self.out: list[str] = []
        self.place = module.places.function(op) if module.places is not None else None
        """The metadata node of the function in its source."""

    def lines(self) -> list[str]:
        for block in self.blocks:
            self._edges(block)
        if self.incoming[self.blocks[0]]:
            raise unsupported(f"a branch to the entry block of @{self.name}")
        for block in self.blocks:
            self._block(block)
        return self.out

    def _edges(self, block: Block) -> None:
        """Note who branches here with what, before any block is written: phis look both ways."""
        if (last := block.last_op) is None or last.name not in _TERMINATORS:
            raise unsupported(
                f"block {self.labels[block]} of @{self.name} has no terminator of the llvm dialect"
            )
        reached: set[Block] = set()
        for position, (target, arguments) in enumerate(_successors(last)):
            if len(arguments) != len(target.args):
                raise CompileError(
                    f"'{last.name}' passes {len(arguments)} values to a block that takes {len(target.args)}",
                    locations.of(last),
                    pass_name=PASS_NAME,
                )
            label = self.labels[block]
            if target in reached and target.args:
                label = self.trampolines[block, position] = f"{label}.{position}"
            reached.add(target)
            self.incoming[target].append((label, arguments))

    def _block(self, block: Block) -> None:
        self.out.append(f"{self.labels[block]}:")
        if block is not self.blocks[0]:
            edges = self.incoming[block]
            for index, argument in enumerate(block.args):
                if not edges:  # unreachable, so any value will do
                    self.names[argument] = "poison"
                    continue
                values = ", ".join([f"[ {self.use(values[index])}, %{label} ]" for label, values in edges])
                self.out.append(f"  {self.use(argument)} = phi {type_text(argument.type)} {values}")
        for op in block.ops:
            if (handler := _HANDLERS.get(op.name)) is None:
                handler = _handler_of_intrinsic(op)
            before = len(self.out)
            try:
                handler(self, op)
            except CompileError as error:
                error.location = error.location or locations.of(op)
                raise
            if self.place is not None:
                self._located(op, before)
        for position, (target, _) in enumerate(_successors(block.last_op)):  # pyright: ignore[reportArgumentType]
            if (label := self.trampolines.get((block, position))) is not None:
                self.out += [f"{label}:", f"  br label %{self.labels[target]}"]

    def _located(self, op: Operation, start: int) -> None:
        """Append the place of `op` to the lines from `start` on."""
        assert self.place is not None
        assert self.module.places is not None
        if start < len(self.out):
            place = self.module.places.instruction(op, self.place)
            self.out[start:] = [line + place for line in self.out[start:]]

    def target(self, op: Operation, position: int) -> str:
        """The label that the branch at `position` goes to."""
        block = op.parent
        assert block is not None
        return "%" + (self.trampolines.get((block, position)) or self.labels[op.successors[position]])

    def use(self, value: SSAValue) -> str:
        """The text of a value as an operand."""
        if (text := self.names.get(value)) is None:
            text = self.names[value] = self._name(value)
        return text

    def _name(self, value: SSAValue) -> str:
        owner = value.owner
        if isinstance(owner, Operation) and (inline := _INLINE.get(owner.name)) is not None:
            return inline(owner)
        return f"%{value.name_hint or 'v'}.{len(self.names)}"

    def typed(self, value: SSAValue) -> str:
        return f"{type_text(value.type)} {self.use(value)}"

    def define(self, op: Operation, text: str) -> None:
        """An instruction that gives the one result of `op`."""
        self.out.append(f"  {self.use(op.results[0])} = {text}")

    def aliasing(self, op: Operation) -> str:
        """`, !alias.scope !1, !noalias !2, !tbaa !3` of the attributes that say what is apart from what."""
        texts = []
        for attribute, metadata in _SCOPE_ATTRIBUTES:
            if isinstance(names := op.attributes.get(attribute), ArrayAttr):
                scopes = [name.data for name in names if isinstance(name, StringAttr)]
                texts.append(f", !{metadata} !{self.module.scope_list(self.name, scopes)}")
        if (tree := op.attributes.get("dialectad.tbaa")) is not None:
            texts.append(f", !tbaa !{self.module.tree(tree)}")
        if isinstance(name := op.attributes.get("dialectad.parallel"), StringAttr):
            texts.append(f", !llvm.access.group !{self.module.access_group(self.name, name.data)}")
        if _flag(op, "invariant"):
            texts.append(f", !invariant.load !{self.module.scope_list(self.name, ())}")
        return "".join(texts)


# Values without an instruction


def _address(op: Operation) -> str:
    reference = op.properties["global_name"]
    assert isinstance(reference, SymbolRefAttr)
    return symbol(reference.root_reference.data)


def _zero(op: Operation) -> str:
    match op.results[0].type:
        case llvm.LLVMPointerType():
            return "null"
        case _:
            return "zeroinitializer"


_INLINE: dict[str, Callable[[Operation], str]] = {
    "llvm.mlir.constant": lambda op: constant_text(op.properties["value"], op.results[0].type),
    "llvm.mlir.addressof": _address,
    "llvm.mlir.zero": _zero,
    "llvm.mlir.undef": lambda op: "undef",
    "llvm.mlir.poison": lambda op: "poison",
}


# Terminators


def _segments(op: Operation) -> tuple[int, ...]:
    sizes = op.properties.get("operandSegmentSizes", op.attributes.get("operandSegmentSizes"))
    assert isinstance(sizes, DenseArrayBase)
    return tuple(map(int, sizes.get_values()))


def _successors(op: Operation) -> list[tuple[Block, Sequence[SSAValue]]]:
    """The blocks that a terminator branches to, with the arguments that it passes."""
    operands = op.operands
    match op.name:
        case "llvm.br":
            return [(op.successors[0], operands)]
        case "llvm.cond_br":
            _, first, _ = _segments(op)
            return [(op.successors[0], operands[1 : 1 + first]), (op.successors[1], operands[1 + first :])]
        case "llvm.switch":
            _, default, _ = _segments(op)
            edges = [(op.successors[0], operands[1 : 1 + default])]
            at = 1 + default
            for block, count in zip(op.successors[1:], _ints(op, "case_operand_segments"), strict=True):
                edges.append((block, operands[at : at + count]))
                at += count
            return edges
        case _:
            return []


def _ints(op: Operation, name: str) -> tuple[int, ...]:
    match op.properties.get(name, op.attributes.get(name)):
        case DenseArrayBase() as values:
            return tuple(int(n) for n in values.get_values())  # pyright: ignore[reportAttributeAccessIssue]
        case None:
            return ()
        case dense:
            return tuple(int(n) for n in dense.get_values())  # pyright: ignore[reportAttributeAccessIssue]


def _int(op: Operation, name: str, default: int = 0) -> int:
    value = op.properties.get(name, op.attributes.get(name))
    return value.value.data if isinstance(value, IntegerAttr) else default


def _flag(op: Operation, name: str) -> bool:
    return name in op.properties or name in op.attributes


def _loop(f: _Function, op: Operation) -> str:
    """`, !llvm.loop !1` of the attributes of a branch back to the start of a loop."""
    unroll = _flag(op, "dialectad.unroll")
    properties = op.attributes.get("dialectad.loop")
    parallel = op.attributes.get("dialectad.parallel")
    if not unroll and properties is None and parallel is None:
        return ""
    group = f.module.access_group(f.name, parallel.data) if isinstance(parallel, StringAttr) else None
    listed = properties.data if isinstance(properties, ArrayAttr) else ()
    return f", !llvm.loop !{f.module.loop(listed, group, unroll=unroll)}"


def _weights(f: _Function, op: Operation) -> str:
    """`, !prof !1`, if the op says how often it goes where."""
    weights = _ints(op, "branch_weights")
    if len(weights) != len(op.successors) or not weights:
        return ""
    node = f.module.node('!{!"branch_weights"' + "".join(f", i32 {weight}" for weight in weights) + "}")
    return f", !prof !{node}"


def _br(f: _Function, op: Operation) -> None:
    f.out.append(f"  br label {f.target(op, 0)}{_loop(f, op)}")


def _cond_br(f: _Function, op: Operation) -> None:
    targets = f"label {f.target(op, 0)}, label {f.target(op, 1)}"
    f.out.append(f"  br i1 {f.use(op.operands[0])}, {targets}{_weights(f, op)}{_loop(f, op)}")


def _switch(f: _Function, op: Operation) -> None:
    type_ = type_text(op.operands[0].type)
    cases = " ".join(
        f"{type_} {value}, label {f.target(op, position)}"
        for position, value in enumerate(_ints(op, "case_values"), start=1)
    )
    head = f"  switch {f.typed(op.operands[0])}, label {f.target(op, 0)} [ {cases} ]"
    f.out.append(f"{head}{_weights(f, op)}{_loop(f, op)}")


def _return(f: _Function, op: Operation) -> None:
    f.out.append(f"  ret {f.typed(op.operands[0])}" if op.operands else "  ret void")


def _unreachable(f: _Function, op: Operation) -> None:
    f.out.append("  unreachable")


_TERMINATORS: dict[str, Handler] = {
    "llvm.br": _br,
    "llvm.cond_br": _cond_br,
    "llvm.switch": _switch,
    "llvm.return": _return,
    "llvm.unreachable": _unreachable,
}


# Arithmetic


def _fast_math(op: Operation) -> str:
    """`reassoc contract `, with a trailing space."""
    if (flags := op.properties.get("fastmathFlags")) is None or not flags.data:  # pyright: ignore
        return ""
    assert isinstance(flags, llvm.FastMathAttr)
    names = {flag.value for flag in flags.data}
    return "fast " if len(names) == 7 else " ".join(sorted(names)) + " "


def _overflow(op: Operation) -> str:
    match op.properties.get("overflowFlags"):
        case None:
            return ""
        case IntegerAttr() as flags:
            bits = flags.value.data
            return ("nsw " if bits & 1 else "") + ("nuw " if bits & 2 else "")
        case flags:
            return "".join(sorted(f"{flag.value} " for flag in flags.data))  # pyright: ignore


def _binary(opcode: str, flags: Callable[[Operation], str] = lambda op: "") -> Handler:
    def handler(f: _Function, op: Operation) -> None:
        lhs, rhs = op.operands
        f.define(op, f"{opcode} {flags(op)}{f.typed(lhs)}, {f.use(rhs)}")

    return handler


def _unary(opcode: str, flags: Callable[[Operation], str] = lambda op: "") -> Handler:
    def handler(f: _Function, op: Operation) -> None:
        f.define(op, f"{opcode} {flags(op)}{f.typed(op.operands[0])}")

    return handler


def _cast(opcode: str, flags: Callable[[Operation], str] = lambda op: "") -> Handler:
    def handler(f: _Function, op: Operation) -> None:
        to = type_text(op.results[0].type)
        f.define(op, f"{opcode} {flags(op)}{f.typed(op.operands[0])} to {to}")

    return handler


def _when(name: str, keyword: str) -> Callable[[Operation], str]:
    return lambda op: f"{keyword} " if _flag(op, name) else ""


def _compare(opcode: str, predicates: Sequence[str]) -> Handler:
    def handler(f: _Function, op: Operation) -> None:
        lhs, rhs = op.operands
        predicate = predicates[_int(op, "predicate")]
        f.define(op, f"{opcode} {_fast_math(op)}{predicate} {f.typed(lhs)}, {f.use(rhs)}")

    return handler


def _select(f: _Function, op: Operation) -> None:
    f.define(op, f"select {_fast_math(op)}" + ", ".join(map(f.typed, op.operands)))


# Memory

_ORDERINGS = {**llvm.ATOMIC_ORDERING_KEYWORDS, 0: "not_atomic"}


def _access(op: Operation) -> tuple[str, str, str]:
    """The keywords before the operands of a load or store, the ordering, and the alignment."""
    ordering, align = _int(op, "ordering"), _int(op, "alignment")
    atomic = "atomic " if ordering else ""
    volatile = "volatile " if _flag(op, "volatile_") else ""
    if ordering and not align:
        raise unsupported(f"an atomic '{op.name}' needs an alignment")
    return (
        atomic + volatile,
        f" {_ORDERINGS[ordering]}" if ordering else "",
        f", align {align}" if align else "",
    )


def _load(f: _Function, op: Operation) -> None:
    keywords, ordering, align = _access(op)
    type_ = type_text(op.results[0].type)
    text = f"load {keywords}{type_}, {f.typed(op.operands[0])}{ordering}{align}{f.aliasing(op)}"
    if _flag(op, "dialectad.frozen"):
        name = f"{f.use(op.results[0])}.read"
        f.out.append(f"  {name} = {text}")
        text = f"freeze {type_} {name}"
    f.define(op, text)


def _store(f: _Function, op: Operation) -> None:
    keywords, ordering, align = _access(op)
    value, pointer = op.operands
    temporal = f", !nontemporal !{f.module.node('!{i32 1}')}" if _flag(op, "nontemporal") else ""
    f.out.append(
        f"  store {keywords}{f.typed(value)}, {f.typed(pointer)}{ordering}{align}{temporal}{f.aliasing(op)}"
    )


def _alloca(f: _Function, op: Operation) -> None:
    align = f", align {align}" if (align := _int(op, "alignment")) else ""
    element = type_text(op.properties["elem_type"])
    space = type_text(op.results[0].type).removeprefix("ptr")
    f.define(op, f"alloca {element}, {f.typed(op.operands[0])}{align}{',' if space else ''}{space}")


def _getelementptr(f: _Function, op: Operation) -> None:
    wraps = _int(op, "noWrapFlags")
    flags = "inbounds " if wraps & 1 or _flag(op, "inbounds") else "nusw " if wraps & 2 else ""
    flags += "nuw " if wraps & 4 else ""
    dynamic = iter(op.operands[1:])
    raw = op.properties["rawConstantIndices"]
    assert isinstance(raw, DenseArrayBase)
    indices = ", ".join(
        f.typed(next(dynamic)) if index == llvm.GEP_USE_SSA_VAL else f"i32 {index}"
        for index in raw.iter_values()
    )
    element = type_text(op.properties["elem_type"])
    f.define(op, f"getelementptr {flags}{element}, {f.typed(op.operands[0])}, {indices}")


_ATOMIC_OPERATIONS = (
    "xchg add sub and nand or xor max min umax umin fadd fsub fmax fmin uinc_wrap udec_wrap".split()
)


def _atomicrmw(f: _Function, op: Operation) -> None:
    kind = _ATOMIC_OPERATIONS[_int(op, "bin_op")]
    pointer, value = op.operands
    ordering = _ORDERINGS[_int(op, "ordering", 7)]
    f.define(op, f"atomicrmw {kind} {f.typed(pointer)}, {f.typed(value)} {ordering}{f.aliasing(op)}")


def _cmpxchg(f: _Function, op: Operation) -> None:
    operands = ", ".join(map(f.typed, op.operands))
    orderings = f"{_ORDERINGS[_int(op, 'success_ordering', 7)]} {_ORDERINGS[_int(op, 'failure_ordering', 7)]}"
    f.define(op, f"cmpxchg {operands} {orderings}")


def _fence(f: _Function, op: Operation) -> None:
    f.out.append(f"  fence {_ORDERINGS[_int(op, 'ordering', 7)]}")


# Aggregates and vectors


def _extractvalue(f: _Function, op: Operation) -> None:
    position = ", ".join(map(str, _ints(op, "position")))
    f.define(op, f"extractvalue {f.typed(op.operands[0])}, {position}")


def _insertvalue(f: _Function, op: Operation) -> None:
    container, value = op.operands
    position = ", ".join(map(str, _ints(op, "position")))
    f.define(op, f"insertvalue {f.typed(container)}, {f.typed(value)}, {position}")


def _listing(opcode: str) -> Handler:
    """An instruction that lists its operands, each with its type."""

    def handler(f: _Function, op: Operation) -> None:
        f.define(op, f"{opcode} " + ", ".join(map(f.typed, op.operands)))

    return handler


def _shufflevector(f: _Function, op: Operation) -> None:
    mask = _ints(op, "mask")
    lanes = ", ".join("i32 poison" if lane < 0 else f"i32 {lane}" for lane in mask)
    first, second = op.operands
    f.define(op, f"shufflevector {f.typed(first)}, {f.typed(second)}, <{len(mask)} x i32> <{lanes}>")


# Calls


def _emit_call(f: _Function, op: Operation, call: str) -> None:
    if op.results:
        f.define(op, call)
    else:
        f.out.append(f"  {call}")


def _call(f: _Function, op: Operation) -> None:
    if _ints(op, "op_bundle_sizes"):
        raise unsupported("operand bundles on 'llvm.call'")
    arguments = list(op.operands)
    callee = op.properties.get("callee")
    if isinstance(callee, SymbolRefAttr):
        target = symbol(callee.root_reference.data)
    else:
        target = f.use(arguments.pop(0))
    result = type_text(op.results[0].type) if op.results else "void"
    if isinstance(type_ := op.properties.get("var_callee_type"), llvm.LLVMFunctionType):
        result = function_type_text(type_)
    kind = op.properties.get("TailCallKind")
    tail = f"{kind.data.value} " if isinstance(kind, llvm.TailCallKindAttr) and kind.data != "none" else ""
    convention = op.properties.get("CConv")
    if isinstance(convention, llvm.CallingConventionAttr) and convention.convention.data != "ccc":
        result = f"{convention.convention.data} {result}"
    flags = _fast_math(op) if result in ("double", "float") else ""
    operands = ", ".join(map(f.typed, arguments))
    _emit_call(f, op, f"{tail}call {flags}{result} {target}({operands}){f.aliasing(op)}")


def _by_result(op: Operation, operands: Sequence[SSAValue]) -> list[Attribute]:
    return [op.results[0].type]


def _by_operands(*positions: int) -> Callable[[Operation, Sequence[SSAValue]], list[Attribute]]:
    return lambda op, operands: [operands[i].type for i in positions]


def _by_result_and(position: int) -> Callable[[Operation, Sequence[SSAValue]], list[Attribute]]:
    return lambda op, operands: [op.results[0].type, operands[position].type]


_NOT_OVERLOADED = frozenset(("assume", "trap", "debugtrap", "ubsantrap", "sideeffect", "donothing"))

# Which types the name of an overloaded intrinsic spells out; the result's, where nothing else is said.
_OVERLOADS: dict[str, Callable[[Operation, Sequence[SSAValue]], list[Attribute]]] = {
    "powi": _by_result_and(1),
    "ldexp": _by_result_and(1),
    "lround": _by_result_and(0),
    "llround": _by_result_and(0),
    "lrint": _by_result_and(0),
    "llrint": _by_result_and(0),
    "fptosi.sat": _by_result_and(0),
    "fptoui.sat": _by_result_and(0),
    "is.fpclass": _by_operands(0),
    "memcpy": _by_operands(0, 1, 2),
    "memcpy.inline": _by_operands(0, 1, 2),
    "memmove": _by_operands(0, 1, 2),
    "memset": _by_operands(0, 2),
    "lifetime.start": _by_operands(0),
    "lifetime.end": _by_operands(0),
    "prefetch": _by_operands(0),
    "stackrestore": _by_operands(0),
    "vector.reduce.fadd": _by_operands(1),
    "vector.reduce.fmul": _by_operands(1),
    **{
        f"vector.reduce.{k}": _by_operands(0)
        for k in "add mul and or xor smax smin umax umin fmax fmin".split()
    },
    **{f"{s}{k}.with.overflow": _by_operands(0) for s in "su" for k in ("add", "sub", "mul")},
}

# Immediate operands that upstream keeps as properties of the op.
_IMMEDIATES: dict[str, tuple[str, str]] = {
    "memcpy": ("isVolatile", "i1"),
    "memcpy.inline": ("isVolatile", "i1"),
    "memmove": ("isVolatile", "i1"),
    "memset": ("isVolatile", "i1"),
    "ctlz": ("is_zero_poison", "i1"),
    "cttz": ("is_zero_poison", "i1"),
    "abs": ("is_int_min_poison", "i1"),
    "is.fpclass": ("bit", "i32"),
}

_LIBM_TYPES = {"double": "", "float": "f"}


def _intrinsic(f: _Function, op: Operation, name: str, operands: Sequence[SSAValue], immediates: str) -> None:
    """A call of intrinsic `name`, given without `llvm.` and perhaps with its type suffix."""
    result = type_text(op.results[0].type) if op.results else "void"
    types = [type_text(v.type) for v in operands]
    flags = _fast_math(op) if op.results else ""
    base, _, suffix = name.partition(".")
    if base in INTRINSICS_IN_LIBM and result in _LIBM_TYPES and suffix in ("", "f32", "f64"):
        full = base + _LIBM_TYPES[result]
        f.module.declare(full, result, types)
    else:
        if (mangled_name := mangled_intrinsic(op, name, operands)) is None:
            raise unsupported(f"it isn't known how the intrinsic llvm.{name} is overloaded")
        full = f"llvm.{mangled_name}"
        declared = [*types, *(part.split()[0] for part in immediates.split(", ") if part)]
        f.module.declare(full, result, declared)
    arguments = [f.typed(v) for v in operands] + ([immediates] if immediates else [])
    _emit_call(f, op, f"call {flags}{result} {symbol(full)}({', '.join(arguments)}){f.aliasing(op)}")


_MANGLED_TYPES = re.compile(r"(?:\.(?:v\d+)?(?:[if]\d+|bf16|p\d+))+$")


def plain_intrinsic(name: str) -> str:
    """The name of an intrinsic, given without `llvm.`, less the types in it: `fabs.v4f64` -> `fabs`."""
    return _MANGLED_TYPES.sub("", name)


def mangled_intrinsic(op: Operation, name: str, operands: Sequence[SSAValue]) -> str | None:
    """The name of an intrinsic with the types that it is overloaded on; None if those aren't known.

    A name that has its types, as upstream's `call_intrinsic` also takes it, stays.
    """
    if name in _NOT_OVERLOADED or _MANGLED_TYPES.search(name):
        return name
    if (overload := _OVERLOADS.get(name)) is not None:
        types = overload(op, operands)
    elif name == "stacksave" or op.results:
        types = _by_result(op, operands)
    else:
        return None
    return name + "".join(f".{mangled(t)}" for t in types)


def _call_intrinsic(f: _Function, op: Operation) -> None:
    name = op.properties["intrin"]
    assert isinstance(name, StringAttr)
    operands, bundles = _segments(op)
    if bundles:
        raise unsupported("operand bundles on 'llvm.call_intrinsic'")
    plain = name.data.removeprefix("llvm.")
    _intrinsic(f, op, plain, op.operands[:operands], "")


def _intr_op(f: _Function, op: Operation) -> None:
    name = op.name.removeprefix("llvm.intr.")
    immediates = ""
    if (immediate := _IMMEDIATES.get(name)) is not None:
        prop, type_ = immediate
        value = _int(op, prop)
        immediates = f"i1 {'true' if value & 1 else 'false'}" if type_ == "i1" else f"{type_} {value}"
    _intrinsic(f, op, name, op.operands, immediates)


def _masked_store(f: _Function, op: Operation) -> None:
    value, data, mask = op.operands
    vector, pointer = type_text(value.type), type_text(data.type)
    name = f"llvm.masked.store.{mangled(value.type)}.{mangled(data.type)}"
    f.module.declare(name, "void", [vector, pointer, type_text(mask.type)])
    f.out.append(
        f"  call void {symbol(name)}({f.typed(value)}, {pointer} align {_int(op, 'alignment', 1)}"
        f" {f.use(data)}, {f.typed(mask)})"
    )


def _inline_asm(f: _Function, op: Operation) -> None:
    flags = "sideeffect " if _flag(op, "has_side_effects") else ""
    flags += "alignstack " if _flag(op, "is_align_stack") else ""
    flags += "inteldialect " if _int(op, "asm_dialect") == 1 else ""
    text, constraints = op.properties["asm_string"], op.properties["constraints"]
    assert isinstance(text, StringAttr)
    assert isinstance(constraints, StringAttr)
    result = type_text(op.results[0].type) if op.results else "void"
    operands = ", ".join(map(f.typed, op.operands))
    asm = f"asm {flags}{string(text.data)}, {string(constraints.data)}"
    _emit_call(f, op, f"call {result} {asm}({operands})")


def _handler_of_intrinsic(op: Operation) -> Handler:
    if op.name.startswith("llvm.intr."):
        return _intr_op
    raise CompileError(
        f"'{op.name}' has no LLVM IR: the function has to be lowered to the llvm dialect first",
        locations.of(op),
        pass_name=PASS_NAME,
    )


def _nothing(f: _Function, op: Operation) -> None:
    """The text of the value stands where it is used."""


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_INLINE, _nothing),
    **_TERMINATORS,
    **{f"llvm.{k}": _binary(k, _fast_math) for k in ("fadd", "fsub", "fmul", "fdiv", "frem")},
    **{f"llvm.{k}": _binary(k, _overflow) for k in ("add", "sub", "mul", "shl")},
    **{f"llvm.{k}": _binary(k, _when("isExact", "exact")) for k in ("sdiv", "udiv", "lshr", "ashr")},
    **{f"llvm.{k}": _binary(k) for k in ("srem", "urem", "and", "xor")},
    "llvm.or": _binary("or", _when("isDisjoint", "disjoint")),
    "llvm.fneg": _unary("fneg", _fast_math),
    "llvm.freeze": _unary("freeze"),
    **{
        f"llvm.{k}": _cast(k)
        for k in "sext sitofp fptosi fptoui bitcast inttoptr ptrtoint addrspacecast".split()
    },
    "llvm.trunc": _cast("trunc", _overflow),
    "llvm.zext": _cast("zext", _when("nonNeg", "nneg")),
    "llvm.uitofp": _cast("uitofp", _when("nonNeg", "nneg")),
    "llvm.fpext": _cast("fpext", _fast_math),
    "llvm.fptrunc": _cast("fptrunc", _fast_math),
    "llvm.icmp": _compare("icmp", [flag.value for flag in llvm.ALL_ICMP_FLAGS]),
    "llvm.fcmp": _compare("fcmp", [flag.value.removeprefix("_") for flag in llvm.ALL_FCMP_FLAGS]),
    "llvm.select": _select,
    "llvm.load": _load,
    "llvm.store": _store,
    "llvm.alloca": _alloca,
    "llvm.getelementptr": _getelementptr,
    "llvm.atomicrmw": _atomicrmw,
    "llvm.cmpxchg": _cmpxchg,
    "llvm.fence": _fence,
    "llvm.extractvalue": _extractvalue,
    "llvm.insertvalue": _insertvalue,
    "llvm.extractelement": _listing("extractelement"),
    "llvm.insertelement": _listing("insertelement"),
    "llvm.shufflevector": _shufflevector,
    "llvm.call": _call,
    "llvm.call_intrinsic": _call_intrinsic,
    "llvm.intr.masked.store": _masked_store,
    "llvm.inline_asm": _inline_asm,
}
