# SPDX-License-Identifier: Apache-2.0
"""Real mail clients send through us, into a Maildir and onward."""
import os
import smtplib
import subprocess

from conftest import Client, need

BODY = "Subject: hello\r\nFrom: bob@ours.example\r\nTo: you\r\n\r\nline\r\n.dot\r\n..two\r\n\r\nlast\r\n"


def arrived(relay, local="alice@ours.example", seconds=60):
    mails = relay.mails(local, 1, seconds)
    assert len(mails) == 1, relay.output()
    return mails[0]


def test_smtplib_sends_to_a_maildir_and_onward(relay):
    with smtplib.SMTP("127.0.0.1", relay.port) as client:
        assert client.sendmail("bob@ours.example", ["alice@ours.example", "eve@elsewhere.example"], BODY) == {}
    assert arrived(relay).endswith(BODY.replace("\r\n", "\n").encode())
    sender, recipients, raw = relay.sink.wait(1)[0]
    assert recipients == [b"eve@elsewhere.example"] and raw.endswith(BODY.encode())
    assert b"MAIL FROM:<bob@ours.example>" in sender


def test_swaks_sends_and_a_stranger_is_told_why(relay):
    need("swaks")
    need("second-loopback")
    base = ["swaks", "--server", f"127.0.0.1:{relay.port}", "--from", "bob@ours.example"]
    sent = subprocess.run([*base, "--to", "eve@elsewhere.example"], capture_output=True, text=True)
    assert sent.returncode == 0, sent.stdout
    relay.sink.wait(1)
    refused = subprocess.run([*base, "--to", "eve@elsewhere.example", "--local-interface", "127.0.0.2"],
                             capture_output=True, text=True)
    assert refused.returncode == 24 and "550 5.7.1" in refused.stdout and "[why " in refused.stdout


def test_msmtp_sends(relay):
    need("msmtp")
    sent = subprocess.run(["msmtp", "--host=127.0.0.1", f"--port={relay.port}", "--tls=off", "--auth=off",
                           "--from=bob@ours.example", "--file=/dev/null", "alice@ours.example"], input=BODY.replace("\r\n", "\n"),
                          capture_output=True, text=True)
    if "--file" in sent.stderr:
        sent = subprocess.run(["msmtp", "--host=127.0.0.1", f"--port={relay.port}", "--tls=off", "--auth=off",
                               "--from=bob@ours.example", "alice@ours.example"], input=BODY.replace("\r\n", "\n"),
                              capture_output=True, text=True)
    assert sent.returncode == 0, sent.stderr
    assert b"\n.dot\n..two\n" in arrived(relay)


def test_smtp_source_of_postfix_sends_five_hundred(relay, peers):
    root = peers("postfix")
    libraries = f"{root}/usr/lib/postfix:{root}/usr/lib/x86_64-linux-gnu"
    sent = subprocess.run([f"{root}/usr/sbin/smtp-source", "-s", "20", "-m", "500", "-l", "4096", "-f", "u@ours.example",
                           "-t", "eve@elsewhere.example", f"127.0.0.1:{relay.port}"],
                          env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True, text=True)
    assert sent.returncode == 0, sent.stderr
    assert len(relay.sink.wait(500, 60)) == 500


def test_a_received_line_and_a_return_path_and_nothing_else_is_added(relay):
    with smtplib.SMTP("127.0.0.1", relay.port) as client:
        client.sendmail("bob@ours.example", ["alice@ours.example"], BODY)
    added = arrived(relay).removesuffix(BODY.replace("\r\n", "\n").encode()).decode()
    names = [line.split(":")[0] for line in added.splitlines() if line[:1] not in " \t"]
    assert set(names) <= {"Return-Path", "Delivered-To", "Received"} and names.count("Received") == 1
    assert "with ESMTP" in added and "<bob@ours.example>" in added


def test_a_multi_line_reply_leaves_in_one_piece(relay):
    client = Client(relay.port)
    client.send("EHLO x.example\r\n")
    piece = client.socket.recv(4096)
    assert piece.startswith(b"250-") and piece.rstrip().splitlines()[-1].startswith(b"250 ")
    for offered in [b"PIPELINING", b"SIZE", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"DSN", b"LIMITS"]:
        assert offered in piece


def test_a_pipelined_transaction_is_answered_in_order(relay):
    client = Client(relay.port)
    client.say("EHLO x.example")
    client.send("MAIL FROM:<a@ours.example>\r\nRCPT TO:<alice@ours.example>\r\nRCPT TO:<nobody@ours.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    kept = client.say(b"From: <a@ours.example>\r\nSubject: x\r\n\r\nbody\r\n.")
    assert kept.startswith("250 2.0.0 kept [")
    assert client.say("QUIT").startswith("221")
    assert len(relay.mails("alice@ours.example", 1)) == 1
