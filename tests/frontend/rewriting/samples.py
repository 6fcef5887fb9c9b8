"""Functions that must stand outside of a test module, because pytest changes those."""


def asserting(x):
    assert x > 0
    assert x > 1, "not " + str(x)
    assert x > 2, 1 / 0
    return x
