"""The work behind `review`; imported only when it runs."""

import getpass
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.errors import ExperimentError
from vlm_eval.reports.review_item import Shown
from vlm_eval.reports.review_server import ReviewServer
from vlm_eval.reports.review_table import progress_table
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_desk import Desk
from vlm_eval.runs.review_draw import open_drawing
from vlm_eval.runs.review_verdicts import read_progress, read_reviews, write_reviews
from vlm_eval.runs.store import Store

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Order:
    """How a review is served."""

    reviewer: str
    sample: int | None
    seed: int | None
    port: int
    show_model: bool
    show_gold: bool
    open_browser: bool


def serve_review(folder: Path, order: Order) -> None:
    """Serve the page until Ctrl-C, then say how far the review has come."""
    reviewer = check_reviewer(order.reviewer)
    console = Console()
    with Store(folder) as store:  # it must exist before it is opened for writing
        store.get_meta("schema_version")
    with Store(folder, write=True) as store:
        log = ReviewLog(store)
        desk = Desk(store, log, open_drawing(store, log, order.sample, order.seed), reviewer)
        with ReviewServer(desk, order.port, Shown(order.show_model, order.show_gold)) as server:
            console.print(Text(f"{len(desk.drawing.queue(log))} of {len(log.disputed)} answers are drawn."))
            console.print(Text.assemble("Open once, in one browser: ", (server.link, "bold")), soft_wrap=True)
            console.print(Text(f"{reviewer} reads; every keystroke is saved at once. Ctrl-C ends."))
            if order.open_browser:
                webbrowser.open(server.link)
            with suppress(KeyboardInterrupt):
                server.serve_forever(poll_interval=0.1)
            server.guard.acquire()  # a keystroke that is being saved is finished, and no other begins
    console.print()
    show_status(folder)


def check_reviewer(name: str) -> str:
    """Return a reviewer's name, by default that of the login.

    Raises:
        ExperimentError: it is empty, too long or not printable.
    """
    try:
        found = name.strip() or getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise ExperimentError("Nobody is logged in by a name. Say who reads, with --reviewer NAME.") from None
    if len(found) > _LONGEST_NAME or not found.isprintable():
        raise ExperimentError(
            f"--reviewer {found[:80]!r}: give a printable name of at most {_LONGEST_NAME} characters."
        )
    return found


def show_status(folder: Path) -> None:
    """Print progress and agreement."""
    Console().print(progress_table(read_progress(folder)))


def export_reviews(folder: Path, path: Path) -> None:
    """Write the verdicts of a review as a CSV file."""
    verdicts = read_reviews(folder)
    write_reviews(verdicts, path)
    drawn = sum(one.probability is not None for one in verdicts)
    console = Console()
    console.print(Text(f"{len(verdicts)} verdicts, {drawn} with a drawing probability."))
    if drawn < len(verdicts):
        console.print(Text("The others stand behind an answer that nobody has read yet; read on to use them."))
    console.print(Text(f"Now: vlm-eval report {folder} --human {path}"), soft_wrap=True)
