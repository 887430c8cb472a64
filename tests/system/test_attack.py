# SPDX-License-Identifier: Apache-2.0
"""Attacks on the running daemon from where its tables of decisions cannot be reached: the control socket, the
state folder of a role that was taken over, what a stranger can make it write."""
import json
import os
import pwd
import socket
import subprocess

from conftest import POSTERND, Client, need

LOCAL = 'listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'


def ask(server, raw):
    """What the control socket answers to these bytes, whole."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(os.path.join(server.state, "control.sock"))
        try:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass
        heard = b""
        try:
            while piece := client.recv(65536):
                heard += piece
        except ConnectionResetError:  # more was sent than a question may have
            pass
        return heard


def test_questions_that_nest_deeply_do_not_end_the_control_role(daemon):
    server = daemon(LOCAL)
    for opening in (b"[", b'{"a":', b'[{"a":'):
        for count in (30, 500, 2000, 60000 // len(opening)):
            heard = ask(server, opening * count + b"\n")
            assert b'"error"' in heard and heard.endswith(b'{"end":true}\n'), (opening, count, heard)
    deep = b'{"ask":"queue","x":' + b"[" * 2000 + b"]" * 2000 + b"}\n"
    assert ask(server, deep).endswith(b'{"end":true}\n')
    for nonsense in (b"\n", b"\0\n", b"\xff\xfe\n", b'{"ask":1}\n', b'{"ask":"\\u0000"}\n', b"null\n", b'"status"\n',
                     b'{"ask":"log","limit":-1}\n', b'{"ask":"log","limit":1e999}\n', b"x" * 70000):
        ask(server, nonsense)
    assert b'"roles"' in ask(server, b'{"ask":"status"}\n')
    assert not [line for line in server.lines() if line.get("event") == "died"], server.output()


def refused_start(server):
    ran = subprocess.run([POSTERND, "-c", server.config], capture_output=True, text=True, timeout=120, cwd=server.folder)
    assert ran.returncode not in (0, None), ran.stderr
    return ran.stderr


def test_a_link_in_the_state_folder_gives_nobody_a_folder_of_root(daemon):
    need("root")
    nobody = pwd.getpwnam("nobody")
    for name in ("spool", "journal", "policy"):
        server = daemon("user nobody\n" + LOCAL, wait=False)
        target = os.path.join(server.folder, "of-root")
        os.mkdir(target, 0o755)
        os.mkdir(server.state, 0o700)
        os.chown(server.state, nobody.pw_uid, nobody.pw_gid)
        os.symlink(target, os.path.join(server.state, name))
        assert name in refused_start(server)
        assert os.stat(target).st_uid == 0


def test_another_name_of_a_file_as_the_lock_gives_nobody_that_file(daemon):
    need("root")
    nobody = pwd.getpwnam("nobody")
    server = daemon("user nobody\n" + LOCAL, wait=False)
    secret = os.path.join(server.folder, "secret")
    with open(secret, "w"):
        pass
    os.chmod(secret, 0o600)
    os.mkdir(server.state, 0o700)
    os.chown(server.state, nobody.pw_uid, nobody.pw_gid)
    os.link(secret, os.path.join(server.state, "lock"))
    assert "lock" in refused_start(server)
    assert os.stat(secret).st_uid == 0


def test_files_that_are_made_are_nobody_elses_to_read(daemon):
    old = os.umask(0)
    try:
        server = daemon(LOCAL)
    finally:
        os.umask(old)
    client = Client(server.port)
    for line in ("EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@ours.example>", "DATA"):
        client.say(line)
    assert client.say(b"From: <a@ours.example>\r\nSubject: x\r\n\r\nx\r\n.").startswith("250")
    assert server.mails("alice@ours.example", 1)
    server.postern("log", status=0)
    assert os.lstat(server.state).st_mode & 0o077 == 0  # what lies in it is behind that door
    for place, _, names in os.walk(server.state):
        for name in set(names) - {"sendmail.sock"}:  # for any local user, where it is put outside
            mode = os.lstat(os.path.join(place, name)).st_mode & 0o777
            assert mode & 0o007 == 0, (place, name, oct(mode))
            assert "spool" not in place or mode & 0o077 == 0, (place, name, oct(mode))
    for place, _, names in os.walk(server.maildir("alice@ours.example")):
        assert all(os.lstat(os.path.join(place, name)).st_mode & 0o077 == 0 for name in names)


def test_a_strangers_controls_reach_no_log_journal_or_terminal(daemon):
    server = daemon(LOCAL + 'refuse if helo "*evil*"\n')
    evil = [b"EHLO \x1b[31mevil\x07", b"EHLO evil.example", b"MAIL FROM:<\x1b]0;x\x07@a.example>",
            b'MAIL FROM:<"\xe2\x80\xae\xc2\x9b31m"@a.example> SMTPUTF8', b"MAIL FROM:<a@b.example> \x1b[2J=\x9b",
            b"MAIL FROM:<a@b.example>", b"RCPT TO:<b@far.example>\x1b[2J", b"RCPT TO:<\"a\x1bb\"@ours.example>",
            b"RCPT TO:<x@ours.example> ORCPT=rfc822;a+1B@x", b"RCPT TO:<x@far.example>", b"\x1b[2J", b"HELP \x1b[2J"]
    client = Client(server.port, "127.0.0.2")
    for line in evil:
        reply = client.say(line)
        assert reply and reply.isprintable() or all(one.isprintable() for one in reply.split("\r\n")), (line, reply)
    shown = server.postern("log", status=0).stdout
    journal = "".join(open(os.path.join(server.state, "journal", name)).read()
                      for name in os.listdir(os.path.join(server.state, "journal")) if name.endswith(".jsonl"))
    for text in (shown, journal, server.output()):
        bad = [c for c in text if not c.isprintable() and c != "\n" or 0x202a <= ord(c) <= 0x202e]
        assert not bad, (bad, text)
    for line in journal.splitlines():
        json.loads(line)


def test_a_stranger_cannot_fill_the_journal_in_one_session(daemon):
    server = daemon(LOCAL + "limits recipients 10\n")
    client = Client(server.port, "127.0.0.2")
    client.say("EHLO a.example")
    client.say("MAIL FROM:<a@b.example>")
    said = []
    while len(said) < 100 and not (said and said[-1].startswith("421")):
        said.append(client.say("RCPT TO:<alice@ours.example>"))
    assert said[-1].startswith("421 4.7.0") and len(said) < 40, said
