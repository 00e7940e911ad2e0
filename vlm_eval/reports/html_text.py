"""What keeps a page safe: every word is escaped, hidden characters are shown, and only our own code may run."""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent
HIDDEN = (
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ufeff\ud800-\udfff]"
)
"""Characters that change how a text looks without being seen; the same pattern works in Python and JavaScript."""

_HIDDEN = re.compile(HIDDEN)


def visible(text: str) -> str:
    """Write hidden characters, such as a right-to-left override, as their code points."""
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def minus(text: str) -> str:
    """Set a minus sign where a number begins with a hyphen; names such as level-2 keep theirs."""
    return re.sub(r"(?<![\w)])-(?=\d)", "−", text)


def breakable(text: str) -> Markup:
    """Return escaped text that may be broken before a plus sign and behind a slash, dash or underscore."""
    return Markup("<wbr>").join(re.split(r"(?=\+)|(?<=[/_-])", visible(text)))


def island(value: Any) -> Markup:
    """Return JSON for a `<script type="application/json">`: plain ASCII, and nothing in it can end the element.

    Raises:
        ValueError: the value holds NaN or infinity, which JSON has not.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026"))


def _finish(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def render(template: str, **values: Any) -> str:
    """Render a page from its template with our styles and scripts, and a policy that forbids all others.

    The template gets `styles`, `scripts` and `policy` beside the values.
    """
    styles, scripts = asset("html_page.css"), "".join(asset(name) for name in _SCRIPTS)
    pictures = "'self' file: data:" if values.get("lazy") else "data:"
    policy = (
        f"default-src 'none'; script-src {source_hash(scripts)}; style-src {source_hash(styles)}; "
        f"img-src {pictures}; base-uri 'none'; form-action 'none'"
    )
    return (
        environment()
        .get_template(template)
        .render(styles=Markup(styles), scripts=Markup(scripts), policy=Markup(policy), **values)
    )


_SCRIPTS = ("html_data.js", "html_page.js", "html_item.js", "html_gallery.js")


@cache
def asset(name: str) -> str:
    """Return one of our style sheets or scripts."""
    return (_FOLDER / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def source_hash(text: str) -> str:
    """Return what a content-security policy names a style sheet or a script by."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def environment() -> Environment:
    """Return the environment of the pages' templates: everything is escaped, and hidden characters are shown."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finish,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = breakable
    return made
