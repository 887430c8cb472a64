# SPDX-License-Identifier: Apache-2.0
"""Who is known as someone sends as nobody else: not in the envelope, not in the header, by no trick."""
import base64
import hashlib
import json
import os
import re
import ssl
import subprocess

import pytest

from conftest import Client, corpus, need
from test_accounts import add, user, wait
from tricks import OWN, SUBJECT, VICTIM, tricks

TENANTS = """
listen smtp "127.0.0.1:0"
domain tenant-a.example any recipient deliver maildir "{mail}/%d/%l"
domain tenant-b.example any recipient deliver maildir "{mail}/%d/%l"
domain bücher.example any recipient deliver maildir "{mail}/%d/%l"
network tenant-a 127.0.0.1/32 owns domain tenant-a.example
relay for network tenant-a
deliver * via "127.0.0.1:{port}"
refuse if sender not owned
refuse if from not owned
limits errors unlimited, headers 200 KiB
"""
RECIPIENTS = ["friend@elsewhere.example", "bob@tenant-b.example"]  # relayed, and kept here
CLAUSES = {"sender-not-owned": "refuse if sender not owned", "from-not-owned": "refuse if from not owned"}
# By the policy; or before any condition is asked: an address or a From that nobody could read for certain.
REFUSALS = re.compile(r"550 5\.7\.1 You may not (send|write) as |550 5\.6\.0 |50[0-9] ")


@pytest.fixture
def tenants(daemon, sink):
    to = sink()
    started = daemon(TENANTS.replace("{port}", str(to.port)))
    started.sink = to
    return started


def attempt(client, sender, recipient, header):
    """The reply that ends it: a refusal, or the one to the final dot."""
    client.send("RSET\r\n")
    client.reply()
    utf8 = " SMTPUTF8" if any(ord(c) > 127 for c in sender) else ""
    client.send(f"MAIL FROM:<{sender}>{utf8} BODY=8BITMIME\r\n".encode())
    reply = client.reply()
    if reply.startswith("2"):
        reply = client.say(f"RCPT TO:<{recipient}>")
    if reply.startswith("2"):
        assert client.say("DATA").startswith("354")
        client.send(header + SUBJECT.encode() + b"\r\nbody\r\n.\r\n")
        reply = client.reply()
    return reply


def check_all(daemon, connect):
    """`connect` gives a client that is known as the tenant; a new one each time, since some end their session."""
    wrong, count = [], 0
    for name, sender, header in tricks():
        for recipient in RECIPIENTS:
            reply = attempt(connect(), sender, recipient, header)
            count += 1
            if not REFUSALS.match(reply):
                wrong.append((name, recipient, reply))
    assert not wrong and count >= 2 * 40, wrong
    refused = [line for line in daemon.json("log", "-n", "5000") if line.get("reason") in CLAUSES]
    assert {line["reason"] for line in refused} == set(CLAUSES)
    for line in refused:
        assert line["clause"]["text"] == CLAUSES[line["reason"]] and line["decision"] == "refuse", line


def greeted(daemon, source="127.0.0.1"):
    client = Client(daemon.port, source)
    client.say("EHLO tenant.example")
    return client


def test_a_network_sends_as_itself(tenants):
    client = greeted(tenants)
    for recipient in RECIPIENTS:
        for header in (f"From: <{OWN}>\r\n", "", f"From: A <{OWN}>\r\nSender: <{OWN}>\r\nResent-From: x@tenant-a.example\r\n",
                       "From: Alice+x@Tenant-A.Example (the \\) one)\r\n", '"From"-like: x\r\nFrom: "b@c, d" <x@tenant-a.example>\r\n'):
            reply = attempt(client, OWN, recipient, header.encode())
            assert reply.startswith("250"), f"{header}: {reply}"
        assert attempt(client, "", recipient, f"From: <{OWN}>\r\n".encode()).startswith("250")
    assert len(tenants.sink.wait(6)) == 6


def test_a_network_sends_as_no_other_tenant_by_any_trick(tenants):
    check_all(tenants, lambda: greeted(tenants))
    assert tenants.sink.messages == [] and tenants.mails("bob@tenant-b.example") == []


class Signed(Client):
    """A client under TLS, with a certificate of its own or signed in."""

    def __init__(self, port, account=None, certificate=None):
        super().__init__(port)
        self.say("EHLO tenant.example")
        assert self.say("STARTTLS").startswith("220")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")
        self.say("EHLO tenant.example")
        if account:
            plain = base64.b64encode(b"\0%s\0correct horse" % account.encode()).decode()
            assert self.say(f"AUTH PLAIN {plain}").startswith("235")


def reused(make):
    """The same session as long as it lasts: signing in is slow on purpose."""
    held = []

    def connect():
        try:
            if held and held[0].say("RSET").startswith("250"):
                return held[0]
        except OSError:
            pass
        held[:] = [make()]
        return held[0]
    return connect


SIGNED = """
listen smtp "127.0.0.1:0"
listen submission "127.0.0.1:0"
domain tenant-a.example any recipient deliver maildir "{mail}/%d/%l"
domain tenant-b.example any recipient deliver maildir "{mail}/%d/%l"
accounts sqlite "{mail}/accounts.db"
{certificate}
relay for authenticated
deliver * via "127.0.0.1:9"
refuse if sender not owned
refuse if from not owned
limits errors unlimited, no-ops unlimited
"""


def submission_port(started):
    return int(re.search(r"submission 127\.0\.0\.1:(\d+)", started.ready["text"]).group(1))


def test_an_account_sends_as_no_other_tenant_by_any_trick(daemon):
    started = daemon(SIGNED.replace("{certificate}", ""))
    add(started, OWN)
    add(started, VICTIM, secret="other horse\n")
    port = submission_port(started)
    client = Signed(port, OWN)
    assert attempt(client, OWN, "bob@tenant-b.example", f"From: <{OWN}>\r\n".encode()).startswith("250")
    assert attempt(client, OWN, "bob@tenant-b.example", b"From: bob@tenant-a.example\r\n").startswith("550 5.7.1 You may not write")
    user(started, "own", OWN, "*@tenant-a.example")
    wait(lambda: attempt(client, OWN, "bob@tenant-b.example", b"From: bob@tenant-a.example\r\n")
         .startswith("250"))  # what accounts said is kept for a moment
    check_all(started, reused(lambda: Signed(port, OWN)))
    assert len(started.mails("bob@tenant-b.example", 2)) == 2


def test_a_certificate_sends_as_no_other_tenant_by_any_trick(daemon, tmp_path):
    pem, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=tenant", "-keyout", key, "-out", pem], check=True, capture_output=True)
    print_of = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()
    started = daemon(SIGNED.replace("{certificate}", f'tls client-ca "{pem}"\ncertificate tenant "SHA256:{print_of}" owns domain tenant-a.example\n'
                                    'relay for certificate tenant'))
    connect = reused(lambda: Signed(started.port, certificate=(pem, key)))
    assert attempt(connect(), OWN, "bob@tenant-b.example", f"From: <{OWN}>\r\n".encode()).startswith("250")
    check_all(started, connect)


def test_a_signed_in_client_is_its_account_alone_wherever_it_is(daemon):
    """It stands in a network that may use all of tenant B: that counts for nothing."""
    started = daemon(SIGNED.replace("{certificate}", "network office 127.0.0.1/32 owns domain tenant-b.example\nrelay for network office"))
    add(started, OWN)
    client = Signed(submission_port(started), OWN)
    assert attempt(client, VICTIM, "x@elsewhere.example", f"From: <{VICTIM}>\r\n".encode()).startswith("550 5.7.1 You may not send")
    assert attempt(client, OWN, "x@elsewhere.example", f"From: <{VICTIM}>\r\n".encode()).startswith("550 5.7.1 You may not write")
    assert attempt(client, OWN, "x@elsewhere.example", f"From: <{OWN}>\r\n".encode()).startswith("250")
    network = greeted(started)
    assert attempt(network, OWN, "x@elsewhere.example", f"From: <{OWN}>\r\n".encode()).startswith("550 5.7.1 You may not send")


def test_a_big_message_is_looked_at_as_a_small_one(tenants):
    client = greeted(tenants)
    header = f"From: <{OWN}>\r\nSender: <{VICTIM}>\r\n{SUBJECT}\r\n".encode()
    client.send(f"MAIL FROM:<{OWN}>\r\nRCPT TO:<bob@tenant-b.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    client.send(header + b"x" * 60 + b"\r\n" + (b"y" * 70 + b"\r\n") * 12000 + b".\r\n")
    assert client.reply().startswith("550 5.7.1 You may not write as " + VICTIM)


def test_line_ends_that_are_mended_hide_no_second_author(daemon, sink):
    to = sink()
    started = daemon(TENANTS.replace("{port}", str(to.port)) + "line ends normalise\n")
    client = greeted(started)
    for end in ("\r", "\n"):
        for size in (1, 9000):
            client.send(f"MAIL FROM:<{OWN}>\r\nRCPT TO:<bob@tenant-b.example>\r\nDATA\r\n")
            assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
            client.send(f"From: <{OWN}>\r\nSubject: x{end}From: <{VICTIM}>\r\n\r\n".encode() + (b"y" * 70 + b"\r\n") * size + b".\r\n")
            assert client.reply().startswith("550 5.6.0")


def test_a_stranger_is_not_asked_whom_he_owns(tenants):
    need("second-loopback")
    client = greeted(tenants, "127.0.0.2")
    header = f"From: <{VICTIM}>\r\nSender: <x@elsewhere.example>, <y@elsewhere.example>\r\n".encode()
    assert attempt(client, "x@elsewhere.example", "bob@tenant-b.example", header).startswith("250")


def test_published_attacks_do_not_succeed(tenants):
    """espoofer: an account that writes as another; and, from strangers, a From that readers differ about."""
    need("second-loopback")
    cases = json.load(open(os.path.join(corpus("spoofing", "open"), "espoofer.json")))
    assert cases
    for case in cases:
        own = case["name"].startswith("client_")
        raw = case["message"].replace("example.com", "tenant-b.example" if own else "example.com").encode("latin-1")
        if own:
            raw = raw.replace(b"attacker@tenant-b.example", OWN.encode())
        header, body = raw.split(b"\r\n\r\n", 1)
        client = greeted(tenants, "127.0.0.1" if own else "127.0.0.2")
        sender = OWN if own else case["mailfrom"][1:-1]
        reply = attempt(client, sender, "bob@tenant-b.example", header + b"\r\n")
        froms = re.findall(rb"^from", header, re.M | re.I)
        one = len(froms) == 1 and re.search(rb"^From: <[^<>,]+>\r?$", header, re.M | re.I)
        if own or not one:
            assert reply.startswith("5"), f"{case['name']}: {reply}"
        elif reply.startswith("250"):
            # One readable From, of a stranger: nothing is said in its favour, and nothing is signed.
            kept = tenants.mails("bob@tenant-b.example", 1)[-1]
            top = kept.split(b"From: <", 1)[0]
            assert b"Authentication-Results" not in top and b"DKIM-Signature" not in top, case["name"]
