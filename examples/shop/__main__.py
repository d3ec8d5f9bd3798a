"""Run the shop: `python -m shop [--data FILE] [--out FOLDER] [--async] [--trace FILE]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from shop import application, progress, report

SAMPLE = Path(__file__).with_name("sample.txt")
#: Where the real purchases may lie, beside the checkout.
BESIDE = Path(__file__).parents[3] / "shared" / "data" / "cdnow_master.txt"


def main() -> int:
    """Run the shop on the purchases that were named, or on the sample."""
    parser = argparse.ArgumentParser(prog="shop", description="A small shop on an event bus.")
    parser.add_argument("--data", type=Path, help="purchases, in the form of cdnow_master.txt")
    parser.add_argument("--out", type=Path, help="folder for the mails (a temporary one if unset)")
    parser.add_argument("--async", dest="awaited", action="store_true", help="on the async bus")
    parser.add_argument("--trace", type=Path, help="record in this file what runs")
    options = parser.parse_args()
    data: Path = options.data or (BESIDE if BESIDE.is_file() else SAMPLE)
    if not data.is_file():
        print(f"shop: there is no file {data}: name the purchases by --data", file=sys.stderr)
        return 2
    if data != SAMPLE:
        print(f"Purchases: {data}\n")
    else:
        print(
            f"Purchases: {data.name}, a small sample made for this example.\n"
            "Real ones: make demo DATA=path/to/cdnow_master.txt\n"
        )
    folder = options.out or Path(tempfile.mkdtemp(prefix="shop-"))
    folder.mkdir(parents=True, exist_ok=True)
    with data.open(encoding="utf-8", errors="replace") as lines:
        run_shop = application.run_awaited if options.awaited else application.run
        purchases = progress.shown(lines, data.stat().st_size)
        run = run_shop(purchases, folder / "mails.mbox", options.trace)
    print(report.write(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
