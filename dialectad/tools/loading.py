"""Functions and arguments from a user's Python file; what is wrong with it is a located `CompileError`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from dialectad.errors import CompileError, Location

_FALLBACK = "example_args"


def load(path: str) -> ModuleType:
    """Import a Python file by its path; its neighbours can be imported by it."""
    file = Path(path).resolve()
    if file.suffix != ".py":
        raise CompileError(f"{path} is not a Python file", hint="name the function so: file.py:loss")
    if not file.is_file():
        raise CompileError(f"there is no file {path}")
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses and pickle look their module up
    sys.path.insert(0, str(file.parent))
    _attempt(lambda: spec.loader.exec_module(module), file, "running the file")  # pyright: ignore
    return module


def _attempt(action: Callable[[], Any], file: Path, what: str) -> Any:
    """The result of running the user's code, whose errors are told with their place in the file."""
    try:
        return action()
    except SyntaxError as error:
        place = Location(error.filename or str(file), error.lineno or 1, error.offset or 0)
        raise CompileError(f"{type(error).__name__}: {error.msg}", place) from error
    except CompileError:
        raise
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        place = Location(str(file), frames[-1].lineno or 1, (frames[-1].colno or 0) + 1) if frames else None
        raise CompileError(f"{what} raised {type(error).__name__}: {error}", place) from error


def member(module: ModuleType, name: str) -> Callable[..., Any]:
    """The function of that name."""
    if not name:
        raise CompileError(
            "no function is named", hint=f"{Path(module.__file__ or '').name}:loss, with its own name"
        )
    found = getattr(module, name, None)
    if found is None:
        raise CompileError(f"{module.__file__} has no function {name!r}", hint=_near(module, name))
    if not callable(found):
        raise CompileError(f"{name!r} in {module.__file__} is no function, but {type(found).__name__}")
    return found


def _near(module: ModuleType, name: str) -> str | None:
    names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
    close = get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    own = [n for n in names if getattr(getattr(module, n), "__module__", None) == module.__name__]
    return f"it has: {', '.join(own)}" if own else None


def arguments(module: ModuleType, function: str, name: str | None = None) -> tuple[Any, ...]:
    """The arguments to call a function with, from the function or variable `name` of its file."""
    candidates = [name] if name is not None else [f"{function}_args", _FALLBACK]
    chosen = next((c for c in candidates if hasattr(module, c)), None)
    if chosen is None:
        raise CompileError(
            f"{module.__file__} has no {' and no '.join(candidates)} to call {function!r} with",
            hint=f"write a function that returns them as a tuple:\n"
            f"    def {candidates[0]}():\n"
            f"        return np.ones(3), 2.0\n"
            "  or name another one by --args",
        )
    found = getattr(module, chosen)
    if callable(found):
        found = _attempt(found, Path(module.__file__ or ""), f"{chosen}()")
    if type(found) is not tuple:
        raise CompileError(
            f"{chosen} gives {type(found).__name__}; a tuple with one item for each argument is expected",
            hint="return (x,) for the single argument x",
        )
    return found
