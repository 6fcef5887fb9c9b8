"""Functions with a derivative of their own, at every level: what their rules give, and nothing else."""

import numpy as np
import pytest

import dialectad as da

LEVELS = ["tape", "graph", "linalg", "loop", "llvm", "mixed", "auto"]
UNOPTIMIZED = [da.Level("linalg", optimize_first=False), da.Level("llvm", optimize_first=False)]
NESTING = ["tape", "graph", "linalg", "loop", "llvm"]

X = np.linspace(-0.5, 1.0, 4)
Y = np.linspace(1.0, 2.0, 4)


@da.custom_vjp
def scaled(x, y):
    return np.sin(x) * y


def _scaled_fwd(x, y):
    return scaled(x, y), (np.cos(x), np.sin(x), y)


def _scaled_bwd(residuals, d):
    cos, sin, y = residuals
    d *= 2.0  # its own
    return 5.0 * cos * d * y, 0.5 * sin * d


scaled.defvjp(_scaled_fwd, _scaled_bwd)


@da.custom_jvp
def gain(x):
    return np.tanh(x)


@gain.defjvp
def _gain_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    y = gain(x)
    return y, 3.0 * (1.0 - y * y) * t


def _scaled_reference(x, y, d):
    return 10.0 * np.cos(x) * d * y, np.sin(x) * d


@pytest.mark.parametrize("level", LEVELS + UNOPTIMIZED, ids=str)
def test_reverse_mode_takes_the_rule(level):
    got = da.grad(lambda x, y: np.sum(scaled(x, y) ** 2), (0, 1), level=level)(X, Y)
    expected = _scaled_reference(X, Y, 2.0 * np.sin(X) * Y)
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-13)
    np.testing.assert_allclose(
        da.grad(lambda x: np.sum(gain(x * x)), level=level)(X),
        6.0 * X * (1.0 - np.tanh(X * X) ** 2),
        rtol=1e-13,
    )


def chain(x, y):
    z = x * 1.0
    for i in range(3):
        if z[0] < 10.0:
            z = scaled(z, y) + gain(z) * x[i]
    return np.sum(z)


def chain_gradient(x, y):
    """By hand: the same rules, applied backwards."""
    zs = [x * 1.0]
    for i in range(3):
        zs.append(np.sin(zs[-1]) * y + np.tanh(zs[-1]) * x[i])
    d, dx, dy = np.ones(len(x)), np.zeros(len(x)), np.zeros(len(x))
    for i in reversed(range(3)):
        z, own = zs[i], np.tanh(zs[i])
        dx[i] += np.sum(own * d)
        dz, part = _scaled_reference(z, y, d)
        dy += part
        d = dz + 3.0 * (1.0 - own * own) * x[i] * d
    return dx + d, dy


@pytest.mark.parametrize("level", LEVELS + UNOPTIMIZED[1:], ids=str)
def test_in_loops_and_branches(level):
    value, got = da.value_and_grad(chain, (0, 1), level=level)(X, Y)
    assert value == pytest.approx(chain(X, Y))
    for g, e in zip(got, chain_gradient(X, Y), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-12)


@da.custom_vjp
def product(x, y):
    return np.sin(x) * y


product.defvjp(
    lambda x, y: (product(x, y), (x, y)), lambda xy, d: (np.cos(xy[0]) * d * xy[1], np.sin(xy[0]) * d)
)


@da.custom_jvp
def soft(x):
    return np.tanh(x)


@soft.defjvp
def _soft_jvp(primals, tangents):
    y = soft(primals[0])
    return y, (1.0 - y * y) * tangents[0]


def _nested(f, g):
    def chain(x):
        z = x * 1.0
        for i in range(2):
            if z[0] < 10.0:
                z = f(z, x) + g(z) * x[i]
        return np.sum(z)

    return chain


@pytest.mark.parametrize("level", NESTING)
def test_nested(level):
    """Rules that are right give second derivatives that are, and rules are taken again where they call on."""
    chain, plain = _nested(product, soft), _nested(lambda x, y: np.sin(x) * y, np.tanh)
    got = da.grad(lambda x: np.sum(da.grad(chain, level=level)(x) ** 2), level=level)(X)
    expected = da.grad(lambda x: np.sum(da.grad(plain, level="linalg")(x) ** 2), level="linalg")(X)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    y = np.tanh(X)
    expected = -6.0 * y * 3.0 * (1.0 - y * y)
    twice = da.grad(lambda x: np.sum(da.grad(lambda x: np.sum(gain(x)), level=level)(x)), level=level)(X)
    np.testing.assert_allclose(twice, expected, rtol=1e-12)
    if level not in ("tape", "linalg", "llvm"):
        return
    hessian = da.hessian(lambda x: np.sum(gain(x)), level=level)(X)
    np.testing.assert_allclose(hessian, np.diag(expected), rtol=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_forward_mode(level):
    out, tangent = da.jvp(lambda x: gain(x) * x, (X,), (Y,), level=level)
    np.testing.assert_allclose(out, np.tanh(X) * X)
    np.testing.assert_allclose(tangent, (3.0 * (1.0 - np.tanh(X) ** 2) * X + np.tanh(X)) * Y, rtol=1e-13)
    with pytest.raises(da.CompileError, match="forward mode") as problem:
        da.jvp(lambda x: np.sum(scaled(x, Y)), (X,), (Y,), level=level)
    assert "da.custom_jvp" in (problem.value.hint or "")


@da.custom_vjp
def mixed_up(state, n, name):
    return {"a": state["w"] * n, "b": n, "c": float(len(name))}, 2.0


mixed_up.defvjp(
    lambda state, n, name: (mixed_up(state, n, name), (n, name)),
    lambda residuals, d: ({"w": d[0]["a"] * residuals[0] * len(residuals[1]), "u": None}, None, None),
)


@pytest.mark.parametrize("level", NESTING)
def test_pytrees_and_what_is_no_float(level):
    """Integers and strings go through; for an entry `None` the cotangent is zero."""

    def loss(w, u, n):
        out, two = mixed_up({"w": w, "u": u}, n, "four")
        return np.sum(out["a"]) * two + out["b"] + out["c"]

    got = da.grad(loss, (0, 1), level=level)(X, 3.0, 2)
    np.testing.assert_allclose(got[0], np.full(4, 2.0 * 2 * 4))
    assert got[1] == 0.0


@pytest.mark.parametrize("level", NESTING)
def test_identity(level):
    """The result is no alias of the argument: the rule counts."""

    @da.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, d: (np.clip(d, -1.0, 1.0),))
    for x in (X, np.zeros(0), np.asfortranarray(np.ones((2, 3)) * 4.0), X.astype(np.float32)):
        got = da.grad(lambda x: np.sum(clipped(x) ** 2), level=level)(x)
        np.testing.assert_allclose(got, np.clip(2.0 * x, -1.0, 1.0))
        assert got.dtype == x.dtype


@pytest.mark.parametrize("level", NESTING)
def test_nondiff_argnums(level):
    @da.custom_jvp
    def unused(x):
        return x

    applied = da.custom_vjp(lambda f, x: f(x), nondiff_argnums=0)
    applied.defvjp(lambda f, x: (f(x), f(f(x))), lambda f, r, d: (f(r) * d,))
    assert da.grad(lambda x: applied(np.sin, x), level=level)(0.5) == pytest.approx(
        np.sin(np.sin(np.sin(0.5)))
    )
    pushed = da.custom_jvp(lambda n, x: x**n, nondiff_argnums=(0,))
    pushed.defjvp(lambda n, p, t: (p[0] ** n, n * 10.0 * t[0]))
    assert da.grad(lambda x: pushed(3, x), level=level)(0.5) == 30.0
    assert da.jvp(lambda x: pushed(3, x), (0.5,), (2.0,), level=level) == (0.125, 60.0)


def test_a_tape_doesn_t_see_through():
    def loss(x):
        total = np.sum(x)

        @da.custom_vjp
        def f(x):
            return x * total

        f.defvjp(lambda x: (f(x), None), lambda _, d: (d,))
        return np.sum(f(x))

    with pytest.raises(da.CompileError, match="'total' of the surrounding function"):
        da.grad(loss, level="tape")(X)


@pytest.mark.parametrize("level", ["linalg", "loop", "llvm"])
def test_uses_a_value_of_the_surrounding_function(level):
    def loss(x, y):
        @da.custom_vjp
        def f(x):
            return x * y

        f.defvjp(lambda x: (f(x), None), lambda _, d: (d * y * 7.0,))
        for _ in range(2):
            x = f(x)
        return np.sum(x)

    np.testing.assert_allclose(da.grad(loss, level=level)(X, Y), 49.0 * Y * Y)
    with pytest.raises(da.CompileError, match="surrounding function"):
        da.grad(loss, 1, level=level)(X, Y)


def test_called_as_it_is():
    """Without a derivative the rule isn't looked at; NumPy and compiled code give the same."""

    @da.custom_vjp
    def f(x):
        return x + 1.0

    assert f(1.0) == 2.0
    assert da.jit(f)(1.0) == 2.0
    with pytest.raises(da.CompileError, match="has no rule"):
        da.grad(f)(1.0)


_BAD = {
    "a tuple, with one entry": (lambda x: (x, None), lambda _, d: d),
    "must give a pair": (lambda x: x, lambda _, d: (d,)),
    "another structure": (lambda x: ((x, x), None), lambda _, d: (d,)),
    "doesn't give float64": (lambda x: (np.float32(1.0), None), lambda _, d: (d,)),
    "is expected": (lambda x: (x, None), lambda _, d: (np.ones(3),)),
}


@pytest.mark.parametrize("message", _BAD)
def test_rules_are_checked(message):
    @da.custom_vjp
    def f(x):
        return x

    f.defvjp(*_BAD[message])
    with pytest.raises(da.CompileError, match=message):
        da.grad(lambda x: f(x) * 1.0)(2.0)


def test_writing_into_an_argument_is_refused():
    @da.custom_vjp
    def f(x):
        x[0] = 0.0
        return x

    f.defvjp(lambda x: (f(x), None), lambda _, d: (d,))
    with pytest.raises(da.CompileError, match="writes into its argument"):
        da.grad(lambda x: np.sum(f(x * 1.0)))(X)


@pytest.mark.parametrize("level", ["tape", "linalg", "loop", "llvm"])
def test_rules_of_complex_numbers_take_and_give_what_users_do(level):
    @da.custom_vjp
    def by_cotangents(z):
        return z * z

    by_cotangents.defvjp(lambda z: (by_cotangents(z), z), lambda z, d: (2.0 * z * d,))

    @da.custom_jvp
    def by_tangents(z):
        return z * z

    by_tangents.defjvp(lambda primals, tangents: (by_tangents(*primals), 2.0 * primals[0] * tangents[0]))
    z = np.array([1.0 + 2.0j, -3.0 + 0.5j])
    weights = np.array([2.0 - 1.0j, 0.5 + 0.25j])

    def loss(square):
        return lambda z: np.sum(np.real(weights * square(z)))

    expected = da.grad(loss(lambda z: z * z), level="linalg")(z)
    np.testing.assert_allclose(expected, 2.0 * z * weights)
    for square in (by_cotangents, by_tangents):
        np.testing.assert_allclose(da.grad(loss(square), level=level)(z), expected)
