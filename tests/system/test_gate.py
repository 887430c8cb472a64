# SPDX-License-Identifier: Apache-2.0
"""Nobody without a credential relays: every address trick, from a stranger, and nmap's own test."""
import json
import subprocess

import pytest

from conftest import Client, corpus, need

TRICKS = ["u@elsewhere.example", "u%elsewhere.example@ours.example", "elsewhere.example!u@ours.example",
          "@ours.example:u@elsewhere.example", "@ours.example,@x.example:u@elsewhere.example",
          '"u@elsewhere.example"@ours.example', "u@elsewhere.example@ours.example", "u@[127.0.0.1]", "u@[IPv6:::1]",
          "u@elsewhere.example.", '"u%elsewhere.example"@ours.example', "u@sub.ours.example", "u@ours.example.elsewhere.example",
          "u@OURS.EXAMPLE.", "u@xours.example", "|cat@ours.example", "-f@ours.example", "u@[192.0.2.1]",
          '"elsewhere.example!u"@ours.example', "u@elsewhere.example(ours.example)", "u@elsewhere.example;ours.example",
          "u@elsewhere.example%ours.example", "u@ours.example\x00.elsewhere.example", "@ours.example:@ours.example:u@elsewhere.example",
          "u:elsewhere.example@ours.example", "u/elsewhere.example@ours.example", "u@", "@ours.example", "u", "u@localhost",
          "u@127.0.0.1", "u@2130706433", "u@elsewhere。example", "u@elsewhere.example ", " u@elsewhere.example", "<u@elsewhere.example>"]


@pytest.fixture
def gate(daemon, sink):
    to = sink()
    server = daemon("listen smtp \"127.0.0.1:0\"\nlimits errors unlimited, unknown recipients unlimited, no-ops unlimited\n"
                    'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
                    f'network office 127.0.0.1/32\nrelay for network office\ndeliver * via "127.0.0.1:{to.port}"\n')
    server.sink = to
    return server


def ask(client, sender, recipient):
    client.say("RSET")
    reply = client.say(b"MAIL FROM:" + sender)
    return client.say(b"RCPT TO:" + recipient) if reply.startswith("250") else reply


def test_a_known_client_may_and_a_stranger_may_not(gate):
    need("second-loopback")
    for source, code in [("127.0.0.1", "250"), ("127.0.0.2", "550")]:
        client = Client(gate.port, source)
        client.say("EHLO x.example")
        assert ask(client, b"<a@b.example>", b"<u@elsewhere.example>").startswith(code)


def test_no_trick_relays(gate):
    need("second-loopback")
    client = Client(gate.port, "127.0.0.2")
    client.say("EHLO x.example")
    for sender in [b"<>", b"<a@b.example>", b"<a@ours.example>", b"<a@elsewhere.example>"]:
        for trick in TRICKS:
            reply = ask(client, sender, b"<" + trick.encode() + b">")
            assert reply[:1] == "5", f"{sender} {trick!r}: {reply}"


def test_no_probe_of_the_public_lists_relays(gate):
    need("second-loopback")
    probes = json.load(open(corpus("openrelay-tests", "open", "relay-probes.json")))["probes"]
    words = {"fu": "antispam", "fd": "elsewhere.example", "tu": "relaytest", "td": "foreign.example",
             "srv": "mx.test.example", "ip": "127.0.0.1"}
    for hello in ["EHLO x.example", "HELO x.example"]:
        for probe in probes:
            client = Client(gate.port, "127.0.0.2")
            client.say(hello)
            sender, recipient = (probe[k].format(**words).encode() for k in ("mail_from", "rcpt_to"))
            reply = ask(client, sender, recipient)
            assert reply[:1] == "5", f"{probe['name']}: {reply}"
            client.close()


def test_no_address_of_the_corpus_relays(gate):
    need("second-loopback")
    addresses = json.load(open(corpus("smtp-addresses", "open", "addresses.json")))
    client = Client(gate.port, "127.0.0.2")
    client.say("EHLO x.example")
    accepted = []
    for entry in addresses:
        if "address" not in entry or entry["address"].lower().strip("<>") == "postmaster":
            continue  # <postmaster> is ours (RFC 5321 section 4.5.1)
        raw = entry["address"].encode("utf-8", "surrogatepass")
        if b"\n" in raw or b"\r" in raw:
            continue
        reply = ask(client, b"<a@b.example>", b"<" + raw.strip(b"<>") + b">")
        if reply[:1] != "5":
            accepted.append((entry["address"], reply))
    assert not accepted


def test_nmap_finds_nothing_where_no_network_relays(daemon):
    need("nmap")
    server = daemon('listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n')
    for _ in range(5):  # its own patience with a busy machine is short
        ran = subprocess.run(["nmap", "-n", "-Pn", "-sT", f"-p{server.port}", "--script", "+smtp-open-relay,+smtp-commands",
                              "--script-args", "smtp-open-relay.domain=foreign.example,smtp-open-relay.ip=127.0.0.1", "127.0.0.1"],
                             capture_output=True, text=True)
        if "smtp-open-relay:" in ran.stdout and "PIPELINING" in ran.stdout:
            break
    assert "smtp-open-relay:" in ran.stdout, ran.stdout
    assert "all tests failed" in ran.stdout or "isn't an open relay" in ran.stdout, ran.stdout
    assert "PIPELINING" in ran.stdout


def test_an_unknown_recipient_of_ours_is_refused_at_the_door(daemon, tmp_path):
    (tmp_path / "boxes").write_text("alice\nbob@ours.example\n")
    server = daemon(f'listen smtp "127.0.0.1:0"\ndomain ours.example mailboxes "{tmp_path}/boxes" '
                    'deliver maildir "{mail}/%d/%l"\n')
    client = Client(server.port)
    client.say("EHLO x.example")
    for local, code in [("alice", "250"), ("ALICE", "250"), ("alice+list", "250"), ("bob", "250"), ("eve", "550 5.1.1"),
                        ("postmaster", "250")]:
        assert ask(client, b"<a@b.example>", f"<{local}@ours.example>".encode()).startswith(code), local
    assert ask(client, b"<a@b.example>", b"<Postmaster>").startswith("250")
