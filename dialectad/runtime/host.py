"""The machine that generated code is for, as LLVM names it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

LOCK = threading.RLock()
"""Held around every sequence of LLVM calls that belong together."""


@dataclass(frozen=True)
class Host:
    """A CPU."""

    triple: str
    cpu: str
    features: str
    """`+avx2,-avx512f,...`, as LLVM takes it."""

    def has(self, feature: str) -> bool:
        """Whether the CPU has a feature, by LLVM's name for it."""
        return f"+{feature}" in self.features.split(",")

    @property
    def vector_bits(self) -> int:
        """The width of the vectors that are worth using, 0 where LLVM's own choice is fine."""
        return 512 if self.has("avx512f") else 0


_OPTIONS = "-dag-maps-huge-region=100"
"""The instruction schedulers compare every load with every store of a block, up to so many; beyond, they take
them in groups. LLVM's own limit of 1,000 makes long blocks quadratic: 1.0 s instead of 0.1 s for 4,000
instructions."""


def _set_options() -> None:
    if not getattr(llvm, "_dialectad_options", False):  # LLVM ends the process when an option is given twice
        llvm._dialectad_options = True  # pyright: ignore[reportAttributeAccessIssue]
        llvm.set_option("dialectad", _OPTIONS)


@cache
def host() -> Host:
    """This machine."""
    with LOCK:
        _set_options()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        features = llvm.get_host_cpu_features()
        flags = sorted(("+" if on else "-") + name for name, on in features.items())
        return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), ",".join(flags))


def target_machine(opt: int) -> llvm.TargetMachine:
    """A new LLVM target machine for this CPU, whose code generator works at level `opt`."""
    this = host()
    target = llvm.Target.from_triple(this.triple)
    return target.create_target_machine(
        cpu=this.cpu, features=this.features, opt=opt, reloc="pic", codemodel="small"
    )
