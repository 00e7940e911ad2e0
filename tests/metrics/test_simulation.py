"""The script behind the tables of docs/statistics.md runs, and the page holds what it prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tables(text: str) -> list[str]:
    """Return the rows that name a setting, without the measured shares."""
    rows = [line for line in text.splitlines() if line.startswith("| 0.")]
    return ["|".join(row.split("|")[1:3]) for row in rows]


def test_the_page_holds_the_settings_that_the_script_measures() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "simulate_coverage.py"), "--simulations", "2"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs" / "statistics.md").read_text()
    assert tables(printed)
    assert tables(printed) == tables(page)


def test_the_page_claims_no_coverage_under_93_percent_of_an_interval() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text().split("### Coverage")[1].split("### Type I error")[0]
    shares = [
        float(cell) for line in page.splitlines() if line.startswith("| 0.") for cell in line.split("|")[4:-1]
    ]
    assert min(shares) >= 93
