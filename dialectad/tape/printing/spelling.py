"""How elementwise ops are spelled in Python.

There are two spellings. `ARRAYS` holds for whatever NumPy takes. `NUMBERS` holds for floats in double
precision only and is several times faster on these; it raises an ArithmeticError or ValueError where NumPy
would give infinity or NaN, and is then repeated in the other spelling.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.ir import Operation

from dialectad.dialects.arith import RemfOp

_OPERATORS: dict[type[Operation], str] = {
    arith.AddfOp: "({} + {})",
    arith.SubfOp: "({} - {})",
    arith.MulfOp: "({} * {})",
    arith.DivfOp: "({} / {})",
    arith.NegfOp: "(-{})",
    arith.AddiOp: "({} + {})",
    arith.SubiOp: "({} - {})",
    arith.MuliOp: "({} * {})",
    arith.AndIOp: "({} & {})",
    arith.OrIOp: "({} | {})",
    arith.XOrIOp: "({} ^ {})",
    math.FmaOp: "({} * {} + {})",
    math.FPowIOp: "power({}, {})",
    math.PowFOp: "power({}, {})",
    math.AbsFOp: "abs({})",
    math.AbsIOp: "abs({})",
    math.RsqrtOp: "(1.0 / sqrt({}))",
    arith.MaximumfOp: "maximum({}, {})",
    arith.MinimumfOp: "minimum({}, {})",
    arith.MaxnumfOp: "fmax({}, {})",
    arith.MinnumfOp: "fmin({}, {})",
    RemfOp: "fmod({}, {})",
    math.Atan2Op: "arctan2({}, {})",
    math.CopySignOp: "copysign({}, {})",
}

_FUNCTIONS: dict[type[Operation], str] = {
    math.AcosOp: "arccos",
    math.AcoshOp: "arccosh",
    math.AsinOp: "arcsin",
    math.AsinhOp: "arcsinh",
    math.AtanOp: "arctan",
    math.AtanhOp: "arctanh",
    math.CbrtOp: "cbrt",
    math.CeilOp: "ceil",
    math.CosOp: "cos",
    math.CoshOp: "cosh",
    math.ExpOp: "exp",
    math.Exp2Op: "exp2",
    math.ExpM1Op: "expm1",
    math.FloorOp: "floor",
    math.LogOp: "log",
    math.Log10Op: "log10",
    math.Log1pOp: "log1p",
    math.Log2Op: "log2",
    math.RoundEvenOp: "rint",
    math.SinOp: "sin",
    math.SinhOp: "sinh",
    math.SqrtOp: "sqrt",
    math.TanOp: "tan",
    math.TanhOp: "tanh",
    math.TruncOp: "trunc",
}

_ON_NUMBERS = frozenset(
    "acos acosh asin asinh atan atanh atan2 cos cosh copysign exp expm1 fmod log log10 log1p log2 pow sin"
    " sinh sqrt tan tanh cbrt exp2".split()
)
"""The functions of `math` that do what their namesakes in NumPy do."""

_MATH_NAMES = {
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctanh": "atanh",
    "arctan2": "atan2",
    "power": "pow",
}

_COMPARISONS = {
    1: "({} == {})",
    2: "({} > {})",
    3: "({} >= {})",
    4: "({} < {})",
    5: "({} <= {})",
    13: "({} != {})",
    14: "(({0} != {0}) | ({1} != {1}))",
}
"""Ordered comparisons by predicate, and `une`, `uno`."""

_NEGATED = {8: 6, 9: 5, 10: 4, 11: 3, 12: 2, 7: 14}
"""Unordered comparisons by what they are the opposite of."""

_INTEGER_COMPARISONS = {0: "==", 1: "!=", 2: "<", 3: "<=", 4: ">", 5: ">="}


@dataclass(frozen=True)
class Spelling:
    """How ops on elements are written."""

    numbers: bool
    """Whether all values are Python floats, bools and integers."""

    def template(self, op_type: type[Operation]) -> str | None:
        """A format string of the operands, None if the op has no spelling."""
        template = _OPERATORS.get(op_type)
        if template is None and op_type in _FUNCTIONS:
            template = f"{_FUNCTIONS[op_type]}({{}})"
        if template is None or not self.numbers or template.startswith("("):
            return template
        name, parenthesis, rest = template.partition("(")
        name = _MATH_NAMES.get(name, name)
        return f"math_{name}{parenthesis}{rest}" if name in _ON_NUMBERS else template

    def select(self, condition: str, true: str, false: str) -> str:
        if self.numbers:
            return f"({true} if {condition} else {false})"
        return f"where({condition}, {true}, {false})"

    def negation(self, condition: str) -> str:
        return f"(not {condition})" if self.numbers else f"logical_not({condition})"

    def compare_floats(self, predicate: int, a: str, b: str) -> str | None:
        if predicate in _NEGATED:
            inner = self.compare_floats(_NEGATED[predicate], a, b)
            return None if inner is None else self.negation(inner)
        if predicate == 6:
            return f"(({a} < {b}) | ({a} > {b}))"
        template = _COMPARISONS.get(predicate)
        return None if template is None else template.format(a, b)

    def compare_integers(self, predicate: int, a: str, b: str) -> str | None:
        symbol = _INTEGER_COMPARISONS.get(predicate)
        return None if symbol is None else f"({a} {symbol} {b})"


ARRAYS = Spelling(numbers=False)
NUMBERS = Spelling(numbers=True)
