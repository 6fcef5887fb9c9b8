"""Real programs, as people write them in NumPy: one file a family, and all of them in `PROGRAMS`.

None was changed to fit the compiler. `tests/test_programs.py` compiles and differentiates each.
"""

from tests.programs import (
    data,
    events,
    flow,
    integers,
    learning,
    polybench_linear_algebra,
    polybench_solvers,
    polybench_stencils,
    probability,
    recursion,
    roots,
    simulation,
    transforms,
    weather,
)
from tests.programs.registry import PROGRAMS, Program

__all__ = [
    "PROGRAMS",
    "Program",
    "data",
    "events",
    "flow",
    "integers",
    "learning",
    "polybench_linear_algebra",
    "polybench_solvers",
    "polybench_stencils",
    "probability",
    "recursion",
    "roots",
    "simulation",
    "transforms",
    "weather",
]
