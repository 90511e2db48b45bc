"""The parts of our own client: HTTP in any pieces, requests in store, arrivals, the timer."""

import gc
import select
import time
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cotejo.apis.interface import Item, Request
from cotejo.clients import own, supply
from cotejo.clients.http import JOINED, Connection, Exchange, overdue, wire
from cotejo.clients.interface import ClientJob
from cotejo.clients.open_loop import arrivals
from cotejo.clients.timer import Timer
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.load import LoadLevel
from cotejo.servers.interface import Endpoint

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"
SIZED = HEAD + b"Content-Length: 8\r\n\r\nabcdefgh"


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.written += pieces

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing


class Load:
    def __init__(self) -> None:
        self.ended: list[Exchange] = []
        self.lost_ones: list[Connection] = []

    def finished(self, connection: Connection, exchange: Exchange) -> None:
        self.ended.append(exchange)

    def lost(self, connection: Connection) -> None:
        self.lost_ones.append(connection)


class Answer:
    def __init__(self) -> None:
        self.body = b""

    def feed(self, data: bytes, now_s: float) -> None:
        self.body += data


def begun(load: Load, pieces: tuple[bytes, ...] = (b"GET",)) -> Connection:
    connection = Connection(load)
    connection.connection_made(Transport())  # type: ignore[arg-type]
    connection.send(Exchange(Item("i", None), Answer(), pieces))
    return connection


@pytest.mark.parametrize("answer", [CHUNKED, SIZED], ids=["chunked", "sized"])
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(answer: bytes) -> None:
    for place in range(1, len(answer)):
        load = Load()
        connection = begun(load)
        before_s = time.monotonic()
        connection.data_received(answer[:place])
        assert not load.ended
        connection.data_received(answer[place:])
        (exchange,) = load.ended
        assert (exchange.status, exchange.error, exchange.answer.body) == (200, None, b"abcdefgh")
        assert exchange.sent_s <= before_s <= exchange.done_s <= time.monotonic()
        assert connection.is_open() and connection.exchange is None


def test_a_connection_is_used_again_unless_the_server_closes_it() -> None:
    load = Load()
    connection = begun(load)
    for _ in range(3):
        connection.data_received(CHUNKED)
        connection.send(Exchange(Item("i", None), Answer(), (b"GET",)))
    connection.data_received(SIZED.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
    assert [exchange.answer.body for exchange in load.ended] == [b"abcdefgh"] * 4
    assert not connection.is_open()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "not HTTP"),
        (CHUNKED[:-5] + b"zz\r\n", "not HTTP"),
        (SIZED[:-1], "closed the connection before its answer was whole"),
        (b"", "closed the connection before its answer was whole"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(data: bytes, why: str) -> None:
    load = Load()
    connection = begun(load)
    if data:
        connection.data_received(data)
    connection.connection_lost(None)
    (exchange,) = load.ended
    assert exchange.error is not None and why in exchange.error and exchange.done_s is not None
    assert load.lost_ones == [connection]


def test_a_reset_keeps_its_name_and_a_lost_idle_connection_is_no_error() -> None:
    load = Load()
    begun(load).connection_lost(ConnectionResetError(104, "reset by peer"))
    assert load.ended[0].error == "ConnectionResetError: [Errno 104] reset by peer"
    idle = begun(load)
    idle.data_received(SIZED)
    idle.connection_lost(None)
    assert len(load.ended) == 2 and load.ended[1].error is None


def test_what_nobody_asked_for_ends_the_connection() -> None:
    load = Load()
    connection = begun(load)
    connection.data_received(SIZED + SIZED)
    assert len(load.ended) == 1 and load.ended[0].error is None and not connection.is_open()


def test_a_request_that_takes_too_long_fails() -> None:
    load = Load()
    connection = begun(load)
    overdue([connection], timeout_s=60)
    assert not load.ended
    overdue([connection], timeout_s=0)
    assert load.ended[0].error == "TimeoutError: no whole answer within 0 s" and not connection.is_open()


def test_a_request_on_the_wire() -> None:
    short = Request("/a", (b"12", b"345"), {"Content-Type": "text/plain", "Authorization": "Bearer k"})
    (data,) = wire(short, 8000)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a HTTP/1.1" and body == b"12345"
    assert {"Host: 127.0.0.1:8000", "Content-Length: 5", "Authorization: Bearer k"} <= set(lines)
    piece = bytes(JOINED)
    long = wire(Request("/a", (b"1", piece), {}), 8000)
    assert long[1:] == (b"1", piece) and long[2] is piece  # not copied
    connection = begun(Load(), long)
    assert b"".join(connection.transport.written) == b"".join(long)


def stock(pieces: Callable[[int], tuple[bytes, ...]]) -> supply.Supply:
    api: Any = SimpleNamespace(
        request=lambda item, run, endpoint: Request("/", pieces(item.content), {}), Answer=lambda item: Answer()
    )
    items = (Item(str(number), number) for number in count())
    return supply.Supply(api, items, {}, Endpoint({"http": 1}, "m"))


def test_requests_come_in_order_from_the_store_and_then_as_they_are_made() -> None:
    requests = stock(lambda number: (str(number).encode(),))
    requests.fill(3)
    requests.fill(3)
    assert [requests.next().item.item for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert requests.made_late == 2


def test_the_store_holds_no_more_than_its_bytes_but_shared_ones_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "MOST_BYTES", 1_000_000)
    shared = bytes(300_000)
    own_ones, sharing = stock(lambda number: (bytes(300_000),)), stock(lambda number: (b"1", shared))
    for requests in (own_ones, sharing):
        requests.fill(100)
        for _ in range(100):
            requests.next()
    assert own_ones.made_late == 96 and sharing.made_late == 0


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert arrivals(4, "constant", 1.0, "") == [0, 0.25, 0.5, 0.75]
    assert len(arrivals(500, "constant", 60, "")) == 30_000


def test_poisson_arrivals_have_the_rate_and_their_own_draw() -> None:
    found = np.array(arrivals(100, "poisson", 200, "1 rate-100 1"))
    gaps = np.diff(found)
    assert len(found) == pytest.approx(20_000, abs=600)  # four standard deviations
    assert gaps.mean() == pytest.approx(0.01, rel=0.03) and gaps.std() == pytest.approx(0.01, rel=0.05)
    assert (np.abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1])) < 0.03
    assert list(found) == arrivals(100, "poisson", 200, "1 rate-100 1") != arrivals(100, "poisson", 200, "1 rate-100 2")
    assert all(earlier < later for earlier, later in pairwise(found)) and found[0] > 0 and found[-1] < 200


def test_the_timer_goes_off_at_its_instant() -> None:
    timer = Timer()
    try:
        due_s = time.monotonic() + 0.02
        timer.set(due_s)
        assert not select.select([timer.number], [], [], 0)[0]
        assert select.select([timer.number], [], [], 5)[0] and time.monotonic() >= due_s
        timer.clear()
        assert not select.select([timer.number], [], [], 0)[0]
        timer.set(time.monotonic() - 1)
        assert select.select([timer.number], [], [], 5)[0]
    finally:
        timer.close()


def job(folder: Path) -> ClientJob:
    endpoint = Endpoint({"http": 8000}, "m", "secret")
    return ClientJob(
        {"seed": 1}, LoadLevel("rate-5", "open", rate_rps=5.0, arrival="poisson"), endpoint, "openai-chat", folder,
        folder, folder, folder / "bin" / "python", 1, 3,
    )  # fmt: skip


def test_the_key_travels_in_the_environment_alone(tmp_path: Path) -> None:
    launch = own.command(job(tmp_path))
    assert launch.environment == {"COTEJO_CLIENT_KEY": "secret"}
    assert "secret" not in " ".join(launch.command) and "secret" not in (tmp_path / own.JOB).read_text()
    assert read_json(tmp_path / own.JOB)["repeat"] == 3


def test_a_process_that_left_no_result_is_an_error_with_its_last_word(tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match="client cotejo: error: it broke"):
        own.read(job(tmp_path), 0.0, "begun\nerror: it broke\n")
    with pytest.raises(CotejoError, match="without a word"):
        own.read(job(tmp_path), 0.0, "")
    (tmp_path / own.OUTPUT).write_text('{"level": {')
    with pytest.raises(CotejoError, match="not valid JSON"):
        own.read(job(tmp_path), 0.0, "")


def test_garbage_is_not_collected_while_it_is_timed() -> None:
    with supply.undisturbed():
        assert not gc.isenabled() and gc.get_freeze_count() > 0
    assert gc.isenabled() and gc.get_freeze_count() == 0
