# SPDX-License-Identifier: Apache-2.0
"""kill -9 of all processes at random moments under load: every message answered 250 arrives, whole."""
import hashlib
import os
import random
import re
import secrets
import threading
import time

from conftest import RELAY, TORTURE, Client
from rounds import SEED, Progress, share
from test_audit import wait_for

ROUNDS = share(int(os.environ.get("POSTERN_ROUNDS", 1000 if TORTURE else 6)))
JUDGED_EVERY = 25  # rounds: a long run that is broken off has proved what it said last
# Each token begins with it, our daemon greets with it: tests that run at once use each other's ports again, and neither a
# message of another run nor another daemon's 250 may count.
MARK = f"r{secrets.token_hex(3)}"
BACKLOG = 2000  # a receiver written in Python falls behind: no kill before it has caught up to this


def body_of(token):
    rng = random.Random(token)
    size = rng.choice([200, 5_000, 40_000, 300_000]) if rng.random() < 0.1 else rng.choice([200, 2_000, 6_000])
    head = f"X-Token: {token}\r\nFrom: a@ours.example\r\n\r\n"
    text = head + "".join(rng.choices(["a", "b", ".", " ", "\r\n", "\r\n."], k=size))
    return text.encode() + b"\r\n"


class Load(threading.Thread):
    """Sends until the connection breaks; remembers what was answered 250."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.label, self.acknowledged, self.stopping = server, name, [], False

    def run(self):
        number = 0
        while not self.stopping:
            try:
                client = Client(self.server.port)
                if MARK not in client.banner:
                    raise ValueError("another daemon")
                client.say("EHLO load.example")
                while not self.stopping:
                    token = f"{MARK}-{self.label}-{number}"
                    number += 1
                    self.one(client, token)
            except (OSError, ValueError, AssertionError):
                time.sleep(0.02)

    def one(self, client, token):
        client.send(f"MAIL FROM:<a@ours.example>\r\nRCPT TO:<{token}@elsewhere.example>\r\nDATA\r\n")
        if [client.reply()[:3] for _ in range(3)] != ["250", "250", "354"]:
            raise ValueError("broken")
        raw = body_of(token)
        client.send(raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        if client.reply().startswith("250 2.0.0 kept"):
            self.acknowledged.append(token)
        else:
            raise ValueError("broken")


def wait_while_it_moves(to, done, seconds=60):
    """Until `done`, or until nothing has arrived for so long: a slow machine loses no mail."""
    seen, end = -1, 0
    while not done() and (len(to.messages) > seen or time.monotonic() < end):
        if len(to.messages) > seen:
            seen, end = len(to.messages), time.monotonic() + seconds
        time.sleep(0.1)


def judge(to, acknowledged):
    """All of it is there, and whole."""
    wanted = {f"{token}@elsewhere.example".encode() for token in acknowledged}
    wait_while_it_moves(to, lambda: wanted <= {r for _, rs, _ in to.messages for r in rs})
    lost = wanted - {r for _, rs, _ in to.messages for r in rs}
    assert not lost, f"{len(lost)} of {len(wanted)} lost: {sorted(lost)[:5]}"
    strangers = 0
    for _, recipients, raw in to.messages:
        token = recipients[0].split(b"@")[0].decode()
        if not token.startswith(MARK):
            strangers += 1
            continue
        sent = body_of(token)
        assert hashlib.sha256(raw[-len(sent):]).digest() == hashlib.sha256(sent).digest(), token
        assert re.match(rb"(?:Received:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)+$", raw[:-len(sent)]), raw[:300]
    if strangers:
        print(f"{strangers} messages of another run came through a port used again; not counted")
    return len(to.messages) - strangers


def test_every_message_answered_250_arrives_and_none_is_damaged(daemon, sink):
    to = sink()
    server = daemon(f"hostname {MARK}.test.example\n" + RELAY.replace("{port}", str(to.port)) +
                    "retry for 1 days first after 1 seconds at most 2 seconds\n")
    rng, progress = random.Random(SEED), Progress("kills under load", ROUNDS, JUDGED_EVERY)
    acknowledged, all_acknowledged, all_arrived = [], 0, 0
    for round_number in range(1, ROUNDS + 1):
        loads = [Load(server, f"r{round_number}c{i}") for i in range(4)]
        for load in loads:
            load.start()
        time.sleep(rng.uniform(0.2, 1.2))
        wait_for(lambda: sum(len(load.acknowledged) for load in loads) > 1)
        server.kill()
        for load in loads:
            load.stopping = True
            load.join(90)
            acknowledged += load.acknowledged
        server.start()
        wait_while_it_moves(to, lambda: len(to.messages) + BACKLOG > len(acknowledged))
        if round_number % JUDGED_EVERY == 0 or round_number == ROUNDS:
            all_arrived += judge(to, acknowledged)
            all_acknowledged += len(acknowledged)
            # What is repeated later still comes whole, or the next judgement says so.
            acknowledged.clear()
            to.messages.clear()
            progress.say(round_number, f"{all_acknowledged} acknowledged, {all_arrived} arrived, 0 lost, 0 damaged")
    assert all_acknowledged > ROUNDS
