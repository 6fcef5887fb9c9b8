"""A limit on the time that Python code may take.

It interrupts compiling and interpreted code between two bytecodes. Machine code that has started is left to
end: nothing can stop it without ending the process.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TimeUp(BaseException):
    """The time is up. No `Exception`, so that code which handles those doesn't take it for its own."""


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeUp))


def _let_arrive(thread: int) -> None:
    """Let a `TimeUp` that may be on its way to this thread arrive here and now.

    It can't be called back: CPython then goes on looking for it at every instruction, and where a profiler
    or tracer is on, CPython 3.11 never gets past the first instruction of a function.
    """
    try:
        _raise_in(thread)  # takes the place of another one
        while True:
            pass
    except TimeUp:
        pass


_AGAIN = 1.0
"""Seconds after which `TimeUp` is raised again: inside of a destructor or a callback it was lost."""


_AT_MOST = 5
"""How often it is raised: it must never be raised in what has nothing to do with it."""


def _started(seconds: float, fire: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` in the body once it has run for this long.

    Examples
    --------
    >>> with time_limit(10.0):
    ...     1 + 1
    2
    """
    thread = threading.get_ident()
    lock = threading.Lock()
    over = False
    fired = 0

    def fire() -> None:
        nonlocal fired, timer
        with lock:
            if not over and fired < _AT_MOST:
                fired += 1
                _raise_in(thread)
                timer = _started(_AGAIN, fire)

    timer = _started(seconds, fire)
    try:
        try:
            yield
        finally:
            over = True
    finally:
        over = True  # again, as `TimeUp` may have come just before
        with lock:  # so nothing is being raised now
            timer.cancel()
        if fired:
            _let_arrive(thread)  # not later
    if fired:
        raise TimeUp
