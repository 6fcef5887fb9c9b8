"""Every pass by name, and how a pipeline of them is run.

A pass lives in the file of its name (`convert-scf-to-cf` in `convert_scf_to_cf.py`) and is loaded when it
is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import parse_pipeline

_OURS: dict[str, str] = {
    "dialectad.ad": "differentiate",
    "dialectad.rewrite": "canonicalize cse dce inline raise-to-blas fuse-elementwise hoist",
    "dialectad.lower": "bufferize plan-memory lower-blas convert-linalg-to-loops"
    " convert-scf-to-cf convert-to-llvm",
}


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-")) + "Pass"


def _load(package: str, name: str) -> type[ModulePass]:
    module = import_module(f"{package}.{name.replace('-', '_')}")
    return getattr(module, _class_name(name))


def registered() -> dict[str, Callable[[], type[ModulePass]]]:
    """Pass name -> loader of its class, for every pass of the project."""
    return {
        name: (lambda package=package, name=name: _load(package, name))
        for package, names in _OURS.items()
        for name in names.split()
    }


def parse(pipeline: str) -> list[ModulePass]:
    """The passes that a pipeline string such as `"canonicalize,bufferize{a=1}"` names."""
    loaders = registered()
    return [loaders[spec.name]().from_spec(spec) for spec in parse_pipeline(pipeline)]


def run(ctx: Context, module: ModuleOp, pipeline: str) -> None:
    """Run the passes of `pipeline` on `module`, in place."""
    for pass_ in parse(pipeline):
        pass_.apply(ctx, module)
