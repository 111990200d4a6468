import re
import shutil
import subprocess

import pytest
from report_fixtures import NAMES, make_awkward, make_several, make_summary

from thalweg.report import render_report

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
# The report forbids scripts, so the page is measured from a frame around it of the phone's width.
FRAME = """<!DOCTYPE html><body style="margin:0">
<iframe id="f" src="page.html" width="{width}" height="3000" style="border:0"></iframe>
<script>document.getElementById("f").onload = e => {{ const d = e.target.contentDocument;
const e2 = d.documentElement;
document.title = e2.scrollWidth + " " + e2.clientWidth + " " + d.body.innerText.length; }};</script>"""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no chromium found")]


def _widths(tmp_path, text, width):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width))
    command = (
        BROWSER,
        *FLAGS,
        "--allow-file-access-from-files",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=4000",
        "--dump-dom",
        str(tmp_path / "frame.html"),
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)
    assert found, done.stdout[:500] + done.stderr[-500:]
    return tuple(int(number) for number in found.groups())


@pytest.mark.parametrize("which", ["fifteen", "awkward", "several"])
def test_a_phone_of_360_pixels_never_scrolls_sideways(tmp_path, which):
    several, profile = make_several(4)
    reports = {
        "fifteen": ([make_summary(NAMES)], None),
        "awkward": ([make_awkward()], None),
        "several": (several, profile),
    }
    content, window, letters = _widths(tmp_path, render_report(*reports[which]), 360)
    assert letters > 1000
    assert window == 360
    assert content <= window


def test_the_measurement_notices_an_overflow(tmp_path):
    wide = '<!DOCTYPE html><body style="margin:0"><div style="width:500px">' + "word " * 400 + "</div>"
    content, window, _ = _widths(tmp_path, wide, 360)
    assert content == 500 > window
