"""Motion that events interrupt."""

from __future__ import annotations

import math

import numpy as np

from tests.programs.registry import program


@program(np.array([1.0, 0.0]), 0.8, 0.9)
def pendulum_with_events(state, wall, restitution):
    """A pendulum bounces off a wall; when it does is found by bisection of the step."""
    angle, speed = state[0], state[1]
    bounces = 0
    path = np.zeros(40)

    def step(angle, speed, h):
        half = speed - 0.5 * h * 9.81 * math.sin(angle)
        moved = angle + h * half
        return moved, half - 0.5 * h * 9.81 * math.sin(moved)

    for i in range(40):
        moved, faster = step(angle, speed, 0.02)
        if moved < -wall and speed < 0:
            low, high = 0.0, 0.02
            while high - low > 1e-10:
                middle = 0.5 * (low + high)
                if step(angle, speed, middle)[0] < -wall:
                    high = middle
                else:
                    low = middle
            moved, faster = step(angle, speed, low)
            faster = -restitution * faster
            bounces += 1
        angle, speed = moved, faster
        path[i] = angle
    return path, speed, bounces


@program(3.0, 0.8)
def bouncing_ball(height, restitution):
    """From one bounce to the next, until it hardly leaves the ground."""
    time, bounces = 0.0, 0
    speed = math.sqrt(2 * 9.81 * height)
    time += speed / 9.81
    while speed > 0.5:
        speed *= restitution
        time += 2 * speed / 9.81
        bounces += 1
    return time, bounces
