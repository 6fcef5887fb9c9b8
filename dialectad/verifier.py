"""Whether a module is valid: xDSL's own checks with the place of what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from dialectad import locations
from dialectad.errors import CompileError


def errors(module: ModuleOp) -> Iterator[CompileError]:
    """Everything that is wrong with `module`."""
    for op in module.walk():
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as error:
            message = f"'{op.name}': {str(error).strip().splitlines()[0]}"
            yield CompileError(message, locations.of(op), pass_name="verify")


def check(module: ModuleOp) -> None:
    """Raise the first of `errors(module)`."""
    for error in errors(module):
        raise error
