"""What LLVM may assume about the library functions that generated code calls."""

from __future__ import annotations

from dialectad.lower.order_library import routine

_PURE = "nounwind willreturn nofree nosync nocallback speculatable memory(none)"
"""libm: `errno` and the floating-point status flags are nobody's to read here, as under NumPy."""

_TOUCHES_ARGUMENTS = "nounwind willreturn nocallback memory(argmem: readwrite, inaccessiblemem: readwrite)"
"""BLAS: the arrays it is given, and work space of its own."""

_NUMBERS_ARGUMENTS = "nounwind willreturn nofree nosync nocallback memory(argmem: readwrite)"
"""Sorting: the arrays it is given."""

ASSERT = "dialectad.assert"
STOP = "dialectad.stop"
"""What can fail and what stops derivatives, in a function that is still to be differentiated."""

CALL = "dialectad.call"
"""Calls of a function of the program, whose name comes after a dot, in what is still to be differentiated."""

CACHE, PUSH, POP = "dialectad.cache", "dialectad.push", "dialectad.pop"
SLOTS, RESERVE, POP_SLOT = "dialectad.slots", "dialectad.reserve", "dialectad.pop_slot"
END_CACHE = "dialectad.end_cache"
"""The growing caches of a function that is still to be differentiated, of values and of slots; the type of an
element comes after a dot."""

_STACK = "nounwind willreturn nofree nosync nocallback memory(inaccessiblemem: readwrite)"
"""What a cache holds is reached in no other way."""

_SLOT = "nounwind willreturn nofree nosync nocallback"
"""What a slot holds is lost when the next one is reserved, so no access may be moved past that."""

_FAILS = "nounwind nofree nocallback memory(inaccessiblemem: readwrite)"
"""It may not return: what comes after it isn't done before it."""

_FAILS_ON_ARGUMENTS = "nounwind nofree nocallback memory(argmem: readwrite, inaccessiblemem: readwrite)"

UNARY = frozenset(
    "exp exp2 exp10 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh"
    " erf erfc cbrt tgamma lgamma".split()
)
BINARY = frozenset("pow atan2 hypot fmod remainder nextafter".split())

INTRINSICS_IN_LIBM = frozenset(
    "exp exp2 exp10 log log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh pow".split()
)
"""LLVM intrinsics that end up as calls to libm. They are written as such calls from the start, because only
a call can name the vector functions that stand in for it; a vectorised intrinsic is torn into scalars."""


def libm_arity(name: str) -> int:
    """How many arguments the libm function takes, or 0 when `name` is not one; `sinf` is `sin` of f32."""
    for base in (name, name.removesuffix("f")):
        if base in UNARY:
            return 1
        if base in BINARY:
            return 2
    return 0


def known_attributes(name: str) -> str:
    """The attributes for the declaration of library function `name`, '' when it isn't known."""
    if libm_arity(name):
        # lgamma writes the global `signgam`.
        return "nounwind willreturn" if name.startswith("lgamma") else _PURE
    if name == ASSERT:
        return _FAILS
    if name.startswith(f"{CALL}."):
        return _FAILS_ON_ARGUMENTS
    if name.startswith(f"{STOP}."):
        return _PURE
    if name.startswith((f"{RESERVE}.", f"{POP_SLOT}.")):
        return _SLOT
    if name.startswith(tuple(f"{kind}." for kind in (CACHE, SLOTS, PUSH, POP, END_CACHE))):
        return _STACK
    if name.startswith(("cblas_", "scipy_cblas_", "LAPACKE_")):
        return _TOUCHES_ARGUMENTS
    if routine(name) is not None:
        return _NUMBERS_ARGUMENTS
    return ""
