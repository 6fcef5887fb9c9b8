"""Simulations: bodies, a fractal, and differential equations."""

from __future__ import annotations

import math

import numpy as np

from tests.programs.registry import normal, program, uniform


def acceleration(position, mass, softening):
    separation = position[np.newaxis, :, :] - position[:, np.newaxis, :]
    inverse_cube = (np.sum(separation**2, axis=2) + softening**2) ** -1.5
    return np.sum(separation * (inverse_cube * mass)[:, :, np.newaxis], axis=1)


def energy(position, velocity, mass):
    kinetic = 0.5 * np.sum(mass * np.sum(velocity**2, axis=1))
    potential = 0.0
    for i in range(len(mass)):
        for j in range(i + 1, len(mass)):
            potential -= mass[i] * mass[j] / np.linalg.norm(position[i] - position[j])
    return kinetic + potential


@program(normal(4, 3), normal(4, 3, seed=1), uniform(4, low=0.5))
def n_body(position, velocity, mass):
    """Leapfrog steps in the frame of the centre of mass; the energies."""
    velocity -= np.mean(mass[:, np.newaxis] * velocity, axis=0) / np.mean(mass)
    a = acceleration(position, mass, 0.1)
    energies = np.empty(4)
    energies[0] = energy(position, velocity, mass)
    for i in range(3):
        velocity += a * 0.005
        position += velocity * 0.01
        a = acceleration(position, mass, 0.1)
        velocity += a * 0.005
        energies[i + 1] = energy(position, velocity, mass)
    return energies


WIDTH, HEIGHT = 9, 8


@program(-2.0, 0.6, -1.2, 1.2, 12, by=None)
def mandelbrot(left, right, bottom, top, most):
    x = np.linspace(left, right, WIDTH)
    y = np.linspace(bottom, top, HEIGHT)
    count = np.zeros((HEIGHT, WIDTH), dtype=np.int64)
    for i in range(len(y)):
        for j in range(len(x)):
            re, im, n = 0.0, 0.0, 0
            while re * re + im * im <= 4.0 and n < most:
                re, im = re * re - im * im + x[j], 2.0 * re * im + y[i]
                n += 1
            count[i, j] = n
    return count


@program(np.array([2.0, 0.3]), 1.5)
def runge_kutta_45(y, mu):
    """Van der Pol's oscillator by the pair of Dormand and Prince, with steps as large as the error allows."""

    def f(y):
        return np.array([y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]])

    t, h, steps = 0.0, 0.1, 0
    while t < 1.0:
        h = min(h, 1.0 - t)
        k1 = f(y)
        k2 = f(y + h * (k1 / 5))
        k3 = f(y + h * (3 / 40 * k1 + 9 / 40 * k2))
        k4 = f(y + h * (44 / 45 * k1 - 56 / 15 * k2 + 32 / 9 * k3))
        k5 = f(y + h * (19372 / 6561 * k1 - 25360 / 2187 * k2 + 64448 / 6561 * k3 - 212 / 729 * k4))
        k6 = f(
            y + h * (9017 / 3168 * k1 - 355 / 33 * k2 + 46732 / 5247 * k3 + 49 / 176 * k4 - 5103 / 18656 * k5)
        )
        new = y + h * (35 / 384 * k1 + 500 / 1113 * k3 + 125 / 192 * k4 - 2187 / 6784 * k5 + 11 / 84 * k6)
        k7 = f(new)
        error = h * (
            71 / 57600 * k1
            - 71 / 16695 * k3
            + 71 / 1920 * k4
            - 17253 / 339200 * k5
            + 22 / 525 * k6
            - 1 / 40 * k7
        )
        size = np.max(np.abs(error)) / 1e-5
        if size <= 1.0:
            t = t + h
            y = new
            steps += 1
        h = h * min(5.0, max(0.2, 0.9 * (size + 1e-10) ** -0.2))
    return y, steps


@program(100.0, 105.0, uniform(6, low=0.1, high=0.5), 0.02, 1.5, by=2)
def black_scholes(spot, strike, volatility, rate, years):
    def cumulative(x):
        return 0.5 * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))

    root = volatility * math.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / root
    d2 = d1 - root
    discount = math.exp(-rate * years)
    call = spot * cumulative(d1) - strike * discount * cumulative(d2)
    put = call - spot + strike * discount
    return call, put
