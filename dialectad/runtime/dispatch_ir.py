"""The LLVM IR of a CPython entry point: check the arguments, call the kernel, build the results.

    PyObject *entry(self, args, nargs, kwnames):
        every argument as expected?    else release, return slow(*args, **kwnames)
        allocate the result arrays     else release, return NULL
        status = kernel(data of the arguments, data of the results)
        status == 0?                   else release, return fail(status)    (which raises)
        build the tree of results      else release, return NULL

References. What the caller holds for the length of the call (the arguments, and what their tuples hold) is
used as borrowed. What lies in a list or dict could be dropped by other code meanwhile, so it is *held*. New
objects are *owned* until a container takes them. Both kinds stand in the array `%slots`; a way out that
isn't success releases every slot that isn't null.

Names: `@o3` is an object, `@c0` the data of a captured array, `%t7` a value, `k9` a block.
No address stands in the text, so it depends on the signature only, and its machine code can be kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dialectad.runtime import layout
from dialectad.runtime.abi import (
    Arg,
    ArgumentResult,
    ArrayArg,
    ArrayResult,
    ConstantResult,
    Result,
    ScalarArg,
    ScalarResult,
    StaticArg,
    Tree,
)

_API = {
    "Py_IncRef": "void @Py_IncRef(ptr)",
    "Py_DecRef": "void @Py_DecRef(ptr)",
    "PyObject_Vectorcall": "ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "PyObject_CallOneArg": "ptr @PyObject_CallOneArg(ptr, ptr)",
    "PyLong_FromLongLong": "ptr @PyLong_FromLongLong(i64)",
    "PyLong_AsLongLongAndOverflow": "i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)",
    "PyFloat_FromDouble": "ptr @PyFloat_FromDouble(double)",
    "PyComplex_FromDoubles": "ptr @PyComplex_FromDoubles(double, double)",
    "PyDict_Size": "i64 @PyDict_Size(ptr)",
    "PyDict_GetItemWithError": "ptr @PyDict_GetItemWithError(ptr, ptr)",
    "PyErr_Clear": "void @PyErr_Clear()",
    "PyTuple_New": "ptr @PyTuple_New(i64)",
    "PyList_New": "ptr @PyList_New(i64)",
    "PyDict_New": "ptr @PyDict_New()",
    "PyDict_SetItem": "i32 @PyDict_SetItem(ptr, ptr, ptr)",
    "PyEval_SaveThread": "ptr @PyEval_SaveThread()",
    "PyEval_RestoreThread": "void @PyEval_RestoreThread(ptr)",
    "PyArray_Empty": "ptr @PyArray_Empty(i32, ptr, ptr, i32)",
    "PyArray_Scalar": "ptr @PyArray_Scalar(ptr, ptr, ptr)",
}

_PASSED = {
    "float64": "double",
    "float32": "float",
    **{f"{sign}int{n}": f"i{n}" for sign in ("", "u") for n in (8, 16, 32, 64)},
    "bool": "i8 zeroext",
    "complex128": "ptr",
    "complex64": "ptr",
}
_PARTS = {"complex128": "double", "complex64": "float"}
_HELPERS = f"""
; The data of an array that is as `spec` says (rank, flags, two words of the dtype, extents), or null.
define internal ptr @array(ptr %object, ptr %spec) noinline nounwind {{
start:
  %type.p = getelementptr i8, ptr %object, i64 {layout.TYPE}
  %type = load ptr, ptr %type.p
  %exact = icmp eq ptr %type, ARRAY_TYPE
  br i1 %exact, label %array, label %no, !prof !0
array:
  %data.p = getelementptr i8, ptr %object, i64 {layout.DATA}
  %ndim.p = getelementptr i8, ptr %object, i64 {layout.NDIM}
  %dims.p = getelementptr i8, ptr %object, i64 {layout.DIMS}
  %descr.p = getelementptr i8, ptr %object, i64 {layout.DESCR}
  %flags.p = getelementptr i8, ptr %object, i64 {layout.FLAGS}
  %data = load ptr, ptr %data.p
  %ndim.s = load i32, ptr %ndim.p
  %ndim = sext i32 %ndim.s to i64
  %dims = load ptr, ptr %dims.p
  %descr = load ptr, ptr %descr.p
  %flags.s = load i32, ptr %flags.p
  %flags = sext i32 %flags.s to i64
  %word.p = getelementptr i8, ptr %descr, i64 {layout.DESCR_WORD}
  %word = load i64, ptr %word.p
  %rank = load i64, ptr %spec
  %needed.p = getelementptr i64, ptr %spec, i64 1
  %needed = load i64, ptr %needed.p
  %word1.p = getelementptr i64, ptr %spec, i64 2
  %word1 = load i64, ptr %word1.p
  %word2.p = getelementptr i64, ptr %spec, i64 3
  %word2 = load i64, ptr %word2.p
  %extents = getelementptr i64, ptr %spec, i64 4
  %same.rank = icmp eq i64 %ndim, %rank
  %masked = and i64 %flags, %needed
  %same.flags = icmp eq i64 %masked, %needed
  %same.word1 = icmp eq i64 %word, %word1
  %same.word2 = icmp eq i64 %word, %word2
  %same.word = or i1 %same.word1, %same.word2
  %both = and i1 %same.rank, %same.flags
  %all = and i1 %both, %same.word
  br i1 %all, label %head, label %no, !prof !0
head:
  %i = phi i64 [ 0, %array ], [ %next, %body ]
  %more = icmp ult i64 %i, %rank
  br i1 %more, label %body, label %yes
body:
  %found.p = getelementptr i64, ptr %dims, i64 %i
  %found = load i64, ptr %found.p
  %expected.p = getelementptr i64, ptr %extents, i64 %i
  %expected = load i64, ptr %expected.p
  %next = add i64 %i, 1
  %same = icmp eq i64 %found, %expected
  br i1 %same, label %head, label %no, !prof !0
yes:
  ret ptr %data
no:
  ret ptr null
}}

; Give up the references in the first `count` slots.
define internal void @release(ptr %slots, i64 %count) noinline {{
start:
  br label %head
head:
  %i = phi i64 [ 0, %start ], [ %next, %body ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %done
body:
  %slot = getelementptr ptr, ptr %slots, i64 %i
  %object = load ptr, ptr %slot
  call void @Py_DecRef(ptr %object)
  %next = add i64 %i, 1
  br label %head
done:
  ret void
}}
"""

_SLOW, _FAIL, _ERROR = range(3)


def _stored(dtype: np.dtype) -> str:
    if dtype.kind == "c":
        return f"[2 x {_PARTS[dtype.name]}]"
    return _PASSED[dtype.name].split()[0]


def _has_address(leaf: Arg | Result | None) -> bool:
    """Whether the kernel reads an argument where it lies."""
    return isinstance(leaf, ArrayArg) or (isinstance(leaf, ScalarArg) and leaf.dtype.kind == "c")


def _and_all(emit: EntryWriter, conditions: Sequence[str]) -> str:
    result = conditions[0]
    for condition in conditions[1:]:
        result = emit.value(f"and i1 {result}, {condition}")
    return result


class EntryWriter:
    """Writes the entry point of one signature. `text()` gives the module, `imports` what it refers to."""

    def __init__(self, slow: Any, fail: Any):
        self.imports: dict[str, int] = {}
        self.keep: list[Any] = []
        """The objects that the code refers to; they have to outlive it."""
        self._objects: dict[int, str] = {}
        self._globals: list[str] = []
        self._constants: dict[str, str] = {}
        self._api: set[str] = set()
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._counter = 0
        self._slots = 0
        self._borrowed: list[str] = []
        """Every leaf of the arguments, in order."""
        self._held = 0
        """How many of the slots, the first ones, hold borrowed objects."""
        self._slow, self._fail = self.object(slow), self.object(fail)

    # Text

    def line(self, text: str) -> None:
        self._lines.append(f"  {text}")

    def value(self, text: str) -> str:
        self._counter += 1
        self._lines.append(f"  %t{self._counter} = {text}")
        return f"%t{self._counter}"

    def call(self, name: str, *arguments: str) -> str:
        """A call of the C API; '' where it gives nothing."""
        self._api.add(name)
        result, _, _ = _API[name].partition(" ")
        text = f"call {result} @{name}({', '.join(arguments)})"
        if result == "void":
            self.line(text)
            return ""
        return self.value(text)

    def check(self, condition: str, otherwise: str = "slow") -> None:
        """Go on if `condition` holds."""
        self._counter += 1
        self.line(f"br i1 {condition}, label %k{self._counter}, label %{otherwise}, !prof !0")
        self._lines.append(f"k{self._counter}:")

    def field(self, base: str, offset: int, type_: str = "ptr") -> str:
        address = self.value(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base
        return self.value(f"load {type_}, ptr {address}")

    def object(self, obj: Any) -> str:
        """The global that stands for a Python object."""
        self.keep.append(obj)
        return self._address(id(obj), "o")

    def _address(self, address: int, letter: str) -> str:
        # One name an address: LLVM takes it that different globals lie apart.
        if address not in self._objects:
            name = f"{letter}{len(self._objects)}"
            self._objects[address] = f"@{name}"
            self.imports[name] = address
            self._globals.append(f"@{name} = external global i8")
        return self._objects[address]

    # Slots

    def _slot(self, value: str) -> int:
        slot = self._slots
        self._slots += 1
        self.line(f"store ptr {value}, ptr {self._slot_address(slot)}")
        return slot

    def _slot_address(self, slot: int) -> str:
        return self.value(f"getelementptr ptr, ptr %slots, i64 {slot}")

    def hold(self, value: str) -> None:
        """Keep a borrowed object alive until the end of the call."""
        self.call("Py_IncRef", f"ptr {value}")
        self._slot(value)
        self._held = self._slots

    # Arguments

    def walk(
        self, tree: Tree, value: str, passed: list[tuple[Arg, str]], volatile: bool, wanted: set[int]
    ) -> None:
        """Check `value` against `tree` and collect what the kernel gets.

        `volatile`: it lies in a list or dict. `wanted`: the leaves that become results.
        """
        if volatile and (tree.kind != "leaf" or _has_address(tree.value) or len(self._borrowed) in wanted):
            self.hold(value)
        match tree.kind:
            case "leaf":
                self._borrowed.append(value)
                self._leaf(tree.value, value, passed)  # pyright: ignore[reportArgumentType]
            case "tuple":
                self._exactly(value, tuple)
                self._count(self.field(value, layout.SIZE, "i64"), len(tree.children))
                for i, child in enumerate(tree.children):
                    item = self.field(value, layout.ITEMS + 8 * i)
                    self.walk(child, item, passed, volatile=False, wanted=wanted)
            case "list":
                self._exactly(value, list)
                for i, child in enumerate(tree.children):
                    # Read afresh for each item: what came before may have run code that changed the list.
                    self._count(self.field(value, layout.SIZE, "i64"), len(tree.children))
                    item = self.field(self.field(value, layout.ITEMS), 8 * i)
                    self.walk(child, item, passed, volatile=True, wanted=wanted)
                if not tree.children:
                    self._count(self.field(value, layout.SIZE, "i64"), 0)
            case "dict":
                self._exactly(value, dict)
                self._count(self.call("PyDict_Size", f"ptr {value}"), len(tree.children))
                for key, child in zip(tree.keys, tree.children, strict=True):
                    item = self.call("PyDict_GetItemWithError", f"ptr {value}", f"ptr {self.object(key)}")
                    self.check(self.value(f"icmp ne ptr {item}, null"), "unraise")
                    self.walk(child, item, passed, volatile=True, wanted=wanted)

    def _exactly(self, value: str, type_: type) -> None:
        found = self.field(value, layout.TYPE)
        self.check(self.value(f"icmp eq ptr {found}, {self.object(type_)}"))

    def _count(self, found: str, expected: int) -> None:
        self.check(self.value(f"icmp eq i64 {found}, {expected}"))

    def _leaf(self, leaf: Arg, value: str, passed: list[tuple[Arg, str]]) -> None:
        match leaf:
            case StaticArg():
                self.check(self.value(f"icmp eq ptr {value}, {self.object(leaf.value)}"))
            case ArrayArg():
                passed.append((leaf, self._array(leaf, value)))
            case ScalarArg(weak=True):
                passed.append((leaf, self._weak(leaf, value)))
            case ScalarArg():
                self._exactly(value, leaf.dtype.type)
                if leaf.dtype.kind == "c":
                    passed.append((leaf, self._parts(value)))
                else:
                    passed.append((leaf, self.field(value, layout.VALUE, _stored(leaf.dtype))))

    def _array(self, leaf: ArrayArg, value: str) -> str:
        needed = layout.C_CONTIGUOUS | layout.ALIGNED | (layout.WRITEABLE if leaf.writable else 0)
        words = layout.descr_words(leaf.dtype)
        numbers = [len(leaf.shape), needed, words[0], words[-1], *leaf.shape]
        content = f"[{len(numbers)} x i64] [{', '.join(f'i64 {n}' for n in numbers)}]"
        data = self.value(f"call ptr @array(ptr {value}, ptr {self._constant(content)})")
        self.check(self.value(f"icmp ne ptr {data}, null"))
        return data

    def _parts(self, value: str) -> str:
        """The address of the parts of a complex number."""
        return self.value(f"getelementptr i8, ptr {value}, i64 {layout.VALUE}")

    def _constant(self, content: str) -> str:
        """A global constant, one for each content."""
        if (name := self._constants.get(content)) is None:
            name = self._constants[content] = f"@d{len(self._constants)}"
            self._globals.append(f"{name} = private constant {content}")
        return name

    def _weak(self, leaf: ScalarArg, value: str) -> str:
        match leaf.dtype.kind:
            case "b":
                true = self.value(f"icmp eq ptr {value}, {self.object(True)}")
                false = self.value(f"icmp eq ptr {value}, {self.object(False)}")
                self.check(self.value(f"or i1 {true}, {false}"))
                return self.value(f"zext i1 {true} to i8")
            case "i":
                self._exactly(value, int)
                overflow = self._alloca("i32")
                number = self.call("PyLong_AsLongLongAndOverflow", f"ptr {value}", f"ptr {overflow}")
                self.check(self.value(f"icmp eq i32 {self.value(f'load i32, ptr {overflow}')}, 0"))
                return number
            case "c":
                self._exactly(value, complex)
                return self._parts(value)
            case _:
                self._exactly(value, float)
                number = self.field(value, layout.VALUE, "double")
                if leaf.dtype.itemsize == 4:
                    return self.value(f"fptrunc double {number} to float")
                return number

    def _alloca(self, type_: str) -> str:
        self._allocas.append(f"  %a{len(self._allocas)} = alloca {type_}, align 8")
        return f"%a{len(self._allocas) - 1}"

    def apart(self, arrays: Sequence[tuple[bool, int, str]]) -> None:
        """Check that what is written into doesn't overlap anything; (writable, bytes, data) of each array."""
        bounds = []
        for writable, size, data in arrays:
            if size:
                start = self.value(f"ptrtoint ptr {data} to i64")
                bounds.append((writable, start, self.value(f"add i64 {start}, {size}")))
        for i, (writable, start, end) in enumerate(bounds):
            for other_writable, other_start, other_end in bounds[i + 1 :]:
                if writable or other_writable:
                    before = self.value(f"icmp ule i64 {end}, {other_start}")
                    after = self.value(f"icmp ule i64 {other_end}, {start}")
                    self.check(self.value(f"or i1 {before}, {after}"))

    # Results

    def allocate(self, leaf: Result) -> tuple[str, str, int]:
        """Room for a result that the kernel writes: what the kernel gets, the object or place, its slot."""
        if isinstance(leaf, ScalarResult):
            place = self._alloca(_stored(leaf.dtype))
            return place, place, -1
        assert isinstance(leaf, ArrayResult)
        extents = ", ".join(f"i64 {n}" for n in leaf.shape)
        dims = self._constant(f"[{len(leaf.shape)} x i64] [{extents}]")
        descr = self.object(leaf.dtype)
        self.call("Py_IncRef", f"ptr {descr}")  # PyArray_Empty takes it away
        array = self.call("PyArray_Empty", f"i32 {len(leaf.shape)}", f"ptr {dims}", f"ptr {descr}", "i32 0")
        self.check(self.value(f"icmp ne ptr {array}, null"), "error")
        slot = self._slot(array)
        return self.field(array, layout.DATA), array, slot

    def build(self, tree: Tree, rooms: list[tuple[str, str, int]]) -> tuple[str, int]:
        """A new reference to a result, and its slot (-1: none). `rooms`: what `allocate` gave, in order."""
        match tree.kind:
            case "leaf":
                return self._result(tree.value, rooms)  # pyright: ignore[reportArgumentType]
            case "dict":
                whole, slot = self._new("PyDict_New")
            case "list":
                whole, slot = self._new("PyList_New", f"i64 {len(tree.children)}")
            case "tuple":
                whole, slot = self._new("PyTuple_New", f"i64 {len(tree.children)}")
        # A new tuple's items are in it, a list's are behind a pointer.
        items = self.field(whole, layout.ITEMS) if tree.kind == "list" and tree.children else whole
        start = layout.ITEMS if tree.kind == "tuple" else 0
        for i, child in enumerate(tree.children):
            part, part_slot = self.build(child, rooms)
            if part_slot >= 0:
                self.line(f"store ptr null, ptr {self._slot_address(part_slot)}")
            if tree.kind == "dict":
                key = self.object(tree.keys[i])
                status = self.call("PyDict_SetItem", f"ptr {whole}", f"ptr {key}", f"ptr {part}")
                self.call("Py_DecRef", f"ptr {part}")
                self.check(self.value(f"icmp eq i32 {status}, 0"), "error")
            else:
                place = self.value(f"getelementptr i8, ptr {items}, i64 {start + 8 * i}")
                self.line(f"store ptr {part}, ptr {place}")
        return whole, slot

    def _new(self, constructor: str, *arguments: str) -> tuple[str, int]:
        made = self.call(constructor, *arguments)
        self.check(self.value(f"icmp ne ptr {made}, null"), "error")
        return made, self._slot(made)

    def _result(self, leaf: Result, rooms: list[tuple[str, str, int]]) -> tuple[str, int]:
        match leaf:
            case ArgumentResult():
                value = self._borrowed[leaf.leaf]
                self.call("Py_IncRef", f"ptr {value}")
                return value, -1
            case ConstantResult():
                value = self.object(leaf.value)
                self.call("Py_IncRef", f"ptr {value}")
                return value, -1
            case ArrayResult():
                _, array, slot = rooms.pop(0)
                return array, slot
            case ScalarResult():
                made = self._scalar(leaf, rooms.pop(0)[1])
                self.check(self.value(f"icmp ne ptr {made}, null"), "error")
                return made, -1

    def _scalar(self, leaf: ScalarResult, place: str) -> str:
        type_ = _stored(leaf.dtype)
        if not leaf.weak:
            descr = self.object(leaf.dtype)
            return self.call("PyArray_Scalar", f"ptr {place}", f"ptr {descr}", "ptr null")
        if leaf.dtype.kind == "c":
            re, im = (self.field(place, 8 * k, "double") for k in (0, 1))
            return self.call("PyComplex_FromDoubles", f"double {re}", f"double {im}")
        number = self.value(f"load {type_}, ptr {place}")
        match leaf.dtype.kind:
            case "b":
                bit = self.value(f"trunc i8 {number} to i1")
                value = self.value(f"select i1 {bit}, ptr {self.object(True)}, ptr {self.object(False)}")
                self.call("Py_IncRef", f"ptr {value}")
                return value
            case "i":
                return self.call("PyLong_FromLongLong", f"i64 {number}")
            case _:
                if type_ == "float":
                    number = self.value(f"fpext float {number} to double")
                return self.call("PyFloat_FromDouble", f"double {number}")

    # The whole

    def write(
        self,
        args: Sequence[Tree],
        captured: Sequence[np.ndarray],
        results: Tree,
        kernel_address: int,
        release_gil: bool,
    ) -> str:
        """The text of the module."""
        wanted = {leaf.leaf for leaf in results.leaves() if isinstance(leaf, ArgumentResult)}
        self.check(self.value("icmp eq ptr %kwnames, null"))
        self._count("%nargs", len(args))
        passed: list[tuple[Arg, str]] = []
        for i, tree in enumerate(args):
            self.walk(tree, self.field("%args", 8 * i), passed, volatile=False, wanted=wanted)
        arrays = [
            (leaf.writable, math.prod(leaf.shape) * leaf.dtype.itemsize, data)
            for leaf, data in passed
            if isinstance(leaf, ArrayArg)
        ]
        baked = [self._address(array.ctypes.data, "c") for array in captured]
        arrays += [(False, array.nbytes, data) for array, data in zip(captured, baked, strict=True)]
        self.apart(arrays)
        rooms = [
            self.allocate(leaf) for leaf in results.leaves() if isinstance(leaf, ArrayResult | ScalarResult)
        ]
        types = ["ptr" if isinstance(leaf, ArrayArg) else _PASSED[leaf.dtype.name] for leaf, _ in passed]  # pyright: ignore
        types += ["ptr"] * (len(baked) + len(rooms))
        values = [value for _, value in passed] + baked + [room for room, _, _ in rooms]
        self._call_kernel(types, values, release_gil)
        self.imports["kernel"] = kernel_address
        whole, _ = self.build(results, rooms)
        if self._held:
            self.line(f"call void @release(ptr %slots, i64 {self._held})")
        self.line(f"ret ptr {whole}")
        self._ways_out()
        return self._text(types)

    def _call_kernel(self, types: Sequence[str], values: Sequence[str], release_gil: bool) -> None:
        thread = self.call("PyEval_SaveThread") if release_gil else ""
        arguments = ", ".join(f"{t} {v}" for t, v in zip(types, values, strict=True))
        self._lines.append(f"  %status = call i64 @kernel({arguments})")
        if release_gil:
            self.call("PyEval_RestoreThread", f"ptr {thread}")
        self.check(self.value("icmp eq i64 %status, 0"), "fail")

    def _ways_out(self) -> None:
        """The blocks that release every slot, and then call `slow`, call `fail`, or give NULL."""
        self._lines.append("unraise:")
        self.call("PyErr_Clear")
        self.line("br label %slow")
        for label in ("slow", "fail", "error"):
            self._lines += [f"{label}:", "  br label %release"]
        self._lines += [
            "release:",
            f"  %reason = phi i32 [ {_SLOW}, %slow ], [ {_FAIL}, %fail ], [ {_ERROR}, %error ]",
            "  %code = phi i64 [ 0, %slow ], [ %status, %fail ], [ 0, %error ]",
            f"  call void @release(ptr %slots, i64 {self._slots})",
            "  switch i32 %reason, label %null"
            f" [ i32 {_SLOW}, label %call_slow i32 {_FAIL}, label %call_fail ]",
            "call_slow:",
        ]
        slow = self.call(
            "PyObject_Vectorcall", f"ptr {self._slow}", "ptr %args", "i64 %nargs", "ptr %kwnames"
        )
        self._lines += [f"  ret ptr {slow}", "call_fail:"]
        code = self.call("PyLong_FromLongLong", "i64 %code")
        self.check(self.value(f"icmp ne ptr {code}, null"), "null")
        raised = self.call("PyObject_CallOneArg", f"ptr {self._fail}", f"ptr {code}")
        self.call("Py_DecRef", f"ptr {code}")
        self._lines += [f"  ret ptr {raised}", "null:", "  ret ptr null"]

    def _text(self, kernel_types: Sequence[str]) -> str:
        self._api.add("Py_DecRef")
        array_type = self.object(np.ndarray)
        for name in self._api:
            self.imports[name] = layout.function(name)
        count = max(self._slots, 1)
        return "\n".join(
            [
                *self._globals,
                *(f"declare {_API[name]}" for name in sorted(self._api)),
                f"declare i64 @kernel({', '.join(kernel_types)})",
                "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
                _HELPERS.replace("ARRAY_TYPE", array_type),
                "define ptr @entry(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) {",
                "start:",
                f"  %slots = alloca ptr, i64 {count}, align 8",
                *self._allocas,
                f"  call void @llvm.memset.p0.i64(ptr %slots, i8 0, i64 {8 * count}, i1 false)",
                *self._lines,
                "}",
                '!0 = !{!"branch_weights", i32 1000, i32 1}',
                "",
            ]
        )
