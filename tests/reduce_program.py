"""Makes a failing random program small: `python -m tests.reduce_program SEED`.

Statements are dropped, blocks are put in the place of what holds them, and expressions replaced by their
parts or by a number, as long as the program still means something under NumPy and fails in the same way.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import signal
from collections.abc import Callable, Iterator

from dialectad.levels import Level
from tests.check_program import STEPS
from tests.random_programs import SIZES, Program, meaningful, program
from tests.variants import VARIANTS


def reduced(made: Program, failing: Callable[[Program], bool]) -> Program:
    """The smallest program found that is `failing`."""
    changed = True
    while changed:
        changed = False
        for source in _smaller(made.source):
            try:
                candidate = Program(source, made.args, made.seed)
            except (SyntaxError, AttributeError):  # no longer Python, or the function itself is gone
                continue
            if _ends(candidate) and meaningful(candidate) and failing(candidate):
                made, changed = candidate, True
                break
    return made


def _ends(made: Program) -> bool:
    """Whether the program ends soon: what counted in its loop may be gone."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        made.run(made.fresh())
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return True


def _smaller(source: str) -> Iterator[str]:
    """Sources with one thing less, the biggest cuts first."""
    tree = ast.parse(source)
    yield from _without_statements(tree)
    yield from _with_parts(tree)


def _blocks(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            if isinstance(getattr(node, name, None), list):
                yield node, name


def _without_statements(tree: ast.Module) -> Iterator[str]:
    for place, (node, name) in enumerate(_blocks(tree)):
        block = getattr(node, name)
        for i in reversed(range(len(block))):
            inner = [getattr(block[i], field, []) for field in ("body", "orelse")]
            replacements = [[]] if isinstance(block[i], ast.FunctionDef) else [[], *inner]
            for replacement in replacements:
                if replacement is not inner[0] and replacement and not inner[1]:
                    continue
                cut = copy.deepcopy(tree)
                twin = list(_blocks(cut))[place]
                statements = getattr(twin[0], twin[1])
                statements[i : i + 1] = copy.deepcopy(replacement)
                if not statements and twin[1] == "body":
                    statements.append(ast.Pass())
                if ast.unparse(cut) != ast.unparse(tree):
                    yield ast.unparse(ast.fix_missing_locations(cut)) + "\n"


def _expressions(tree: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    """Where expressions stand that may be replaced."""
    places: list[tuple[ast.AST, str, int | None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            continue
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not isinstance(getattr(value, "ctx", None), ast.Store):
                places.append((node, name, None))
            elif isinstance(value, list):
                places += [(node, name, i) for i, v in enumerate(value) if isinstance(v, ast.expr)]
    return places


def _at(place: tuple[ast.AST, str, int | None]) -> ast.expr:
    value = getattr(place[0], place[1])
    return value if place[2] is None else value[place[2]]


def _with_parts(tree: ast.Module) -> Iterator[str]:
    for k, place in enumerate(_expressions(tree)):
        old = _at(place)
        if isinstance(old, ast.Constant) or isinstance(getattr(old, "ctx", None), ast.Store):
            continue
        parts = [n for n in ast.iter_child_nodes(old) if isinstance(n, ast.expr)]
        simple = [] if isinstance(old, ast.Name) else [ast.Constant(1)]
        for part in [*simple, ast.Constant(1.0), *parts]:
            cut = copy.deepcopy(tree)
            node, name, i = _expressions(cut)[k]
            if i is None:
                setattr(node, name, copy.deepcopy(part))
            else:
                getattr(node, name)[i] = copy.deepcopy(part)
            try:
                text = ast.unparse(ast.fix_missing_locations(cut)) + "\n"
            except (AttributeError, TypeError, ValueError):
                continue
            if len(text) < len(ast.unparse(tree)) + 1:
                yield text


Step = Callable[[Program, Level], None]


def failure(step: Step, made: Program, level: Level) -> str:
    """How a program fails a step: the kind of error and its first words; empty if it doesn't."""
    try:
        step(made, level)
    except Exception as problem:
        words = [w for w in str(problem).split() if not any(c.isdigit() or c in "'\"" for c in w)]
        return " ".join([type(problem).__name__, *words[:5]])
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--size", type=int, help="as given to pytest; by default what the tests use")
    parser.add_argument("--level", default="linalg", help="as in 'linalg' or 'loop(blas_rules=False)'")
    given = parser.parse_args()
    os.environ["DIALECTAD_CACHE"] = "0"
    level = next(level for level in VARIANTS if str(level) == given.level)
    made = program(given.seed, given.size or SIZES[given.seed % len(SIZES)])
    for step in STEPS:
        if how := failure(step, made, level):
            small = reduced(made, lambda p, step=step, how=how: failure(step, p, level) == how)
            print(how, *small.args, small.source, sep="\n")
            return
    print("it doesn't fail")


if __name__ == "__main__":
    main()
