"""Every pass by name, and how a pipeline of them is run.

A pass lives in the file of its name (`convert-scf-to-cf` in `convert_scf_to_cf.py`) and is loaded when it
is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError

from dialectad.errors import CompileError

_OURS: dict[str, str] = {
    "dialectad.ad": "differentiate choose-level augment-calls",
    "dialectad.rewrite": "canonicalize cse dce inline hoist raise-loops raise-to-blas order-products"
    " solve-systems stack-products batch-products fuse-elementwise convert-to-graph",
    "dialectad.lower": "bufferize number-buffers fuse-sweeps batch-caches group-caches fuse-loops plan-memory"
    " halve-products lower-blas convert-linalg-to-loops gather-adjoints split-loops convert-branches"
    " promote-scalars mark-parallel run-forward convert-scf-to-cf convert-to-llvm cut-functions",
    "dialectad.lift": "optimize-llvm lift-cf-to-scf",
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
    try:
        specs = list(parse_pipeline(pipeline))
    except ArgSpecParseError as error:
        raise CompileError(f"can't read the pipeline {pipeline!r}: {error}") from error
    return [_instance(loaders, spec) for spec in specs]


def _instance(loaders: Mapping[str, Callable[[], type[ModulePass]]], spec: ArgSpec) -> ModulePass:
    if spec.name not in loaders:
        close = get_close_matches(spec.name, loaders)
        hint = f"did you mean {close[0]!r}?" if close else f"the passes are {', '.join(sorted(loaders))}"
        raise CompileError(f"there is no pass {spec.name!r}", hint=hint)
    try:
        return loaders[spec.name]().from_spec(spec)
    except ValueError as error:
        raise CompileError(f"wrong options for the pass {spec.name!r}: {error}") from error


def run(ctx: Context, module: ModuleOp, pipeline: str) -> None:
    """Run the passes of `pipeline` on `module`, in place."""
    for pass_ in parse(pipeline):
        pass_.apply(ctx, module)
