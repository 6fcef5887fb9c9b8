"""The page in a browser, the figure, and the notebook's form."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dialectad as da
from dialectad.comparison import html
from dialectad.comparison.result import Comparison
from tests.comparison import losses
from tests.comparison.browser import dom, screenshot


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return da.compare(losses.to_convergence, losses.X, levels=["graph", "linalg", "loop"], seconds=0.005)


@pytest.fixture(scope="module")
def page(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return comparison.html(tmp_path_factory.mktemp("page") / "comparison.html")


class Document(HTMLParser):
    """What is needed of a document: the lines of each pane, the selectors, and attributes of the root."""

    def __init__(self, text: str):
        super().__init__()
        self.pane = ""
        self.lines: dict[str, list[str]] = {}
        self.classes: dict[str, list[str]] = {}
        self.root: dict[str, Any] = {}
        self.depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "html":
            self.root = attributes
        names = (attributes.get("class") or "").split()
        if "pane" in names:
            self.pane = attributes.get("id") or ""
            self.lines[self.pane], self.classes[self.pane] = [], []
        if tag == "span" and self.depth:
            self.depth += 1
        if tag == "span" and "l" in names:
            self.depth = 1
            self.lines[self.pane].append("")
            self.classes[self.pane].append(" ".join(names))

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self.depth:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.lines[self.pane][-1] += data

    def text(self, pane: str) -> str:
        return "\n".join(self.lines[pane])


def shown(comparison: Comparison, level: str, stage: str) -> str:
    return "\n".join(line.text for line in comparison[level].stages[stage])


def test_the_page_needs_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)\s*=|https?://|@import|url\(""", text.split('<script id="data"')[0])
    assert "{{" not in text


def test_the_page_shows_own_rungs_at_first(comparison, page):
    document = Document(dom(page))
    assert "data-error" not in document.root
    assert document.text("left") == shown(comparison, "linalg", "linalg")
    assert document.text("right") == shown(comparison, "loop", "loop")
    assert "while abs(z * z - y) > 1e-12:" in document.text("source")


def test_selectors_change_the_panes(comparison, page):
    document = Document(
        dom(
            page,
            """
            const choose = (pane, which, value) => {
              const select = document.querySelector(`#${pane} .${which}`);
              select.value = value;
              select.dispatchEvent(new Event("change"));
            };
            choose("left", "stage", "llvm-ir");
            choose("right", "level", "linalg");
            choose("right", "stage", "traced");
            document.documentElement.dataset.hash = decodeURIComponent(location.hash);
            """,
        )
    )
    assert "data-error" not in document.root
    assert document.text("left") == shown(comparison, "linalg", "llvm-ir").rstrip("\n")
    assert document.text("right") == shown(comparison, "linalg", "traced")
    assert document.root["data-hash"] == "#linalg/llvm-ir|linalg/traced"


def test_the_address_says_what_is_shown(comparison, page):
    document = Document(dom(page, fragment="#loop/llvm|loop/llvm-ir"))
    assert document.text("left") == shown(comparison, "loop", "llvm")
    assert document.text("right") == shown(comparison, "loop", "llvm-ir").rstrip("\n")


def test_long_texts_come_in_two_parts(comparison, page, tmp_path):
    short = tmp_path / "short.html"
    text = page.read_text(encoding="utf-8")
    assert "MOST = 20000" in text
    short.write_text(text.replace("MOST = 20000", "MOST = 10"), encoding="utf-8")
    whole = shown(comparison, "linalg", "linalg")
    document = Document(dom(short))
    assert document.lines["left"] == whole.split("\n")[:10]
    document = Document(dom(short, "document.querySelector('#left .more').click();"))
    assert document.text("left") == whole


def test_a_level_that_refuses_shows_why(page):
    text = dom(page, fragment="#graph/linalg|linalg/linalg")
    assert 'class="empty"' in text
    assert "a static graph has no loop" in text.split('class="empty"')[1]


def test_a_line_of_ir_marks_its_source_and_back(page):
    document = Document(
        dom(
            page,
            """
            const lines = [...document.querySelectorAll("#source .l")];
            const line = lines.find((l) => l.textContent.includes("0.5 * (z"));
            line.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
            line.dispatchEvent(new MouseEvent("click", { bubbles: true }));
            """,
        )
    )
    assert "data-error" not in document.root
    for pane in ("source", "left", "right"):
        marked = [
            line
            for line, names in zip(document.lines[pane], document.classes[pane], strict=True)
            if "pinned" in names and "hit" in names
        ]
        assert marked, pane
        if pane == "source":
            assert marked == ["        z = 0.5 * (z + y / z)"]
        else:
            assert any("arith.divf" in line for line in marked)


def test_the_theme_can_be_changed(page):
    document = Document(dom(page, "document.getElementById('theme').click();"))
    assert document.root["data-theme"] in ("dark", "light")


def test_the_page_can_be_drawn_at_any_width(page, tmp_path):
    for width in (390, 1400):
        screenshot(page, tmp_path / f"{width}.png", width, 900)
        assert (tmp_path / f"{width}.png").stat().st_size > 10_000


def test_names_and_reasons_are_escaped(comparison, tmp_path):
    from dataclasses import replace

    nasty = "</script><script>document.documentElement.dataset.error = 'injected'</script><b>&"
    graph, *rest = comparison.results
    spoiled = replace(comparison, name=nasty, results=(replace(graph, reason=nasty), *rest), notes=(nasty,))
    document = Document(dom(spoiled.html(tmp_path / "page.html")))
    assert "data-error" not in document.root
    assert "<script>" not in spoiled._repr_html_()


def test_data_of_the_page(comparison):
    data = html.data(comparison)
    assert [level["name"] for level in data["levels"]] == ["graph", "linalg", "loop"]
    for level in data["levels"]:
        for stage in level["stages"].values():
            assert len(stage["from"]) == stage["text"].count("\n") + 1


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figure(comparison, tmp_path, ending):
    path = comparison.plot(tmp_path / "new" / f"figure.{ending}")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(start)
    if ending == "svg":
        text = path.read_text(encoding="utf-8")
        assert all(word in text for word in ("linalg", "refused", "run time", "peak memory", "compile time"))


def test_unknown_kind_of_figure(comparison, tmp_path):
    with pytest.raises(da.CompileError, match="can't plot"):
        comparison.plot(tmp_path / "figure.nonsense")


def test_figure_without_matplotlib(comparison, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "dialectad.comparison.plot", raising=False)
    with pytest.raises(da.CompileError, match="needs matplotlib"):
        comparison.plot(tmp_path / "figure.png")


def test_notebook(comparison):
    text = comparison._repr_html_()
    assert "<script" not in text
    assert text.count("<svg") == 3
    assert all(level in text for level in comparison.levels)


def test_forms_of_a_wrong_and_a_failed_level(comparison, tmp_path):
    from dataclasses import replace

    graph, linalg, loop = comparison.results
    failed = replace(graph, status="failed", reason="KeyError: 3", traceback="Traceback ...")
    wrong = replace(linalg, status="disagrees", reason="differences contradict it", error=0.1)
    spoiled = replace(comparison, results=(failed, wrong, loop))
    assert "linalg is WRONG" in str(spoiled)
    assert "graph FAILED" in str(spoiled)
    text = html.page(spoiled)
    assert "Wrong or broken: <b>graph, linalg</b>" in text
    assert "Traceback ..." in text
    assert "wrong" in spoiled.plot(tmp_path / "f.svg").read_text(encoding="utf-8")


def test_forms_where_nothing_works(tmp_path):
    found = da.compare(losses.unsupported, losses.X, levels=["linalg"], seconds=0.005)
    assert "No level gives a gradient" in html.page(found)
    document = Document(dom(found.html(tmp_path / "page.html")))
    assert "data-error" not in document.root
    found.plot(tmp_path / "f.png")
    assert found._repr_html_()


def test_forms_of_one_level_and_zero_figures(tmp_path):
    found = da.compare(losses.constant, np.ones(2), levels=["linalg"], seconds=0.005)
    document = Document(dom(found.html(tmp_path / "page.html")))
    assert document.text("left") == shown(found, "linalg", "linalg")
    assert document.text("right") == shown(found, "linalg", "loop")
