# SPDX-License-Identifier: Apache-2.0
"""Only CRLF.CRLF ends a message: smuggling (reliability gate: 0 of 107, whole and cut at every byte)."""
import base64
import itertools
import json
import time

from conftest import TORTURE, Client, corpus

PREFIXES = [b"\n", b"\r", b"\r\n", b"\n\r", b"\r\n\0", b"\0", b"\v", b"\f", b"\xc2\x85", b"\xe2\x80\xa8", b"\r\n ", b"\r\n\r"]
SUFFIXES = [b"\n", b"\r", b"\r\n", b"\n\r", b"\r\r\n", b"\0\r\n", b" \r\n", b"\t\r\n", b"\v\r\n"]
FORMS = [p + b"." + s for p, s in itertools.product(PREFIXES, SUFFIXES) if p + b"." + s != b"\r\n.\r\n"]
SMUGGLED = b"MAIL FROM:<evil@ours.example>\r\nRCPT TO:<smuggled@ours.example>\r\nDATA\r\nFrom: <evil@ours.example>\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


def begin(relay):
    client = Client(relay.port)
    client.say("EHLO x.example")
    client.send("MAIL FROM:<a@ours.example>\r\nRCPT TO:<alice@ours.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    return client


def one_message_or_none(client, what):
    """At most one message is answered 250; what follows a smuggled end is never taken as commands."""
    client.send("QUIT\r\n")
    replies = []
    while True:
        reply = client.reply()
        if not reply:
            break
        replies.append(reply)
    kept = [r for r in replies if r.startswith("250 2.0.0 kept")]
    assert len(kept) <= 1 and not any(r.startswith("354") for r in replies), f"{what!r}: {replies}"
    client.close()


def forms():
    found = list(FORMS)
    try:
        cases = json.load(open(corpus("smtp-smuggling", "open", "end-of-data-sequences.json")))
        found += [base64.b64decode(case["sequence_b64"]) for case in cases]
    except BaseException:  # absent: the generated forms are enough, and the corpus has a test of its own
        pass
    return [form for form in dict.fromkeys(found) if b"\r\n.\r\n" not in form]


def test_no_form_ends_a_message(relay):
    assert len(FORMS) == 107
    for form in forms():
        client = begin(relay)
        client.send(b"From: <a@ours.example>\r\nSubject: outer\r\n\r\nfirst" + form + SMUGGLED)
        one_message_or_none(client, form)
    assert relay.mails("smuggled@ours.example") == []


def test_no_form_ends_a_message_when_cut_at_any_byte(relay):
    every = forms() if TORTURE else forms()[::9]
    for form in every:
        for cut in range(1, len(form) + 1):
            client = begin(relay)
            client.send(b"From: <a@ours.example>\r\nSubject: outer\r\n\r\nfirst" + form[:cut])
            time.sleep(0.002)
            client.send(form[cut:] + SMUGGLED)
            one_message_or_none(client, (form, cut))
    assert relay.mails("smuggled@ours.example") == []


def test_every_form_of_the_corpus_was_tried(relay):
    cases = json.load(open(corpus("smtp-smuggling", "open", "end-of-data-sequences.json")))
    proper = [case for case in cases if b"\r\n.\r\n" in base64.b64decode(case["sequence_b64"])]
    for case in proper:
        client = begin(relay)
        client.socket.settimeout(2)
        client.send(b"From: <a@ours.example>\r\nSubject: outer\r\n\r\nfirst" + base64.b64decode(case["sequence_b64"]))
        one_message_or_none(client, case["name"])


def test_bare_line_ends_and_nul_are_refused_with_a_reason(relay):
    for bad in [b"a\nb", b"a\rb", b"a\0b"]:
        client = begin(relay)
        reply = client.say(b"From: <a@ours.example>\r\nSubject: x\r\n\r\n" + bad + b"\r\n.")
        assert reply.startswith("550 5.6.0") and "[why " in reply, reply
        assert client.say("NOOP").startswith("250")
    assert relay.mails("alice@ours.example") == []


def test_talk_before_the_banner_and_http_end_the_session(relay):
    client = Client(relay.port, greet=False)
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    replies = []
    while reply := client.reply():
        replies.append(reply)
    assert replies and replies[-1][:3] in ("554", "421")
    client = Client(relay.port)
    assert client.say("POST / HTTP/1.1").startswith("554")
    assert client.reply() == ""


def test_a_line_without_end_is_not_swallowed(relay):
    client = Client(relay.port)
    try:
        for _ in range(64):
            client.send(b"A" * 4096)
    except (BrokenPipeError, ConnectionResetError):
        return
    assert client.reply().startswith("500") or client.reply() == ""


def test_after_a_refused_end_the_transaction_is_gone(relay):
    client = begin(relay)
    assert client.say(b"a\nb\r\n.").startswith("550")
    assert client.say("RCPT TO:<alice@ours.example>").startswith("503")
    assert client.say("DATA").startswith("503")
