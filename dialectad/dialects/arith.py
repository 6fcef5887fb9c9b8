"""The upstream `arith` op that xDSL doesn't have: `remf`, C's `fmod`."""

from __future__ import annotations

from xdsl.dialects import arith as upstream
from xdsl.ir import Dialect
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.traits import Pure


@irdl_op_definition
class RemfOp(upstream.FloatingPointLikeBinaryOperation):
    """The remainder of a division that truncates; it has the sign of the dividend."""

    name = "arith.remf"

    traits = traits_def(Pure())


Arith = Dialect("arith", [*upstream.Arith.operations, RemfOp], [*upstream.Arith.attributes])
