"""Connections that send too slowly or too much are ended; the others are not disturbed. Real sockets, short limits."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from small_engine import Served

from penchant.serving import punctual, reading


@pytest.fixture(scope="module")
def port(shared: Served) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listener:
        patch.setattr(punctual, "SLOWEST", 0.6)
        patch.setattr(reading, "SLOWEST", 0.2)
        config = uvicorn.Config(shared.app, http=punctual.PunctualProtocol, log_level="critical", lifespan="off", timeout_keep_alive=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def drip(port: int, start: bytes, more: bytes) -> tuple[bytes, float]:
    """Sends a beginning, then a byte at a time, until the server hangs up; what it said and after how many seconds."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:
        client.sendall(start)
        said = b""
        while time.perf_counter() - begun < 4:
            try:
                got = client.recv(4096)
                said += got
                if not got:
                    break
                client.sendall(more)
            except TimeoutError:
                client.sendall(more)
            except ConnectionError:
                break
    return said, time.perf_counter() - begun


@pytest.mark.parametrize("start", [b"", b"GET /health/live HTTP/1.1\r\nX-Slow: ", b"GET /health/live?"])
def test_that_a_head_that_never_ends_is_cut_off(port: int, start: bytes) -> None:
    said, seconds = drip(port, start, b"a" if start else b"")
    assert said == b""
    assert 0.5 < seconds < 2


def test_that_line_ends_between_requests_do_not_keep_a_connection(port: int) -> None:
    said, seconds = drip(port, b"GET /health/live HTTP/1.1\r\n\r\n", b"\r\n")
    assert said.startswith(b"HTTP/1.1 200")
    assert 0.5 < seconds < 2


def test_that_a_body_that_never_ends_is_answered_408_and_cut_off(port: int, shared: Served) -> None:
    head = f"POST /v1/recommendations HTTP/1.1\r\nX-API-Key: {shared.key}\r\nContent-Length: 1000\r\n\r\n{{".encode()
    said, seconds = drip(port, head, b" ")
    assert said.startswith(b"HTTP/1.1 408")
    assert b"too_slow" in said
    assert seconds < 1


def test_that_a_body_nobody_reads_does_not_keep_a_connection(port: int) -> None:
    said, seconds = drip(port, b"GET /health/live HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", b" ")
    assert said.startswith(b"HTTP/1.1 200")
    assert seconds < 2


@pytest.mark.parametrize("head", [b"X-Large: " + b"x" * 17_000, b"X: y\r\n" * 4000, b"X-Endless: " + b"x" * 40_000])
def test_that_a_large_head_is_refused(port: int, head: bytes) -> None:
    end = b"" if b"Endless" in head else b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\n" + head + end)
        assert client.recv(4096).startswith(b"HTTP/1.1 431")


def test_that_a_head_within_the_limit_is_accepted_in_however_many_pieces(port: int) -> None:
    head = b"GET /health/live HTTP/1.1\r\n" + b"".join(b"X-%d: " % n + b"x" * 1000 + b"\r\n" for n in range(14)) + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
        for start in range(0, len(head), 3000):
            client.sendall(head[start : start + 3000])
            time.sleep(0.02)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_that_an_ordinary_client_keeps_its_connection_for_many_requests(port: int, shared: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    for wait in (0, 0.7, 0, 0.7):
        time.sleep(wait)
        connection.request("POST", "/v1/recommendations", b"{}", {"X-API-Key": shared.key, "X-Medium": "x" * 8000})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert connection.sock is not None


def test_that_a_large_body_is_refused_at_once_and_the_connection_closed(port: int, shared: Served) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
        client.sendall(f"POST /v1/events HTTP/1.1\r\nX-API-Key: {shared.key}\r\nContent-Length: 30000000\r\n\r\n".encode())
        said = b""
        while got := client.recv(4096):
            said += got
    assert said.startswith(b"HTTP/1.1 413")
