"""The dialects of the ladder: what xDSL has of upstream, what it lacks, and our own."""

from xdsl.context import Context
from xdsl.dialects import builtin, cf, func, math, memref, scf, tensor
from xdsl.ir import Dialect

from dialectad.dialects.ad import AD
from dialectad.dialects.arith import Arith
from dialectad.dialects.blas import BLAS
from dialectad.dialects.host import HOST
from dialectad.dialects.lapack import LAPACK
from dialectad.dialects.linalg import Linalg
from dialectad.dialects.llvm import LLVM
from dialectad.dialects.order import ORDER

DIALECTS: tuple[Dialect, ...] = (
    builtin.Builtin,
    func.Func,
    Arith,
    math.Math,
    tensor.Tensor,
    Linalg,
    memref.MemRef,
    scf.Scf,
    cf.Cf,
    LLVM,
    AD,
    BLAS,
    LAPACK,
    ORDER,
    HOST,
)


def context() -> Context:
    """A context in which every dialect of the ladder is loaded."""
    ctx = Context()
    for dialect in DIALECTS:
        ctx.load_dialect(dialect)
    return ctx
