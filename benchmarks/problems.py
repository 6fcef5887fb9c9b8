"""Which problems there are; each is a module of this package."""

from __future__ import annotations

GRADIENTS = (
    *("mlp_gradient", "lstm", "gru", "attention", "convolution_net", "ode_gradient", "neural_ode"),
    *("logistic_regression", "log_sum_exp", "gaussian_mixture", "k_means", "polynomial", "gaussian_process"),
    *("bundle_adjustment", "hand_tracking", "lorenz", "kepler", "nbody", "logistic_map"),
    *("loop_access", "heat", "seidel", "normalize", "floyd_warshall"),
    *("cholesky", "lu", "gram_schmidt", "matmul_loops", "conjugate_gradients", "fft", "determinant"),
    *("small_calls", "scalars"),
)
"""Those that ask for a derivative, and are the same for all: over these are the means."""
PROBLEMS = ("empty_call", *GRADIENTS, "tape_overhead", "programs", "first_call", "growth")
