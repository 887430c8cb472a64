# SPDX-License-Identifier: Apache-2.0
"""The queue: retries, bounces, what administrators do to it, MX through a real name server."""
import email
import email.policy
import os
import re
import signal
import smtplib
import subprocess
import time

import pytest

from conftest import RELAY, Client, dead_port
from test_life import role_pids

BODY = b"Subject: the subject\r\nFrom: a@ours.example\r\n\r\nbody\r\n"


def send(server, recipients, sender="alice@ours.example", options=()):
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        return client.sendmail(sender, recipients, BODY, mail_options=list(options))


def relay_to(daemon, to, more=""):
    return daemon(RELAY.replace("{port}", str(to.port)) + more)


def at_first(reply, usual):
    """Answers `reply` once, and `usual` from then on."""
    answers = [reply]
    return lambda line, number: answers.pop() if answers else usual


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    return condition()


def test_a_deferral_is_tried_again_and_then_delivered(daemon, sink):
    to = sink({"RCPT": at_first("451 4.7.1 later", "250 ok")})
    server = relay_to(daemon, to, "retry for 1 days first after 1 seconds at most 2 seconds\n")
    send(server, ["x@elsewhere.example"])
    assert len(to.wait(1)) == 1


def test_a_refusal_becomes_a_bounce_that_explains(daemon, sink):
    to = sink({"RCPT": lambda line, number: "550 5.1.1 no such user <script>" if b"gone@" in line else "250 ok"})
    server = relay_to(daemon, to)
    send(server, ["gone@elsewhere.example", "here@elsewhere.example"])
    raw = server.mails("alice@ours.example", 1)
    assert len(raw) == 1 and len(to.wait(1)) == 1
    bounce = email.message_from_bytes(raw[0], policy=email.policy.default)
    assert bounce.get_content_type() == "multipart/report" and bounce["Auto-Submitted"]
    assert "Return-Path: <>" in raw[0].decode()
    words, report, original = bounce.iter_parts()
    assert "gone@elsewhere.example" in words.get_content() and "here@elsewhere.example" not in words.get_content()
    assert report.get_content_type() == "message/delivery-status"
    fields = report.as_string()
    assert "Action: failed" in fields and "Status: 5.1.1" in fields and "rfc822; gone@elsewhere.example" in fields
    assert "no such user" in fields and "the subject" in original.as_string()


def test_the_null_sender_gets_no_bounce(daemon, sink):
    to = sink({"RCPT": "550 5.1.1 nobody"})
    server = relay_to(daemon, to)
    client = Client(server.port)
    client.say("EHLO x.example")
    client.send("MAIL FROM:<>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    kept = client.say(BODY + b".")
    number = re.search(r"\[([0-9A-Z-]+)\]", kept).group(1)
    assert until(lambda: "bounced" in server.postern("why", number).stdout)
    assert until(lambda: server.json("queue") == [])
    time.sleep(0.5)  # none comes
    assert os.listdir(os.path.join(server.folder, "mail")) == []


def test_half_of_the_recipients_are_retried_alone(daemon, sink):
    slow = at_first("452 4.2.2 full", "250 ok")
    to = sink({"RCPT": lambda line, number: slow(line, number) if b"slow" in line else "250 ok"})
    server = relay_to(daemon, to, "retry for 1 days first after 1 seconds at most 2 seconds\n")
    send(server, ["fast@elsewhere.example", "slow@elsewhere.example"])
    messages = to.wait(2)
    assert sorted(r for _, rs, _ in messages for r in rs) == [b"fast@elsewhere.example", b"slow@elsewhere.example"]


def test_the_remote_dies_after_the_dot_and_gets_one_more_copy(daemon, sink):
    to = sink({".": lambda raw, number: None if number == 1 else "250 kept"})
    server = relay_to(daemon, to, "retry for 1 days first after 1 seconds at most 2 seconds\n")
    send(server, ["x@elsewhere.example"])
    assert len(to.wait(1)) == 1
    assert until(lambda: server.json("queue") == [])
    time.sleep(2.5)  # longer than a retry takes
    assert len(to.messages) == 1 and server.json("queue") == []


def test_a_remote_without_pipelining_or_ehlo_gets_its_mail(daemon, sink):
    plain = sink(extensions=())
    old = sink({"EHLO": "502 what"})
    for to in (plain, old):
        server = relay_to(daemon, to)
        send(server, ["x@elsewhere.example"])
        assert to.wait(1)[0][2].endswith(BODY)


def test_an_administrator_holds_shows_releases_removes_and_bounces(daemon, sink):
    to = sink({"MAIL": "451 4.3.0 not now"})
    server = relay_to(daemon, to)
    send(server, ["x@elsewhere.example"])
    send(server, ["y@elsewhere.example"])
    assert until(lambda: [r["state"] for m in server.json("queue") for r in m["recipients"]] == ["waiting", "waiting"])
    first = [m for m in server.json("queue") if "x@elsewhere.example" in str(m)][0]
    assert "x@elsewhere.example" in server.postern("queue", status=0).stdout
    number = first["id"]
    assert "x@elsewhere.example" in server.postern("queue", "show", number, status=0).stdout
    server.postern("queue", "hold", number, status=0)
    to.answers.clear()
    server.postern("queue", "retry", "--to", "y@*", status=0)
    assert to.wait(1)[0][1] == [b"y@elsewhere.example"]
    server.postern("queue", "release", number, status=0)
    assert len(to.wait(2)) == 2
    to.answers["MAIL"] = "451 4.3.0 not now"
    send(server, ["z@elsewhere.example"])
    assert until(lambda: "451" in str(server.json("queue")))
    server.postern("queue", "bounce", "--to", "z@elsewhere.example", status=0)
    assert len(server.mails("alice@ours.example", 1)) == 1
    send(server, ["w@elsewhere.example"])
    assert until(lambda: [m for m in server.json("queue") if "w@elsewhere.example" in str(m) and "451" in str(m)])
    server.postern("queue", "remove", "--to", "w@elsewhere.example", status=0)
    assert until(lambda: server.json("queue") == [])
    assert server.postern("queue", "show", "0000-0000-0000").returncode == 1


def test_what_waits_survives_a_restart(daemon, sink):
    to = sink({"banner": "421 4.3.2 away"})
    server = relay_to(daemon, to, "retry for 1 days first after 1 seconds at most 2 seconds\n")
    for number in range(20):
        send(server, [f"u{number}@elsewhere.example"])
    assert server.stop() == 0
    to.answers.clear()
    server.start()
    messages = to.wait(20)
    assert sorted(r for _, rs, _ in messages for r in rs) == sorted(b"u%d@elsewhere.example" % n for n in range(20))


NAME_SERVER = '''
import sys
from dnslib import RR, QTYPE, RCODE, MX, A, AAAA, SOA
from dnslib.server import DNSServer, BaseResolver
class Zone(BaseResolver):
    def resolve(self, request, handler):
        reply, name = request.reply(), str(request.q.qname).rstrip(".").lower()
        kind = QTYPE[request.q.qtype]
        def add(owner, rtype, data): reply.add_answer(RR(owner, rtype, rdata=data, ttl=60))
        if name == "good.example" and kind == "MX":
            add("good.example", QTYPE.MX, MX("dead.example", 5)); add("good.example", QTYPE.MX, MX("mx.example", 10))
        elif name in ("mx.example", "implicit.example") and kind == "A": add(name, QTYPE.A, A("127.0.0.1"))
        elif name == "dead.example" and kind == "A": add(name, QTYPE.A, A("127.0.0.9"))
        elif name == "null.example" and kind == "MX": add(name, QTYPE.MX, MX(".", 0))
        elif name == "broken.example": reply.header.rcode = RCODE.SERVFAIL
        elif name in ("good.example", "mx.example", "implicit.example", "dead.example", "null.example", "example"): pass
        else: reply.header.rcode = RCODE.NXDOMAIN
        return reply
server = DNSServer(Zone(), port=0, address="127.0.0.1")
print(server.server.server_address[1], flush=True)
server.start()
'''


@pytest.fixture
def name_server(tmp_path):
    from conftest import need
    need("dnslib")
    (tmp_path / "dns.py").write_text(NAME_SERVER)
    process = subprocess.Popen(["/usr/bin/python3", str(tmp_path / "dns.py")], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    yield int(process.stdout.readline())
    process.kill()
    process.wait()


def test_mx_through_a_name_server(daemon, sink, name_server):
    to = sink()
    ways = "".join(f"deliver {d} via mx port {to.port}\n" for d in
                   ["good.example", "implicit.example", "null.example", "broken.example", "gone.example"])
    server = daemon('listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
                    f'network office 127.0.0.1/32\nrelay for network office\nresolver "127.0.0.1@{name_server}"\n'
                    "retry for 1 days first after 1 seconds at most 2 seconds\n" + ways)
    send(server, ["a@good.example", "b@implicit.example"])
    assert sorted(r for _, rs, _ in to.wait(2) for r in rs) == [b"a@good.example", b"b@implicit.example"]
    send(server, ["c@null.example", "d@gone.example", "e@broken.example"])
    until(lambda: b"gone.example" in b"".join(server.mails("alice@ours.example")) and
          b"null.example" in b"".join(server.mails("alice@ours.example")))
    bounces = b"".join(server.mails("alice@ours.example"))
    assert b"c@null.example" in bounces and b"d@gone.example" in bounces and b"5.1.10" in bounces and b"5.1.2" in bounces
    assert b"e@broken.example" not in bounces, "DNS that does not answer never bounces"
    assert "e@broken.example" in server.postern("queue").stdout


def test_via_mx_never_leads_to_loopback_unless_the_domain_is_named(daemon, sink, name_server):
    to = sink()
    server = daemon('listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
                    f'network office 127.0.0.1/32\nrelay for network office\nresolver "127.0.0.1@{name_server}"\n'
                    f"deliver * via mx port {to.port}\n")
    send(server, ["a@implicit.example"])
    assert b"loopback and private addresses are not mailed to" in b"".join(server.mails("alice@ours.example", 1))
    assert to.messages == []


def test_a_dead_host_defers_and_says_so(daemon, sink):
    with dead_port() as port:
        server = daemon(RELAY.replace("{port}", str(port)))
        send(server, ["x@elsewhere.example"])
        line = until(lambda: [m for m in server.json("queue") if "refused" in str(m).lower() or "connect" in str(m).lower()])
        assert line, server.json("queue")


def has(path, words):
    with open(path, "rb") as file:
        return words in file.read()


def test_a_spool_file_that_cannot_be_opened_holds_up_no_other_mail(daemon, sink):
    """As by an administrator's hand, or a sick inode. The message waits, says why, and leaves when the file is back."""
    to = sink({"RCPT": at_first("451 4.7.1 later", "250 ok")})
    server = relay_to(daemon, to, "retry for 1 days first after 2 seconds at most 2 seconds\n")
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("alice@ours.example", ["big@elsewhere.example"], BODY + (b"y" * 70 + b"\r\n") * 6000)
    assert until(lambda: "451 later" in server.postern("queue").stdout)
    spool, away = os.path.join(server.state, "spool", "big"), os.path.join(server.folder, "away")
    (moved,) = [path for path in map(lambda name: os.path.join(spool, name), os.listdir(spool)) if has(path, b"y" * 70)]
    os.rename(moved, away)
    for pid in role_pids(server, "out"):  # it had the file open
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: "cannot be opened" in server.postern("queue").stdout), server.postern("queue").stdout
    for number in range(20):
        send(server, [f"small{number}@elsewhere.example"])
    assert len(to.wait(20)) == 20
    os.rename(away, moved)
    assert len(to.wait(21)) == 21
