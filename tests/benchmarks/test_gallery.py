"""The gallery: measured, drawn and written, on a program small enough for a test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dialectad as da
from benchmarks.case import Call, Case
from benchmarks.gallery import measuring, page, stories
from benchmarks.gallery.stories import Story
from benchmarks.race import Options

DOCS = Path(__file__).parents[2] / "docs"
QUICK = Options(rounds=2, seconds=1e-4, limit=30.0)
POINTS = np.linspace(0.1, 1.0, 5)


def loss(x):
    total = 1.0
    while total < 10.0:
        total = total + np.sum(np.exp(x))
    return total


def _c() -> Call:
    count = int(np.ceil(9 / np.exp(POINTS).sum()))
    return lambda: (float(loss(POINTS)), count * np.exp(POINTS))


def _jax() -> Call:
    raise ValueError("no `while` in reverse")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    case = Case("test", "5 points", {"c": _c, "jax": _jax}, primals={"c": lambda: lambda: loss(POINTS)})
    story = Story(
        "test", "5 points", (loss,), 0, lambda: (POINTS,), case, (da.Level("loop", blas_rules=False),)
    )
    levels = measuring.of_levels(story, QUICK)
    made = {"levels": levels, "race": measuring.of_race(story, levels, QUICK)}
    return json.loads(json.dumps(made))


def test_measured(found: dict[str, Any]):
    assert found["levels"]["graph"]["status"] == "refused"
    assert found["levels"]["linalg"]["status"] == "agrees"
    assert "loop(blas_rules=False)" in found["levels"]
    assert {"c", "dialectad:linalg"} <= set(found["race"]["seconds"])
    assert not measuring.is_wrong(found)
    wrong = found | {"levels": {**found["levels"], "loop": {"status": "disagrees"}}}
    assert measuring.is_wrong(wrong)


def test_written(found: dict[str, Any]):
    case = Case("test", "5 points", {})
    story = Story("test", "5 points", (loss,), 0, lambda: (POINTS,), case)
    text = page._part(story, found)
    assert "    while total < 10.0:" in text
    assert re.search(r"^\| `linalg` \| .*±.*\| .*×", text, re.MULTILINE)
    assert re.search(r"^- `graph`: a static graph has no loop", text, re.MULTILINE)
    assert "- JAX: no `while` in reverse" in text
    assert "Fastest is `" in text
    assert str(Path.cwd()) not in text


def test_renew():
    text = "a\n<!-- x: written by docs/gallery.py -->\nold\n<!-- end of x -->\nb\n"
    assert page.renew(text, {"x": "new"}) == text.replace("old", "new")
    with pytest.raises(ValueError, match="markers of its part 'y'"):
        page.renew(text, {"y": "new"})


def test_exponent():
    assert page._exponent(["10", "100"], [1.0, 100.0]) == pytest.approx(2.0)
    assert page._exponent(["10", "100"], [1.0, None]) is None


def test_every_story_has_its_part_and_figure():
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for name in [*(story.name for story in stories.stories()), "normalize"]:
        assert f"\n## {name}\n" in text
        assert f"<!-- {name}: written by docs/gallery.py -->\n```python" in text, f"{name} was never measured"
        assert (DOCS / "gallery" / f"{name}.png").exists()


def test_find():
    assert stories.find("lorenz").name == "lorenz"
    assert stories.find("normalize-64").title == "64 elements"
