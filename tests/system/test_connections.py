# SPDX-License-Identifier: Apache-2.0
"""Limits of connections over all edges, what happens when places are short, and mail in chunks."""
import os
import signal
import time

from conftest import Client, need
from test_facts import why

HOUSE = 'listen smtp "127.0.0.1:0"\nedges 2\n' \
        'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n' \
        "network office 127.0.0.1/32\nrelay for network office\n"


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def greetings(server, source, count):
    clients = [Client(server.port, source) for _ in range(count)]
    return clients, [client.banner[:3] for client in clients]


def gets_in(server, source):
    """A place may be free a moment after its client has closed."""
    def once():
        client = Client(server.port, source)
        return client if client.banner.startswith("220") else None
    return until(once)


def deliver(client):
    """One whole message; the last reply."""
    for line in ["EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@ours.example>", "DATA"]:
        reply = client.say(line)
        assert reply[:1] in "23", reply
    return client.say("From: <a@b.example>\r\n\r\nbody\r\n.")


def test_an_address_has_so_many_connections_over_all_edges(daemon):
    need("second-loopback")
    server = daemon(HOUSE + "limits connections 6 per address\n")
    clients, codes = greetings(server, "127.0.0.5", 9)  # the kernel spreads them over both edges
    assert codes.count("220") == 6 and codes.count("421") == 3, codes
    refused = next(client for client in clients if client.banner.startswith("421"))
    assert refused.banner.startswith("421 4.7.0 ") and refused.reply() == ""
    assert why(server, refused.banner)["reason"] == "too-many-from-address"
    _, codes = greetings(server, "127.0.0.6", 6)  # another address
    assert codes == ["220"] * 6
    _, codes = greetings(server, "127.0.0.1", 20)  # a trusted one
    assert codes == ["220"] * 20
    next(client for client in clients if client.banner.startswith("220")).close()
    assert gets_in(server, "127.0.0.5")


def test_the_connections_of_an_edge_that_died_count_no_more(daemon):
    need("second-loopback")
    server = daemon(HOUSE + "limits connections 6 per address\n")
    _, codes = greetings(server, "127.0.0.5", 6)
    assert codes == ["220"] * 6
    before = edges(server)
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: len(edges(server)) == 2 and not edges(server) & before)
    again = [gets_in(server, "127.0.0.5") for _ in range(6)]
    assert all(again)
    assert Client(server.port, "127.0.0.5").banner.startswith("421 4.7.0 ")


def edges(server):
    found = set()
    for pid in server.pids():
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if "edge" in file.read().split("\0"):
                    found.add(pid)
        except OSError:
            pass
    return found


def test_an_address_may_connect_so_often_within_a_minute(daemon):
    need("second-loopback")
    server = daemon(HOUSE + "limits connections 7 per minute per address\n")
    for _ in range(7):
        Client(server.port, "127.0.0.5").close()
    late = Client(server.port, "127.0.0.5")
    assert late.banner.startswith("421 4.7.0 ") and "minute" in late.banner, late.banner
    assert why(server, late.banner)["reason"] == "too-often-from-address"
    for _ in range(12):
        assert Client(server.port).banner.startswith("220")


def test_a_network_has_limits_of_its_own(daemon):
    need("second-loopback")
    server = daemon(HOUSE + "network lab 127.0.0.5/32\nlimits connections 3 per address\n"
                    "limits for network lab connections 8, unlimited per address, errors 1\n")
    clients, codes = greetings(server, "127.0.0.5", 10)
    assert codes.count("220") == 8, codes
    assert next(c for c in clients if c.banner.startswith("421")).banner.startswith("421 4.3.2 ")
    client = next(c for c in clients if c.banner.startswith("220"))
    assert client.say("FROB").startswith("500")
    assert client.say("NOOP").startswith("421 4.7.0 ")


def test_slow_strangers_make_room_and_trusted_clients_always_get_in(daemon):
    need("second-loopback")
    server = daemon(HOUSE + "limits connections 40, unlimited per address\n")
    slow, codes = greetings(server, "127.0.0.5", 36)  # nine tenths
    assert codes == ["220"] * 36
    assert Client(server.port, "127.0.0.6").banner.startswith("421 4.3.2 ")
    assert deliver(Client(server.port)).startswith("250 ")  # kept for those who may relay

    def drip():
        for client in slow:
            try:
                client.send(b"E")
            except OSError:
                return True
        return False
    until(drip)  # each sends an octet again and again, and none gets on
    last = [client.lines.readline() for client in slow[:1]]
    assert b"421 4.3.2 " in last[0] or last[0] == b"", last
    assert deliver(gets_in(server, "127.0.0.6")).startswith("250 ")
    assert "too-slow-when-busy" in server.postern("status", "--json", status=0).stdout


def test_a_message_in_chunks_is_delivered_as_it_was_sent(relay):
    client = Client(relay.port)
    greeting = client.say("EHLO a.example")
    assert "CHUNKING" in greeting and "BINARYMIME" not in greeting
    body = b"From: <a@ours.example>\r\n\r\n.\r\n..two\r\n" + b"x" * 70000 + b"\r\nlast line"
    client.say("MAIL FROM:<a@ours.example>")
    client.say("RCPT TO:<bob@far.example>")
    at = 0
    for size in [1, 25, 1, 1, 4, 40000]:
        client.send(b"BDAT %d\r\n" % size + body[at:at + size])
        assert client.reply().startswith("250 ")
        at += size
    client.send(b"BDAT %d LAST\r\n" % (len(body) - at) + body[at:])
    assert client.reply().startswith("250 2.0.0 kept ")
    assert until(lambda: relay.sink.messages)
    assert relay.sink.messages[0][2].endswith(body + b"\r\n")
