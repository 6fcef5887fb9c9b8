"""Programs in memory form and a numerical checker for their derivatives.

`check(program, *args)` differentiates a function on memrefs at the levels `loop` and `llvm`, runs both modes
as machine code, and compares

- what the outs hold with what they hold without a derivative;
- the tangents of all outs with central differences, which the interpreter computes;
- the cotangents with the tangents: <dy, ty> = <dx, tx>. They are added to what the shadows hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat, MemRefType
from xdsl.ir import Attribute
from xdsl.parser import Parser

from dialectad.ad.algebra import is_differentiable
from dialectad.dialects import context
from tests.evaluate import dtype_of, evaluate
from tests.lower.machine import TO_LLVM, TO_LOOPS, Compiled, parse

_CACHES = "fuse-sweeps,batch-caches,group-caches"
_AT_LOOP = f"number-buffers,differentiate{{level=loop}},inline,canonicalize,cse,dce,{_CACHES}"
_AT_LLVM = (
    f"plan-memory,{TO_LOOPS},canonicalize,cse,{TO_LLVM},optimize-llvm,lift-cf-to-scf{{differentiated=true}},"
    f"differentiate{{level=llvm}},canonicalize,cse,{_CACHES},{TO_LLVM}"
)
PIPELINES = {
    "loop": (_AT_LOOP, f"{TO_LOOPS},canonicalize,cse,{TO_LLVM}"),
    "loop-no-blas": (_AT_LOOP, f"{TO_LOOPS},canonicalize,cse,{TO_LLVM}"),
    "llvm": ("number-buffers", _AT_LLVM),
    "llvm-unoptimized": ("number-buffers", _AT_LLVM),
}
"""Level -> the passes on the loop rung, and those that follow."""


def _type(text: str) -> Attribute:
    return Parser(context(), text).parse_type()


@dataclass(frozen=True)
class Program:
    """A function `@f(%x0, %x1, ..., %y0, %y1, ...)` that writes its outs; a single out is `%y`, too."""

    body: str
    inputs: Sequence[str]
    outs: Sequence[str]

    @property
    def _arguments(self) -> list[str]:
        names = [f"%x{i}" for i in range(len(self.inputs))]
        outs = ["%y"] if len(self.outs) == 1 else [f"%y{i}" for i in range(len(self.outs))]
        return [f"{n}: {t}" for n, t in zip([*names, *outs], [*self.inputs, *self.outs], strict=True)]

    @property
    def active(self) -> list[int]:
        """The arguments of float type."""
        return [i for i, t in enumerate(self.inputs) if is_differentiable(_type(t))]

    @property
    def seeds(self) -> list[int]:
        """The outs of float type."""
        return [i for i, t in enumerate(self.outs) if is_differentiable(_type(t))]

    def text(self) -> str:
        return f"""
        func.func private @f({", ".join(self._arguments)})
            attributes {{dialectad.outs = {len(self.outs)} : i64}} {{
          {self.body}
          func.return
        }}"""

    def with_requests(self, level: str = "loop") -> str:
        """The module with `@pullback`, which takes the inputs, the outs, the inputs' shadows and the outs'
        cotangents, and `@pushforward`, which takes the inputs, their tangents, the outs and theirs."""
        inputs = [(f"%x{i}", t) for i, t in enumerate(self.inputs)]
        outs = [(f"%y{i}", t) for i, t in enumerate(self.outs)]
        shadows = [(f"%dx{i}", _in_memory(self.inputs[i])) for i in self.active]
        cotangents = [(f"%dy{i}", self.outs[i]) for i in self.seeds]
        tangents = [(f"%tx{i}", self.inputs[i]) for i in self.active]
        moves = [(f"%ty{i}", self.outs[i]) for i in self.seeds]
        written = [*outs, *shadows, *cotangents]
        pullback = self._request("pullback", "vjp", inputs, written, [*inputs, *written], level)
        given = [*inputs, *outs, *tangents, *moves]
        pushforward = self._request("pushforward", "jvp", [*inputs, *tangents], [*outs, *moves], given, level)
        return f"{self.text()}\n{pullback}\n{pushforward}"

    def _request(
        self,
        name: str,
        kind: str,
        read: Sequence[tuple[str, str]],
        written: Sequence[tuple[str, str]],
        operands: Sequence[tuple[str, str]],
        level: str,
    ) -> str:
        arguments = ", ".join(f"{n}: {t}" for n, t in [*read, *written])
        seeds = f"seeds = array<i64: {_listed(self.seeds)}>, " if kind == "vjp" else ""
        return f"""
        func.func @{name}({arguments}) attributes {{dialectad.outs = {len(written)} : i64}} {{
          "ad.{kind}"({", ".join(n for n, _ in operands)}) <{{callee = @f,
            active = array<i64: {_listed(self.active)}>, {seeds}level = "{level}"}}>
            : ({", ".join(t for _, t in operands)}) -> ()
          func.return
        }}"""


def _in_memory(text: str) -> str:
    return text if text.startswith("memref") else f"memref<{text}>"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def check(program: Program, *args: Any, levels: Sequence[str] = ("loop", "llvm"), seed: int = 0) -> None:
    """Check both modes; see the module's docstring. An out starts with NaN, or zeros if that is no float."""
    checker = _Checker(program, args, seed)
    for level in levels:
        try:
            checker.check(level)
        except Exception as problem:
            problem.add_note(f"at level {level}")
            raise


class _Checker:
    def __init__(self, program: Program, args: Sequence[Any], seed: int):
        self.program = program
        self.module = parse(program.text())
        self.types = [_type(t) for t in program.inputs]
        self.out_types = [_type(t) for t in program.outs]
        self.args = [_value(a, t) for a, t in zip(args, self.types, strict=True)]
        self.single = any(_element(t).bitwidth == 32 for t in self._floats())
        rng = np.random.default_rng(seed)
        self.tangents = [self._random(rng, self.args[i], self.types[i]) for i in program.active]
        self.outs = self._primal(0.0)
        self.cotangents = [self._random(rng, self.outs[i], self.out_types[i]) for i in program.seeds]

    def _floats(self) -> list[Attribute]:
        active = [self.types[i] for i in self.program.active]
        return active + [self.out_types[i] for i in self.program.seeds]

    @staticmethod
    def _random(rng: np.random.Generator, like: Any, type_: Attribute) -> Any:
        value = rng.standard_normal(np.shape(like)).astype(dtype_of(_element(type_)))
        return value if isinstance(type_, MemRefType) else value[()]

    def _fresh_outs(self) -> list[np.ndarray]:
        outs = []
        for t in self.out_types:
            assert isinstance(t, MemRefType)
            dtype = dtype_of(t.element_type)
            outs.append(np.full(t.get_shape(), np.nan if dtype.kind == "f" else 0, dtype))
        return outs

    def _primal(self, step: float) -> list[np.ndarray]:
        """What the outs hold at the arguments moved along the tangents."""
        args = [np.copy(a) if isinstance(a, np.ndarray) else a for a in self.args]
        for i, t in zip(self.program.active, self.tangents, strict=True):
            args[i] = (args[i] + step * t).astype(np.asarray(args[i]).dtype)
        outs = self._fresh_outs()
        evaluate(self.module, "f", [*args, *outs])
        return outs

    def check(self, level: str) -> None:
        program = self.program
        rung, rest = PIPELINES[level]
        compiled = Compiled(program.with_requests(level), rest, rung)
        # Forward mode.
        outs, moves = self._fresh_outs(), [np.full_like(self.outs[i], np.nan) for i in program.seeds]
        assert compiled("pushforward", *self._arguments(), *self.tangents, *outs, *moves) == 0
        self._check_primal(outs)
        eps, rtol = (1e-2, 3e-2) if self.single else (1e-6, 1e-5)
        ups, downs = self._primal(eps), self._primal(-eps)
        for i, move in zip(program.seeds, moves, strict=True):
            finite = (ups[i].astype(float) - downs[i]) / (2 * eps)
            atol = rtol * max(1.0, float(np.max(np.abs(finite), initial=0)))
            np.testing.assert_allclose(move, finite, rtol=rtol, atol=atol, err_msg="tangent")
        # Reverse mode adds to what the shadows hold.
        outs = self._fresh_outs()
        shadows = [np.ones_like(np.asarray(self.args[i])) for i in program.active]
        given = [np.copy(d) for d in self.cotangents]
        assert compiled("pullback", *self._arguments(), *outs, *shadows, *given) == 0
        self._check_primal(outs)
        gradients = [shadow - 1 for shadow in shadows]
        left = _inner(self.cotangents, moves)
        right = _inner(gradients, self.tangents)
        size = sum(
            float(np.sum(np.abs(np.float64(a) * b))) for a, b in zip(gradients, self.tangents, strict=True)
        )
        exact = 1e-4 if self.single else 1e-9
        np.testing.assert_allclose(left, right, rtol=exact, atol=exact * max(1.0, size), err_msg="<dy, ty>")

    def _arguments(self) -> list[Any]:
        return [np.copy(a) if isinstance(a, np.ndarray) else a for a in self.args]

    def _check_primal(self, outs: Sequence[np.ndarray]) -> None:
        for out, expected in zip(outs, self.outs, strict=True):
            rtol = 1e-5 if self.single else 1e-10
            np.testing.assert_allclose(out, expected, rtol=rtol, atol=rtol, err_msg="primal")


def _element(type_: Attribute) -> AnyFloat:
    return type_.element_type if isinstance(type_, MemRefType) else type_  # pyright: ignore[reportReturnType]


def _value(arg: Any, type_: Attribute) -> Any:
    dtype = dtype_of(_element(type_))
    return np.array(arg, dtype) if isinstance(type_, MemRefType) else dtype.type(arg)


def _inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.sum(np.float64(x) * y)) for x, y in zip(a, b, strict=True))
