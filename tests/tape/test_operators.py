"""The operators of rewritten code that a tape brings are all that there are."""

from __future__ import annotations

import pytest

from dialectad.frontend import staging
from dialectad.tape import operators
from dialectad.tape.guarded import operators as guarded


@pytest.mark.parametrize("module", [operators, guarded], ids=lambda m: m.__name__)
def test_operators_are_complete(module):
    helpers = {"converted", "is_users"}  # of the frontend, not called by rewritten code
    assert set(module.__all__) == set(staging.__all__) - helpers
    assert all(hasattr(module, name) for name in module.__all__)
