# SPDX-License-Identifier: Apache-2.0
"""Signing in: real clients, real TLS, a real store of accounts; what is refused, and what is written down of it."""
import base64
import glob
import http.server
import json
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import FLAVOUR, POSTERN, ROOT, need
from memory import memory_of, role_pid, secrets_of

ALICE, PASSWORD = "alice@example.org", "the Secret of 4lice"
CONFIGURATION = """
hostname mx.example.org
edges 1
listen smtp "127.0.0.1:0"
listen submission "127.0.0.1:0"
listen submissions "127.0.0.1:0"
tls certificate "{folder}/cert.pem" key "{folder}/key.pem"
accounts sqlite "{folder}/accounts/accounts.db"
domain example.org any recipient deliver maildir "{mail}/%d/%l"
relay for authenticated
refuse if sender not owned
{more}
"""


def certificate(folder, name, *extra):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", *extra],
                   check=True, capture_output=True)


def ports(started):
    ready = next(line for line in started.lines() if line["event"] == "ready")["text"]
    return {name: int(re.search(rf"{name} 127\.0\.0\.1:(\d+)", ready).group(1)) for name in ("smtp", "submission", "submissions")}


def user(started, *words, password=None):
    return subprocess.run([POSTERN, "-c", started.config, "user", *words], input=password, cwd=started.folder, capture_output=True,
                          text=True, timeout=120)


def kill_accounts(started):
    ready = next(line for line in started.lines() if line["event"] == "ready")["text"]
    os.kill(int(re.search(r"accounts (\d+)", ready).group(1)), signal.SIGKILL)


@pytest.fixture
def place():
    """A folder that also the daemon's user can enter."""
    folder = tempfile.mkdtemp(prefix="postern-signin-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def house(daemon, place):
    """A daemon with an account, started by start(more="…")."""
    def start(more=""):
        certificate(place, "mx.example.org", "-addext", "subjectAltName=DNS:mx.example.org,DNS:localhost,IP:127.0.0.1")
        os.mkdir(f"{place}/accounts")
        if os.getuid() == 0:
            shutil.chown(f"{place}/accounts", "nobody")
        started = daemon(CONFIGURATION.replace("{folder}", place).replace("{more}", more))
        started.ports, started.certificate = ports(started), f"{place}/cert.pem"
        added = user(started, "add", ALICE, password=PASSWORD + "\n")
        assert added.returncode == 0, added.stderr
        return started
    return start


def plain(login, password):
    return base64.b64encode(f"\0{login}\0{password}".encode()).decode()


def trust(started):
    context = ssl.create_default_context(cafile=started.certificate)
    context.check_hostname = False
    return context


def session(started, source="127.0.0.1", service="submission"):
    client = smtplib.SMTP("127.0.0.1", started.ports[service], timeout=60, source_address=(source, 0))
    client.starttls(context=trust(started))
    client.ehlo("client.example")
    return client


MAIL = f"From: {ALICE}\r\nTo: bob@example.org\r\nSubject: signed in\r\n\r\nhi\r\n"


# ---- clients ----

def talk(process, *turns):
    """Each line is typed when what comes before it has been printed; gives all that was. The process has no buffers of its
    own: a line would wait in them unseen."""
    said, seen = b"", 0
    for before, line in turns:
        while before not in said[seen:]:
            assert select.select([process.stdout], [], [], 60)[0], said
            more = os.read(process.stdout.fileno(), 4096)
            assert more, said
            said += more
        seen = said.index(before, seen) + len(before)
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
    return (said + process.communicate(timeout=60)[0]).decode()


def test_smtplib_signs_in_and_sends(house):
    started = house()
    with session(started) as client:
        assert "AUTH" in client.ehlo_resp.decode()
        client.login(ALICE, PASSWORD)
        client.sendmail(ALICE, ["bob@example.org"], MAIL)
    with smtplib.SMTP_SSL("127.0.0.1", started.ports["submissions"], timeout=60, context=trust(started)) as client:
        client.login(ALICE.upper(), PASSWORD)
        client.sendmail(ALICE, ["bob@example.org"], MAIL)
    mails = started.mails("bob@example.org", 2)
    assert all(b"with ESMTPSA" in mail for mail in mails)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("implicit", [False, True])
def test_swaks_signs_in(house, mechanism, implicit):
    if not shutil.which("swaks"):
        pytest.skip("swaks is missing")
    started = house()
    port = started.ports["submissions" if implicit else "submission"]
    ran = subprocess.run(["swaks", "--server", f"127.0.0.1:{port}", "--tlsc" if implicit else "--tls", "--auth", mechanism,
                          "--auth-user", ALICE, "--auth-password", PASSWORD, "--from", ALICE, "--to", "bob@example.org"],
                         capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout
    assert "235 2.7.0" in ran.stdout and "kept [" in ran.stdout
    assert b"with ESMTPSA" in started.mails("bob@example.org", 1)[0]


@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256"])
def test_msmtp_signs_in(house, tmp_path, mechanism):
    if not shutil.which("msmtp"):
        pytest.skip("msmtp is missing")
    supported = subprocess.run(["msmtp", "--version"], capture_output=True, text=True).stdout
    if mechanism not in supported:
        pytest.skip(f"this msmtp has no {mechanism}")
    started = house()
    file = tmp_path / "msmtprc"
    file.write_text(f"account x\nhost 127.0.0.1\nport {started.ports['submission']}\nfrom {ALICE}\nauth {mechanism}\nuser {ALICE}\n"
                    f"password \"{PASSWORD}\"\ntls on\ntls_starttls on\ntls_trust_file {started.certificate}\n")
    file.chmod(0o600)
    ran = subprocess.run(["msmtp", "-C", str(file), "-a", "x", "bob@example.org"], input=MAIL, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert b"with ESMTPSA" in started.mails("bob@example.org", 1)[0]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_gsasl_signs_in(house, mechanism):
    if not shutil.which("gsasl"):
        pytest.skip("gsasl is missing")
    started = house()

    def run(password):
        binding = [] if mechanism.endswith("PLUS") else ["--no-cb"]
        return subprocess.Popen(["stdbuf", "-i0", "-o0", "gsasl", "--smtp", "127.0.0.1", str(started.ports["submission"]), "-m", mechanism,
                                 "-a", ALICE, "-p", password, f"--x509-ca-file={started.certificate}", "--hostname=localhost", *binding],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    # what it is given once it has signed in it hands on as it stands, with its own line ends
    right = talk(run(PASSWORD), (b"Enter application data", f"MAIL FROM:<{ALICE}>\r"), (b"250 2.1.0", "RCPT TO:<bob@example.org>\r"),
                 (b"250 2.1.5", "DATA\r"), (b"354 ", MAIL + ".\r"), (b"250 2.0.0", "QUIT\r"))
    assert "235 2.7.0" in right and "kept [" in right, right
    assert b"with ESMTPSA" in started.mails("bob@example.org", 1)[0]
    assert "535 5.7.8" in talk(run("wrong"))


def test_curl_signs_in(house, tmp_path):
    started = house()
    (tmp_path / "mail").write_text(MAIL)
    for url in (f"smtps://localhost:{started.ports['submissions']}", f"smtp://localhost:{started.ports['submission']}"):
        ran = subprocess.run(["curl", "-4", "-sS", "--ssl-reqd", "--cacert", started.certificate, "--url", url, "--mail-from", ALICE,
                              "--mail-rcpt", "bob@example.org", "--user", f"{ALICE}:{PASSWORD}", "-T", str(tmp_path / "mail")],
                             capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
    assert len(started.mails("bob@example.org", 2)) == 2


def test_mutt_signs_in(house, tmp_path):
    if not shutil.which("mutt"):
        pytest.skip("mutt is missing")
    started = house()
    (tmp_path / "muttrc").write_text(
        f'set smtp_url="smtp://alice%40example.org@localhost:{started.ports["submission"]}/"\nset smtp_pass="{PASSWORD}"\n'
        f'set from="{ALICE}"\nset use_from=yes\nset use_envelope_from=yes\nset ssl_force_tls=yes\nset certificate_file="{started.certificate}"\n'
        f'set tmpdir="{tmp_path}"\nset ssl_verify_host=no\nset ssl_verify_dates=no\nset copy=no\nset smtp_authenticators="plain:login"\n')
    ran = subprocess.run(["mutt", "-F", str(tmp_path / "muttrc"), "-s", "hello", "bob@example.org"], input="hi\n", cwd=tmp_path,
                         env={**os.environ, "HOME": str(tmp_path), "TERM": "dumb"}, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert b"with ESMTPSA" in started.mails("bob@example.org", 1)[0]


def test_openssl_s_client_signs_in(house):
    started = house()
    client = subprocess.Popen(["openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp", "-connect",
                               f"127.0.0.1:{started.ports['submission']}", "-CAfile", started.certificate],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    # each is an answer to a reply: a group would be pipelining; a line that began with R would be s_client's own command
    said = talk(client, (b"", "EHLO x.example"), (b"\r\n250 ", f"AUTH PLAIN {plain(ALICE, PASSWORD)}"), (b"235 2.7.0", f"MAIL FROM:<{ALICE}>"),
                (b"250 2.1.0", "rcpt TO:<bob@example.org>"), (b"250 2.1.5", "DATA"), (b"354 ", MAIL.replace("\r", "") + "."),
                (b"kept [", "QUIT"))
    assert "235 2.7.0" in said and "kept [" in said, said
    assert b"with ESMTPSA" in started.mails("bob@example.org", 1)[0]


# ---- what is refused ----

def test_nothing_is_offered_in_the_clear_and_nobody_sends_without(house):
    started = house()
    with smtplib.SMTP("127.0.0.1", started.ports["submission"], timeout=60) as client:
        client.ehlo("client.example")
        assert not client.has_extn("auth") and client.has_extn("starttls")
        assert client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0] == 538
        client.mail(ALICE)
        for recipient in ("bob@example.org", "x@elsewhere.example", "postmaster"):
            code, words = client.rcpt(recipient)
            assert code == 530 and b"start TLS, then sign in, on port 587" in words


def test_wrong_unknown_and_gone_sound_alike(house):
    started = house()
    assert user(started, "add", "bob@example.org", password="x y z\n").returncode == 0
    assert user(started, "remove", "bob@example.org").returncode == 0
    said = set()
    for login, password in ((ALICE, "wrong"), ("nobody@example.org", PASSWORD), ("bob@example.org", "x y z")):
        with session(started) as client:
            code, words = client.docmd("AUTH", "PLAIN " + plain(login, password))
            said.add((code, words.split(b" [why")[0]))
    assert said == {(535, b"5.7.8 The name or the password is not right")}
    failed = [line for line in started.lines() if line["event"] == "auth-failed"]
    assert [line["account"] for line in failed] == [ALICE, "nobody@example.org", "bob@example.org"]
    assert "wrong password" in failed[0]["text"] and "no such account" in failed[1]["text"]


def test_an_account_that_is_removed_sends_no_more(house):
    started = house()
    with session(started) as client:
        client.login(ALICE, PASSWORD)
        assert client.mail(ALICE)[0] == 250
        assert client.rcpt("bob@example.org")[0] == 250
        assert user(started, "remove", ALICE).returncode == 0
        assert client.rcpt("carol@example.org")[0] == 535
        client.rset()
        assert client.mail(ALICE)[0] == 535


def test_others_addresses_are_refused(house):
    started = house()
    with session(started) as client:
        client.login(ALICE, PASSWORD)
        client.mail("eve@example.org")
        code, words = client.rcpt("bob@example.org")
        assert code == 550 and b"You may not send as eve@example.org" in words


# ---- accounts away, guesses ----

def test_while_accounts_is_dead_nobody_is_told_that_a_password_is_wrong(house):
    started = house()
    with session(started) as client:
        os.kill(int(re.search(r"accounts (\d+)", started.ready["text"]).group(1)), signal.SIGSTOP)
        os.kill(int(re.search(r"accounts (\d+)", started.ready["text"]).group(1)), signal.SIGKILL)
        codes, end = [], time.monotonic() + 60
        while not codes or codes[-1] == 454 and time.monotonic() < end:
            codes.append(client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0])
            time.sleep(min(.1 * len(codes), 1))
        assert codes[-1] == 235, codes


def test_guessing_is_bounded_and_shown(house):
    started = house()
    guess(started, "127.0.0.1")  # one behind the other would take most of the minute
    with session(started, service="smtp") as client:
        assert client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0] == 454
    with session(started, source="127.0.0.2") as client:
        assert client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0] == 235
    told = json.dumps(started.json("status"))
    assert "guess-address 127.0.0.1 60" in told, told


def test_an_account_has_twenty_guesses_an_hour_from_everywhere(house):
    """Its lock is shown; where it has signed in before it is neither felt nor fed."""
    need("second-loopback")
    started = house()

    def tried(password, source):
        with session(started, source=source) as client:
            return client.docmd("AUTH", "PLAIN " + plain(ALICE, password))[0]
    assert tried(PASSWORD, "127.0.1.1") == 235  # known from now on
    assert tried("wrong", "127.0.1.1") == 535   # and this one is not counted for the account
    codes = [tried("wrong", f"127.0.{2 + number}.1") for number in range(22)]
    assert codes == [535] * 20 + [454] * 2, codes
    assert tried(PASSWORD, "127.0.50.1") == 454
    assert tried(PASSWORD, "127.0.1.1") == 235
    told = started.json("status")
    assert f"guess-account {ALICE} 3600" in json.dumps(told), told
    assert f"guess-account {ALICE} 3600" in started.postern("status", status=0).stdout
    counted = started.json("limits", ALICE)
    assert [line["used"] for line in counted if line["counter"].startswith("guess-account")] == [20], counted


def test_a_lock_outlives_a_restart_of_accounts(house):
    started = house()
    guess(started, "127.0.0.1")
    started.settle()  # accounts writes at the end of each turn
    kill_accounts(started)
    with session(started, service="smtp") as client:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            code, words = client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))
            if b"too many" in words:
                break
            assert code == 454
            time.sleep(.1)
        assert b"too many" in words, words


# ---- who is not let in any more ----

OFFICE = 'listen pop3 "127.0.0.1:0"\nnetwork office 127.0.9.0/24\nrelay for network office\n'


def guess(started, source):
    """As often as it is tested, all at once, so that the answers are kept back together."""
    codes, clients = [], [session(started, source=source) for _ in range(12)]

    def run(client, number):
        with client:
            codes.append(client.docmd("AUTH", "PLAIN " + plain(f"user{number}@example.org", "guess"))[0])
    threads = [threading.Thread(target=run, args=(client, number)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [454] * 2 + [535] * 10, codes


def greeting(port, source):
    with socket.create_connection(("127.0.0.1", port), 60, source_address=(source, 0)) as client:
        return client.makefile("r").readline()


def why(started, reply):
    """The journal's line of a refusal, which comes there a moment later."""
    incident, until = re.search(r"\[why (\S+)\]", reply).group(1), time.monotonic() + 60
    while time.monotonic() < until:
        asked = started.postern("why", incident, "--json")
        for line in json.loads(asked.stdout) if asked.returncode == 0 else []:
            if incident in [line.get("id"), *line.get("ids", [])]:
                return line
        time.sleep(.05)
    raise AssertionError(f"why {incident} tells nothing")


def pop3_port(started):
    return int(re.search(r"pop3 127\.0\.0\.1:(\d+)", started.ready["text"]).group(1))


def test_who_guesses_is_not_let_in_where_clients_sign_in(house):
    need("second-loopback")
    started = house(more=OFFICE)
    guess(started, "127.0.8.1")
    for service in ["submission", "submissions"]:
        turned_away = greeting(started.ports[service], "127.0.8.1")
        assert turned_away.startswith("421 4.7.0 Too many wrong sign-ins from your address; try again in a minute [why "), turned_away
    told = why(started, turned_away)
    assert told["reason"] == "too-many-wrong-sign-ins" and told["client"]["ip"] == "127.0.8.1", told
    assert greeting(pop3_port(started), "127.0.8.1").startswith("-ERR [SYS/TEMP] too many wrong sign-ins from your address")
    assert "1 addresses not let in" in started.postern("status", status=0).stdout
    for name in ["submission", "smtp"]:
        assert greeting(started.ports[name], "127.0.8.3").startswith("220 ")
    with session(started, source="127.0.8.1", service="smtp") as client:  # mail comes in, under TLS too
        client.ehlo()
        assert client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0] == 454
        client.sendmail("somebody@adatum.com", ["bob@example.org"], MAIL)


def test_an_edge_that_starts_anew_knows_who_is_not_let_in(house):
    need("second-loopback")
    started = house()
    guess(started, "127.0.8.1")
    old = role_pid(started, "edge")
    os.kill(old, signal.SIGKILL)
    until, told = time.monotonic() + 40, ""
    while time.monotonic() < until and not told.startswith("421 "):
        try:
            told = greeting(started.ports["submission"], "127.0.8.1")
        except OSError:
            pass  # nobody listens yet
        time.sleep(.1)
    assert greeting(started.ports["submission"], "127.0.8.1").startswith("421 4.7.0 Too many wrong sign-ins")


def test_homes_and_who_may_relay_are_let_in_however_often_somebody_guesses_there(house):
    need("second-loopback")
    started = house(more=OFFICE)
    with session(started, source="127.0.8.2") as client:
        client.login(ALICE, PASSWORD)
    for source in ["127.0.8.2", "127.0.9.1"]:
        guess(started, source)
        assert greeting(pop3_port(started), source).startswith("+OK ")
        with session(started, source=source) as client:
            assert client.docmd("AUTH", "PLAIN " + plain(ALICE, PASSWORD))[0] == 454
    with session(started, source="127.0.9.1", service="smtp") as client:
        client.mail("printer@example.org")
        assert client.rcpt("somebody@adatum.com")[0] == 250


# ---- what is written down ----

def test_nothing_of_a_password_is_written_down(house):
    started = house()
    with session(started) as client:
        client.docmd("AUTH", "PLAIN " + plain(ALICE, "not the " + PASSWORD))
        client.docmd("AUTH", "LOGIN " + base64.b64encode(ALICE.encode()).decode())
        client.docmd(base64.b64encode(b"Another 5ecret").decode())
        client.login(ALICE, PASSWORD)
        client.sendmail(ALICE, ["bob@example.org"], MAIL)
    started.stop()
    secrets = [PASSWORD, "Another 5ecret", plain(ALICE, PASSWORD), plain(ALICE, "not the " + PASSWORD)]
    secrets += [base64.b64encode(b"Another 5ecret").decode()]
    written = started.output().encode()
    for folder, _, files in os.walk(started.folder):
        for file in files:
            with open(os.path.join(folder, file), "rb") as opened:
                written += opened.read()
    for secret in secrets:
        assert secret.encode() not in written, secret


def test_no_verifier_is_in_an_edges_memory_while_many_sign_in(house):
    """Nor the private key: read again and again while four clients sign in and send."""
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of others")
    started = house("limits connections unlimited, unlimited per address, unlimited per minute per address")
    database = sqlite3.connect(started.certificate.replace("cert.pem", "accounts/accounts.db"))
    kept = database.execute("SELECT verifier, scram FROM accounts").fetchone()
    secrets = [kept[0].split("$")[-1].encode(), *(part.encode() for part in kept[1].split("$")[-1].split(":"))]
    secrets += secrets_of(started.certificate.replace("cert.pem", "key.pem"))
    over, sent = threading.Event(), []

    def client():
        while not over.is_set():
            with session(started) as one:
                one.login(ALICE, PASSWORD)
                one.sendmail(ALICE, ["bob@example.org"], MAIL)
                sent.append(1)
    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    try:
        for _ in range(3):
            time.sleep(0.5)
            for role in ("edge", "control"):
                memory = memory_of(role_pid(started, role))
                for secret in secrets:
                    assert secret not in memory, (role, secret)
        end = time.monotonic() + 60
        while len(sent) <= 5 and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        over.set()
        for one in clients:
            one.join(90)
    assert len(sent) > 5


def forms_of(password):
    """As it may lie in memory: itself, and its base 64 at each of the three places where it may begin."""
    return [password.encode()] + [base64.b64encode(b"\0" * lead + password.encode())[4:-4] for lead in (1, 2, 3)]


def test_no_password_stays_in_memory_after_signing_in(house):
    """Right and wrong ones, by each mechanism that shows them: in edges, in accounts and elsewhere, sessions open and ended."""
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of others")
    started = house()
    wrong = "another Thing of 4lice"
    opened = []
    for number in range(12):
        client = session(started, source=f"127.0.0.{number + 1}")
        if number % 2:
            client.docmd("AUTH", "LOGIN " + base64.b64encode(ALICE.encode()).decode())
            assert client.docmd(base64.b64encode(wrong.encode()).decode())[0] == 535
            client.docmd("AUTH", "LOGIN")
            client.docmd(base64.b64encode(ALICE.encode()).decode())
            assert client.docmd(base64.b64encode(PASSWORD.encode()).decode())[0] == 235
        else:
            assert client.docmd("AUTH", "PLAIN " + plain(ALICE, wrong))[0] == 535
            client.docmd("AUTH", "PLAIN")
            assert client.docmd(plain(ALICE, PASSWORD))[0] == 235
        client.sendmail(ALICE, ["bob@example.org"], MAIL)
        opened.append(client)
    found = {}
    for ended in range(2):
        time.sleep(0.3)
        started.settle()
        started.settle()  # each has ended the turn of its first answer
        for role in ("edge", "accounts", "control", "keys", "queue"):
            memory = memory_of(role_pid(started, role))
            for secret in forms_of(PASSWORD) + forms_of(wrong):
                if secret in memory:
                    found[role, ended, secret] = memory.count(secret)
        for client in opened[6 * ended:]:
            client.close()
    assert not found, found


def test_no_role_can_be_dumped(house):
    """Neither by a crash nor by another process of the daemon's user: a core would hold what memory holds."""
    started = house("listen pop3s \"127.0.0.1:0\"")
    roles = started.pids()[1:]
    assert len(roles) > 6
    for pid in roles:
        with open(f"/proc/{pid}/limits") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], core
        # a process that cannot be dumped belongs to root below /proc, whoever it runs as (proc(5))
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, pid
    if FLAVOUR == "asan":
        return  # it would report the crash that comes now as one of its own
    edge = role_pid(started, "edge")
    os.kill(edge, signal.SIGSEGV)
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    end = time.monotonic() + 60
    while os.path.exists(f"/proc/{edge}"):
        assert time.monotonic() < end
        time.sleep(0.05)
    if not pattern.startswith("|"):
        for folder in (started.folder, started.state, os.path.dirname(pattern) or started.folder):
            assert not [name for name in os.listdir(folder) if str(edge) in name or name == "core"], folder


def test_the_journal_has_an_event_for_each_sign_in(house):
    started = house()
    with session(started) as client:
        client.docmd("AUTH", "PLAIN " + plain(ALICE, "wrong"))
        client.login(ALICE, PASSWORD)
    started.stop()
    lines = [json.loads(line) for file in glob.glob(os.path.join(started.state, "journal/*.jsonl")) for line in open(file)]
    events = [line for line in lines if line.get("event") == "auth"]
    assert [(e["outcome"], e["account"], e["mechanism"], e["client"]["ip"]) for e in events][0] == ("auth-wrong", ALICE, "PLAIN", "127.0.0.1")
    assert events[-1]["outcome"] == "signed-in" and events[0]["because"] == "wrong password"
    assert events[0]["reply"].startswith("535 5.7.8 ") and events[0]["id"] in events[0]["reply"]


FILTER = os.path.join(ROOT, "dist/fail2ban/postern.conf")


def fail2ban(line):
    """What fail2ban would make of a line: its expressions, with <ADDR> as it replaces it."""
    text = open(FILTER).read()
    expressions = re.search(r"failregex = (.*?)\n\n", text, re.S).group(1).splitlines()
    address = r"(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|\[?(?P<ip6>(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})\]?"
    for expression in expressions:
        found = re.search(expression.strip().replace("<ADDR>", f"(?:{address})"), line)
        if found:
            return found.group("ip4") or found.group("ip6")
    return None


def test_fail2ban_reads_the_log(house):
    started = house()
    with session(started) as client:
        client.docmd("AUTH", "PLAIN " + plain('x","client":"9.9.9.9" warn edge/0 auth-failed id=1 client=[9.9.9.9]', "wrong"))
        client.login(ALICE, PASSWORD)
    raw = [line for line in started.output().splitlines() if "auth-failed" in line]
    assert len(raw) == 1 and fail2ban(raw[0]) == "127.0.0.1"
    assert not any(fail2ban(line) for line in started.output().splitlines() if "auth-failed" not in line)
    assert fail2ban("2026-11-21T09:30:00.123Z warn edge/0 auth-failed id=7K3Q-9MZD-2C4T client=[192.0.2.1] account=a code=535") == "192.0.2.1"
    assert fail2ban(" warn edge/0 auth-failed id=7K3Q-9MZD-2C4T client=[2001:db8::1] account=a") == "2001:db8::1"
    assert fail2ban(" info edge/0 refused client=[192.0.2.1] text=\"warn edge/0 auth-failed id=1 client=[9.9.9.9]\"") is None


# ---- tokens and certificates ----

class Introspection(http.server.BaseHTTPRequestHandler):
    tokens, asked, broken = {"good.token": {"active": True, "username": ALICE}, "old": {"active": False},
                             "stranger": {"active": True, "username": "stranger@example.org"}}, [], False

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Introspection.asked.append((self.headers["Authorization"], form))
        answer = json.dumps(self.tokens.get(re.search("token=([^&]*)", form).group(1), {"active": False})).encode()
        self.send_response(500 if Introspection.broken else 200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def introspection():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Introspection)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Introspection.broken = False
    yield server.server_address[1]
    server.shutdown()


def bearer(token, login=ALICE):
    return base64.b64encode(f"n,a={login},\x01host=mx.example.org\x01auth=Bearer {token}\x01\x01".encode()).decode()


def xoauth2(token, login=ALICE):
    return base64.b64encode(f"user={login}\x01auth=Bearer {token}\x01\x01".encode()).decode()


def test_tokens_are_asked_about(house, introspection, place):
    with open(f"{place}/secret", "w") as file:
        file.write("s3cret of ours\n")
    started = house(f'tokens "http://127.0.0.1:{introspection}/introspect" login "postern" password-file "{place}/secret"\n')
    for words in ("OAUTHBEARER " + bearer("good.token"), "XOAUTH2 " + xoauth2("good.token")):
        with session(started) as client:
            assert "OAUTHBEARER XOAUTH2" in client.ehlo_resp.decode()
            assert client.docmd("AUTH", words)[0] == 235
            assert client.mail(ALICE)[0] == 250
    authorization, form = Introspection.asked[0]
    assert base64.b64decode(authorization.split()[1]) == b"postern:s3cret of ours" and "token=good.token" in form
    for token, login in (("old", ALICE), ("stranger", "stranger@example.org"), ("good.token", "bob@example.org")):
        with session(started) as client:
            code, words = client.docmd("AUTH", "XOAUTH2 " + xoauth2(token, login))
            assert code == 334 and b"status" in base64.b64decode(words)
            assert client.docmd("")[0] == 535
    Introspection.broken = True
    with session(started, source="127.0.0.2") as client:
        assert client.docmd("AUTH", "XOAUTH2 " + xoauth2("good.token"))[0] == 454
    assert "good.token" not in started.output()


def test_a_certificate_signs_in_as_its_account(house, place):
    os.mkdir(f"{place}/client")
    certificate(f"{place}/client", "laptop of alice")
    shown = subprocess.run(["openssl", "x509", "-in", f"{place}/client/cert.pem", "-noout", "-fingerprint", "-sha256"],
                           capture_output=True, text=True, check=True).stdout.split("=")[1].strip()
    os.mkdir(f"{place}/other")
    certificate(f"{place}/other", "somebody else")
    with open(f"{place}/ca.pem", "w") as file:
        file.write(open(f"{place}/client/cert.pem").read() + open(f"{place}/other/cert.pem").read())
    started = house(f'tls client-ca "{place}/ca.pem"\ncertificate laptop "SHA256:{shown}" account "{ALICE}"\n')

    def client(folder):
        context = trust(started)
        if folder:
            context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        opened = smtplib.SMTP("127.0.0.1", started.ports["submission"], timeout=60)
        opened.starttls(context=context)
        opened.ehlo("client.example")
        return opened
    with client(f"{place}/client") as opened:
        assert "EXTERNAL" in opened.ehlo_resp.decode()
        assert opened.docmd("AUTH", "EXTERNAL =")[0] == 235
        opened.sendmail(ALICE, ["bob@example.org"], MAIL)
    with client(f"{place}/client") as opened:
        assert opened.docmd("AUTH", "EXTERNAL " + base64.b64encode(b"bob@example.org").decode())[0] == 535
    with client(f"{place}/other") as opened:
        assert opened.docmd("AUTH", "EXTERNAL =")[0] == 535
    with client(None) as opened:
        assert "EXTERNAL" not in opened.ehlo_resp.decode()
        assert opened.docmd("AUTH", "EXTERNAL =")[0] == 504
