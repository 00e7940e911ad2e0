"""The README shows what its code prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.local
def test_the_five_lines_print_what_the_readme_says(tmp_path):
    pytest.importorskip("torch", reason="the five lines ask pocket-llava")
    text = README.read_text(encoding="utf-8")
    code, shown = re.search(r"<!-- five-liner -->\n```python\n(.*?)```\n+```text\n(.*?)```", text, re.S).groups()
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    ).stdout
    assert printed == shown


def test_every_picture_and_page_that_the_readme_names_is_there():
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text) + re.findall(r"`(docs/[\w./]+)`", text)
    assert named
    assert not [name for name in named if not (README.parent / name).is_file()]
