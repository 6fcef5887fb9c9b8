"""A real browser, without a window: Chromium as Debian packages it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of the browser; the test fails where there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("chromium isn't installed; `make browser` installs it (Debian: apt-get install chromium)")
    return found


def dom(page: Path, script: str = "", fragment: str = "") -> str:
    """The document after the page's scripts and `script` have run, without a network."""
    copy = page.with_name("with_script.html")
    text = page.read_text(encoding="utf-8")
    watch = "<script>window.onerror = (m) => { document.documentElement.dataset.error = m; };</script>"
    text = text.replace("<head>", f"<head>{watch}", 1)
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return _run(page, "--dump-dom", f"{copy.as_uri()}{fragment}")


def screenshot(page: Path, to: Path, width: int, height: int) -> None:
    """A picture of the page."""
    _run(page, f"--screenshot={to}", f"--window-size={width},{height}", page.as_uri())


def _run(page: Path, *arguments: str) -> str:
    profile = page.with_name("profile")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--hide-scrollbars"]
    offline = [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
        "--disable-dev-shm-usage",
    ]
    done = subprocess.run(
        [chromium(), *flags, *offline, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
