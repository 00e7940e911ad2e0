"""The page for reviewing, served to one browser on this machine.

The link holds a token that is good once: it is exchanged for a session cookie. Host and Origin are checked, so
that no other page, and no other name of this machine, can read or write.
"""

import json
import re
import secrets
import sqlite3
import sys
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vlm_eval.errors import ExperimentError, VlmEvalError
from vlm_eval.reports.html_text import asset, environment, source_hash
from vlm_eval.reports.review_item import Shown, show_ask
from vlm_eval.runs.review import READINGS
from vlm_eval.runs.review_desk import Desk, Place

HOST = "127.0.0.1"
_MOST_BYTES = 4096  # of a request's body
_PICTURE = re.compile(r"/media/([0-9a-f]{64})")
_REFUSED = (
    "This page is open to the browser that followed the link of `vlm-eval review`, once. Run the command again."
)


class Refused(Exception):
    """A request that is not answered, with its status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves the answers of one run to one reviewer. Raises ExperimentError where the port is taken."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0, shown: Shown | None = None) -> None:
        self.desk = desk
        self.shown = shown or Shown()
        self.guard = Lock()  # the store has one connection
        self.token: str | None = secrets.token_urlsafe(32)
        self.session = secrets.token_urlsafe(32)
        self.page, self.policy = make_page()
        try:
            super().__init__((HOST, port), ReviewHandler)
        except (OSError, OverflowError) as error:
            raise ExperimentError(
                f"Port {port} of {HOST} cannot be used ({error}). Give another --port."
            ) from error

    @property
    def address(self) -> str:
        """Return the origin under which the page is served."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def link(self) -> str:
        """Return the link to open; it works once."""
        return f"{self.address}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """Return the cookie's name; cookies know no ports, and several reviews may go on."""
        return f"vlm-eval-review-{self.server_address[1]}"

    def state(self, place: Place) -> dict[str, Any]:
        """Return what the page shows at a place."""
        store = self.desk.store
        return {
            "reviewer": self.desk.reviewer,
            "read": place.read,
            "left": place.left,
            "item": None if place.ask is None else show_ask(store, place.ask, self.shown),
        }

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error of a request, unless the browser only went away."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def make_page() -> tuple[bytes, str]:
    """Return the page and its content-security policy."""
    styles, script = asset("html_page.css") + asset("review.css"), asset("review.js")
    page = environment().get_template("review.jinja").render(styles=styles, script=script)
    policy = (
        f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(styles)}; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy


class ReviewHandler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "vlm-eval"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Serve the page, the present answer or a picture."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Save what the reviewer says, or take it back."""
        self._answer(self._post)

    def _answer(self, work: Any) -> None:
        try:
            self._refuse_strangers()
            work()
        except Refused as refused:
            self._send_json({"problem": str(refused)}, refused.status)
        except (VlmEvalError, sqlite3.Error) as error:
            self._send_json({"problem": f"Not saved: {error}"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _refuse_strangers(self) -> None:
        own = self.server.address
        if self.headers.get_all("Host") != [own.removeprefix("http://")]:
            raise Refused(HTTPStatus.FORBIDDEN, f"This page is served as {own} only.")
        origin = self.headers.get("Origin")
        if origin not in ((own,) if self.command == "POST" else (own, None)):
            raise Refused(HTTPStatus.FORBIDDEN, "Only the review's own page may ask.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise Refused(
                HTTPStatus.FORBIDDEN, "Only the review's own page may ask. Copy the link into the browser."
            )

    def _get(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/" and self._exchange(query.get("token", [""])[0]):
            cookie = f"{self.server.cookie}={self.server.session}; HttpOnly; SameSite=Strict; Path=/"
            return self._send(self.server.page, "text/html; charset=utf-8", cookie=cookie)
        self._refuse_without_cookie()
        picture = _PICTURE.fullmatch(path)
        if path == "/":
            return self._send(self.server.page, "text/html; charset=utf-8")
        if path == "/item":
            with self.server.guard:
                state = self.server.state(self.server.desk.place())
            return self._send_json(state)
        if picture is None:
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
        return self._send_picture(picture[1])

    def _exchange(self, token: str) -> bool:
        """Take the token once."""
        with self.server.guard:
            good = self.server.token is not None and secrets.compare_digest(
                token.encode(), self.server.token.encode()
            )
            if good:
                self.server.token = None
        return good

    def _refuse_without_cookie(self) -> None:
        try:
            held = SimpleCookie(self.headers.get("Cookie", "")).get(self.server.cookie)
        except CookieError:
            held = None
        if held is None or not secrets.compare_digest(held.value.encode(), self.server.session.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, _REFUSED)

    def _send_picture(self, digest: str) -> None:
        path = self.server.desk.store.folder / "media" / digest
        try:
            data = path.read_bytes()
        except OSError:
            raise Refused(HTTPStatus.NOT_FOUND, "The run folder does not hold this picture.") from None
        self._send(data, "image/jpeg")

    def _post(self) -> None:
        body = self._read_body()
        self._refuse_without_cookie()
        desk = self.server.desk
        with self.server.guard:
            if self.path == "/undo":
                place, problem = desk.undo(), "There is nothing to take back."
            elif self.path == "/say" and body.get("reading") in READINGS and type(body.get("ask")) is int:
                place, problem = desk.say(body["ask"], body["reading"]), "This answer was read already."
            else:
                raise Refused(HTTPStatus.BAD_REQUEST, f"Say one of {', '.join(READINGS)} of an ask, or undo.")
            state = self.server.state(place or desk.place())
        if place is None:
            self._send_json(state | {"problem": problem}, HTTPStatus.CONFLICT)
        else:
            self._send_json(state)

    def _read_body(self) -> dict[str, Any]:
        self.close_connection = True  # what is not read would be taken for the next request
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            raise Refused(HTTPStatus.BAD_REQUEST, f"The body must say its length, at most {_MOST_BYTES} bytes.")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from None
        if not isinstance(body, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
        self.close_connection = False
        return body

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(
        self, data: bytes, media_type: str, status: HTTPStatus = HTTPStatus.OK, *, cookie: str | None = None
    ) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(len(data)),
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        if cookie is not None:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is the reviewer's."""
