"""The server of the review page, by a plain HTTP client: who is let in, what is saved, what stays hidden."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from vlm_eval.reports.review_item import Shown
from vlm_eval.reports.review_server import ReviewServer
from vlm_eval.runs import review_desk
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_desk import Desk
from vlm_eval.runs.review_draw import open_drawing
from vlm_eval.runs.store import Store


class Client:
    """A browser's place in the conversation, by hand."""

    def __init__(self, server):
        self.server = server
        self.port = server.server_address[1]
        self.cookie = None

    def ask(self, method, path, body=None, **headers):
        """Send a request; header names are written with underscores, None leaves one out."""
        sent = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        if method == "POST":
            sent |= {"Origin": self.server.address, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.putrequest(method, path, skip_host=True)
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    def enter(self):
        reply, page = self.ask("GET", self.path)
        assert reply.status == 200, page
        self.cookie = reply.headers["Set-Cookie"].split(";")[0]
        return reply, page

    @property
    def path(self):
        parts = urlsplit(self.server.link)
        return f"{parts.path}?{parts.query}"

    def item(self):
        reply, content = self.ask("GET", "/item")
        assert reply.status == 200, content
        return json.loads(content)

    def say(self, ask, reading, **headers):
        return self.ask("POST", "/say", {"ask": ask, "reading": reading}, **headers)


@pytest.fixture
def serve(run_of):
    """Return a function that serves a run's review and gives a client; the servers end with the test."""
    opened = []

    def start(shown=None, **run):
        store = Store(run_of(**run), write=True)
        log = ReviewLog(store)
        server = ReviewServer(Desk(store, log, open_drawing(store, log), "ann"), 0, shown)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        opened.append((server, thread, store))
        return Client(server)

    yield start
    for server, thread, store in opened:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


def readings_of(client):
    rows = client.server.desk.store.connection.execute(
        "SELECT reviewer, action FROM review WHERE reviewer <> '' AND action <> 'show' ORDER BY id"
    )
    return rows.fetchall()


def test_the_server_listens_on_this_machine_only(serve):
    client = serve()
    assert client.server.server_address[0] == "127.0.0.1"
    assert client.server.link.startswith(f"http://127.0.0.1:{client.port}/?token=")


def test_the_link_is_good_once_and_becomes_a_strict_cookie(serve):
    client = serve()
    link = client.path
    reply, page = client.enter()
    assert b"What does the answer claim?" in page
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert client.server.session in cookie and client.server.session not in link
    assert client.ask("GET", "/")[0].status == 200
    stranger = Client(client.server)
    reply, content = stranger.ask("GET", link)
    assert reply.status == 403 and "Set-Cookie" not in reply.headers
    assert "once" in json.loads(content)["problem"]


@pytest.mark.parametrize(
    "path", ["/", "/item", f"/media/{'0' * 64}", "/?token=", "/?token=wrong", "/?token=%C3%A9"]
)
def test_without_token_or_cookie_nothing_is_told(serve, path):
    client = serve()
    reply, content = client.ask("GET", path)
    assert reply.status == 403
    assert b"crack" not in content
    client.enter()
    client.cookie = f"{client.server.cookie}=wrong"
    assert client.ask("GET", "/item")[0].status == 403
    assert client.say(1, "yes")[0].status == 403
    assert readings_of(client) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:1"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Cookie": None},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)
def test_no_other_origin_host_or_form_may_write(serve, headers):
    client = serve()
    client.enter()
    ask = client.item()["item"]["ask"]
    assert client.say(ask, "yes", **headers)[0].status in (400, 403, 415)
    assert readings_of(client) == []
    assert client.say(ask, "yes")[0].status == 200
    assert readings_of(client) == [("ann", "yes")]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}],
)
def test_no_other_origin_or_host_may_read_or_use_up_the_link(serve, headers):
    client = serve()
    assert client.ask("GET", client.path, **headers)[0].status == 403
    client.enter()
    reply, content = client.ask("GET", "/item", **headers)
    assert reply.status == 403 and b"turns" not in content
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_not_known(serve, method):
    client = serve()
    client.enter()
    reply, _ = client.ask(method, "/say", Origin="http://evil.example", Access_Control_Request_Method="POST")
    assert reply.status == 501
    assert not [name for name in reply.headers if name.startswith("Access-Control")]


def test_a_page_of_another_port_of_this_machine_is_another_origin(serve):
    client = serve()
    client.enter()
    ask = client.item()["item"]["ask"]
    assert client.say(ask, "yes", Origin=f"http://127.0.0.1:{client.port + 1}")[0].status == 403
    assert client.say(ask, "yes", Origin=f"http://localhost:{client.port}")[0].status == 403


def test_every_reply_forbids_framing_sniffing_storing_and_foreign_scripts(serve):
    client = serve()
    for reply, _ in (client.enter(), client.ask("GET", "/item"), client.ask("GET", "/nowhere")):
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert "unsafe" not in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Referrer-Policy"] == "no-referrer"


def test_keystrokes_are_saved_at_once_and_taken_back_by_undo(serve):
    client = serve()
    client.enter()
    state = client.item()
    asks = []
    for reading in ("yes", "no", "hedged", "skip"):
        asks.append(state["item"]["ask"])
        state = json.loads(client.say(asks[-1], reading)[1])
        assert readings_of(client)[-1] == ("ann", reading)
    assert state["read"] == 4 and len(set(asks)) == 4
    back = json.loads(client.ask("POST", "/undo", {})[1])
    assert (back["item"]["ask"], back["read"]) == (asks[-1], 3)
    assert readings_of(client)[-1] == ("ann", "undo")


def test_the_wrong_answer_is_refused_and_the_right_one_shown(serve):
    client = serve()
    client.enter()
    ask = client.item()["item"]["ask"]
    reply, content = client.say(ask + 1000, "yes")
    assert reply.status == 409
    assert json.loads(content)["item"]["ask"] == ask
    assert client.ask("POST", "/undo", {})[0].status == 409
    assert readings_of(client) == []


@pytest.mark.parametrize(
    "body", [{"reading": "yes"}, {"ask": "1", "reading": "yes"}, {"ask": True, "reading": "yes"}, []]
)
def test_a_body_that_says_nothing_is_refused(serve, body):
    client = serve()
    client.enter()
    client.item()
    assert client.ask("POST", "/say", body)[0].status == 400
    assert client.say(client.item()["item"]["ask"], "undo")[0].status == 400
    assert client.ask("POST", "/say", {"x": "a" * 5000})[0].status == 400
    assert readings_of(client) == []


def test_pictures_come_in_the_order_in_which_they_were_sent(serve):
    client = serve(grid={"reference": [1]}, reply=lambda number: "Yes.")
    client.enter()
    item = client.item()["item"]
    parts = [part for turn in item["turns"] for part in turn["parts"]]
    assert [part["role"] for part in parts if "role" in part] == ["reference", "query"]
    for part in parts:
        if "role" in part:
            reply, data = client.ask("GET", f"/media/{part['picture']}")
            assert reply.headers["Content-Type"] == "image/jpeg" and data.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    "path", ["/media/../run.sqlite", "/media/..%2frun.sqlite", "/run.sqlite", f"/media/{'a' * 64}"]
)
def test_nothing_but_pictures_can_be_fetched(serve, path):
    client = serve()
    client.enter()
    assert client.ask("GET", path)[0].status == 404


def test_gold_model_and_file_names_stay_behind_unless_they_are_asked_for(serve):
    client = serve()
    client.enter()
    blind = json.dumps(client.item())
    for secret in ("scripted", "anomalous", "normal/", ".png", "parts/"):
        assert secret not in blind, secret
    open_ = serve(Shown(model=True, gold=True))
    open_.enter()
    item = open_.item()["item"]
    assert item["model"].startswith("scripted:no · task")
    assert "anomalous: " in item["gold"] and ".png" in item["gold"]


def test_a_database_that_cannot_be_written_is_told_and_the_answer_stays(serve):
    client = serve()
    client.enter()
    ask = client.item()["item"]["ask"]
    client.server.desk.store.connection.execute("PRAGMA query_only=ON")
    reply, content = client.say(ask, "yes")
    assert reply.status == 500 and json.loads(content)["problem"].startswith("Not saved: ")
    client.server.desk.store.connection.execute("PRAGMA query_only=OFF")
    assert client.say(ask, "yes")[0].status == 200


def test_a_run_may_go_on_while_its_answers_are_read(run_of, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(review_desk, "_LOOK_SECONDS", 0)
    half, go_on = threading.Event(), threading.Event()

    def reply(number):
        if number == 11:
            half.set()
            assert go_on.wait(10)
        return "Yes." if number % 2 else "No defects."

    running = threading.Thread(target=run_of, kwargs={"reply": reply, "name": "going"})
    running.start()
    assert half.wait(10)
    (folder,) = tmp_path_factory.getbasetemp().glob("going[0-9]*/<i>run")
    with Store(folder, write=True) as store:
        log = ReviewLog(store)
        desk = Desk(store, log, open_drawing(store, log, 11), "ann")
        assert desk.drawing.rate == pytest.approx(0.5)  # of what was planned, not of what is there
        assert 10 <= len(log.disputed) <= 11
        place = desk.place()
        go_on.set()
        while running.is_alive() or place.ask is not None:
            place = desk.say(place.ask, "yes") if place.ask is not None else desk.place()
        desk.place()
        assert len(log.disputed) == 22
        assert list(log.said["ann"]) and set(log.said["ann"]) == set(desk.drawing.queue(log))
        answered = store.connection.execute("SELECT count(*) FROM outcome WHERE kind = 'answer'").fetchone()
        assert answered == (22,)
