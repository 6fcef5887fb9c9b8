"""What of NumPy can't be compiled: why, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why some of NumPy's functions can't be called with values that are known only at run time."""

    why: str
    instead: str
    names: tuple[str, ...]


def _reason(why: str, instead: str, names: str) -> Reason:
    return Reason(why, instead, tuple(names.split()))


REASONS = (
    _reason(
        "files and text are read and written by Python",
        "read before, and pass the arrays; return what is to be written",
        "fromfile fromregex fromstring genfromtxt load loadtxt save savetxt savez savez_compressed",
    ),
    _reason(
        "text is made by Python",
        "da.print, or format what the compiled function returns",
        "array2string array_repr array_str base_repr binary_repr format_float_positional"
        " format_float_scientific printoptions",
    ),
    _reason(
        "dates have no dtype in compiled code",
        "pass numbers: dates.astype('datetime64[D]').astype(int)",
        "busday_count busday_offset datetime_as_string datetime_data is_busday",
    ),
    _reason(
        "Python objects have no dtype in compiled code",
        "numpy.vectorize, which is compiled, or numpy.array of a list",
        "frompyfunc fromiter nested_iters",
    ),
    _reason(
        "compiled code has values, not memory that can be looked at",
        "look at the arrays outside; there every array is in C order",
        "frombuffer from_dlpack isfortran",
    ),
    _reason(
        "`numpy.matrix` has operators of its own",
        "arrays of two axes, numpy.block",
        "asmatrix bmat",
    ),
    _reason(
        "how many roots there are depends on which of the first coefficients are zero",
        "numpy.linalg.eigvals of the companion matrix",
        "roots",
    ),
    _reason(
        "complex numbers have no order in compiled code",
        "sort the real parts, or the absolute values",
        "sort_complex",
    ),
    _reason(
        "the dtype of the result depends on the values",
        "x.real where the imaginary part is to be dropped",
        "real_if_close",
    ),
    _reason(
        "the length of the remainder depends on the values",
        "synthetic division as a loop, or numpy.linalg.lstsq",
        "polydiv",
    ),
    _reason(
        "how NumPy is set up is a matter of the whole process",
        "set it up outside; compiled code gives infinities and NaN without warnings",
        "get_include get_printoptions getbufsize geterr geterrcall info set_printoptions setbufsize seterr"
        " seterrcall show_config show_runtime test linalg.test",
    ),
)
"""The functions that take or give what compiled code doesn't have."""

AS_THEY_ARE = tuple(
    "diag_indices isdtype issubdtype mask_indices mintypecode promote_types tril_indices triu_indices"
    " typename".split()
)
"""Functions of what is known while a function is compiled: NumPy's own are called then."""

WHY = {name: reason for reason in REASONS for name in reason.names}


def hint(name: str) -> str | None:
    """What to say where a function is called that is in the table."""
    reason = WHY.get(name)
    return None if reason is None else f"{reason.why}; instead: {reason.instead}"
