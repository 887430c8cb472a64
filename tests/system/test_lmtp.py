# SPDX-License-Identifier: Apache-2.0
"""Delivery by LMTP (RFC 2033): a reply for each recipient, over a socket or TCP; Dovecot's server, and one that fails."""
import os
import smtplib
import socket
import tempfile
import shutil
import time

import pytest

from hops import Dovecot, Lmtp

MESSAGE = b"From: a@office.example\r\nSubject: dots\r\n\r\n.\r\n..two\r\nlast\r\n"
CONFIG = """
listen smtp "127.0.0.1:0"
domain ours.example any recipient deliver lmtp "{where}"
network office 127.0.0.1/32
retry for 1 hour first after 1 s at most 1 s
postmaster "postmaster@ours.example"
"""


@pytest.fixture
def hop():
    made, folder = [], tempfile.mkdtemp(prefix="postern-lmtp-")
    os.chmod(folder, 0o755)

    def start(kind, *args, **kwargs):
        made.append(kind(*args, **kwargs))
        return made[-1]
    start.folder = folder
    yield start
    for one in made:
        one.close()
    shutil.rmtree(folder, ignore_errors=True)


def send(daemon, *recipients, message=MESSAGE):
    with smtplib.SMTP("127.0.0.1", daemon.port) as client:
        client.ehlo()
        client.mail("a@office.example")
        for address in recipients:
            assert client.rcpt(address)[0] == 250
        code, words = client.data(message)
        assert code == 250
        return words.decode().split("[")[1].rstrip("]")


def events(daemon, wanted, seconds=60):
    """Delivery events by (recipient, event), once `wanted` of them are there."""
    end = time.monotonic() + seconds
    while True:
        found = {}
        for line in daemon.json("log"):
            if line.get("event") in ("delivered", "deferred", "bounced", "expired"):
                found.setdefault((line["recipient"], line["event"]), line)
        if set(wanted) <= set(found) or time.monotonic() > end:
            assert set(wanted) <= set(found), sorted(found)
            return found
        time.sleep(0.1)


def dovecot(hop, peers):
    if os.geteuid() != 0:
        pytest.skip("lays a file system over /usr: needs root")
    return hop(Dovecot, peers("dovecot-lmtpd"), os.path.join(hop.folder, "dovecot"))


def test_dovecot_takes_mail_over_its_socket_and_over_tcp(daemon, hop, peers):
    server = dovecot(hop, peers)
    for where in (f"{server.folder}/lmtp", f"127.0.0.1:{server.port}"):
        started = daemon(CONFIG.replace("{where}", where))
        send(started, "alice@ours.example", "bob@ours.example", "nobody@ours.example", "shut@ours.example")
        found = events(started, [("alice@ours.example", "delivered"), ("bob@ours.example", "delivered"),
                                 ("nobody@ours.example", "deferred"), ("shut@ours.example", "deferred")])
        # The sender is not believed: what fails for good waits for the administrator.
        assert found["nobody@ours.example", "deferred"]["reply"].startswith("550 5.1.1 ")
        assert found["shut@ours.example", "deferred"]["reply"].startswith("451 4.")
        assert where in found["alice@ours.example", "delivered"]["remote"]
        started.stop()
    for user in ("alice", "bob"):
        mails = server.mails(user)
        assert len(mails) == 2, server.words()
        for mail in mails:
            text = mail.replace(b"\r\n", b"\n")
            assert text.count(b"Return-Path: <a@office.example>\n") == 1
            assert text.endswith(b"\n\n.\n..two\nlast\n")
    assert not server.mails("shut")


def test_a_hundred_messages_to_dovecot_arrive_once(daemon, hop, peers):
    server = dovecot(hop, peers)
    started = daemon(CONFIG.replace("{where}", f"{server.folder}/lmtp"))
    with smtplib.SMTP("127.0.0.1", started.port) as client:
        for number in range(100):
            client.sendmail("a@office.example", ["alice@ours.example", "bob@ours.example"],
                            f"From: a@office.example\r\nSubject: {number}\r\n\r\n.\r\n".encode())
    end = time.monotonic() + 120
    while time.monotonic() < end and (len(server.mails("alice")) < 100 or len(server.mails("bob")) < 100):
        time.sleep(0.1)
    for user in ("alice", "bob"):
        subjects = sorted(int(mail.split(b"Subject: ")[1].split()[0]) for mail in server.mails(user))
        assert subjects == list(range(100))


def test_each_recipient_has_its_own_end(daemon, hop):
    path = os.path.join(hop.folder, "lmtp")
    state = {"later": 0}

    def later(address):
        state["later"] += 1
        return "452 4.2.2 not now" if state["later"] == 1 else "250 2.0.0 saved at last"
    server = hop(Lmtp, path, rcpt={"c@ours.example": "550 5.1.1 who?"},
                 after={"b@ours.example": "554 5.7.1 a sieve script said no", "later@ours.example": later})
    started = daemon(CONFIG.replace("{where}", path))
    send(started, "a@ours.example", "b@ours.example", "c@ours.example", "later@ours.example")
    found = events(started, [("a@ours.example", "delivered"), ("b@ours.example", "deferred"),
                             ("c@ours.example", "deferred"), ("later@ours.example", "deferred"),
                             ("later@ours.example", "delivered")])
    assert found["a@ours.example", "delivered"]["reply"] == "250 2.0.0 saved"
    assert found["b@ours.example", "deferred"]["reply"] == "554 5.7.1 a sieve script said no"
    assert found["c@ours.example", "deferred"]["reply"] == "550 5.1.1 who?"
    assert found["later@ours.example", "deferred"]["reply"] == "452 4.2.2 not now"
    assert found["a@ours.example", "delivered"]["remote"] == path
    assert "tls" not in found["a@ours.example", "delivered"]
    assert "LHLO mx.test.example" in server.said and not any(line.startswith("EHLO") for line in server.said)
    assert [address for address, _ in server.kept if address != "postmaster@ours.example"] == ["a@ours.example"]
    body = server.kept[0][1]
    assert body.endswith(b"\r\n\r\n.\r\n..two\r\nlast\r\n") and b"Return-Path" not in body


@pytest.mark.parametrize("end", [None, "421 4.3.2 going down"])
def test_who_has_no_answer_when_the_session_ends_is_tried_again(daemon, hop, end):
    path, ended = os.path.join(hop.folder, "lmtp"), []

    def once(address):
        ended.append(address)
        return end if len(ended) == 1 else "250 2.0.0 saved"
    server = hop(Lmtp, path, after={"b@ours.example": once})
    started = daemon(CONFIG.replace("{where}", path))
    send(started, "a@ours.example", "b@ours.example", "c@ours.example")
    found = events(started, [("a@ours.example", "delivered"), ("b@ours.example", "deferred"), ("b@ours.example", "delivered"),
                             ("c@ours.example", "deferred"), ("c@ours.example", "delivered")])
    words = found["c@ours.example", "deferred"]["reply"]
    assert "may arrive twice" in words if end is None else words.startswith("421 ")
    assert [address for address, _ in server.kept].count("a@ours.example") == 1


def test_a_socket_that_cannot_be_used_is_explained(daemon, hop):
    path = os.path.join(hop.folder, "lmtp")
    started = daemon(CONFIG.replace("{where}", path))
    identity = send(started, "a@ours.example")
    found = events(started, [("a@ours.example", "deferred")])
    assert "there is no such socket" in found["a@ours.example", "deferred"]["reply"]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    started.postern("queue", "retry", identity, status=0)
    deadline = time.monotonic() + 60
    while "no server listens" not in (shown := started.postern("queue", "show", identity).stdout):
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    os.chmod(path, 0)
    if os.geteuid() == 0:  # the roles run as nobody
        started.postern("queue", "retry", identity, status=0)
        while "with mode 0000" not in (shown := started.postern("queue", "show", identity).stdout):
            assert time.monotonic() < deadline, shown
            time.sleep(0.1)
    listener.close()
    os.remove(path)
    hop(Lmtp, path)
    started.postern("queue", "retry", identity)
    events(started, [("a@ours.example", "delivered")])


def test_an_smtp_server_behind_deliver_lmtp_refuses_nobody_for_good(daemon, sink):
    to = sink(answers={"LHLO": "500 5.5.1 what?"})
    started = daemon(CONFIG.replace("{where}", f"127.0.0.1:{to.port}"))
    send(started, "a@ours.example")
    found = events(started, [("a@ours.example", "deferred")])
    assert found["a@ours.example", "deferred"]["reply"].startswith("500 ") and not to.messages
