"""Python's cyclic garbage collector, paused where it would find nothing.

While a program is compiled, operations, values and blocks are made by the hundred thousand, all in cycles and
nearly all alive: each pass of the collector walks them and frees little. That is a seventh of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Without the collector, unless it was off before. It is a decorator, too.

    Of two threads that pause it, the first to leave may switch it on under the other; it never stays off.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
