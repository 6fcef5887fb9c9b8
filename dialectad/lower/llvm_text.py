"""LLVM IR text of types, constants and attributes: what `llvm_ir` needs below the level of an instruction."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
    VectorType,
)
from xdsl.ir import Attribute, TypeAttribute

from dialectad.errors import CompileError

PASS_NAME = "llvm-ir"

_PLAIN_NAME = re.compile(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*\Z")


def unsupported(what: str) -> CompileError:
    """The error for IR that has no LLVM IR text."""
    return CompileError(what, pass_name=PASS_NAME)


def symbol(name: str) -> str:
    """`@name`, quoted where LLVM asks for it."""
    return f"@{name}" if _PLAIN_NAME.match(name) else f"@{string(name)}"


def string(text: str | bytes) -> str:
    """A quoted string, with everything but plain ASCII as `\\xx`."""
    data = text.encode() if isinstance(text, str) else text
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in data) + '"'


# Types


def type_text(t: Attribute) -> str:
    """The LLVM spelling of a type: `f64` -> `double`, `!llvm.array<2 x i1>` -> `[2 x i1]`."""
    if (render := _TYPES.get(type(t))) is None:
        raise unsupported(f"type {t} has no LLVM counterpart")
    return render(t)


def _integer(t: IntegerType) -> str:
    return f"i{t.width.data}"


def _pointer(t: llvm.LLVMPointerType) -> str:
    space = getattr(t.addr_space, "data", 0)
    return f"ptr addrspace({space})" if space else "ptr"


def _array(t: llvm.LLVMArrayType) -> str:
    return f"[{t.size.data} x {type_text(t.type)}]"


def _struct(t: llvm.LLVMStructType) -> str:
    return "{ " + ", ".join(map(type_text, t.types)) + " }" if t.types.data else "{}"


def _vector(t: VectorType) -> str:
    if t.get_num_dims() != 1 or t.get_num_scalable_dims():
        raise unsupported(f"type {t} has no LLVM counterpart: vectors have one fixed dimension")
    return f"<{t.get_shape()[0]} x {type_text(t.element_type)}>"


def function_type_text(t: llvm.LLVMFunctionType) -> str:
    """`double (ptr, ...)`."""
    inputs = [*map(type_text, t.inputs), *(["..."] if t.is_variadic else [])]
    return f"{type_text(t.output)} ({', '.join(inputs)})"


_TYPES: dict[type, Callable[..., str]] = {
    Float64Type: lambda _: "double",
    Float32Type: lambda _: "float",
    Float16Type: lambda _: "half",
    BFloat16Type: lambda _: "bfloat",
    IntegerType: _integer,
    llvm.LLVMPointerType: _pointer,
    llvm.LLVMVoidType: lambda _: "void",
    llvm.LLVMArrayType: _array,
    llvm.LLVMStructType: _struct,
    llvm.LLVMFunctionType: function_type_text,
    VectorType: _vector,
}


def mangled(t: Attribute) -> str:
    """The suffix that stands for a type in the name of an overloaded intrinsic: `v8f64`, `p0`, `i64`."""
    match t:
        case IntegerType():
            return f"i{t.width.data}"
        case Float64Type() | Float32Type() | Float16Type():
            return t.name
        case BFloat16Type():
            return "bf16"
        case llvm.LLVMPointerType():
            return f"p{getattr(t.addr_space, 'data', 0)}"
        case VectorType():
            return f"v{t.get_shape()[0]}{mangled(t.element_type)}"
        case _:
            raise unsupported(f"no intrinsic is overloaded on {t}")


# Constants


def float_text(value: float, t: Attribute) -> str:
    """A float as the hexadecimal bits that LLVM takes for every value, NaN and infinity included."""
    match t:
        case Float64Type() | Float32Type():
            # LLVM spells an f32 by the bits of the f64 of the same value; xDSL has rounded it to f32.
            return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        case Float16Type():
            return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
        case BFloat16Type():
            bits = struct.unpack("<I", struct.pack("<f", value))[0]
            rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 if value == value else 0x7FC0
            return f"0xR{rounded & 0xFFFF:04X}"
        case _:
            raise unsupported(f"no float constant of type {t}")


def integer_text(value: int, t: IntegerType) -> str:
    """An integer constant; `i1` gives `true` or `false`."""
    if t.width.data == 1:
        return "true" if value & 1 else "false"
    return str(value)


def constant_text(value: Attribute, t: Attribute) -> str:
    """The text of constant `value` at type `t`, without the type."""
    match value:
        case IntegerAttr() if isinstance(t, IntegerType):
            return integer_text(value.value.data, t)
        case FloatAttr() if not isinstance(t, VectorType | llvm.LLVMArrayType):
            return float_text(value.value.data, t)
        case IntegerAttr() if isinstance(t, Float64Type | Float32Type | Float16Type | BFloat16Type):
            return float_text(float(value.value.data), t)
        case StringAttr():
            return "c" + string(value.data)
        case DenseIntOrFPElementsAttr():
            return _dense(value, t)
        case DenseResourceAttr():
            raise unsupported("a dense resource has no content to compile")
        case _:
            raise unsupported(f"no constant {value} of type {t}")


def _leaf(t: Attribute) -> tuple[list[int], Attribute]:
    """The extents of nested arrays and vectors, outermost first, and the scalar type within."""
    extents: list[int] = []
    while True:
        match t:
            case llvm.LLVMArrayType():
                extents.append(t.size.data)
                t = t.type
            case VectorType():
                extents += t.get_shape()
                t = t.element_type
            case _:
                return extents, t


def _dense(value: DenseIntOrFPElementsAttr, t: Attribute) -> str:
    extents, scalar = _leaf(t)
    size = 1
    for extent in extents:
        size *= extent
    if not any(value.data.data):  # all bytes are zero: no negative zero among them
        return "zeroinitializer" if extents else _scalar(value.get_values()[0], scalar)
    values = value.get_values()
    if len(values) == 1 != size:
        texts: Sequence[str] = [_scalar(values[0], scalar)] * size
    elif len(values) == size:
        texts = [_scalar(v, scalar) for v in values]
    else:
        raise unsupported(f"a dense constant of {len(values)} values can't fill {t}")
    return _nested(t, texts) if extents else texts[0]


def _scalar(value: object, t: Attribute) -> str:
    if isinstance(t, IntegerType) and isinstance(value, int):
        return integer_text(value, t)
    if isinstance(value, int | float):
        return float_text(float(value), t)
    raise unsupported(f"no constant {value} of type {t}")


def _nested(t: Attribute, texts: Sequence[str]) -> str:
    match t:
        case llvm.LLVMArrayType():
            inner, count, brackets = t.type, t.size.data, "[]"
        case VectorType():
            inner, count, brackets = t.element_type, t.get_shape()[0], "<>"
        case _:
            return texts[0]
    prefix = type_text(inner) + " "
    if not isinstance(inner, llvm.LLVMArrayType | VectorType):
        body = ", ".join([prefix + text for text in texts])
    else:
        step = len(texts) // count if count else 0
        body = ", ".join(prefix + _nested(inner, texts[i * step : (i + 1) * step]) for i in range(count))
    return f"{brackets[0]}{body}{brackets[1]}"


# Attributes of arguments, results and functions

PARAMETER_FLAGS = frozenset(
    "noalias readonly writeonly readnone nonnull noundef nofree nest returned signext zeroext inreg"
    " immarg".split()
)
FUNCTION_FLAGS = frozenset(
    "nounwind willreturn nofree nosync norecurse mustprogress noinline alwaysinline inlinehint cold hot"
    " noreturn convergent optnone optsize minsize speculatable nocallback nocreateundeforpoison noprofile"
    " skipprofile nobuiltin null_pointer_is_valid strictfp uwtable nonlazybind noimplicitfloat noredzone"
    " ssp sspreq sspstrong sanitize_address sanitize_memory sanitize_thread sanitize_hwaddress"
    " nosanitize_bounds nosanitize_coverage safestack optforfuzzing optdebug hybrid_patchable"
    " disable_sanitizer_instrumentation nodivergencesource nocf_check shadowcallstack fn_ret_thunk_extern"
    " jumptable builtin".split()
)
FUNCTION_VALUED = frozenset("memory allockind allocsize uwtable alignstack vscale_range".split())
"""Attributes with something in parentheses: `memory(none)`."""
_VALUED = {"align": "align {}", "dereferenceable": "dereferenceable({})"}
_VALUED["dereferenceable_or_null"] = "dereferenceable_or_null({})"
_TYPED = ("byval", "sret", "elementtype", "byref", "inalloca")


def parameter_attributes(attributes: DictionaryAttr | None) -> str:
    """` noalias align 64`, with a leading space, of an argument's or a result's attribute dictionary.

    Attributes of other dialects (`dialectad.inout`) mean nothing to LLVM and are left out.
    """
    if attributes is None or not attributes.data:
        return ""
    texts = []
    for name, value in attributes.data.items():
        if not name.startswith("llvm."):
            continue
        texts.append(_parameter_attribute(name.removeprefix("llvm."), value))
    return "".join(f" {text}" for text in texts)


def _parameter_attribute(name: str, value: Attribute) -> str:
    if name == "nocapture":  # LLVM 21 renamed it
        return "captures(none)"
    if isinstance(value, UnitAttr) and name in PARAMETER_FLAGS:
        return name
    if isinstance(value, IntegerAttr) and name in _VALUED:
        return _VALUED[name].format(value.value.data)
    if isinstance(value, TypeAttribute) and name in _TYPED:
        return f"{name}({type_text(value)})"
    raise unsupported(f"unknown argument attribute llvm.{name} = {value}")


_UNIT_PROPERTIES = {
    "no_inline": "noinline",
    "no_unwind": "nounwind",
    "optimize_none": "optnone",
    "always_inline": "alwaysinline",
    "will_return": "willreturn",
    "no_return": "noreturn",
    "inline_hint": "inlinehint",
    "cold": "cold",
    "hot": "hot",
    "convergent": "convergent",
    "nofree": "nofree",
    "nosync": "nosync",
    "norecurse": "norecurse",
}


def function_attributes(op: llvm.FuncOp) -> Iterable[str]:
    """The attributes of a function: the named ones, and `passthrough` as it stands.

    Upstream has them as properties; xDSL's parser takes them as attributes.
    """
    named = op.properties | op.attributes
    for name, text in _UNIT_PROPERTIES.items():
        if isinstance(named.get(name), UnitAttr):
            yield text
    for name, key in (("target_cpu", "target-cpu"), ("tune_cpu", "tune-cpu")):
        if isinstance(value := named.get(name), StringAttr):
            yield f"{string(key)}={string(value.data)}"
    if isinstance(target := named.get("target_features"), llvm.TargetFeaturesAttr):
        features = ",".join(feature.data for feature in target.features)
        yield f'"target-features"={string(features)}'
    if isinstance(kind := named.get("frame_pointer"), llvm.FramePointerKindAttr):
        yield f'"frame-pointer"={string(kind.data.value)}'
    if isinstance(entries := named.get("passthrough"), ArrayAttr):
        yield from map(_passthrough, entries)


def _passthrough(entry: Attribute) -> str:
    """`"nounwind"` is a flag; `["key", "value"]` is a flag with a value, or a pair of strings."""
    if isinstance(entry, StringAttr):
        known = entry.data in FUNCTION_FLAGS or re.fullmatch(r"\w+\(.*\)", entry.data)
        return entry.data if known else string(entry.data)
    key, value = (part.data for part in entry.data)  # pyright: ignore[reportAttributeAccessIssue]
    if key in FUNCTION_VALUED:
        return f"{key}({value})"
    return f"{string(key)}={string(value)}"
