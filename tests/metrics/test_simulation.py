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


def test_the_page_claims_no_coverage_under_93_percent_of_the_choice_and_of_few_labels() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text()
    choices = page.split("### Choosing, in percent")[1].split("###")[0]
    labels = page.split("### Few human labels")[1].split("## Speed")[0]
    crossed = [line.split("|")[4] for line in choices.splitlines() if line.startswith("| 0.")]
    weighted = [line.split("|")[5] for line in labels.splitlines() if line.startswith("| 0.")]
    assert len(crossed) == 4
    assert len(weighted) == 16
    assert min(float(share) for share in crossed + weighted) >= 93
