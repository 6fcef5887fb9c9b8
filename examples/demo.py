"""The main job: train two networks, written in plain NumPy, with compiled gradients.

Run it with `make demo`.
"""

from __future__ import annotations

import time
from pathlib import Path

import digits
import numpy as np
import text
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

EPOCHS, LETTER_STEPS = 40, 1500
IR = Path("results/ir")

console = Console()


def bar():
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TextColumn("{task.fields[state]}"))
    return Progress(*columns, TimeElapsedColumn(), console=console)


def milliseconds(function, repeat=30):
    """The median time of a call."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def compare_with_differences(function, gradient, params, direction, step=1e-6):
    """One line: the derivative along a direction by the gradient and by central differences."""
    moved = [
        function([(W + s * step * d, b) for (W, b), d in zip(params, direction, strict=True)])
        for s in (1, -1)
    ]
    by_differences = (moved[0] - moved[1]) / (2 * step)
    by_gradient = sum(float(np.sum(g * d)) for (g, _), d in zip(gradient, direction, strict=True))
    error = abs(by_gradient - by_differences) / max(abs(by_differences), 1e-12)
    console.print(
        f"gradient along a random direction: {by_gradient:+.10f}, central differences:"
        f" {by_differences:+.10f} (relative difference {error:.1e})"
    )


def write_ir(name, function, *args):
    """The IR of every rung as files."""
    lowered = function.lower(*args)
    IR.mkdir(parents=True, exist_ok=True)
    stages = ("traced", "linalg", "loop", "llvm", "llvm-ir", "asm")
    endings = {"llvm-ir": "ll", "asm": "s"}
    for stage in stages:
        (IR / f"{name}.{stage}.{endings.get(stage, 'mlir')}").write_text(lowered.text(stage) + "\n")
    console.print(f"the IR of every rung: {IR}/{name}.*, for {', '.join(stages)}")
    console.print(f"the pipeline, for dialectad-opt -p: {lowered.pipeline}", soft_wrap=True)


def train_digits():
    console.rule("handwritten digits: a 64-128-64-10 network")
    (x, y), held_out = digits.data()
    rng = np.random.default_rng(3)
    params = digits.initial(rng)
    batch = x[: digits.BATCH], y[: digits.BATCH]
    _, gradient = digits.loss_and_gradient(params, *batch)
    compare_with_differences(
        lambda p: digits.loss(p, *batch), gradient, params, [rng.standard_normal(W.shape) for W, _ in params]
    )
    with bar() as progress:
        task = progress.add_task("digits", total=EPOCHS, state="")

        def report(_, value, score):
            progress.update(task, advance=1, state=f"loss {value:.4f}  held-out accuracy {score:.1%}")

        params = digits.train(EPOCHS, report)
    score = digits.accuracy(params, *held_out)
    console.print(f"held-out accuracy: {score:.1%}")
    momenta = [(np.zeros_like(W), np.zeros_like(b)) for W, b in params]
    whole = milliseconds(lambda: digits.step(params, momenta, *batch, 0.0))
    forward = milliseconds(lambda: digits.loss(params, *batch))
    console.print(
        f"time per step (loss, gradient and update): {whole:.3f} ms;"
        f" NumPy's forward pass alone: {forward:.3f} ms"
    )
    write_ir("digits_step", digits.step, params, momenta, *batch, 0.05)
    return score


def train_text():
    console.rule("a text, letter by letter: a recurrent network of 64 units over 64 steps")
    codes, alphabet = text.encode(text.text())
    with bar() as progress:
        task = progress.add_task("text", total=LETTER_STEPS, state="")
        smooth = np.log(len(alphabet))

        def report(_, value):
            nonlocal smooth
            smooth += 0.02 * (value - smooth)
            progress.update(task, advance=1, state=f"loss {smooth:.3f} nats per letter")

        params = text.train(LETTER_STEPS, report)
    window = codes[: text.LENGTH + 1]
    whole = milliseconds(lambda: text.loss_and_gradient(params, window))
    forward = milliseconds(lambda: text.loss(params, window))
    console.print(
        f"loss: {smooth:.3f} nats per letter (a uniform guess: {np.log(len(alphabet)):.3f});"
        f" loss and gradient: {whole:.3f} ms, NumPy's forward pass alone: {forward:.3f} ms"
    )
    write_ir("text_gradient", text.loss_and_gradient, params, window)


def main():
    score = train_digits()
    train_text()
    if score < 0.95:
        raise SystemExit(f"the accuracy on held-out digits is {score:.1%}: 95 % was expected")


if __name__ == "__main__":
    main()
