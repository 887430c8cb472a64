# SPDX-License-Identifier: Apache-2.0
"""postern-sendmail: programs of this host submit mail, known by the user id that the kernel tells."""
import os
import pwd
import re
import shutil
import smtplib
import socket
import subprocess

import pytest

from conftest import BUILD, FLAVOUR
from test_spoofing import CLAUSES, RECIPIENTS, REFUSALS
from tricks import OWN, SUBJECT, tricks

PROGRAM = os.path.join(BUILD, FLAVOUR, "src", "cmd", "postern-sendmail")
EX_OK, EX_USAGE, EX_DATAERR, EX_NOUSER, EX_TEMPFAIL, EX_NOPERM = 0, 64, 65, 67, 75, 77

HOST = """
hostname mx.test.example
listen smtp "127.0.0.1:0"
listen local "{folder}/sendmail.sock"
domain ours.example mailboxes "{folder}/known" deliver maildir "{mail}/%d/%l"
domain mx.test.example any recipient deliver maildir "{mail}/%d/%l"
relay for local
deliver * via "127.0.0.1:{port}"
refuse if sender not owned
refuse if from not owned
"""
MESSAGE = b"From: %s@mx.test.example\nTo: friend@elsewhere.example\nSubject: hello\n\nbody\n"


def me():
    return pwd.getpwuid(os.getuid()).pw_name


class Host:
    def __init__(self, daemon, sink, more=""):
        self.sink = sink()
        self.daemon = daemon(HOST.replace("{port}", str(self.sink.port)) + more, wait=False)
        folder = self.daemon.folder
        os.chmod(folder, 0o755)
        with open(self.daemon.config) as file:
            text = file.read()
        with open(self.daemon.config, "w") as file:
            file.write(text.replace("{folder}", folder))
        with open(os.path.join(folder, "known"), "w") as file:
            file.write("alice\n")
        self.socket = os.path.join(folder, "sendmail.sock")
        self.program = shutil.copy(PROGRAM, folder)  # another user may be unable to reach the build folder
        self.daemon.start()

    def run(self, *words, raw=None, status=EX_OK, user=None):
        raw = MESSAGE % (user or me()).encode() if raw is None else raw
        done = subprocess.run([self.program, "--socket", self.socket, *words], input=raw, capture_output=True, timeout=120,
                              user=user, env={})
        assert done.returncode == status, (words, done.returncode, done.stderr)
        return done.stderr.decode()

    def sent(self, count=1):
        messages = self.sink.wait(count)
        assert len(messages) == count, messages
        return messages[-1]


@pytest.fixture
def host(daemon, sink):
    return Host(daemon, sink)


def test_a_message_is_sent_as_the_user_whose_program_it_is(host):
    host.run("friend@elsewhere.example")
    sender, recipients, raw = host.sent()
    assert sender.startswith(f"MAIL FROM:<{me()}@mx.test.example>".encode()) and recipients == [b"friend@elsewhere.example"]
    assert b"from user " + me().encode() in raw or me().encode() in raw.split(b"\r\nFrom:")[0]
    assert raw.endswith(b"\r\n\r\nbody\r\n") and b"127.0.0.1" not in raw.split(b"Subject:")[0]


def test_date_message_id_and_from_are_added_and_nothing_else(host):
    host.run("friend@elsewhere.example", raw=b"Subject: bare\n\nbody\n")
    head = host.sent()[2].split(b"\r\n\r\n")[0]
    assert head.count(b"\r\nFrom: <%s@mx.test.example>" % me().encode()) == 1
    assert len(re.findall(rb"\r\nDate: \w{3}, \d+ \w{3} \d{4} [0-9:]{8} \+0000", head)) == 1
    assert len(re.findall(rb"\r\nMessage-ID: <[0-9A-Z-]+@mx\.test\.example>", head)) == 1
    own = b"date: Mon, 1 Jan 2024 00:00:00 +0000\nMESSAGE-ID: <x@y>\n" + MESSAGE % me().encode()
    host.run("friend@elsewhere.example", raw=own)
    raw = host.sent(2)[2]
    assert raw.endswith(own.replace(b"\n", b"\r\n")) and len(re.findall(rb"(?im)^(date|message-id|from):", raw)) == 3


def test_what_other_servers_bring_is_left_as_it_is(host):
    with smtplib.SMTP("127.0.0.1", host.daemon.port) as client:
        client.sendmail("x@elsewhere.example", ["alice@ours.example"], "From: x@elsewhere.example\r\n\r\nno date\r\n")
    kept = host.daemon.mails("alice@ours.example", 1)[0]
    assert b"Date:" not in kept and b"Message-ID:" not in kept


def test_t_takes_recipients_from_the_header_and_bcc_goes(host):
    raw = (b"From: %s@mx.test.example\nTo: A <a@elsewhere.example>, (x) b@elsewhere.example\n"
           b"Cc: Team: c@elsewhere.example;\nBcc: d@elsewhere.example,\n\t\"E, F\" <e@elsewhere.example>\nSubject: x\n\nb\n" % me().encode())
    host.run("-t", raw=raw)
    _, recipients, arrived = host.sent()
    assert sorted(recipients) == [b"%c@elsewhere.example" % c for c in b"abcde"]
    assert b"d@elsewhere" not in arrived and b"e@elsewhere" not in arrived and b"Cc: Team" in arrived
    host.run("-t", "g@elsewhere.example", raw=b"Subject: x\n\n\n")
    assert host.sent(2)[1] == [b"g@elsewhere.example"]
    assert "names no recipient" in host.run("-t", raw=b"Subject: x\n\nb\n", status=EX_DATAERR)
    assert "is no address" in host.run("-t", raw=b"To: a b c@@\n\nb\n", status=EX_DATAERR)


def test_dots_and_line_ends(host):
    raw = b"Subject: x\n\none\n.\n..two\r\n.three\n"
    host.run("-i", "friend@elsewhere.example", raw=raw)
    assert host.sent()[2].endswith(b"\r\n\r\none\r\n.\r\n..two\r\n.three\r\n")
    host.run("-oi", "friend@elsewhere.example", raw=raw)
    assert host.sent(2)[2].endswith(b".three\r\n")
    host.run("friend@elsewhere.example", raw=raw)
    assert host.sent(3)[2].endswith(b"\r\n\r\none\r\n")
    host.run("-i", "friend@elsewhere.example", raw="Subject: ü\n\nü\n".encode() + b"\xff no end")
    assert host.sent(4)[2].endswith("\r\n\r\nü\r\n".encode() + b"\xff no end\r\n")


def test_a_body_without_a_header_keeps_its_first_line(host):
    host.run("friend@elsewhere.example", raw=b"just words\nFrom: nobody\n")
    raw = host.sent()[2]
    assert raw.endswith(b"\r\n\r\njust words\r\nFrom: nobody\r\n") and raw.count(b"\r\nFrom: <") == 1
    host.run("friend@elsewhere.example", raw=b"From root Mon Jan  1 00:00:00 2024\nSubject: mbox\n\nb\n")
    assert b"Mon Jan" not in host.sent(2)[2]


def test_options_that_others_know_are_taken(host):
    for words in (["-oi", "-oem", "-f", me() + "@mx.test.example"], ["-i", "-f" + me()], ["-bm", "-B8BITMIME"], ["-odb", "-om"],
                  ["-v", "-O", "DeliveryMode=b"], ["-N", "never"], ["-Nfailure,delay", "-R", "hdrs", "-V", "abc"], ["-r", me()]):
        host.run(*words, "friend@elsewhere.example")
    assert len(host.sink.wait(8)) == 8
    host.run("-F", 'O"N', "friend@elsewhere.example", raw=b"Subject: x\n\nb\n")
    assert b'From: "O\\"N" <' in host.sent(9)[2]
    host.run("-f", "", "alice@ours.example")
    host.run("-f", "<>", "--", "alice@ours.example")
    assert len(host.daemon.mails("alice@ours.example", 2)) == 2


def test_programs_that_are_no_use_here_say_so(host, tmp_path):
    for name, words in (("mailq", "postern queue"), ("newaliases", "file changes")):
        link = tmp_path / name
        link.symlink_to(PROGRAM)
        done = subprocess.run([link], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and words in done.stderr
    assert "postern queue" in host.run("-bp")
    for words in (["-Z", "a@b.example"], [], ["-f"]):
        host.run(*words, status=EX_USAGE)
    host.run("a b@@", status=EX_DATAERR)


def test_refusals_become_exit_statuses(host):
    assert "550 5.1.1" in host.run("nobody@ours.example", status=EX_NOUSER)
    assert "You may not send as" in host.run("-f", "ceo@ours.example", "x@elsewhere.example", status=EX_NOPERM)
    assert "You may not write as" in host.run("x@elsewhere.example", raw=b"From: ceo@ours.example\n\nb\n", status=EX_NOPERM)
    assert host.sink.messages == []
    # One that is unknown does not keep the mail from the others.
    assert "5.1.1" in host.run("nobody@ours.example", "alice@ours.example", status=EX_NOUSER)
    assert len(host.daemon.mails("alice@ours.example", 1)) == 1


def test_without_a_grant_it_relays_nowhere(daemon, sink):
    host = Host(daemon, sink)
    with open(host.daemon.config) as file:
        text = file.read()
    with open(host.daemon.config, "w") as file:
        file.write(text.replace("relay for local", "relay for local user nobody"))
    host.daemon.postern("reload", status=0)
    host.run("x@elsewhere.example", status=EX_NOPERM)
    if os.getuid() == 0:
        host.run("x@elsewhere.example", user="nobody")
        assert host.sent()[0].startswith(b"MAIL FROM:<nobody@mx.test.example>")


def test_when_the_server_is_away_the_caller_tries_again(host):
    assert host.daemon.stop() == 0
    words = host.run("x@elsewhere.example", status=EX_TEMPFAIL)
    assert "cannot be reached" in words and "try again later" in words and host.socket in words


def test_a_message_of_many_megabytes_is_streamed(host):
    reader, writer = os.pipe()
    program = subprocess.Popen([PROGRAM, "--socket", host.socket, "-i", "alice@ours.example"], stdin=reader, stderr=subprocess.PIPE)
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        out.write(b"Subject: big\n\n")
        for _ in range(20 << 4):
            out.write((b"." + b"x" * 62 + b"\n") * 1024)
        out.flush()
        with open(f"/proc/{program.pid}/status") as file:  # while it waits for more
            peak = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
    assert program.wait(120) == EX_OK and peak < 16 << 10, peak
    assert len(host.daemon.mails("alice@ours.example", 1)[0]) > 20 << 20


def test_bs_speaks_smtp(host):
    with subprocess.Popen([PROGRAM, "--socket", host.socket, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline().startswith(b"220 ")
        for line in (b"HELO x", b"MAIL FROM:<%s@mx.test.example>" % me().encode(), b"RCPT TO:<alice@ours.example>", b"QUIT"):
            program.stdin.write(line + b"\r\n")
            program.stdin.flush()
            assert program.stdout.readline().startswith(b"2"), line
        assert program.stdout.read() == b"" and program.wait(60) == 0


def test_a_local_user_sends_as_no_other_tenant_by_any_trick(daemon, sink):
    """The same tricks, said to the socket itself: the program would not even let most of them through."""
    host = Host(daemon, sink, more="domain tenant-b.example any recipient deliver maildir \"{mail}/%d/%l\"\nlimits errors unlimited\n")
    own = f"{me()}@mx.test.example"
    wrong = []
    for name, sender, header in tricks():
        sender, header = sender.replace(OWN, own), header.replace(OWN.encode(), own.encode())
        for recipient in RECIPIENTS:
            reply = say(host.socket, sender, recipient, header)
            if not REFUSALS.match(reply):
                wrong.append((name, recipient, reply))
    assert not wrong
    refused = [line for line in host.daemon.json("log", "-n", "5000") if line.get("reason") in CLAUSES]
    assert refused and all(line["clause"]["text"] == CLAUSES[line["reason"]] for line in refused)


def say(path, sender, recipient, header):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        raw.connect(path)
        lines = raw.makefile("rb")

        def ask(words):
            raw.sendall(words)
            return answer()

        def answer():
            line = lines.readline()
            while line[3:4] == b"-":
                line = lines.readline()
            return line.decode()
        answer()
        ask(b"EHLO x\r\n")
        utf8 = " SMTPUTF8" if any(ord(c) > 127 for c in sender) else ""
        reply = ask(f"MAIL FROM:<{sender}>{utf8} BODY=8BITMIME\r\n".encode())
        if reply.startswith("2"):
            reply = ask(f"RCPT TO:<{recipient}>\r\n".encode())
        if reply.startswith("2"):
            ask(b"DATA\r\n")
            reply = ask(header + SUBJECT.encode() + b"\r\nbody\r\n.\r\n")
        return reply
