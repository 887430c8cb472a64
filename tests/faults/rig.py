# SPDX-License-Identifier: Apache-2.0
"""What the rigs share: messages that can be told apart and checked, clients that remember what they were
promised, and the question at the end: is all of it there, once, unaltered?"""
import base64
import collections
import json
import os
import random
import re
import secrets
import signal
import threading
import time

from alone import ALONE
from house import POSTERND, Client, Daemon, is_stopped

# On the wire each token begins with this: a port that is used again may bring a client of another run to our daemon, our
# client to another run's daemon, or another daemon to our sink, and nothing of that may count.
MARK = f"r{secrets.token_hex(3)}."
HOST = f"{MARK}mx.test.example"
SENDER = f"{MARK}a@elsewhere.example"
SOON = "retry for 1 days first after 1 seconds at most 1 seconds\n"
# What is for ours.example goes to a Maildir of ours, all else to the sink.
BOTH = f"""
hostname {HOST}""" + """
listen smtp "127.0.0.1:0"
domain ours.example any recipient deliver maildir "{mail}/%d/%l"
network office 127.0.0.1/32
relay for network office
deliver * via "127.0.0.1:{port}"
limits errors unlimited
""" + SOON


def until(condition, seconds=60):
    """What `condition` gives as soon as it is true; its last answer if that never happens."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.02)


def kill_and_wait(server):
    """Daemon.kill() waits for the supervisor alone; here, until the last one has let go of the disk."""
    pids = server.pids()
    server.kill()
    until(lambda: not [pid for pid in pids if os.path.exists(f"/proc/{pid}") and not is_zombie(pid)])


def freeze(server):
    """Every process stops where it is, the supervisor first; calls that are under way in the kernel go on to their
    end. Gives whether all of them stand."""
    pids = server.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return until(lambda: all(is_stopped(pid) for pid in pids))


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Watched(Daemon):
    """A daemon that is started under `calls`; start_plain() starts it without anybody watching."""

    def start(self):
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = self.calls.start([POSTERND, "-c", self.config, *self.options], self.env, self.folder, self.log)
        self.wait_ready()

    def start_plain(self):
        Daemon.start(self)


def place_at(server, folder):
    """Moves the state folder and the Maildirs of `server` to another disk."""
    with open(server.config) as file:
        text = file.read()
    server.state = os.path.join(folder, "state")
    text = re.sub(r'state ".*"', f'state "{server.state}"', text).replace(
        os.path.join(server.folder, "mail"), os.path.join(folder, "mail")).replace('"/mail/', f'"{folder}/mail/')
    with open(server.config, "w") as file:
        file.write(text)
    server.mail = os.path.join(folder, "mail")
    os.makedirs(server.mail, exist_ok=True)
    os.chmod(server.mail, 0o777)


def body_of(token, size=None):
    rng = random.Random(MARK + token)
    if size is None:
        size = rng.choice([200, 5_000, 40_000, 300_000]) if rng.random() < 0.1 else rng.choice([200, 2_000, 6_000])
    letters = [b"a", b"b", b".", b" ", b"\r\n", b"\r\n."]
    text = f"X-Token: {MARK}{token}\r\nFrom: a@elsewhere.example\r\nMessage-ID: <{token}@load.example>\r\n\r\n"
    if size > 100_000:  # the slow way would keep the clients busy, and the daemon idle
        return text.encode() + base64.encodebytes(rng.randbytes(size)).replace(b"\n", b"\r\n")
    return text.encode() + b"".join(rng.choices(letters, k=size)) + b"\r\n"


def bare(address):
    """The token in an address or in the name of a Maildir; None: it is of another run."""
    local = address.split("@")[0]
    return local[len(MARK):] if local.startswith(MARK) else None


def greet(server):
    """A client of our daemon, and of no other that listens where ours did."""
    client = Client(server.port)
    if client.banner.startswith("220") and HOST not in client.banner:
        client.close()
        raise ConnectionError(f"another daemon answers at port {server.port}")
    client.say("EHLO load.example")
    return client


class Ledger:
    """What was offered, promised (250), refused after the data; recipients are `TOKEN` at two places."""

    def __init__(self):
        self.lock = threading.Lock()
        self.offered, self.promised, self.refused = set(), {}, {}
        self.sizes = {}

    def send(self, client, token, size=None, local=True, remote=True, domain="elsewhere.example"):
        """One transaction; gives the reply to the final dot, or to what was refused before."""
        to = ([f"{MARK}{token}@{domain}"] if remote else []) + ([f"{MARK}{token}@ours.example"] if local else [])
        with self.lock:
            self.offered.add(token)
            self.sizes[token] = size
        client.send(f"MAIL FROM:<{SENDER}>\r\n" + "".join(f"RCPT TO:<{one}>\r\n" for one in to) + "DATA\r\n")
        replies = [client.reply() for _ in range(len(to) + 2)]
        if [reply[:3] for reply in replies] != ["250"] * (len(to) + 1) + ["354"]:
            if "354" in replies[-1][:3]:
                client.send(".\r\n")
                client.reply()
            return next((reply for reply in replies if reply[:3] not in ("250", "354")), "")
        client.send(body_of(token, size).replace(b"\r\n.", b"\r\n..") + b".\r\n")
        reply = client.reply()
        with self.lock:
            if reply.startswith("250"):
                self.promised[token] = (remote, local)
            elif reply:
                self.refused[token] = reply
        return reply


def try_to_send(server, ledger, token, **more):
    """The reply; "" where the connection broke."""
    try:
        client = greet(server)
        reply = ledger.send(client, token, **more)
        client.close()
        return reply
    except OSError:
        return ""


def send_at_last(server, ledger, name, seconds=60, **more):
    """Again, as a client does, until it is taken. Each try has a token of its own."""
    tries = []

    def once():
        tries.append(try_to_send(server, ledger, f"{name}x{len(tries)}", **more))
        return tries[-1].startswith("250")
    assert until(once, seconds), f"no mail is taken any more, the last answer is \"{tries[-1]}\":\n{server.output()[-4000:]}"
    return tries


class Load(threading.Thread):
    """Sends until it is told to stop; `noticed(token)` is called as soon as a 250 was read."""

    def __init__(self, server, name, ledger, noticed=None, **more):
        super().__init__(daemon=True)
        self.server, self.label, self.ledger, self.noticed, self.more = server, name, ledger, noticed, more
        self.stopping, self.replies = False, collections.Counter()

    def run(self):
        number = 0
        while not self.stopping:
            try:
                client = greet(self.server)
                while not self.stopping:
                    number += 1
                    token = f"{self.label}-{number}"
                    reply = self.ledger.send(client, token, **self.more)
                    self.replies[reply[:3]] += 1
                    if self.noticed and reply.startswith("250"):
                        self.noticed(token)
                    if not reply.startswith("250"):
                        raise ValueError(reply)
            except (OSError, ValueError):
                time.sleep(0.01)

    def end(self):
        self.stopping = True
        self.join(90)


def loads(server, ledger, count=4, name="c", **more):
    made = [Load(server, f"{name}{number}", ledger, **more) for number in range(count)]
    for one in made:
        one.start()
    return made


BACKLOG = 2000


def catch_up(sink, ledger, still=60):
    """A receiver written in Python falls behind: waits until it has caught up to BACKLOG, or stands still."""
    seen, end = -1, 0
    while len(ledger.promised) - len(sink.messages) > BACKLOG and (len(sink.messages) > seen or time.monotonic() < end):
        if len(sink.messages) > seen:
            seen, end = len(sink.messages), time.monotonic() + still
        time.sleep(0.1)


def maildirs_of(server):
    """[(token or None, [path])] of all Maildirs."""
    found, top = [], getattr(server, "mail", os.path.join(server.folder, "mail"))
    for folder, _, names in os.walk(top):
        if os.path.basename(folder) == "new":
            token = bare(os.path.basename(os.path.dirname(folder)))
            found.append((token, [os.path.join(folder, name) for name in names]))
    return found


def mails_of(server):
    """[(token, raw)] of all Maildirs."""
    found = []
    for token, paths in maildirs_of(server):
        for path in paths:
            with open(path, "rb") as file:
                found.append((token, file.read()))
    return found


def remote_mails(sink):
    with sink.lock:
        return [(bare(recipient.decode()), raw) for _, recipients, raw in sink.messages for recipient in recipients]


def is_whole(token, raw, sizes):
    sent = body_of(token, sizes.get(token))
    head = raw[:-len(sent)]
    return raw.endswith(sent) and re.match(rb"(?:(?:Received|Return-Path|Delivered-To):[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)+$", head)


def copies_of(server, sink):
    """How often each (token, place) arrived; token None: of another run."""
    remote = [(token, "remote") for token, _ in remote_mails(sink)]
    return collections.Counter(remote + [(token, "local") for token, paths in maildirs_of(server) for _ in paths])


def lost_of(copies, ledger):
    return [(token, where) for token, (remote, local) in ledger.promised.items()
            for where, wanted in (("remote", remote), ("local", local)) if wanted and not copies[token, where]]


class Found:
    """What is there at the end."""

    def __init__(self, server, sink, ledger):
        self.copies = copies_of(server, sink)
        self.strangers = sum(self.copies.pop((None, where), 0) for where in ("remote", "local"))
        self.lost = lost_of(self.copies, ledger)
        self.damaged = [token for token, raw in remote_mails(sink) + mails_of(server) if token is not None and
                        not is_whole(token, raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), ledger.sizes)]
        self.unknown = [token for token, _ in self.copies if token not in ledger.offered]
        self.twice = sum(count - 1 for count in self.copies.values())


def queue_of(server):
    """What waits, as `postern queue` tells it; None while nobody answers."""
    ran = server.postern("queue", "--json")
    return [json.loads(line) for line in ran.stdout.splitlines()] if ran.returncode == 0 else None


def settle(server, sink, ledger, seconds=120):
    """Waits until all that was promised has arrived and nothing is under way; then judges. As long as something
    arrives, it waits on: a slow machine loses no mail."""
    before = None
    while before != len(sink.messages) and lost_of(copies_of(server, sink), ledger):
        before = len(sink.messages)
        until(lambda: not lost_of(copies_of(server, sink), ledger), seconds)
    until(lambda: queue_of(server) == [], seconds)
    return Found(server, sink, ledger)


def journal_of(server, token):
    """What the daemon wrote down about a message: every line but the decisions about its recipients."""
    folder, found = os.path.join(server.state, "journal"), []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), errors="replace") as file:
            found += [line for line in file if f"{MARK}{token}@" in line and '"stage":"rcpt"' not in line]
    return "".join(found)[-6000:]


def judge(server, sink, ledger, twice=None, seconds=120):
    """Nothing lost, altered or made up; at most `twice` repeats."""
    found = settle(server, sink, ledger, seconds)
    queue = queue_of(server)
    if found.strangers:
        print(f"{found.strangers} messages of another run came through a port used again; not counted", flush=True)
    assert not (ALONE and found.strangers), "mail that nobody sent, in a network of our own"
    assert queue is not None, f"{server.postern('queue').stderr}\n{server.output()[-3000:]}"
    assert not found.lost, f"{len(found.lost)} of {len(ledger.promised)} lost: {found.lost[:5]}; never sent: {found.unknown[:5]}\n" \
                           f"{(queue or [])[:3]}\n{journal_of(server, found.lost[0][0])}\n{server.output()[-3000:]}"
    assert not found.damaged, f"altered: {found.damaged[:5]}"
    assert not found.unknown, f"never sent: {found.unknown[:5]}"
    assert queue == [], f"{(queue or [])[:3]}\n{server.output()[-3000:]}"
    if twice is not None:
        assert found.twice <= twice, [one for one in found.copies.items() if one[1] > 1][:5]
    return found


def segments(server):
    """The count of segments by state, as `postern status` tells it; {} while the queue is away."""
    ran = server.postern("status", "--json")
    for role in json.loads(ran.stdout or "{}").get("roles", []):
        if role["role"] == "queue":
            return role["status"]["segments"]
    return {}
