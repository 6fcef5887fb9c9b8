"""Renews the gallery: `python docs/gallery.py` measures (minutes), draws, and writes into `gallery.md`.

`--only lorenz` renews a part, and `--again` draws and writes from what was measured before.

Needs `pip install -e ".[bench]"` and a C compiler.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from benchmarks import report  # noqa: E402
from benchmarks.gallery import figures, measuring, page  # noqa: E402
from benchmarks.race import Options  # noqa: E402

PAGE, FOLDER = DOCS / "gallery.md", DOCS / "gallery"
RESULTS = FOLDER / "results.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PROGRAM", help="measure these only")
    parser.add_argument("--again", action="store_true", help="measure nothing")
    parser.add_argument("--rounds", type=int, default=21, help="samples")
    parser.add_argument("--seconds", type=float, default=0.005, help="length of a sample")
    parser.add_argument("--limit", type=float, default=8.0, help="seconds to a first result, at most")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"programs": {}}
    if not options.again:
        how = Options(options.rounds, options.seconds, options.limit, longest=3.0)
        results["machine"] = report.machine()
        results["programs"] |= measuring.measure(how, report.show, options.only)
        FOLDER.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    programs = results["programs"]
    for name, found in programs.items():
        if name == "normalize":
            figures.growth(found["sizes"], FOLDER / f"{name}.png")
        else:
            figures.bars(found, f"{name}: {found['title']}", FOLDER / f"{name}.png")
    text = page.renew(PAGE.read_text(encoding="utf-8"), page.parts(programs, results["machine"]))
    PAGE.write_text(text, encoding="utf-8")
    wrong = [name for name, found in programs.items() if measuring.is_wrong(found)]
    if wrong:
        report.show(f"a level is wrong, or failed, on: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
