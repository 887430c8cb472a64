# SPDX-License-Identifier: Apache-2.0
"""`mailboxes asked`: the next hop is asked at RCPT. Postfix, Dovecot's LMTP, and servers that fail in each way."""
import os
import shutil
import smtplib
import socket
import tempfile
import threading
import time

import pytest

from conftest import Client, dead_port, end_listening, free_port
from hops import Authority, Dovecot, Postfix
from test_audit import wait_for
from test_proof import wait_event

CONFIG = """
listen smtp "127.0.0.1:0"
domain asked.example mailboxes asked deliver {way}
network office 127.0.0.2/32
relay for network office
retry for 1 hour first after 1 s at most 1 s
postmaster "postmaster@asked.example"
{more}
"""


def configuration(way, more=""):
    return CONFIG.replace("{way}", way).replace("{more}", more)


def smtp(port):
    return f'smtp "127.0.0.1:{port}"'


def rcpt(server, *names, source="127.0.0.1"):
    """What is said to RCPT, of one transaction."""
    client = Client(server.port, source=source)
    client.say("EHLO client.example")
    client.say("MAIL FROM:<a@sender.example>")
    replies = [client.say(f"RCPT TO:<{name if '@' in name else name + '@asked.example'}>") for name in names]
    client.socket.close()
    return replies[0] if len(replies) == 1 else replies


def status(server):
    """Of the one domain that is asked."""
    roles = server.json("status")[0]["roles"]
    return next(role["status"]["mailboxes_asked"] for role in roles if role["role"] == "out")[0]


def fact(server, to):
    """What the journal has of the last decision about this recipient."""
    end = time.monotonic() + 60
    while True:
        found = [line for line in server.json("log") if line.get("recipient") == f"{to}@asked.example" and "facts" in line]
        if found or time.monotonic() > end:
            return found[-1]["facts"]["recipient_known"]
        time.sleep(0.05)


def users(known, unknown="550 5.1.1 no such user"):
    """An answer to RCPT by the local part."""
    def answer(line, number):
        name = line.split(b"<")[1].split(b"@")[0].decode()
        return known[name] if name in known else unknown
    return {"RCPT": answer}


class Script:
    """A server that answers each line by `talk(line, number of the connection)`: bytes; b"" says nothing, None closes."""

    def __init__(self, talk, banner=b"220 script\r\n", port=0):
        self.talk, self.banner, self.lines, self.count, self.clients = talk, banner, [], 0, []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            self.clients.append(client)
            threading.Thread(target=self.serve, args=(client, self.count), daemon=True).start()

    def serve(self, client, number):
        try:
            client.sendall(self.banner)
            for line in client.makefile("rb"):
                self.lines.append(line)
                answer = self.talk(line, number)
                if answer is None:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)
        except OSError:
            pass

    def close(self):
        end_listening(self.listener)
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def script():
    made = []

    def start(*args, **kwargs):
        made.append(Script(*args, **kwargs))
        return made[-1]
    yield start
    for one in made:
        try:
            one.close()
        except OSError:
            pass


def plain(line, number, rcpt_answer=b"250 2.1.5 ok\r\n"):
    verb = line[:4].upper()
    return {b"EHLO": b"250-script\r\n250 PIPELINING\r\n", b"RCPT": rcpt_answer, b"QUIT": None}.get(verb, b"250 2.0.0 ok\r\n")


@pytest.fixture
def folder():
    made = tempfile.mkdtemp(prefix="postern-asked-")
    os.chmod(made, 0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


# ---- what is answered ----

def test_the_next_hop_decides_and_the_trace_says_what_it_said(daemon, sink):
    hop = sink(users({"alice": "250 2.1.5 ok"}))
    server = daemon(configuration(smtp(hop.port)))
    known, unknown = rcpt(server, "alice", "nobody")
    assert known.startswith("250 2.1.5") and unknown.startswith("550 5.1.1 There is no mailbox nobody@asked.example here")
    why = fact(server, "nobody")
    assert why["value"] is False and why["because"] == f"asked 127.0.0.1:{hop.port}: 550 5.1.1 no such user"
    assert rcpt(server, "Alice+tag").startswith("250")
    assert fact(server, "Alice+tag")["because"].startswith(f"asked 127.0.0.1:{hop.port}: 250 2.1.5 ok (cached ")
    ident = unknown.split("[why ")[1].rstrip("]\r\n")
    shown = server.postern("why", ident, status=0).stdout
    assert f"no      the recipient is known: asked 127.0.0.1:{hop.port}: 550 5.1.1 no such user" in shown
    told = status(server)
    assert (told["state"], told["known"], told["unknown"], told["takes_everyone"]) == ("ok", 1, 1, False)
    assert told["kept_known"] == 1 and told["kept_unknown"] == 1 and told["next_hop"] == f"127.0.0.1:{hop.port}"
    assert "mailboxes of asked.example asked of 127.0.0.1" in server.postern("status", status=0).stdout
    assert hop.messages == []


def test_mail_for_who_is_known_arrives_and_strangers_relay_nothing(daemon, sink):
    hop = sink(users({"alice": "250 2.1.5 ok"}, "250 2.1.5 ok"))
    server = daemon(configuration(smtp(hop.port)))
    assert rcpt(server, "victim@elsewhere.example").startswith("550 5.7.1")
    assert rcpt(server, "victim%elsewhere.example", '"victim@elsewhere.example"') and hop.connections == 0
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@sender.example", ["alice@asked.example"], b"From: a@sender.example\r\n\r\nhello\r\n")
    assert len(hop.wait(1) or hop.messages) == 1
    assert status(server)["takes_everyone"] is True
    assert "IT SAYS YES TO EVERYONE" in server.postern("status", status=0).stdout
    assert wait_event(server, "next-hop-takes-everyone")


def test_trial_asks_the_daemon_and_without_one_nobody_can_tell(daemon, sink):
    hop = sink(users({"alice": "250 2.1.5 ok"}))
    server = daemon(configuration(smtp(hop.port)))
    words = ("trial", "--client", "203.0.113.9", "--from", "a@sender.example", "--helo", "c.example", "--no-dns")
    told = server.postern(*words, "--to", "nobody@asked.example", status=1).stdout
    assert "550 5.1.1" in told and "no such user" in told
    assert server.postern(*words, "--to", "alice@asked.example").stdout.count("no such user") == 0
    server.stop()
    told = server.postern(*words, "--to", "nobody@asked.example", "--json", status=3).stdout
    assert "only a running daemon asks the next hop" in told and '"accept"' in told and '"refuse"' in told


# ---- who does not answer ----

FAULTS = {
    "refuses the null sender": lambda line, n: b"550 5.1.8 no null sender\r\n" if line[:4] == b"MAIL" else plain(line, n, b"503 5.5.1 MAIL first\r\n"),
    "greylists": lambda line, n: plain(line, n, b"450 4.2.0 greylisted, come back\r\n"),
    "relays nothing": lambda line, n: plain(line, n, b"550 5.7.1 relaying denied\r\n"),
    "says 421": lambda line, n: plain(line, n, b"421 4.3.2 going down\r\n"),
    "drops at RCPT": lambda line, n: None if line[:4] == b"RCPT" else plain(line, n),
    "drops at EHLO": lambda line, n: None,
    "talks nonsense": lambda line, n: b"what?\r\n",
    "never ends a line": lambda line, n: b"250-" + b"x" * 100000,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_next_hop_that(fault, daemon, script):
    hop = script(FAULTS[fault])
    server = daemon(configuration(smtp(hop.port)))
    assert rcpt(server, "alice").startswith("451 4.4.3 "), fault
    why = fact(server, "alice")
    assert why["unknown"] and f"127.0.0.1:{hop.port}" in why["because"]
    told = status(server)
    assert told["state"] == "failing" and told["known"] == told["unknown"] == 0 and told["trouble"]
    assert "CANNOT TELL NOW" in server.postern("status", status=0).stdout


def test_one_that_is_silent_is_waited_for_ten_seconds_and_others_not_at_all(daemon, script, sink):
    hop, other = script(lambda line, n: b""), sink(users({"bob": "250 2.1.5 ok"}))
    server = daemon(configuration(smtp(hop.port), f'domain other.example mailboxes asked deliver smtp "127.0.0.1:{other.port}"'))
    waiting = threading.Thread(target=rcpt, args=(server, "alice"))
    waiting.start()
    assert rcpt(server, "bob@other.example").startswith("250")  # while the first waits
    waiting.join(60)
    assert not waiting.is_alive()
    assert "in time" in fact(server, "alice")["because"]


def test_one_whose_host_is_not_there(daemon):
    with dead_port() as port:
        server = daemon(configuration(smtp(port)))
        assert rcpt(server, "alice").startswith("451 4.4.3")
        assert "Connection refused" in fact(server, "alice")["because"]
        wait_event(server, "next-hop-silent")
    server.settle()
    assert len([line for line in server.lines() if line.get("event") == "next-hop-silent"]) == 1


def test_who_was_known_stays_known_while_it_is_away_and_all_is_well_when_it_is_back(daemon, sink, script):
    hop = script(lambda line, n: plain(line, n, b"250 2.1.5 ok\r\n" if b"<alice@" in line or b"<bob@" in line else b"550 5.1.1 no\r\n"),
                 port=free_port())
    server = daemon(configuration(smtp(hop.port)))
    assert rcpt(server, "alice").startswith("250")
    hop.close()
    assert rcpt(server, "alice").startswith("250")
    assert rcpt(server, "bob").startswith("451")
    again = script(lambda line, n: plain(line, n), port=hop.port)
    end = time.monotonic() + 60
    while not rcpt(server, "bob").startswith("250"):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert again.count and wait_event(server, "next-hop-answers")
    assert status(server)["state"] == "ok"


# ---- attacks ----

def test_names_at_random_are_bounded_and_known_ones_go_on(daemon, sink):
    hop = sink(users({"alice": "250 2.1.5 ok"}))
    server = daemon(configuration(smtp(hop.port), "limits unknown recipients unlimited, errors unlimited"))
    assert rcpt(server, "alice").startswith("250")
    begun, replies = time.monotonic(), []
    guessers = [threading.Thread(target=lambda n=n: replies.extend(rcpt(server, *[f"guess{n}x{i}" for i in range(100)]))) for n in range(6)]
    for guesser in guessers:
        guesser.start()
    for guesser in guessers:
        guesser.join(300)
    refused, deferred = sum(r.startswith("550") for r in replies), sum(r.startswith("451") for r in replies)
    assert refused + deferred == 600
    assert refused <= 100 + 20 * (time.monotonic() - begun + 1)
    assert rcpt(server, "alice").startswith("250")
    told = status(server)
    assert (told["put_off"], told["unknown"], told["kept_known"]) == (deferred, refused, 1)


# ---- configuration ----

def test_a_reload_asks_elsewhere_and_forgets_who_was_unknown(daemon, sink):
    first, second = sink(users({"alice": "250 ok"})), sink(users({"bob": "250 ok"}))
    server = daemon(configuration(smtp(first.port)))
    assert [r[:3] for r in rcpt(server, "alice", "bob")] == ["250", "550"]
    server.write(configuration(smtp(second.port)))
    server.postern("reload", status=0)
    assert [r[:3] for r in rcpt(server, "alice", "bob")] == ["550", "250"]
    second.answers = users({"bob": "250 ok", "alice": "250 ok"})
    assert rcpt(server, "alice").startswith("550")
    server.postern("reload", status=0)
    assert rcpt(server, "alice").startswith("250")


def test_a_folder_is_nobody_who_could_be_asked(daemon):
    server = daemon('listen smtp "127.0.0.1:0"\ndomain a.example mailboxes asked deliver maildir "/m/%d/%l"\n', wait=False)
    checked = server.postern("check")
    assert checked.returncode == 1 and "a Maildir has none" in checked.stdout + checked.stderr


def test_out_may_die_and_edges_ask_the_next_one(daemon, sink):
    hop = sink(users({"alice": "250 ok"}))
    server = daemon(configuration(smtp(hop.port)))
    assert rcpt(server, "alice").startswith("250")
    processes = server.json("status")[0]["roles"]
    pid = next(p["pid"] for role in processes if role["role"] == "supervisor" for p in role["status"]["processes"] if p["role"] == "out")
    os.kill(pid, 9)
    end = time.monotonic() + 60
    while not rcpt(server, "alice").startswith("250"):
        assert time.monotonic() < end
        time.sleep(0.2)


# ---- real ones ----

def test_postfix_is_asked_over_tls(daemon, peers, folder):
    authority = Authority(folder)
    server = Postfix(peers("postfix"), os.path.join(folder, "it"), authority.certificate("postfix", "DNS:localhost,IP:127.0.0.1"),
                     "virtual_mailbox_domains = asked.example\nvirtual_mailbox_maps = inline:{alice@asked.example=x, bob@asked.example=x}\n"
                     "virtual_transport = discard\n")
    try:
        started = daemon(configuration(f'smtp "localhost:{server.port}" tls verified', f'tls trust "{authority.root}"'))
        replies = rcpt(started, "alice", "nobody", "bob", "alice+tag", "no-one")
        assert [r[:9] for r in replies] == ["250 2.1.5", "550 5.1.1", "250 2.1.5", "250 2.1.5", "550 5.1.1"]
        assert "User unknown in virtual mailbox table" in fact(started, "nobody")["because"]
        wait_for(lambda: "TLS connection established from localhost" in server.words())
        assert status(started)["takes_everyone"] is False
    finally:
        server.close()


def test_dovecot_is_asked_by_lmtp(daemon, peers, folder):
    hop = Dovecot(peers("dovecot-lmtpd"), os.path.join(folder, "it"))
    try:
        for way in (f'lmtp "127.0.0.1:{hop.port}"', f'lmtp "{folder}/it/run/lmtp"'):
            started = daemon(configuration(way))
            known, unknown = rcpt(started, "alice", "nobody")
            assert known.startswith("250") and unknown.startswith("550 5.1.1"), (known, unknown, fact(started, "alice"))
            assert "doesn't exist" in fact(started, "nobody")["because"]
            started.stop()
    finally:
        hop.close()
