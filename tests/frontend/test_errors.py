"""Bad input: each mistake is a located error before anything runs, or the exception that NumPy raises."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import dialectad as da
from dialectad.errors import CompileError, IndexRangeError, ShapeError, UnsupportedTypeError

X = np.arange(1.0, 5.0)


def refused(function, *args, kind=CompileError, match=None, at=None, transform=da.jit):
    """The error of compiling `function`; it must be at the line that ends in the comment `# here`."""
    with pytest.raises(kind, match=match) as caught:
        transform(function)(*args)
    error = caught.value
    if at is None:
        lines, first = inspect.getsourcelines(function)
        marked = [first + i for i, line in enumerate(lines) if line.rstrip().endswith("# here")]
        assert marked, "mark the line with '# here'"
        assert error.location is not None, error
        assert error.location.line == marked[0], str(error)
        assert error.location.file == __file__
        assert error.location.column > 0
        assert "# here" in str(error)
        assert "^" in str(error)
    return error


def test_unsupported_numpy_function():
    def f(x):
        return np.real_if_close(x)  # here

    assert "real_if_close" in str(refused(f, X))


@pytest.mark.parametrize("transform", [da.jit, lambda f: da.grad(f, level="tape")])
def test_missing_attribute(transform):
    def f(x):
        return np.sum(x) if x.flags.c_contiguous else x[0]  # here

    error = refused(f, X, kind=AttributeError, match="no attribute 'flags'", transform=transform)
    assert isinstance(error, CompileError)

    def g(x):
        assert not hasattr(x, "foo")
        assert not hasattr(x, "__array_interface__")
        return np.sum(x * getattr(x, "weight", 2.0))

    assert da.grad(g, level="tape")(X).tolist() == da.grad(g)(X).tolist() == [2.0] * 4


def test_copies():
    def f(x, z):
        y, w, v = copy.copy(x), copy.deepcopy([x, x[0]]), copy.copy(z)
        y[0], w[0][1], v[2] = 5.0, 7.0, 3j
        return y, w, v, divmod(7.5, x), divmod(7.5, x[1])

    np.testing.assert_equal(da.jit(f)(X, X + 1j), f(X, X + 1j))


def test_unsupported_python():
    def f(x):
        yield x

    with pytest.raises(CompileError, match="generator"):
        da.jit(f)(X)


def test_traced_value_where_a_python_number_is_needed():
    def f(x):
        return np.zeros((3,)) + [1.0, 2.0, 3.0][x[0]]  # here

    refused(f, X, match="known only when it runs")


def test_traced_value_as_shape():
    @da.jit
    def f(x, n):
        return np.sum(x.reshape((n, 2))[0])

    assert f(X, 2) == 3.0
    with pytest.raises(ValueError, match="cannot reshape"):
        f(X, 3)

    np.testing.assert_array_equal(da.jit(lambda x, n: x.reshape((n, 2)))(X, 2), X.reshape((2, 2)))


def test_loop_carried_types_that_do_not_fit():
    def f(x):
        y = x
        for _ in range(3):  # here
            y = np.outer(y, y)
        return y

    error = refused(f, X, at="anywhere", match="'y'")
    assert isinstance(error, CompileError)
    assert error.location is not None


def test_branches_of_different_rank():
    def f(x):
        y = x
        if x[0] > 0:  # here
            y = x[:, None]
        return y

    refused(f, X, match="'y'")


def test_branches_of_different_structure():
    def f(x):
        if x[0] > 0:  # here
            return x, x
        return x

    refused(f, X)


def test_shapes_that_do_not_broadcast():
    def f(x):
        return x + np.ones(3)  # here

    refused(f, X, kind=ShapeError, match=r"\(4,\) \(3,\)")


def test_shapes_that_do_not_multiply():
    def f(x):
        return np.eye(3) @ x  # here

    refused(f, X, kind=ShapeError)


@pytest.mark.parametrize("dtype", [np.clongdouble, object, np.float16, "datetime64[s]", "S3"])
def test_unsupported_dtypes(dtype):
    array = np.zeros(3).astype(dtype) if dtype != "S3" else np.array([b"abc"])
    with pytest.raises(UnsupportedTypeError, match="dtype"):
        da.jit(lambda x: x)(array)


def test_loss_that_is_no_scalar():
    with pytest.raises(ShapeError, match=r"shape \(4,\)"):
        da.grad(lambda x: x * 2.0)(X)


def test_loss_that_is_no_float():
    with pytest.raises(UnsupportedTypeError, match="int64"):
        da.grad(lambda x: np.sum(x > 0))(X)


def test_loss_that_is_several():
    with pytest.raises(UnsupportedTypeError, match="has_aux"):
        da.grad(lambda x: (x[0], x[1]))(X)


def test_integer_argument_to_differentiate():
    with pytest.raises(UnsupportedTypeError, match="int64"):
        da.grad(lambda x: np.sum(x * 1.0))(np.arange(3))


def test_argnums_out_of_range():
    with pytest.raises(CompileError, match="argnums 2"):
        da.grad(lambda x: np.sum(x), argnums=2)(X)


def test_index_known_to_be_out_of_range():
    def f(x):
        return x[4]  # here

    refused(f, X, kind=IndexRangeError, match="index 4 is out of bounds for axis 0 with size 4")


def test_too_many_indices():
    def f(x):
        return x[0, 0]  # here

    refused(f, X, kind=IndexRangeError, match="too many indices")


def test_index_out_of_range_at_run_time():
    @da.jit
    def f(x, i):
        return x[i]

    assert f(X, -1) == 4.0
    with pytest.raises(IndexError, match="axis 0 with size 4") as caught:
        f(X, 4)
    assert "test_errors.py" in str(caught.value)
    with pytest.raises(IndexError):
        f(X, -5)


def test_index_out_of_range_in_a_loop_and_its_gradient():
    def f(x, n):
        total = 0.0
        for i in range(n):
            total = total + x[i] * x[i]
        return total

    assert da.grad(f)(X, 2).tolist() == [2.0, 4.0, 0.0, 0.0]
    with pytest.raises(IndexError):
        da.jit(f)(X, 5)
    with pytest.raises(IndexError):
        da.grad(f)(X, 5)


def test_use_of_what_only_a_branch_assigns():
    def f(x):
        if x[0] > 10.0:
            y = x
        return y  # here

    refused(f, X, match="'y'")


def test_use_of_what_only_a_loop_that_did_not_run_assigns():
    @da.jit
    def f(x, n):
        for i in range(n):
            y = x[i]
        return y

    assert f(X, 2) == 2.0
    with pytest.raises(UnboundLocalError):
        f(X, 0)


def test_array_of_the_surrounding_program_is_not_written():
    table = np.zeros(3)

    def f(x):
        table[0] = x[0]  # here
        return x

    refused(f, X, match="surrounding program")


def test_ambiguous_truth():
    def f(x):
        if x > 0:  # here
            return x
        return -x

    refused(f, X, kind=ShapeError, match="ambiguous")


def test_value_that_leaves_its_loop_through_a_list():
    def f(x):
        kept = [0.0]
        for i in range(20_000):  # here
            kept.append(x[i % 4])
        return kept[-1]

    refused(f, X, match="container")


def test_assertion():
    @da.jit
    def f(x):
        assert x[0] > 0, "x must be positive"
        return x * 2.0

    assert f(X)[0] == 2.0
    with pytest.raises(AssertionError, match="x must be positive"):
        f(-X)


def test_unknown_level():
    with pytest.raises(CompileError, match="no level 'tape9'"):
        da.grad(lambda x: x, level="tape9")


def test_read_only_argument_that_is_written():
    @da.jit
    def f(x):
        x[0] = 1.0

    y = X.copy()
    y.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(y)
    assert y[0] == X[0]


def test_arguments_that_overlap():
    @da.jit
    def f(x, y):
        x += y

    z = X.copy()
    with pytest.raises(ValueError, match="shares memory"):
        f(z, z)


def test_a_failed_compile_leaves_nothing_behind():
    def f(x):
        if x.shape[0] == 4:
            return np.real_if_close(x)
        return x * 2.0

    g = da.jit(f)
    with pytest.raises(CompileError):
        g(X)
    np.testing.assert_array_equal(g(np.ones(3)), 2 * np.ones(3))
    with pytest.raises(CompileError):
        g(X)
