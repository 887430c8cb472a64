# SPDX-License-Identifier: Apache-2.0
"""POP3 with real clients: curl, fetchmail, mpop, mutt, poplib; two at once, delivery while reading, kill -9."""
import os
import poplib
import pty
import resource
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time

import pytest

from conftest import FLAVOUR
from pop import CONTEXT, PASSWORD, POLICY, add_user, fill, pop_server, poplib_at, port_of

ALICE = "alice@ours.example"
# What a client gets of fill()'s message n.
WIRE = b"Subject: n %d\r\n\r\n.dot\r\nlast\r\n"


def need_program(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is missing")


def deliver(server, to, count=1, text="hello"):
    with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
        for i in range(count):
            client.sendmail("friend@far.example", to, f"From: friend@far.example\r\nSubject: {text} {i}\r\n\r\n.{text} {i}\r\n")


@pytest.fixture
def server(daemon):
    return pop_server(daemon, ALICE)


def test_what_smtp_delivers_poplib_reads_and_deletes(server):
    deliver(server, ALICE, 3)
    server.mails(ALICE, 3)
    client = poplib_at(server, ALICE)
    count, octets = client.stat()
    assert count == 3
    sizes = [int(line.split()[1]) for line in client.list()[1]]
    assert sum(sizes) == octets
    for number in (1, 2, 3):
        reply, lines, _ = client.retr(number)
        assert lines[-1] == f".hello {number - 1}".encode()
        assert sum(len(line) + 2 for line in lines) == sizes[number - 1]
    assert len(client.top(1, 0)[1]) == len(client.retr(1)[1]) - 1
    uids = [line.split()[1] for line in client.uidl()[1]]
    client.dele(2)
    client.quit()
    client = poplib_at(server, ALICE)
    assert [line.split()[1] for line in client.uidl()[1]] == [uids[0], uids[2]]
    client.quit()
    assert len(server.mails(ALICE)) == 2


def test_a_password_is_not_taken_in_the_clear(server):
    client = poplib.POP3("127.0.0.1", port_of(server, "pop3"), timeout=60)
    assert "STLS" in client.capa() and "USER" not in client.capa() and "SASL" not in client.capa()
    for command in (lambda: client.user(ALICE), lambda: client._shortcmd("AUTH PLAIN AGEAYg=="),
                    lambda: client.apop(ALICE, "x"), lambda: client.stat()):
        with pytest.raises(poplib.error_proto):
            command()
    client.stls(CONTEXT)
    assert "USER" in client.capa() and "PLAIN" in client.capa()["SASL"]
    client.user(ALICE)
    client.pass_(PASSWORD)
    client.quit()


def test_a_wrong_password_is_told_from_what_passes(server):
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        poplib_at(server, ALICE, "wrong")
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        poplib_at(server, "nobody@ours.example", "wrong")
    add_user(server, "plain")
    with pytest.raises(poplib.error_proto, match=r"\[SYS/PERM\]"):
        poplib_at(server, "plain")
    events = [line for line in server.json("log") if line.get("event") == "auth"]
    assert [e["outcome"] for e in events] == ["auth-wrong", "auth-wrong", "signed-in"]
    assert all(e["listener"] == "pop3s" and PASSWORD not in str(e) for e in events)


def test_status_and_sessions_tell_of_it(server):
    client = poplib_at(server, ALICE)
    session = [s for s in server.json("sessions") if s["listener"] == "pop3s"]
    assert session[0]["account"] == ALICE and session[0]["state"] == "idle"
    role = [r for r in server.json("status")[0]["roles"] if r["role"] == "pop"][0]["status"]
    assert role["signed_in"] == 1 and role["open_sessions"] == 1
    client.quit()
    assert "pop        " in server.postern("status", status=0).stdout


# ---- what an idle session holds ----

def held_by(pid):
    """KiB that a process alone has in memory of its own: no file's pages."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))


def connect(server, service):
    raw = socket.create_connection(("127.0.0.1", port_of(server, service)), timeout=60)
    client = CONTEXT.wrap_socket(raw) if service == "pop3s" else raw
    assert client.recv(200).startswith(b"+OK")
    client.sendall(b"CAPA\r\n")
    assert client.recv(900).endswith(b"\r\n.\r\n")
    return client


@pytest.mark.parametrize("service,sessions,most", [("pop3", 2000, 8), ("pop3s", 400, 20)])
def test_idle_sessions_hold_little(daemon, service, sessions, most):
    """KiB a session. Of those with TLS OpenSSL holds 14 (doc/tls.md)."""
    if FLAVOUR == "asan":
        pytest.skip("a sanitized program has another memory")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    server = pop_server(daemon, policy=POLICY + "limits connections 5000\n")
    for client in [connect(server, service) for _ in range(20)]:  # what the first ones leave behind
        client.close()
    pid = pop_pid(server)
    settled(server, 0)
    before = held_by(pid)
    clients = [connect(server, service) for _ in range(sessions)]
    settled(server, sessions)
    end = time.monotonic() + 60
    while held_by(pid) - before >= most * sessions and time.monotonic() < end:
        time.sleep(0.2)  # stacks are trimmed when a session has waited for a while
    assert held_by(pid) - before < most * sessions
    for client in clients:
        client.close()


def settled(server, sessions):
    end = time.monotonic() + 60
    while len([s for s in server.json("sessions") if s["listener"].startswith("pop3")]) != sessions:
        assert time.monotonic() < end
        time.sleep(0.1)


# ---- programs ----

def test_curl_reads(server):
    need_program("curl")
    fill(server, ALICE, 2)
    for url, more in ((f"pop3://127.0.0.1:{port_of(server, 'pop3')}/2", ["--ssl-reqd"]),
                      (f"pop3s://127.0.0.1:{port_of(server, 'pop3s')}/2", [])):
        for auth in ([], ["--login-options", "AUTH=PLAIN"], ["--login-options", "AUTH=LOGIN"]):
            got = subprocess.run(["curl", "-sk", *more, *auth, "-u", f"{ALICE}:{PASSWORD}", url], capture_output=True,
                                 timeout=120)
            assert got.returncode == 0 and got.stdout == WIRE % 1, got


def test_fetchmail_reads_and_deletes(server, peers, tmp_path):
    program = shutil.which("fetchmail") or f"{peers('fetchmail')}/usr/bin/fetchmail"  # installed it would be a daemon
    fill(server, ALICE, 3)
    got = tmp_path / "got"
    rc = tmp_path / "rc"
    rc.write_text(f'poll 127.0.0.1 protocol pop3 port {port_of(server, "pop3s")} username "{ALICE}" password "{PASSWORD}" '
                  f'ssl no sslcertck no rewrite mda "cat >>{got}"\n')
    rc.chmod(0o600)
    ran = subprocess.run([program, "-f", rc, "--pidfile", tmp_path / "pid", "-v"], capture_output=True, text=True,
                         timeout=120, env={**os.environ, "HOME": str(tmp_path)})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    text = got.read_text()
    assert all(f"Subject: n {i}" in text for i in range(3)) and text.count("\n.dot") == 3
    assert server.mails(ALICE) == []


def test_mpop_reads_and_keeps(server, tmp_path):
    need_program("mpop")
    fill(server, ALICE, 3)
    box = tmp_path / "box"
    for folder in ("cur", "new", "tmp"):
        (box / folder).mkdir(parents=True)
    words = ["mpop", "--host=127.0.0.1", f"--port={port_of(server, 'pop3')}", f"--user={ALICE}",
             f"--passwordeval=echo {PASSWORD}", "--tls=on", "--tls-starttls=on", "--tls-certcheck=off", "--keep=on",
             f"--delivery=maildir,{box}", f"--uidls-file={tmp_path}/uidls", "--auth=scram-sha-256"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
    if "scram" in ran.stderr.lower():  # built without GNU SASL
        words[-1] = "--auth=plain"
        ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(list((box / "new").iterdir())) == 3
    again = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0 and len(list((box / "new").iterdir())) == 3  # UIDL: nothing is new
    assert len(server.mails(ALICE)) == 3


def test_mutt_reads(server, tmp_path):
    need_program("mutt")
    fill(server, ALICE, 1)
    saved = tmp_path / "saved"
    user = ALICE.replace("@", "%40")
    rc = tmp_path / "muttrc"
    rc.write_text(f'set ssl_force_tls=no ssl_verify_host=no tmpdir="{tmp_path}" certificate_file="{tmp_path}/certs" pop_pass="{PASSWORD}"\n'
                  f'set folder="{tmp_path}" header_cache="" quit=yes delete=no confirmappend=no confirmcreate=no copy=no pop_checkinterval=0\n')
    master, slave = pty.openpty()
    process = subprocess.Popen(["mutt", "-n", "-F", rc, "-f", f"pops://{user}@127.0.0.1:{port_of(server, 'pop3s')}/",
                                "-e", f"push '<copy-message><kill-line>{saved}<enter><exit>'"], stdin=slave, stdout=slave,
                               stderr=slave, env={**os.environ, "TERM": "xterm", "HOME": str(tmp_path)})
    os.close(slave)
    end, screen = time.monotonic() + 120, b""
    while process.poll() is None and not is_in(saved, "Subject: n 0") and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                screen += os.read(master, 65536)
            except OSError:
                break
            if b"(o)nce" in screen:  # our certificate is self-signed
                os.write(master, b"o")
                screen = b""
    if process.poll() is None:
        process.kill()
    process.wait()
    os.close(master)
    assert is_in(saved, "Subject: n 0"), screen[-500:]


def is_in(path, words):
    return path.exists() and words in path.read_text()


# ---- two at once, and others at work ----

def test_two_sessions_at_once_and_the_second_hears_in_use(server):
    fill(server, ALICE, 1)
    first = poplib_at(server, ALICE)
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        poplib_at(server, ALICE)
    first.quit()
    poplib_at(server, ALICE).quit()


def test_a_client_that_is_cut_off_gives_the_mailbox_back(server):
    first = poplib_at(server, ALICE)
    first.sock.close()
    first.file.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            poplib_at(server, ALICE).quit()
            return
        except poplib.error_proto:
            time.sleep(0.1)
    raise AssertionError("still in use")


def test_delivery_and_reading_at_once(server):
    """One client reads and deletes all there is, again and again, while mail comes in: each mail once."""
    sent, seen = 60, []
    thread = threading.Thread(target=deliver, args=(server, ALICE, sent))
    thread.start()
    end = time.monotonic() + 180
    while len(seen) < sent and time.monotonic() < end:
        client = poplib_at(server, ALICE)
        for number in range(1, client.stat()[0] + 1):
            seen.append(client.retr(number)[1][-1])
            client.dele(number)
        client.quit()
    thread.join()
    assert sorted(seen) == sorted(f".hello {i}".encode() for i in range(sent))
    assert server.mails(ALICE) == []


def test_another_program_moves_and_removes_while_a_session_reads(server):
    folder = fill(server, ALICE, 4)
    client = poplib_at(server, ALICE)
    names = sorted(os.listdir(f"{folder}/new"))
    os.rename(f"{folder}/new/{names[0]}", f"{folder}/cur/{names[0]}:2,S")
    os.remove(f"{folder}/new/{names[1]}")
    assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == WIRE % 0
    with pytest.raises(poplib.error_proto):
        client.retr(2)
    client.dele(1)
    os.rename(f"{folder}/cur/{names[0]}:2,S", f"{folder}/cur/{names[0]}:2,FS")
    client.quit()
    assert os.listdir(f"{folder}/cur") == [] and sorted(os.listdir(f"{folder}/new")) == names[2:]


def pop_pid(server):
    for line in server.json("status"):
        for role in line["roles"]:
            if role["role"] == "supervisor":
                return next(p["pid"] for p in role["status"]["processes"] if p["role"] == "pop")
    raise AssertionError("no pop")


def test_kill_9_at_any_moment_loses_nothing_and_brings_nothing_back(server):
    """A client deletes in small sessions; the role is killed at odd moments. What "+OK" was said for after QUIT
    stays away; what was never so acknowledged may go once QUIT was sent, and else stays; ids stay the same."""
    fill(server, ALICE, 60)
    known, gone, sure = {}, set(), set()
    for delay in (0, 0.003, 0.006, 0.01, 0.015, 0.03):  # a third death in 10 s is followed by a pause
        pid, client = pop_pid(server), None
        killer = threading.Timer(delay, os.kill, (pid, signal.SIGKILL))
        try:
            client = poplib_at(server, ALICE)
            now = {line.split()[1]: int(line.split()[0]) for line in client.uidl()[1]}
            assert not sure & set(now), "a deleted message came back"
            assert not known or set(known) - gone <= set(now), "a message is lost"
            killer.start()
            known = now
            chosen = [uid for uid in sorted(now)][:3]
            for uid in chosen:
                client.retr(now[uid])
                client.dele(now[uid])
            gone |= set(chosen)
            client.quit()
            sure |= set(chosen)
        except (OSError, poplib.error_proto, EOFError):
            pass
        killer.join()
        if client:
            client.close()
        server_is_back(server)
    client = poplib_at(server, ALICE)
    left = {line.split()[1] for line in client.uidl()[1]}
    client.quit()
    assert not sure & left
    assert set(known) - gone <= left


def server_is_back(server):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            client = poplib_at(server)
            client.quit()
            return
        except (OSError, EOFError, poplib.error_proto):
            time.sleep(0.05)
    raise AssertionError("pop is not back")


def closes_within(port, seconds):
    """Whether nobody takes connections there any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def test_a_reload_opens_and_closes_listeners_and_sessions_go_on(server):
    client = poplib_at(server, ALICE)
    with open(server.config) as file:
        text = file.read()
    with open(server.config, "w") as file:
        file.write(text.replace('listen pop3 "127.0.0.1:0"\n', ""))
    old = port_of(server, "pop3")
    server.postern("reload", status=0)
    assert client.noop().startswith(b"+OK")
    client.quit()
    assert closes_within(old, 60)  # the role is told when the reload is answered; a busy machine takes a moment
    poplib_at(server, ALICE).quit()


def test_stopping_ends_sessions_and_deletes_nothing(server):
    fill(server, ALICE, 1)
    client = poplib_at(server, ALICE)
    client.dele(1)
    assert server.stop() == 0
    assert b"shutting down" in client.file.readline()
    assert len(server.mails(ALICE)) == 1
