"""Vector variants of libm, and the other things in LLVM IR text that depend on the machine.

    define void @f(...) {                       define void @f(...) "prefer-vector-width"="512" {
    declare double @sin(double) ...        ->   declare double @sin(double) ... "vector-function-abi-variant"=
                                                  "_ZGV_LLVM_N8v_sin(_ZGVeN8v_sin),..."
                                                declare <8 x double> @_ZGVeN8v_sin(<8 x double>)

LLVM's vectorisers replace a call by a variant that is named so, and that the module declares. The variants
are glibc's libmvec: at most 4 ulp off, with libm's results for NaN, infinity, zeros, subnormals, and
arguments too big to reduce (which it hands to libm). Where there is no libmvec, calls stay scalar.

Names: `_ZGV<isa>N<lanes><v per argument>_<function>`; isa `b` is SSE4, `d` AVX2, `e` AVX-512.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache

from dialectad.runtime.host import LOCK, host

FUNCTIONS: dict[str, int] = {
    **dict.fromkeys("exp exp2 exp10 expm1 log log2 log10 log1p sin cos tan asin acos atan".split(), 1),
    **dict.fromkeys("sinh cosh tanh asinh acosh atanh erf erfc cbrt".split(), 1),
    **dict.fromkeys("pow atan2 hypot".split(), 2),
}
"""The functions that libmvec has, with their numbers of arguments; each also as `sinf` for f32."""

_BYTES = {"b": 16, "d": 32, "e": 64}
_TYPES = {"double": ("", 8), "float": ("f", 4)}
_LIBRARY = "libmvec.so.1"


@cache
def library() -> ctypes.CDLL | None:
    """libmvec, loaded into the process; object files from the cache call it too."""
    if not host().triple.startswith("x86_64"):
        return None
    try:
        # Global, so that the JIT's search of the process finds its symbols.
        return ctypes.CDLL(_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None


def _isas() -> str:
    """The variants that this CPU can run, widest first."""
    this = host()
    return ("e" if this.has("avx512f") else "") + ("d" if this.has("avx2") else "") + "b"


@cache
def variants(function: str, type_: str) -> tuple[tuple[str, int], ...]:
    """The vector variants of a libm function on `double` or `float`: (symbol, lanes) pairs, the widest first.

    With AVX-512 `variants("sin", "double")` begins with `("_ZGVeN8v_sin", 8)`.

    >>> variants("gamma", "double")
    ()
    """
    suffix, size = _TYPES[type_]
    arity = FUNCTIONS.get(function[: -len(suffix)] if suffix else function, 0)
    if not arity or not function.endswith(suffix):
        return ()
    with LOCK:
        found = library()
    if found is None:
        return ()
    named = [
        (f"_ZGV{isa}N{_BYTES[isa] // size}{'v' * arity}_{function}", _BYTES[isa] // size) for isa in _isas()
    ]
    return tuple((name, lanes) for name, lanes in named if hasattr(found, name))


_DECLARE = re.compile(r"^declare (double|float) @(\w+)\(\1(?:, \1)?\)[^\n!#]*", re.MULTILINE)
_DEFINE = re.compile(r"^(define [^\n{}]*\))([^\n{}()!]*) \{$", re.MULTILINE)


def specialize(llvm_ir: str) -> str:
    """LLVM IR text with this machine's vector functions and vector width; other text is left alone."""
    declared: list[str] = []
    names: list[str] = []

    def declare(match: re.Match[str]) -> str:
        type_, function = match.groups()
        found = variants(function, type_)
        if not found or "vector-function-abi-variant" in match[0]:
            return match[0]
        arity = FUNCTIONS[function[:-1] if type_ == "float" else function]
        mappings = []
        for name, lanes in found:
            vector = f"<{lanes} x {type_}>"
            attributes = "nounwind willreturn nofree nosync nocallback memory(none)"
            declared.append(f"declare {vector} @{name}({', '.join([vector] * arity)}) {attributes}")
            mappings.append(f"_ZGV_LLVM_N{lanes}{'v' * arity}_{function}({name})")
            names.append(name)
        return f'{match[0]} "vector-function-abi-variant"="{",".join(mappings)}"'

    llvm_ir = _DECLARE.sub(declare, llvm_ir)
    if bits := host().vector_bits:
        llvm_ir = _DEFINE.sub(rf'\1\2 "prefer-vector-width"="{bits}" {{', llvm_ir)
    if not names or "@llvm.compiler.used" in llvm_ir:
        return llvm_ir
    # Nothing calls the variants before the vectorisers run, so they'd be dropped as dead.
    pointers = ", ".join(f"ptr @{name}" for name in names)
    used = f"@llvm.compiler.used = appending global [{len(names)} x ptr] [{pointers}]"
    return "\n".join([llvm_ir, *declared, used, ""])
