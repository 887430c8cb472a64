# SPDX-License-Identifier: Apache-2.0
"""What a session may cost in memory at most: each test stops many sessions where they hold the most, and counts bytes."""
import contextlib
import socket
import threading
import time

import pytest

from conftest import Client, end_listening
from memory import Growth, role_pid

KIB, MIB = 1024, 1 << 20
SESSIONS = 20
MOST = 2 * MIB  # of a session, whatever its client does
HOUSE = 'listen smtp "127.0.0.1:0"\nedges 1\nlimits errors unlimited\n' \
        'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n' \
        "network office 127.0.0.1/32\nrelay for network office\n"
TOP = b"From: <a@b.example>\r\nSubject: x\r\n\r\n"
LINE = 62 * b"x" + b"\r\n"
HEADERS = b"".join(b"X-%07d: %s\r\n" % (i, 40 * b"y") for i in range(30000))  # 1.6 MB


def sessions(server, count=SESSIONS):
    clients = [Client(server.port) for _ in range(count)]
    for client in clients:
        assert client.say("EHLO client.example").startswith("250")
    return clients


def begin(client, to="a@ours.example"):
    for line in ["MAIL FROM:<a@b.example>", f"RCPT TO:<{to}>", "DATA"]:
        assert client.say(line)[:1] in "23"


def send_what_goes(client, raw):
    """The server may hang up in the middle."""
    with contextlib.suppress(OSError):
        client.send(raw)


def end(client, codes):
    """The final dot, and what it may be answered; "" where the client may have been thrown out before."""
    try:
        client.send("\r\n.\r\n")
        assert client.reply()[:3] in codes
    except OSError:
        assert "" in codes
    client.close()


def grown(server, clients, act):
    """Bytes that each session has added to the edge, once all that was sent is read."""
    growth = Growth(role_pid(server, "edge"))
    for client in clients:
        act(client)
    each = growth.when_read(server.port) / len(clients)
    print(f"{each / KIB:.0f} KiB a session")
    return each


@pytest.fixture
def warm(daemon):
    """A daemon that has seen a message of each kind: pools, files and processes are there."""
    def start(more=""):
        server = daemon(HOUSE + more)
        for count in [1, 20000]:
            client, = sessions(server, 1)
            begin(client)
            client.send(TOP + count * LINE)
            end(client, ["250"])
        return server
    return start


@pytest.mark.parametrize("size", [1, 10])
def test_a_big_message_is_never_held_whole(warm, size):
    """Above 256 KiB it is written as it comes."""
    server = warm()
    clients = sessions(server)
    for client in clients:
        begin(client)
    text = TOP + size * MIB // len(LINE) * LINE
    assert grown(server, clients, lambda client: client.send(text)) <= 512 * KIB
    for client in clients:
        end(client, ["250"])


class Stalled:
    """A next hop that says yes until the message comes and then reads no more of it."""

    def __init__(self):
        self.listener, self.held, self.clients = socket.create_server(("127.0.0.1", 0), backlog=64), 0, []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
        with contextlib.suppress(OSError):
            client.sendall(b"220 stalled.example\r\n")
            for line in client.makefile("rb", 512):
                client.sendall(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 ok\r\n")
                if line.upper().startswith(b"DATA"):
                    self.held += 1
                    return

    def close(self):
        end_listening(self.listener)
        for one in self.clients:
            one.close()


def test_a_big_message_is_not_held_whole_on_its_way_out(daemon):
    """The next hop takes the first of it and then no more: the rest waits on disk."""
    hop = Stalled()
    server = daemon(HOUSE + f'deliver * via "127.0.0.1:{hop.port}" tls off\n')
    growth = Growth(role_pid(server, "out"))
    text = TOP + 10 * MIB // len(LINE) * LINE
    for client in sessions(server):
        begin(client, "a@far.example")
        client.send(text)
        end(client, ["250"])
    until = time.monotonic() + 60
    while hop.held < 2 and time.monotonic() < until:
        time.sleep(0.05)
    held = growth.when_still() / hop.held
    assert hop.held and held <= 512 * KIB
    hop.close()


@pytest.mark.parametrize("header", [HEADERS, b"X-Long: a\r\n" + 20000 * (b" " + 70 * b"y" + b"\r\n")], ids=["many", "folded"])
def test_a_header_without_end_costs_little(warm, header):
    """It is refused at its limit (128 KiB where none is written) and read to its end without being kept."""
    server = warm()
    clients = sessions(server)
    for client in clients:
        begin(client)
    assert grown(server, clients, lambda client: send_what_goes(client, header)) <= MOST / 2
    for client in clients:
        end(client, ["552", "554", ""])


@pytest.mark.parametrize("where", ["command", "data"])
def test_a_line_without_end_costs_little(warm, where):
    server = warm()
    clients = sessions(server)
    for client in clients:
        if where == "data":
            begin(client)
    assert grown(server, clients, lambda client: send_what_goes(client, 2 * MIB * b"z")) <= MOST / 4
    for client in clients:
        client.close()


def test_a_thousand_recipients_cost_little(warm):
    server = warm()
    clients = sessions(server)

    def name_all(client):
        assert client.say("MAIL FROM:<a@b.example>").startswith("250")
        for start in range(0, 1000, 50):
            client.send("".join(f"RCPT TO:<{60 * 'n'}{i:04d}@ours.example>\r\n" for i in range(start, start + 50)))
            assert {client.reply()[:3] for _ in range(50)} == {"250"}
    assert grown(server, clients, name_all) <= MOST / 2
    for client in clients:
        client.close()


def test_what_a_bomb_took_is_used_again(warm):
    """Rounds of them do not add up."""
    server = warm()

    def round_of_bombs():
        clients = sessions(server)
        for client in clients:
            begin(client)
            send_what_goes(client, HEADERS[:512 * KIB])
        for client in clients:
            end(client, ["552", "554", ""])
    round_of_bombs()
    growth = Growth(role_pid(server, "edge"))
    for _ in range(4):
        round_of_bombs()
    assert growth.when_still() <= MIB
