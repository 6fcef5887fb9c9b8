"""The collector is back on afterwards, and only if it was on."""

from __future__ import annotations

import gc

import pytest

from dialectad.runtime import collector


def test_the_collector_is_off_within_and_on_afterwards():
    with collector.paused():
        assert not gc.isenabled()
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_after_an_error():
    @collector.paused()
    def fail():
        assert not gc.isenabled()
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fail()
        assert gc.isenabled()


def test_it_stays_off_if_it_was_off():
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
