"""Which tree belongs to a function: lambdas in one line, edited files, functions without source."""

# ruff: noqa: C408, E731

# ruff: noqa: C408

from __future__ import annotations

import importlib.util
import linecache
import textwrap

import pytest

from dialectad.errors import CompileError
from dialectad.frontend.rewriting import rewrite
from tests.frontend.rewriting.compare import OPERATORS, check


def load(path, text):
    path.write_text(textwrap.dedent(text))
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lambdas_in_one_line():
    fs = [lambda x: x + 1, lambda x: x + 2, lambda y: y and 3, lambda x: x + 1]
    for f in fs:
        check(f, (0,), (5,))
    outer = lambda x: lambda y: x[y]
    check(outer([5, 6]), (0,), (1,), (2,))


def test_lambda_over_lines():
    f = dict(
        key=lambda x, y=(
            1,
            2,
        ): (
            x[0]
            or y[1]
        ),
    )["key"]  # fmt: skip
    check(f, ([0],), ([4],))


def test_odd_layouts(tmp_path):
    module = load(
        tmp_path / "odd.py",
        '''
        class A:
            @property
            @(lambda f: f)
            # A comment.
            def f(
                self,
            ):
                """Text
        that is dedented.
                """
                s = """
        not the end"""
                if self:
        # comment at the margin
                    s += (
        "x"
        )
                return s

            def g(self): return self and 2; return 3

            def h(self, é=1):
                return {"ü": é and 2}["ü"] / 0
        def last(x):
            if x:
                return 1
        ''',
    )
    for name in ("g", "h"):
        check(getattr(module.A, name), (0,), (1,))
    f = module.A.f.fget
    assert rewrite(f, OPERATORS)(1) == f(1)
    check(module.last, (0,), (1,))


def test_edited(tmp_path):
    path = tmp_path / "edited.py"
    module = load(path, "def f(x):\n    return x + 1\n\nh = lambda x: x + 1\n")
    path.write_text("def f(x):\n    return x + 2\n\nh = lambda x: x + 20\n\n")
    linecache.checkcache(str(path))
    for f in (module.f, module.h):
        with pytest.raises(CompileError, match="doesn't hold the code that is running"):
            rewrite(f, OPERATORS)


def test_edited_constants(tmp_path):
    path = tmp_path / "constants.py"
    module = load(path, "def f(x):\n    return x + 0.0\n")
    path.write_text("def f(x):\n    return x + -0.0 \n")
    with pytest.raises(CompileError, match="doesn't hold"):
        rewrite(module.f, OPERATORS)


def test_no_source():
    space: dict = {}
    exec("def f(x):\n    return x", space)
    with pytest.raises(CompileError, match="can't be found"):
        rewrite(space["f"], OPERATORS)


def test_same_code_in_two_files(tmp_path):
    text = "def f(x):\n    return 1 / x if x else None\n"
    one, two = load(tmp_path / "one.py", text), load(tmp_path / "two.py", text)
    assert one.f.__code__ == two.f.__code__
    for module in (one, two):
        assert rewrite(module.f, OPERATORS).__code__.co_filename == module.__file__


def test_future_annotations_and_optimised_asserts(tmp_path):
    module = load(
        tmp_path / "future.py",
        """
        from __future__ import annotations
        def f(x: Missing) -> Gone:
            def g(y: Missing) -> Gone:
                return y and x
            return g(x), g.__annotations__
        """,
    )
    check(module.f, (0,), (1,))


def test_long_jumps_over_methods_of_modules(tmp_path):
    # `math.cos` is compiled to other code where the import is seen: then a jump may need one byte or two.
    for count in range(4, 40):
        body = "".join(f"            t = math.cos(t) + {k}.5\n" for k in range(count))
        text = f"import math\n\ndef f(t):\n    if t > 0:\n        for _ in [0]:\n{body}    return t\n"
        module = load(tmp_path / f"jump{count}.py", text)
        check(module.f, (1.0,), (-1.0,))
