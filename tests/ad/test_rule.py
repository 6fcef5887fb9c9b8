"""The registry is complete, and open."""

import numpy as np
import pytest
from xdsl.dialects import math
from xdsl.dialects.builtin import AnyFloatConstr
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def
from xdsl.parser import Parser

from dialectad.ad import rules
from dialectad.ad.differentiate import DifferentiatePass
from dialectad.ad.rule import RULES, Partials, register
from dialectad.dialects import DIALECTS, context
from dialectad.errors import CompileError
from dialectad.verify.rungs import RUNGS
from tests import evaluate
from tests.ad.check import check, parse, request_vjp

LEGAL = RUNGS["linalg"].legal


def legal_ops():
    for dialect in DIALECTS:
        for op in dialect.operations:
            if op.name in LEGAL or dialect.name in LEGAL:
                yield op


@pytest.mark.parametrize("op", legal_ops(), ids=lambda op: op.name)
def test_every_legal_op_has_a_rule(op):
    assert (op in RULES) != (op.name in rules.EXEMPT)


def test_exemptions_are_legal():
    assert set(rules.EXEMPT) <= {op.name for op in legal_ops()}


@irdl_op_definition
class SoftplusOp(IRDLOperation):
    name = "test.softplus"
    operand = operand_def(AnyFloatConstr)
    result = result_def(AnyFloatConstr)


def test_a_rule_for_an_own_op(monkeypatch):
    register(SoftplusOp, Partials(lambda at: 1.0 / ((-at.x).apply(math.ExpOp) + 1.0)))
    monkeypatch.setitem(evaluate._RULES, SoftplusOp, lambda _, __, o: [np.log1p(np.exp(o[0]))])
    ctx = context()
    ctx.load_op(SoftplusOp)
    text = """
    func.func @f(%x: f64) -> f64 {
      %r = "test.softplus"(%x) : (f64) -> f64
      return %r : f64
    }"""
    try:
        check(Parser(ctx, text).parse_module(), 0.7, order=2)
    finally:
        del RULES[SoftplusOp]


def test_no_rule():
    # The bits of a float in an integer could come back as a float: its gradient would silently be lost.
    module = parse("""
    func.func @f(%x: f64) -> f64 {
      %r = arith.bitcast %x : f64 to i64
      %s = arith.bitcast %r : i64 to f64
      return %s : f64
    }""")
    request_vjp(module, "f", "pullback")
    with pytest.raises(CompileError, match=r"arith\.bitcast"):
        DifferentiatePass().apply(context(), module)
