"""The example shop: its sums, its mails, its rejected rows, and that its modules are strangers."""

from __future__ import annotations

import ast
import mailbox
import re
from contextlib import closing
from pathlib import Path

import pytest

from shop import application, progress, report

EXAMPLES = Path(__file__).parents[1] / "examples"
SAMPLE = EXAMPLES / "shop" / "sample.txt"
REAL = Path(__file__).parents[2] / "shared" / "data" / "cdnow_master.txt"


def run(data: Path, folder: Path) -> application.Run:
    with data.open(encoding="utf-8") as lines:
        return application.run(lines, folder / "mails.mbox")


def test_the_sample_is_summed_up(tmp_path: Path) -> None:
    analytics = run(SAMPLE, tmp_path).analytics
    rows = [line.split() for line in SAMPLE.read_text().splitlines()[1:]]
    good = [row for row in rows if len(row) == 4 and row[2].isdecimal() and row[1] != "19970230"]
    assert analytics.purchases == len(good) == 297
    assert len(analytics.customers) == len({row[0] for row in good})
    assert analytics.discs == sum(int(row[2]) for row in good)
    assert int(analytics.dollars * 100) == sum(int(row[3].replace(".", "")) for row in good)


def test_the_sums_on_the_async_bus_are_the_same(tmp_path: Path) -> None:
    with SAMPLE.open(encoding="utf-8") as lines:
        awaited = application.run_awaited(lines, tmp_path / "awaited.mbox")
    shop = run(SAMPLE, tmp_path)
    text, awaited_text = report.write(shop), report.write(awaited)
    assert text.split("Events published")[0] == awaited_text.split("Events published")[0]
    assert shop.analytics.published == awaited.analytics.published
    assert shop.mbox.read_text() == awaited.mbox.read_text()


def test_a_malformed_row_becomes_an_event_with_line_and_reason_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    header = "customer_id date number_of_cds dollar_value\r\n"
    rows = ["1 19970101 1 1.00", "1 19970101", "", "1 19970101 0 1.00", "1 19970101 1 NaN"]
    lines = [header, *(f"{row}\r\n" for row in [*rows, "1 x 1 1.00", "2 19970101 2 3.00"])]
    shop = application.run(lines, tmp_path / "mails.mbox")
    told = [(row.line, row.reason) for row in shop.analytics.first_rejections]
    assert told == [
        (3, "2 columns instead of customer_id, date, number_of_cds, dollar_value"),
        (5, "'0' is no number of CDs"),
        (6, "'NaN' is no amount of dollars"),
        (7, "'x' is no date of the form 19970131"),
    ]
    assert shop.analytics.purchases == 2
    assert "rejected rows                  4" in report.write(shop)


def test_the_mbox_has_a_mail_an_order(tmp_path: Path) -> None:
    shop = run(SAMPLE, tmp_path)
    with closing(mailbox.mbox(shop.mbox)) as mbox:
        mails = list(mbox)
    assert len(mails) == shop.analytics.purchases
    assert mails[0]["Subject"] == "Your order 1"
    assert mails[-1]["To"].startswith("customer-")


def test_the_report_says_who_handled_what(tmp_path: Path) -> None:
    text = report.write(run(SAMPLE, tmp_path))
    assert re.search(r"shop\.billing:Billing\.bill +297  shop/billing\.py:\d+", text)
    assert re.search(r"OrderPlaced +297\n", text)


def test_off_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.shown(["a", "b"], 2)) == ["a", "b"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "module",
    [
        "orders",
        "billing",
        "inventory",
        "post_office",
        "analytics",
        "events",
        "awaited/billing",
        "awaited/inventory",
    ],
)
def test_a_module_knows_the_bus_and_the_events_and_no_other_module(module: str) -> None:
    tree = ast.parse((EXAMPLES / "shop" / f"{module}.py").read_text())
    imported = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }
    assert {name for name in imported if name.split(".")[0] == "shop"} <= {"shop.events"}


@pytest.mark.skipif(not REAL.is_file(), reason="the real purchases are not beside the checkout")
def test_the_real_purchases_are_summed_up(tmp_path: Path) -> None:
    shop = run(REAL, tmp_path)
    text = report.write(shop)
    with REAL.open(encoding="utf-8") as lines:
        awaited = application.run_awaited(lines, tmp_path / "awaited.mbox")
    for figure in ("69,659", "23,570", "167,881", "2,500,315.63"):
        assert figure in text
        assert figure in report.write(awaited)
    assert shop.analytics.rejected == 0
