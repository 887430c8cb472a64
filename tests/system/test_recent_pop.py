# SPDX-License-Identifier: Apache-2.0
"""POP before SMTP: leases by reading mail, by `postern grant`, by another login server (the real Dovecot)."""
import os
import poplib
import shutil
import signal
import smtplib
import socket
import struct
import tempfile
import time

import pytest

from conftest import need
from dovecot import Server
from pop import CONTEXT, PASSWORD, add_user, pop_server, poplib_at, port_of

ALICE, BOB = "alice@ours.example", "bob@ours.example"
FAR = "friend@far.example"
POLICY = """
listen smtp "127.0.0.1:0"
listen smtp "[::1]:0"
listen submission "127.0.0.1:0"
listen pop3s "127.0.0.1:0"
listen pop3 "[::1]:0"
listen grants "{state}.grants"
accounts sqlite "{state}/accounts.db"
domain ours.example mailboxes accounts deliver maildir "{mail}/%d/%l"
relay for authenticated
relay for recent-pop within 30 minutes
deliver * via "127.0.0.1:{sink}"
"""


@pytest.fixture
def server(daemon, sink):
    to = sink()
    made = pop_server(daemon, ALICE, BOB, policy=POLICY.replace("{sink}", str(to.port)))
    made.sink = to
    return made


def rcpt(server, sender, to=FAR, source="127.0.0.1", service="smtp"):
    """The replies to MAIL and RCPT, the last one said."""
    host = "::1" if ":" in source else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    with socket.create_connection((host, port_of(server, service, shown)), 60, (source, 0)) as raw:
        lines = raw.makefile("rb")
        reply = lines.readline()
        for word in ("EHLO pc.example", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            raw.sendall(word.encode() + b"\r\n")
            reply = lines.readline()
            while reply[3:4] == b"-":
                reply = lines.readline()
            if reply[:1] not in b"2":
                break
        return reply.decode().strip()


def pop_once(server, who=ALICE, password=PASSWORD, source="127.0.0.1"):
    poplib_at(server, who, password, source).quit()


def pop_fails(server, who=ALICE, source="127.0.0.1"):
    with pytest.raises(poplib.error_proto):
        poplib_at(server, who, "wrong", source)


def test_reading_mail_opens_relaying_for_that_address_and_account(server):
    assert rcpt(server, ALICE).startswith("550 5.7.1 Relaying")
    pop_once(server)
    assert rcpt(server, ALICE).startswith("250")
    assert rcpt(server, BOB).startswith("550 5.7.1 You may not send as")
    assert rcpt(server, "x@elsewhere.example").startswith("550 5.7.1 You may not send as")
    assert rcpt(server, ALICE, source="127.0.0.2").startswith("550 5.7.1 Relaying")
    assert rcpt(server, ALICE, service="submission").startswith("530 5.7.0")
    with smtplib.SMTP("127.0.0.1", port_of(server, "smtp"), timeout=60) as client:
        client.sendmail(ALICE, FAR, f"From: {ALICE}\r\nSubject: x\r\n\r\nx\r\n")
    assert len(server.sink.wait(1)) == 1
    line = [e for e in server.json("log", "--to", FAR) if e.get("decision") == "accept" and e["stage"] == "rcpt"][-1]
    assert "recent-pop" in line["grant"]["text"] and line["facts"]["recent_pop"]["value"] == [ALICE]
    assert "recent-pop" in server.postern("why", line["id"], status=0).stdout


def test_an_ipv6_lease_is_of_exactly_that_address(server):
    need("ipv6")
    client = poplib.POP3("::1", port_of(server, "pop3", "[::1]"), timeout=60)
    client.stls(CONTEXT)
    client.user(ALICE)
    client.pass_(PASSWORD)
    client.quit()
    assert rcpt(server, ALICE, source="::1").startswith("250")
    assert rcpt(server, ALICE).startswith("550")
    server.postern("grant", "2001:db8::7", "--account", ALICE, status=0)
    assert {(g["client"], g["by"]) for g in server.json("grants")} == {("::1", "pop"), ("2001:db8::7", "grant")}


def test_two_accounts_behind_one_address(server):
    pop_once(server)
    pop_once(server, BOB)
    assert rcpt(server, ALICE).startswith("250") and rcpt(server, BOB).startswith("250")
    assert rcpt(server, "carol@ours.example").startswith("550 5.7.1 You may not send as")
    server.postern("grant", "--revoke", "127.0.0.1", "--account", BOB, status=0)
    assert rcpt(server, ALICE).startswith("250") and rcpt(server, BOB).startswith("550")


def test_a_failed_sign_in_from_there_ends_it(server):
    pop_once(server)
    pop_fails(server, source="127.0.0.2")
    assert rcpt(server, ALICE).startswith("250")
    pop_fails(server)
    assert rcpt(server, ALICE).startswith("550 5.7.1 Relaying")
    assert server.json("grants") == []


def test_disabling_or_removing_the_account_ends_it_at_once(server):
    pop_once(server)
    pop_once(server, BOB)
    with smtplib.SMTP("127.0.0.1", port_of(server, "smtp"), timeout=60) as client:
        client.ehlo("pc.example")
        assert client.mail(ALICE)[0] == 250 and client.rcpt(FAR)[0] == 250
        server.postern("user", "disable", ALICE, status=0)
        assert client.rcpt("other@far.example")[0] == 550
    assert rcpt(server, ALICE).startswith("550") and rcpt(server, BOB).startswith("250")
    server.postern("user", "remove", BOB, status=0)
    assert rcpt(server, BOB).startswith("550")
    assert server.json("grants") == []
    server.postern("user", "enable", ALICE, status=0)
    assert rcpt(server, ALICE).startswith("550"), "a lease that ended came back"


def test_leases_outlive_restart_kill_and_reload(server):
    pop_once(server)
    server.postern("grant", "127.0.0.3", "--account", BOB, "--for", "1h", status=0)
    server.postern("grant", "127.0.0.4", "--account", BOB, status=0)
    server.postern("grant", "--revoke", "127.0.0.4", status=0)
    for again in (lambda: server.postern("reload", status=0), lambda: (server.stop(), server.start()),
                  lambda: (server.kill(), server.start())):
        again()
        assert rcpt(server, ALICE).startswith("250")
        assert rcpt(server, BOB, source="127.0.0.3").startswith("250")
        assert rcpt(server, BOB, source="127.0.0.4").startswith("550")
    pids = [p["pid"] for role in server.json("status")[0]["roles"] if role["role"] == "supervisor"
            for p in role["status"]["processes"] if p["role"] == "accounts"]
    os.kill(pids[0], signal.SIGKILL)
    until(lambda: rcpt(server, ALICE).startswith("250"))


def test_a_lease_ends_by_the_clause_and_a_grant_by_its_time(server):
    with open(server.config) as file:
        text = file.read()
    with open(server.config, "w") as file:
        file.write(text.replace("within 30 minutes", "within 2 s"))
    server.postern("reload", status=0)
    def signed_in():
        pop_once(server)
        return rcpt(server, ALICE).startswith("250")

    def granted():
        server.postern("grant", "127.0.0.3", "--account", ALICE, "--for", "1s", status=0)
        return rcpt(server, ALICE, source="127.0.0.3").startswith("250")
    # A busy machine may need longer for the question than what was given lasts.
    until(signed_in)
    until(lambda: rcpt(server, ALICE).startswith("550 5.7.1 Relaying"))
    until(granted)
    until(lambda: rcpt(server, ALICE, source="127.0.0.3").startswith("550 5.7.1 Relaying"))


def until(happens, seconds=60):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.1)


def crc32c(raw):
    crc = 0xffffffff
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def leases_file(account, address, written, since, until):
    """STATE/accounts/leases with one lease (src/accounts/leases_file.h); times in seconds."""
    head = b"postlse\n" + struct.pack("<I", 1)
    place = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(address)
    body = struct.pack("<BQ16sBBQQH", 1, int(written * 1e9), place, 1, 0, int(since * 1e9), int(until * 1e9), len(account))
    record = struct.pack("<H", len(body) + len(account)) + body + account.encode()
    return head + struct.pack("<I", crc32c(head)) + struct.pack("<I", crc32c(record)) + record


def test_what_the_file_says_is_believed_unless_the_clock_was_set_back(server):
    for written, since, until, holds in ((-60, -60, 600, True), (-60, -1600, 600, True), (-60, -1860, 600, False),
                                         (-60, -60, -1, False), (3600, -60, 600, False)):
        server.stop()
        now = time.time()
        with open(f"{server.state}/accounts/leases", "wb") as file:
            file.write(leases_file(ALICE, "127.0.0.1", now + written, now + since, now + until))
        if os.geteuid() == 0:
            shutil.chown(f"{server.state}/accounts/leases", "nobody")
        server.start()
        assert rcpt(server, ALICE).startswith("250" if holds else "550"), (written, since, until)
    assert "the clock was set back" in server.output()


def test_a_damaged_file_of_leases_keeps_nobody_from_starting(server):
    for raw in (b"", b"nonsense", leases_file(ALICE, "127.0.0.1", time.time(), time.time(), time.time() + 600)[:-3]):
        server.stop()
        with open(f"{server.state}/accounts/leases", "wb") as file:
            file.write(raw)
        if os.geteuid() == 0:
            shutil.chown(f"{server.state}/accounts/leases", "nobody")
        server.start()
        assert server.json("grants") == []
    pop_once(server)
    assert rcpt(server, ALICE).startswith("250")


def test_grant_and_grants_say_what_is_wrong(server):
    for words, status in ((["grant"], 2), (["grant", "127.0.0.1"], 2), (["grant", "x", "--account", ALICE], 2),
                          (["grant", "127.0.0.0/8", "--account", ALICE], 2),
                          (["grant", "127.0.0.1", "--account", ALICE, "--for", "25h"], 2),
                          (["grant", "127.0.0.1", "--account", ALICE, "--for", "soon"], 2),
                          (["grant", "127.0.0.1", "--account", "nobody@ours.example"], 1),
                          (["grant", "--revoke", "127.0.0.1", "--for", "1h"], 2)):
        assert server.postern(*words, status=status).stderr.startswith("postern: "), words
    assert server.postern("grants", status=0).stdout == "nobody holds a lease\n"
    server.postern("grant", "127.0.0.1", "--account", "ALICE@Ours.Example", status=0)
    assert server.json("grants")[0]["account"] == ALICE
    assert server.postern("grant", "--revoke", "127.0.0.1", status=0).stdout == "1 lease has ended\n"
    server.stop()
    server.postern("grants", status=3)


def test_trial_takes_a_pop_login(server):
    words = ("trial", "--client", "192.0.2.77", "--from", ALICE, "--to", FAR, "--no-dns", "--fresh-limits")
    assert server.json(*words, "--pop", ALICE, status=0)[0][0]["decision"] == "accept"
    assert server.json(*words, "--pop", BOB, status=1)[0][0]["decision"] == "refuse"
    assert server.json(*words, status=1)[0][0]["decision"] == "refuse"  # the daemon knows of no lease there
    server.postern("grant", "192.0.2.77", "--account", ALICE, status=0)
    assert server.json(*words, status=0)[0][0]["decision"] == "accept"
    server.stop()
    assert server.json(*words, status=3)[0][0]["possible"] == ["accept", "refuse"]


# ---- other login servers ----

def feed(server, *lines):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        raw.connect(f"{server.state}.grants")
        raw.sendall("".join(f"{line}\n" for line in lines).encode() + b"QUIT\n")
        return raw.makefile().read().splitlines()


def test_the_socket_of_grants(server):
    said = feed(server, f"GRANT 127.0.0.3 {ALICE} 600", "GRANT 127.0.0.3 nobody@ours.example 600", "nonsense",
                f"GRANT 127.0.0.5 {BOB}", "REVOKE 127.0.0.5", "REVOKE 127.0.0.6 \x1b[31m")
    assert said[0].startswith("OK until ") and said[1] == "NO there is no such account"
    assert said[2].startswith("NO expected") and said[3].startswith("OK until ")
    assert said[4:] == ["OK 1", "OK 0", "OK"]
    assert rcpt(server, ALICE, source="127.0.0.3").startswith("250")
    assert rcpt(server, BOB, source="127.0.0.5").startswith("550")
    assert os.stat(f"{server.state}.grants").st_mode & 0o777 == 0o660


def test_clients_of_that_socket_who_misbehave_hold_nobody_up(server):
    held = []
    for _ in range(80):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(f"{server.state}.grants")
        held.append(raw)
    held[0].sendall(b"x" * 5000)
    for raw in held[:40]:
        raw.close()
    assert feed(server, f"GRANT 127.0.0.3 {ALICE}")[0].startswith("OK")
    for raw in held:
        raw.close()
    assert server.stop() == 0


POP3 = """
protocols = pop3
listen = 127.0.0.1
disable_plaintext_auth = no
passdb {{
  driver = static
  args = password=correct
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%n
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service pop3 {{
  executable = pop3 postern-pop
}}
service postern-pop {{
  executable = script-login {folder}/dovecot-login
  user = {user}
  unix_listener postern-pop {{
  }}
}}
"""


def login_script():
    """The one that doc/recent-pop.md gives."""
    import conftest
    with open(os.path.join(conftest.ROOT, "doc", "recent-pop.md")) as file:
        text = file.read()
    return "#!/usr/bin/python3" + text.split("#!/usr/bin/python3", 1)[1].split("```", 1)[0]


@pytest.fixture
def dovecot(peers):
    """Dovecot's POP3 server, with the script of the document."""
    need("root")
    folder = tempfile.mkdtemp(prefix="postern-dovecot-")
    other = Server(peers("dovecot-pop3d"), folder, POP3)
    yield other
    other.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_sign_in_at_dovecot_becomes_a_lease(server, dovecot):
    with open(f"{dovecot.folder}/dovecot-login", "w") as file:
        file.write(login_script().replace("/run/postern/grants.sock", f"{server.state}.grants"))
    os.chmod(f"{dovecot.folder}/dovecot-login", 0o755)
    dovecot.start()
    port = dovecot.port
    assert rcpt(server, ALICE).startswith("550")
    client = poplib.POP3("127.0.0.1", port, timeout=60)
    client.user(ALICE)
    client.pass_("correct")
    assert client.stat() == (0, 0), dovecot.words()
    client.quit()
    assert [(g["client"], g["account"], g["by"]) for g in server.json("grants")] == [("127.0.0.1", ALICE, "grant")], \
        dovecot.words()
    assert rcpt(server, ALICE).startswith("250") and rcpt(server, BOB).startswith("550")
    client = poplib.POP3("127.0.0.1", port, timeout=60)
    client.user("nobody@ours.example")  # Dovecot knows him, Postern does not
    client.pass_("correct")
    client.quit()
    assert len(server.json("grants")) == 1
