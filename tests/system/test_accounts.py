# SPDX-License-Identifier: Apache-2.0
"""Accounts in SQLite and in a plain file: `postern user`, mailboxes, signing in; stores that fail in the middle."""
import json
import os
import pathlib
import pty
import re
import shutil
import smtplib
import sqlite3
import ssl
import subprocess
import tempfile
import time

import pytest

from conftest import POSTERN, Client, write_anew
from test_limits import why

HOUSE = 'listen smtp "127.0.0.1:0"\nlisten submission "127.0.0.1:0"\nlimits errors unlimited, unknown recipients unlimited\n' \
        'domain ours.example mailboxes accounts deliver maildir "{mail}/%d/%l"\n' \
        'relay for authenticated\ndeliver * via "127.0.0.1:9"\nrefuse if sender not owned\n'
SQLITE = HOUSE + 'accounts sqlite "{mail}/accounts.db"\n'


def user(server, *words, secret="", status=0):
    ran = subprocess.run([POSTERN, "-c", server.config, "user", *words], input=secret, capture_output=True, text=True,
                         timeout=120, cwd=server.folder)
    assert ran.returncode == status, f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


def add(server, name, *words, secret="correct horse\n"):
    return user(server, "add", name, *words, secret=secret)


def recipients(server, *addresses):
    client = Client(server.port, "127.0.0.1")
    client.say("EHLO client.example")
    assert client.say("MAIL FROM:<a@b.example>").startswith("250")
    replies = [client.say(f"RCPT TO:<{to}>") for to in addresses]
    client.close()
    return replies


def submission_port(server):
    return next(port for port in map(int, re.findall(r"127\.0\.0\.1:(\d+)", server.ready["text"])) if port != server.port)


def sign_in(server, name, secret):
    """The code and words of AUTH, and the session."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP("127.0.0.1", submission_port(server), timeout=60)
    client.ehlo()
    client.starttls(context=context)
    client.ehlo()
    client.user, client.password = name, secret
    try:  # login() would try every mechanism, and each is a guess
        return client.auth("PLAIN", client.auth_plain)[0], client
    except smtplib.SMTPAuthenticationError as error:
        return error.smtp_code, client


def test_accounts_are_made_shown_and_removed_while_the_daemon_runs(daemon):
    server = daemon(SQLITE)
    assert "is there now" in add(server, "Alice@Ours.example", "--owns", "sales@ours.example", "--group", "staff")
    assert "already; `user passwd`" in user(server, "add", "alice@ours.example", secret="x\n", status=1)
    shown = json.loads(user(server, "show", "alice@ours.example", "--json"))
    assert shown["login"] == "alice@ours.example" and shown["owns"] == ["sales@ours.example"], shown
    assert shown["groups"] == ["staff"] and shown["password"] == "yescrypt" and shown["scram"] is True
    assert "correct horse" not in json.dumps(shown) and "$y$" not in json.dumps(shown)
    user(server, "own", "alice@ours.example", "*@other.example", "x@ours.example")
    assert "does not own" in user(server, "disown", "alice@ours.example", "y@ours.example", status=1)
    user(server, "disown", "alice@ours.example", "x@ours.example")
    user(server, "join", "alice@ours.example", "board")
    user(server, "leave", "alice@ours.example", "staff")
    user(server, "disable", "alice@ours.example")
    line = [json.loads(text) for text in user(server, "list", "--json").splitlines()]
    assert len(line) == 1 and line[0]["disabled"] and line[0]["groups"] == ["board"], line
    assert line[0]["owns"] == ["*@other.example", "sales@ours.example"]
    assert "gone" in user(server, "remove", "alice@ours.example")
    assert "there is no account" in user(server, "remove", "alice@ours.example", status=1)
    assert user(server, "list") == "there are no accounts\n"
    assert "correct horse" not in server.output()


def test_what_is_wrong_with_an_account_is_said(daemon):
    server = daemon(SQLITE)
    for words, secret, part in [
            (("add", "a b"), "x\n", "a b can be no account's name: a name has 1 to 64 octets"),
            (("add", "a@b@c"), "x\n", "can be no account's name"),
            (("add", "bob"), "\n", "1 to 512 octets"),
            (("add", "bob"), "a\x07b\n", "characters that no keyboard writes"),
            (("add", "bob", "--owns", "nobody"), "x\n", "nobody can be owned by nobody"),
            (("add", "bob", "--group", "a b"), "x\n", "no name of a group"),
            (("add", "bob", "--verifier"), "hunter2\n", "this is no verifier"),
            (("passwd", "bob"), "x\n", "there is no account bob"),
            (("own", "bob", "x@y.example"), "", "there is no account bob")]:
        said = user(server, *words, secret=secret, status=1)
        assert part in said and "hunter2" not in said, said
    for words in [("add",), ("add", "a", "b"), ("own", "bob"), ("list", "bob"), ("frobnicate",), ()]:
        user(server, *words, secret="x\n", status=2)
    assert "no password was given" in user(server, "add", "bob", secret="", status=2)
    assert user(server, "list") == "there are no accounts\n"


def test_before_the_first_start_accounts_are_made_in_the_file(daemon, tmp_path):
    config = tmp_path / "postern.conf"
    config.write_text(f'hostname mx.example.org\nstate "{tmp_path}/state"\nlisten smtp "127.0.0.1:0"\n'
                      f'accounts sqlite "{tmp_path}/state/accounts.db"\n')

    def run(*words, secret=""):
        return subprocess.run([POSTERN, "-c", str(config), "user", *words], input=secret, capture_output=True, text=True)
    assert run("list").returncode == 3 and "`user add` makes it" in run("list").stderr
    assert run("add", "alice", secret="x\n").returncode == 0
    assert run("list").stdout.startswith("alice ")
    assert os.stat(tmp_path / "state").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "state/accounts.db").st_mode & 0o777 == 0o600
    config.write_text(f'hostname mx.example.org\nstate "{tmp_path}/state"\naccounts pam "postern"\n')
    said = run("list")
    assert said.returncode == 1 and "accounts are kept in pam" in said.stderr
    config.write_text(f'hostname mx.example.org\nstate "{tmp_path}/state"\n')
    assert "names no accounts" in run("add", "alice", secret="x\n").stderr


def test_a_daemon_that_does_not_answer_is_not_gone_round(daemon):
    server = daemon(SQLITE)
    add(server, "alice")
    os.unlink(os.path.join(server.state, "control.sock"))
    assert "a daemon runs but does not answer" in user(server, "list", status=3)


def test_a_password_is_asked_for_twice_and_not_shown(daemon, tmp_path):
    config = tmp_path / "postern.conf"
    config.write_text(f'hostname mx.example.org\nstate "{tmp_path}/state"\naccounts sqlite "{tmp_path}/a.db"\n')

    def typed(*secrets):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(POSTERN, [POSTERN, "-c", str(config), "user", "add", "alice"])
        shown = b""
        for secret in secrets:
            shown += until(terminal, b": ")
            os.write(terminal, secret + b"\n")
        shown += until(terminal, None)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def until(terminal, end):
        read = b""
        while end is None or not read.endswith(end):
            try:
                piece = os.read(terminal, 1000)
            except OSError:
                piece = b""
            if not piece:
                return read
            read += piece
        return read
    status, shown = typed(b"correct horse", b"battery staple")
    assert status == 2 and "not the same" in shown and "correct" not in shown
    status, shown = typed(b"correct horse", b"correct horse")
    assert status == 0 and "is there now" in shown and "correct" not in shown, shown


def test_mail_is_taken_for_accounts_and_what_they_own_alone(daemon):
    server = daemon(SQLITE)
    add(server, "alice@ours.example", "--owns", "Sales@ours.example", "--owns", "*@ours.example")
    codes = [reply[:9] for reply in recipients(server, "alice@ours.example", "ALICE+tag@ours.example", "sales@ours.example",
                                               "bob@ours.example", "postmaster@ours.example")]
    assert [code[:3] for code in codes] == ["250", "250", "250", "550", "250"], codes
    assert codes[3] == "550 5.1.1"
    add(server, "bob@ours.example")
    assert recipients(server, "bob@ours.example")[0].startswith("250")  # at once
    user(server, "remove", "bob@ours.example")
    assert recipients(server, "bob@ours.example")[0].startswith("550")


def test_a_damaged_database_defers_and_is_mended_while_we_run(daemon):
    server = daemon(SQLITE)
    add(server, "alice@ours.example")
    path = os.path.join(server.folder, "mail", "accounts.db")
    keep = sqlite3.connect(path)
    whole = sqlite3.connect(path + ".copy")
    keep.backup(whole)
    keep.close()
    whole.close()
    os.chmod(path + ".copy", 0o666)
    with open(path + ".bad", "wb") as file:
        file.write(b"no database at all. " * 1000)
    os.chmod(path + ".bad", 0o666)
    for end in ("-wal", "-shm"):  # with these SQLite would find all of it again
        os.unlink(path + end)
    os.rename(path + ".bad", path)
    for reply in recipients(server, "alice@ours.example", "bob@ours.example"):
        assert reply.startswith("451 4.3.0"), reply
    health = [p for r in server.ask("status") for p in r["roles"] if p.get("role") == "accounts"][0]["status"]["accounts"]
    assert health["store"] == "sqlite" and health["away"] is True and "not a database" in health["why"], health
    for end in ("-wal", "-shm"):
        if os.path.exists(path + end):
            os.unlink(path + end)
    os.rename(path + ".copy", path)
    wait(lambda: recipients(server, "alice@ours.example")[0].startswith("250"))


def test_a_database_of_a_newer_format_is_refused_with_both_numbers(daemon):
    server = daemon(SQLITE)
    server.stop()
    sqlite3.connect(os.path.join(server.folder, "mail", "accounts.db")).execute("PRAGMA user_version = 7")
    with pytest.raises(AssertionError, match="has format 7, this version knows formats up to 2"):
        server.start()


def test_a_folder_that_the_daemon_cannot_write_is_a_clear_error(daemon):
    with pytest.raises(AssertionError, match="the accounts' folder /no/such/folder cannot be written by the daemon's user"):
        daemon(SQLITE.replace("{mail}/accounts.db", "/no/such/folder/accounts.db"))


def test_a_plain_file_is_read_anew_when_it_changes(daemon):
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    path = pathlib.Path(folder, "users")
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    path.write_text(f"alice@ours.example:{hashed} owns=sales@ours.example\n")
    os.chmod(path, 0o644)
    server = daemon(HOUSE + f'accounts file "{path}"\n')
    assert [r[:3] for r in recipients(server, "sales@ours.example", "bob@ours.example")] == ["250", "550"]
    assert sign_in(server, "alice@ours.example", "secret")[0] == 235
    write_anew(path, path.read_text() + f"bob@ours.example:{hashed}\n")
    wait(lambda: recipients(server, "bob@ours.example")[0].startswith("250"))
    write_anew(path, "carol@ours.example:secret\n")  # faulty: what was read before stays

    def is_read():
        assert recipients(server, "dave@ours.example")[0].startswith("550")
        return "line 1: behind the name no verifier" in json.dumps(server.ask("status"))
    wait(is_read)
    assert recipients(server, "bob@ours.example")[0].startswith("250")
    assert "alice@ours.example" in user(server, "list")
    assert "accounts are kept in file" in user(server, "disable", "alice@ours.example", status=1)
    shutil.rmtree(folder)


def wait(ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_who_signs_in_is_noted_and_sends_as_himself_alone(daemon):
    server = daemon(SQLITE)
    add(server, "alice@ours.example", "--owns", "sales@ours.example")
    add(server, "bob@ours.example")
    code, client = sign_in(server, "Alice@ours.example", "correct horse")
    assert code == 235
    for sender, wanted in [("alice@ours.example", 250), ("Sales@ours.example", 250), ("bob@ours.example", 550)]:
        client.rset()
        client.mail(sender)
        assert client.rcpt("bob@ours.example")[0] == wanted, sender
    client.quit()
    assert sign_in(server, "alice@ours.example", "wrong")[0] == 535
    assert sign_in(server, "nobody@ours.example", "wrong")[0] == 535
    wait(lambda: "last_used" in json.loads(user(server, "show", "alice@ours.example", "--json")))
    user(server, "disable", "alice@ours.example")
    assert sign_in(server, "alice@ours.example", "correct horse")[0] == 535
    user(server, "enable", "alice@ours.example")
    user(server, "passwd", "alice@ours.example", secret="another\n")
    assert sign_in(server, "alice@ours.example", "another")[0] == 235
    assert "correct horse" not in server.output() and "another" not in server.output()


def test_verifiers_of_other_servers_are_taken(daemon):
    server = daemon(SQLITE)
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True, check=True).stdout
    add(server, "alice@ours.example", "--verifier", secret=hashed)
    assert sign_in(server, "alice@ours.example", "secret")[0] == 235
    assert json.loads(user(server, "show", "alice@ours.example", "--json"))["password"] == "sha512-crypt"


# ---- limits that an account carries itself ----

def send(client, sender, *to):
    """The codes of each RCPT, and the last reply: that of the data, or of RSET."""
    client.mail(sender)
    replies = [client.rcpt(one) for one in to]
    if any(code == 250 for code, _ in replies):
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(f"From: {sender}\r\nTo: x@ours.example\r\n\r\nhi\r\n.\r\n".encode())
        assert client.getreply()[0] == 250
    else:
        client.rset()
    return replies


def test_an_account_is_held_to_limits_of_its_own_and_the_store_is_named(daemon):
    server = daemon(SQLITE)
    said = user(server, "add", "alice@ours.example", "--limit", "3 recipients per day", "--limit", "2 messages per hour", secret="x\n")
    assert "is there now" in said
    add(server, "bob@ours.example", secret="x\n")
    code, client = sign_in(server, "alice@ours.example", "x")
    assert code == 235
    to = [f"u{i}@ours.example" for i in range(4)]
    for one in to:
        add(server, one, secret="x\n")
    replies = send(client, "alice@ours.example", *to)
    assert [code for code, _ in replies] == [250, 250, 250, 450], replies
    words = replies[3][1].decode()
    assert words.startswith("4.7.28 Your account's own limit is reached: 3 of 3 today, next free "), words
    # bob has none, and the counter is alice's alone
    code, other = sign_in(server, "bob@ours.example", "x")
    assert [code for code, _ in send(other, "bob@ours.example", *to)] == [250] * 4
    # the trace names the store in place of a file and a line
    identity = re.search(r"\[why ([^]]+)\]", words).group(1)
    line = why(server, f"450 [why {identity}]")
    assert line["reason"] == "account-limit-reached" and line["decision"] == "defer", line
    assert line["clause"]["store"].startswith("accounts sqlite") and line["clause"]["text"] == "3 recipients per day", line["clause"]
    assert line["facts"]["limits"]["value"] == ["2 messages per hour", "3 recipients per day"], line["facts"]
    told = server.postern("why", identity, status=0).stdout
    assert "It would have been accepted with" not in told, told  # only time, or another limit
    assert "decided by limit of alice@ours.example in accounts sqlite: 3 recipients per day" in told, told
    assert "no      limit of alice@ours.example in accounts sqlite: 2 messages per hour" in told, told
    assert "yes     limit of alice@ours.example in accounts sqlite: 3 recipients per day" in told, told
    assert "3 recipients per day" in server.postern("log", status=0).stdout
    # what was counted, and what the account has
    def used():
        counted = {line["counter"].split()[2]: line for line in server.ask("limits", of="alice@ours.example")}
        return counted["recipients"]["used"] == counted["recipients"]["most"] == 3 and counted["messages"]["used"] == 1
    wait(used)  # a reply does not wait for it
    assert "at most" in user(server, "show", "alice@ours.example")
    shown = json.loads(user(server, "show", "alice@ours.example", "--json"))
    assert shown["limits"] == ["2 messages per hour", "3 recipients per day"]
    # another number keeps its past, and holds from the next transaction on
    user(server, "limit", "alice@ours.example", "5 recipients per day")
    replies = send(client, "alice@ours.example", *to)
    assert [code for code, _ in replies] == [250, 250, 450, 450], replies
    user(server, "unlimit", "alice@ours.example", "5 recipients per day")
    replies = send(client, "alice@ours.example", to[0])
    assert replies[0][0] == 450 and b"2 of 2 in the last hour" in replies[0][1], replies
    user(server, "unlimit", "alice@ours.example")
    assert [code for code, _ in send(client, "alice@ours.example", *to)] == [250] * 4


def test_places_of_an_accounts_limit_are_given_back(daemon):
    server = daemon(SQLITE)
    user(server, "add", "alice@ours.example", "--limit", "1 recipients per day", secret="x\n")
    _, client = sign_in(server, "alice@ours.example", "x")
    for _ in range(3):
        client.mail("alice@ours.example")
        assert client.rcpt("alice@ours.example")[0] == 250
        client.rset()
    _, other = sign_in(server, "alice@ours.example", "x")
    client.mail("alice@ours.example")
    assert client.rcpt("alice@ours.example")[0] == 250
    other.mail("alice@ours.example")
    assert other.rcpt("alice@ours.example")[0] == 450  # the last place is taken
    client.close()
    wait(lambda: other.rcpt("alice@ours.example")[0] == 250)


def test_a_limit_changed_in_a_transaction_holds_from_the_next(daemon):
    server = daemon(SQLITE)
    add(server, "alice@ours.example", secret="x\n")
    _, client = sign_in(server, "alice@ours.example", "x")
    client.mail("alice@ours.example")
    assert client.rcpt("alice@ours.example")[0] == 250
    user(server, "limit", "alice@ours.example", "1 recipients per day")
    assert client.rcpt("alice+x@ours.example")[0] == 250
    client.rset()
    client.mail("alice@ours.example")
    assert [client.rcpt(f"alice+{tag}@ours.example")[0] for tag in "ab"] == [250, 450]


def test_a_trial_knows_an_accounts_limits(daemon):
    server = daemon(SQLITE)
    user(server, "add", "alice@ours.example", "--limit", "1 recipients per day", secret="x\n")

    def trial(*words, status):
        return server.postern("trial", "--as", "alice@ours.example", "--from", "alice@ours.example", "--to", "alice@ours.example",
                              "--no-dns", "--client", "192.0.2.1", *words, status=status).stdout
    assert "accepted" in trial(status=0)
    _, client = sign_in(server, "alice@ours.example", "x")
    assert send(client, "alice@ours.example", "alice@ours.example")[0][0] == 250
    said = trial(status=1)
    assert "own limit is reached: 1 of 1 today" in said and "decided by limit of alice@ours.example in accounts sqlite" in said, said
    assert "accepted" in trial("--fresh-limits", status=0)


def test_what_is_no_limit_is_said(daemon):
    server = daemon(SQLITE)
    add(server, "alice", secret="x\n")
    for words in ["5 mails per day", "5 recipients", "0 messages per day", "messages per day"]:
        assert f"no limit: {words}; write it like: 500 recipients per day" in user(server, "limit", "alice", words, status=1)
    for i in range(1, 9):
        user(server, "limit", "alice", f"1 messages per {i} hours")
    assert "8 limits of its own at most" in user(server, "limit", "alice", "1 messages per 9 hours", status=1)
    user(server, "limit", "alice", "2 messages per 8 hours")
    assert "has no limit of" in user(server, "unlimit", "alice", "1 messages per day", status=1)
    user(server, "limit", "alice", status=2)
