# SPDX-License-Identifier: Apache-2.0
"""listen … proxy from NETWORK: whom a load balancer speaks for, in both forms, also in front of TLS."""
import json
import re
import socket
import ssl
import struct

import pytest

from conftest import Client, need
from pop import CONTEXT, port_of
from test_audit import wait_for

BALANCED = """
listen smtp "127.0.0.1:0" proxy from balancer
listen submissions "127.0.0.1:0" proxy from balancer
domain ours.example any recipient deliver maildir "{mail}/%d/%l"
accounts sqlite "{mail}/accounts.db"
network balancer 127.0.0.1/32
network office 192.0.2.0/24 2001:db8:7::/48
relay for network office
relay for authenticated
deliver * via "127.0.0.1:9"
limits connections 20000, 3 per address, unlimited per minute per address
"""
POP = """
listen smtp "127.0.0.1:0"
listen pop3 "127.0.0.1:0" proxy from balancer
listen pop3s "127.0.0.1:0" proxy from balancer
domain ours.example mailboxes accounts deliver maildir "{mail}/%d/%l"
accounts sqlite "{mail}/accounts.db"
network balancer 127.0.0.1/32
relay for authenticated
limits connections 20000, 3 per address, unlimited per minute per address
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(client, command=0x21, extra=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    body = socket.inet_pton(family, client) * 2 + struct.pack("!HH", 1025, 25) + extra
    return SIGNATURE + bytes([command, 0x21 if ":" in client else 0x11]) + struct.pack("!H", len(body)) + body


def text(client):
    return f"PROXY TCP{6 if ':' in client else 4} {client} {client} 1025 25\r\n".encode()


@pytest.fixture
def balanced(daemon):
    return daemon(BALANCED)


def connect(port, header, source="127.0.0.1"):
    client = Client(port, source, greet=False)
    client.send(header)
    return client


def relays(client):
    assert client.reply().startswith("220")
    client.say("EHLO client.example")
    client.say("MAIL FROM:<a@b.example>")
    return client.say("RCPT TO:<x@elsewhere.example>")


@pytest.mark.parametrize("form", [text, binary])
@pytest.mark.parametrize("address,code", [("192.0.2.7", "250"), ("2001:db8:7::1", "250"), ("198.51.100.7", "550"), ("2001:db8:8::1", "550"),
                                          ("127.0.0.1", "550"), ("::ffff:192.0.2.7", "250")])
def test_the_client_is_judged_by_its_own_address(balanced, form, address, code):
    reply = relays(connect(balanced.port, form(address)))
    assert reply.startswith(code), reply
    lines = [line for line in balanced.json("log") if line.get("recipient") == "x@elsewhere.example"]
    assert lines[-1]["client"]["ip"] == address.replace("::ffff:", "")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 192.0.2.7 192.0.2.7 1 2\r\n", binary("192.0.2.7", 0x20),
                                    SIGNATURE + b"\x21\x00\0\0"])
def test_who_is_not_named_is_in_no_network(balanced, header):
    assert relays(connect(balanced.port, header)).startswith("550 5.7.1")


@pytest.mark.parametrize("header", [b"EHLO x\r\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 1 25\n",
                                    b"proxy TCP4 192.0.2.7 192.0.2.1 1 25\r\n", b"PROXY TCP4 " + b"1" * 200, SIGNATURE + b"\x31\x11\0\0",
                                    SIGNATURE + b"\x21\x11\0\x04abcd", SIGNATURE + b"\x21\x11\xff\xff", b"\0"])
def test_a_balancer_that_does_not_say_it_right_is_not_heard(balanced, header):
    reply = connect(balanced.port, header).reply()
    assert reply.startswith("554 5.5.0 Here a PROXY header comes first"), reply


def test_nobody_else_may(balanced):
    need("second-loopback")
    client = Client(balanced.port, "127.0.0.2")
    assert client.say("PROXY TCP4 192.0.2.7 192.0.2.1 1025 25").startswith("500")
    for word in ("XCLIENT ADDR=192.0.2.7", "XFORWARD ADDR=192.0.2.7"):
        assert client.say(word).startswith("500")
    assert "XCLIENT" not in client.say("EHLO x") and client.say("MAIL FROM:<a@b.example>").startswith("250")
    assert client.say("RCPT TO:<x@elsewhere.example>").startswith("550 5.7.1")


def test_the_header_comes_in_pieces_and_before_tls(balanced):
    port = int(re.search(r"submissions 127\.0\.0\.1:(\d+)", balanced.ready["text"]).group(1))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for form in (text, binary):
        raw = socket.create_connection(("127.0.0.1", port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in form("192.0.2.7"):
            raw.send(bytes([octet]))
        with context.wrap_socket(raw) as client:
            assert client.recv(100).startswith(b"220 ")
    # In one packet with what follows: not an octet too many is taken.
    client = connect(balanced.port, text("192.0.2.7"))
    assert client.reply().startswith("220")


def test_limits_are_of_the_client_and_not_of_the_balancer(balanced):
    held = [connect(balanced.port, text(f"198.51.100.{i}")) for i in range(10)]
    assert all(client.reply().startswith("220") for client in held)
    same = [connect(balanced.port, text("203.0.113.9")) for _ in range(5)]
    replies = [client.reply()[:3] for client in same]
    assert replies.count("220") == 3 and replies.count("421") == 2, replies


def test_a_balancer_in_front_of_pop_speaks_for_its_clients(daemon):
    server = daemon(POP)
    port, tls = port_of(server, "pop3"), port_of(server, "pop3s")
    held = [connect(port, text("203.0.113.9")) for _ in range(5)]
    lines = [client.lines.readline() for client in held]
    assert sum(line.startswith(b"+OK ") for line in lines) == 3, lines
    assert lines.count(b"-ERR [SYS/TEMP] too many connections from your address\r\n") == 2, lines
    other = connect(port, binary("198.51.100.1"))
    assert other.lines.readline().startswith(b"+OK ")
    assert connect(port, b"CAPA\r\n").lines.readline() == b"-ERR [SYS/TEMP] no PROXY header\r\n"
    raw = socket.create_connection(("127.0.0.1", tls), timeout=60)
    for octet in binary("2001:db8::7"):
        raw.send(bytes([octet]))
    with CONTEXT.wrap_socket(raw) as client:
        assert client.recv(200).startswith(b"+OK ")
        wait_for(lambda: {s["client"] for s in server.json("sessions") if s["listener"].startswith("pop3")} ==
                 {"203.0.113.9", "198.51.100.1", "2001:db8::7"})
    pop = next(r["status"] for r in server.json("status")[0]["roles"] if r["role"] == "pop")
    assert pop["turned_away"] == 3


def test_smtp_and_pop_share_the_limits_of_an_address(daemon):
    server = daemon(POP.replace(" proxy from balancer", ""))
    held = [Client(server.port), Client(server.port), Client(port_of(server, "pop3"), greet=False)]
    assert held[2].lines.readline().startswith(b"+OK ")
    assert Client(server.port, greet=False).reply().startswith("421")
    assert b"from your address" in Client(port_of(server, "pop3"), greet=False).lines.readline()


def test_the_proof_counts_the_balancer(daemon):
    started = daemon(BALANCED)
    told = started.postern("check").stdout
    assert "proxy" in told or "balancer" in told, told
    assert json.loads(started.postern("who", "--client", "192.0.2.7", "--json").stdout)["may_relay"]
