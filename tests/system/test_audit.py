# SPDX-License-Identifier: Apache-2.0
"""postern audit: everything acknowledged is accounted for, whatever was killed; a loss is found, doubt is said."""
import glob
import json
import os
import random
import signal
import threading
import time

from conftest import RELAY, Client

RETRY = "retry for 1 days first after 1 seconds at most 2 seconds\n"


def relay_with(daemon, to, more=RETRY):
    return daemon(RELAY.replace("{port}", str(to.port)) + more)


def submit(client, recipients, text=b"one\r\n"):
    client.send("MAIL FROM:<a@ours.example>\r\n" + "".join(f"RCPT TO:<{r}>\r\n" for r in recipients) + "DATA\r\n")
    replies = [client.reply() for _ in range(len(recipients) + 2)]
    client.send(b"From: <a@ours.example>\r\nSubject: x\r\n\r\n" + text + b".\r\n")
    return [reply[:3] for reply in replies], client.reply()


def session(server):
    client = Client(server.port)
    client.say("EHLO load.example")
    return client


def audit(server, *words, status=0):
    return json.loads(server.postern("audit", "--json", *words, status=status).stdout)


def journal_of(server):
    return sorted(glob.glob(os.path.join(server.state, "journal", "*.jsonl")))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_delivered_queued_bounced_and_removed_add_up(daemon, sink):
    to = sink(answers={"RCPT": lambda line, n: "450 4.2.1 later" if b"later" in line else
                       "550 5.1.1 nobody" if b"nobody" in line else "250 2.1.5 ok"})
    server = relay_with(daemon, to)
    client = session(server)
    for recipients in (["x@elsewhere.example"], ["in@ours.example", "y@elsewhere.example", "later@elsewhere.example"],
                       ["nobody@elsewhere.example"], ["removed-later@elsewhere.example"]):
        _, reply = submit(client, recipients)
        assert reply.startswith("250 2.0.0 kept"), reply
    # Given up before the end of data: not acknowledged, so nothing is owed for it.
    client.say("MAIL FROM:<a@ours.example>")
    client.say("RCPT TO:<given-up@elsewhere.example>")
    client.say("RSET")
    to.wait(2)
    removed = reply.split("[")[1].rstrip("]\r\n")
    wait_for(lambda: "errors" in server.json("queue", "remove", removed)[0] and
             server.postern("queue", "show", removed).returncode == 1)  # not while it is being delivered
    wait_for(lambda: audit(server)["bounced"] == 1 and audit(server)["delivered"] == 3)
    found = audit(server)
    assert {key: found[key] for key in ("messages", "recipients", "delivered", "bounced", "removed", "queued", "unaccounted")} == \
        {"messages": 4, "recipients": 6, "delivered": 3, "bounced": 1, "removed": 1, "queued": 1, "unaccounted": 0}
    assert found["twice"] == 0 and found["lines_dropped"] == 0 and found["missing"] == []
    told = server.postern("audit", status=0).stdout
    assert "4 messages were acknowledged, for 6 recipients" in told and "0 unaccounted" in told


def test_the_same_recipient_twice_and_postmaster_are_counted_once(daemon, sink):
    to = sink()
    server = relay_with(daemon, to, RETRY + 'postmaster "admin@ours.example"\n')
    client = session(server)
    _, reply = submit(client, ["x@elsewhere.example", "x@elsewhere.example", "X@ELSEWHERE.example", "postmaster"])
    assert reply.startswith("250"), reply
    to.wait(1)
    wait_for(lambda: audit(server)["delivered"] == audit(server)["recipients"] > 0)


def test_a_loss_is_found_and_named(daemon, sink):
    to = sink()
    server = relay_with(daemon, to)
    submit(session(server), ["x@elsewhere.example"])
    to.wait(1)
    server.stop()
    forged = None
    lines = open(journal_of(server)[-1]).read().splitlines()
    for line in map(json.loads, list(lines)):  # a message that the spool never saw
        if line.get("decision") == "accept":
            line["message"] = line["message"][:-1] + ("0" if line["message"][-1] != "0" else "1")
            forged = line["message"]
            lines.append(json.dumps(line))
    with open(journal_of(server)[-1], "w") as file:
        file.write("\n".join(lines) + "\n")
    server.start()
    found = audit(server, status=1)
    assert found["unaccounted"] == 1 and found["missing"] == [
        {"message": forged, "time": found["missing"][0]["time"], "recipient": "x@elsewhere.example"}]
    assert forged in server.postern("audit", status=1).stdout


def test_doubt_is_no_verdict(daemon, sink):
    to = sink(answers={"RCPT": "450 4.2.1 later"})
    server = relay_with(daemon, to)
    submit(session(server), ["x@elsewhere.example"])
    wait_for(lambda: audit(server)["queued"] == 1)
    server.stop()
    assert audit(server, status=3)["queue_asked"] is False  # nobody can say what is queued
    with open(journal_of(server)[-1], "a") as file:
        file.write('{"schema":1,"event":"dropped","time":"2026-01-01T00:00:00.000Z","count":7}\n')
    server.start()
    found = audit(server, status=3)
    assert found["lines_dropped"] == 7 and found["unaccounted"] == 0
    assert "lost 7 lines" in server.postern("audit", status=3).stdout
    assert audit(server, "--since", "1h")["lines_dropped"] == 0
    assert server.postern("audit", "--since", "yesterday").returncode == 2


class Load(threading.Thread):
    def __init__(self, server, rng):
        super().__init__(daemon=True)
        self.server, self.rng, self.stopping, self.acknowledged = server, rng, False, 0

    def run(self):
        while not self.stopping:
            try:
                client = session(self.server)
                while not self.stopping:
                    recipients = [f"r{self.rng.random()}@elsewhere.example" for _ in range(self.rng.choice([1, 1, 3]))]
                    _, reply = submit(client, recipients)
                    if not reply:
                        break
                    self.acknowledged += reply.startswith("250")
            except (OSError, ValueError, AssertionError):
                time.sleep(0.02)


def test_the_books_balance_after_kills_of_every_kind(daemon, sink):
    to = sink()
    server = relay_with(daemon, to)
    rng = random.Random(time.time())
    loads = [Load(server, rng) for _ in range(3)]
    for load in loads:
        load.start()
    for _ in range(6):
        time.sleep(rng.uniform(0.1, 0.6))
        if rng.random() < 0.5:  # all at once, or one role, which comes back
            server.kill()
            server.start()
        else:
            victims = server.pids()[1:]
            if victims:
                os.kill(rng.choice(victims), signal.SIGKILL)
                wait_for(lambda: len(server.pids()) > len(victims))
                server.wait_ready()
    wait_for(lambda: sum(load.acknowledged for load in loads) > 10)
    for load in loads:
        load.stopping = True
        load.join(90)
    ran = server.postern("audit", "--json")
    found = json.loads(ran.stdout)
    assert found["unaccounted"] == 0 and found["messages"] > 10, found
    # While control is away an edge keeps so many decision lines and drops the rest: then it says so.
    assert ran.returncode == (3 if found["lines_dropped"] else 0), found


def test_a_clean_end_leaves_nothing_to_tell_again(daemon, sink):
    to = sink()
    server = relay_with(daemon, to)
    client = session(server)
    for number in range(20):
        submit(client, [f"r{number}@elsewhere.example"])
    to.wait(20)
    wait_for(lambda: audit(server)["delivered"] == 20)
    server.stop()
    server.start()
    assert audit(server)["delivered"] == 20
    assert not any("repeated" in line for name in journal_of(server) for line in open(name))
