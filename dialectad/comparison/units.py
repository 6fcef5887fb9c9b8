"""Figures as people read them."""

from __future__ import annotations

NONE = "–"


def _scaled(value: float, units: list[tuple[float, str]]) -> str:
    factor, unit = next((u for u in units if abs(value) >= u[0]), units[-1])
    return f"{_three(value / factor)} {unit}"


def _three(value: float) -> str:
    """Three digits: 1.23, 12.3, 123."""
    if value == 0:
        return "0"
    for digits, below in ((2, 9.995), (1, 99.95)):
        if abs(value) < below:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def seconds(value: float | None) -> str:
    """
    >>> seconds(0.0000123), seconds(2.5), seconds(None)
    ('12.3 µs', '2.50 s', '–')
    """
    if value is None:
        return NONE
    return _scaled(value, [(0.9995, "s"), (0.9995e-3, "ms"), (0.9995e-6, "µs"), (1e-9, "ns")])


def size(value: float | None) -> str:
    """
    >>> size(512), size(2048), size(3 * 2**20)
    ('512 B', '2.00 KiB', '3.00 MiB')
    """
    if value is None:
        return NONE
    if value < 1024:
        return f"{value:.0f} B"
    return _scaled(value, [(2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")])


def count(value: int | None) -> str:
    """
    >>> count(999), count(1234567)
    ('999', '1 234 567')
    """
    return NONE if value is None else f"{value:,}".replace(",", " ")


def flops(value: float) -> str:
    """
    >>> flops(2.5e8)
    '250 Mflop'
    """
    if value < 1000:
        return f"{value:.0f} flop"
    return _scaled(value, [(1e12, "Tflop"), (1e9, "Gflop"), (1e6, "Mflop"), (1e3, "kflop")])


def ratio(value: float | None) -> str:
    """
    >>> ratio(2.345)
    '2.35×'
    """
    return NONE if value is None else f"{_three(value)}×"


def error(value: float | None) -> str:
    """
    >>> error(1.23e-12), error(0.0)
    ('1.2e-12', '0')
    """
    if value is None:
        return NONE
    return "0" if value == 0 else f"{value:.1e}"
