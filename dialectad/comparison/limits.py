"""A limit on the time that Python code may take.

It interrupts compiling and interpreted code between two bytecodes. Machine code that has started is left to
end: nothing can stop it without ending the process.

The code runs in a thread of its own, as an exception raised from outside can strike anywhere, also late:
there it finds nothing else to strike.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TimeUp(Exception):
    """The time is up."""


class _Stop(SystemExit):
    """Ends the thread quietly. No `Exception`, so that no code that handles those takes it for its own."""


_AGAIN = 1.0
"""Seconds after which `_Stop` is raised again: inside of a destructor or a callback it was lost."""


def within(seconds: float, function: Callable[[], T]) -> T:
    """What `function` returns, or raises.

    Parameters
    ----------
    seconds
        How long it may take.
    function
        Called once, in another thread, with the context variables of this one.

    Raises
    ------
    TimeUp
        Where it takes longer. It has ended when this is raised.

    Examples
    --------
    >>> within(10.0, lambda: 1 + 1)
    2
    """
    running = _Running(function)
    in_time = False
    try:
        in_time = running.ends_within(seconds)
    finally:  # also when this thread is interrupted
        running.stop()
    if not in_time:
        raise TimeUp
    return running.result()


class _Running(Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._returned: list[T] = []
        self._raised: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._returned.append(self._function())
        except BaseException as exception:
            self._raised = exception

    def ends_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        identifier = self._thread.ident
        assert identifier is not None
        while self._thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(identifier), ctypes.py_object(_Stop))
            self._thread.join(_AGAIN)

    def result(self) -> T:
        if self._raised is not None:
            raise self._raised
        return self._returned[0]
