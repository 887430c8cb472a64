# SPDX-License-Identifier: Apache-2.0
"""Mail arrives byte for byte: every message of the corpus that RFC 5321 allows on the wire."""
import json
import os
import random

from conftest import Client, corpus


AUTHOR = b"From: <bob@ours.example>\r\n"  # a message has one author, or it is refused


def send(client, recipient, raw, sender="bob@ours.example"):
    """The reply to the final dot. `raw` must end in CRLF; it is dot-stuffed here."""
    client.send(f"MAIL FROM:<{sender}> BODY=8BITMIME\r\nRCPT TO:<{recipient}>\r\nDATA\r\n")
    replies = [client.reply() for _ in range(3)]
    assert [r[:3] for r in replies] == ["250", "250", "354"], replies
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in raw.split(b"\r\n"))
    client.send(stuffed + b".\r\n")
    return client.reply()


def wire_form(raw):
    """What a client would send of a stored file: every line end as CRLF; a last one is added."""
    if b"\r" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def allowed(raw):
    rest = raw.replace(b"\r\n", b"")
    return b"\r" not in rest and b"\n" not in rest and b"\0" not in rest


def without_trace(arrived, end):
    """The message behind our trace headers: it must be the last `len(end)` bytes."""
    return arrived[-len(end):]


def test_every_message_of_the_corpus_arrives_or_is_refused_with_a_reason(relay):
    folder = corpus("mime-messages", "open")
    index = json.load(open(os.path.join(folder, "index.json")))
    client = Client(relay.port)
    client.say("EHLO x.example")
    sent, refused, bad_from = [], 0, []
    for entry in index:
        raw = wire_form(open(os.path.join(folder, entry["file"]), "rb").read())
        number = len(sent)
        onward = send(client, f"m{number}@elsewhere.example", raw)
        if "From field" in onward and "it has none" in onward:
            raw = AUTHOR + raw
            onward = send(client, f"m{number}@elsewhere.example", raw)
        kept = send(client, f"m{number}@ours.example", raw)
        if "From field" in onward:
            assert onward[:9] == kept[:9] == "550 5.6.0", f"{entry['file']}: {onward} / {kept}"
            bad_from.append((entry["file"], onward))
        elif allowed(raw):
            assert onward.startswith("250") and kept.startswith("250"), f"{entry['file']}: {onward} / {kept}"
            sent.append((entry["file"], raw))
        else:
            assert onward.startswith("550 5.6.0") and kept.startswith("550 5.6.0") and "[why " in kept, entry["file"]
            refused += 1
    assert refused and len(sent) > 300
    # The samples' own faults; the last: their header has a line that is no field (often mbox's "From "), with From behind it.
    kinds = {words: sum(words in reply for _, reply in bad_from) for words in
             ("what its From field holds is no address", "its From field holds more than one address", "it has several",
              "a line that is no header field stands before one that names an author")}
    assert list(kinds.values()) == [7, 3, 1, 38] and len(bad_from) == 49, bad_from
    got = {recipients[0]: raw for _, recipients, raw in relay.sink.wait(len(sent), 60)}
    assert len(got) == len(sent)
    for number, (file, raw) in enumerate(sent):
        assert without_trace(got[b"m%d@elsewhere.example" % number], raw) == raw, file
        mails = relay.mails(f"m{number}@ours.example", 1)
        stored = raw.replace(b"\r\n", b"\n")
        assert len(mails) == 1 and without_trace(mails[0], stored) == stored, file


def test_generated_extremes_arrive_byte_for_byte(relay):
    rng = random.Random(7)
    alphabet = [b".", b"..", b"x", b"\r\n", b"\r\n.", b"\r\n..\r\n", b"\xff", b"\xc3\xa9", b" ", b"\t", b"From ", b"."]
    client = Client(relay.port)
    client.say("EHLO x.example")
    bodies = [b"\r\n", b".\r\n", b"..\r\n", b"\r\n.\r\n.\r\n", b"S: x\r\n\r\n" + b"a" * 100_000 + b"\r\n"]
    bodies += [b"".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 60))) + b"\r\n" for _ in range(200)]
    bodies += [b"S: x\r\n\r\n" + bytes(rng.choice(b"abc\x80\xff. ") for _ in range(size)) + b"\r\n" for size in
               (4095, 4096, 4097, 65_535, 65_536, 262_143, 262_144, 262_145, 1_000_000, 3_000_000)]
    bodies = [AUTHOR + b"X: x\r\n" + raw for raw in bodies]
    for number, raw in enumerate(bodies):
        reply = send(client, f"g{number}@elsewhere.example", raw)
        assert reply.startswith("250"), (number, reply)
    got = {recipients[0]: raw for _, recipients, raw in relay.sink.wait(len(bodies), 60)}
    for number, raw in enumerate(bodies):
        assert without_trace(got[b"g%d@elsewhere.example" % number], raw) == raw, number


def test_a_message_above_the_limit_is_refused_at_its_true_end(daemon):
    server = daemon('listen smtp "127.0.0.1:0"\nmessage size 300 KB\n'
                    'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n')
    client = Client(server.port)
    client.say("EHLO x.example")
    assert client.say("MAIL FROM:<a@b.example> SIZE=300001").startswith("552 5.3.4")
    reply = send(client, "alice@ours.example", b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 5000)
    assert reply.startswith("552 5.3.4"), reply
    assert send(client, "alice@ours.example", AUTHOR + b"S: y\r\n\r\nsmall\r\n").startswith("250")
    assert len(server.mails("alice@ours.example", 1)) == 1
