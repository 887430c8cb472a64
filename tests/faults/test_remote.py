# SPDX-License-Identifier: Apache-2.0
"""The next host dies, hangs or sends nonsense at any point of the dialogue; DNS is away; the configuration is
reloaded without rest. Everything arrives in the end, once, unless the remote took it and did not say so."""
import os
import re
import signal
import socket
import threading
import time

import pytest

from house import RELAY, TORTURE, Client
from rig import BOTH, SOON, Found, Ledger, judge, kill_and_wait, loads, queue_of, send_at_last, until

POINTS = ["banner", "EHLO", "MAIL", "RCPT", "DATA", "."]
DEATHS = {
    "closes": lambda: None,
    "421": lambda: "421 4.3.2 away",
    "nonsense": lambda: "\0\xff what",
    "hangs": lambda: hang_up(),  # its patience is minutes; the remote's here is shorter
}


class Once:
    """The bad answer for the first `times` connections that come this far, then `usual`."""

    def __init__(self, bad, usual, times=2):
        self.bad, self.usual, self.left, self.lock = bad, usual, times, threading.Lock()

    def __call__(self, line, number):
        with self.lock:
            self.left -= 1
            return self.bad() if self.left >= 0 else self.usual


USUAL = {"banner": "220 sink.example ESMTP", "EHLO": "250 sink.example", "MAIL": "250 ok", "RCPT": "250 ok",
         "DATA": "354 go on", ".": "250 kept"}


@pytest.mark.parametrize("death", DEATHS)
def test_remotes_that_fail_at_any_point_get_the_mail_later_and_once(daemon, sink, death):
    """Six remotes at once, each of which fails at another point of the dialogue."""
    ledger, remotes, ways = Ledger(), {}, ""
    for number, point in enumerate(POINTS):
        remotes[point] = sink({point: Once(DEATHS[death], USUAL[point])})
        ways += f'deliver p{number}.example via "127.0.0.1:{remotes[point].port}"\n'
    server = daemon(BOTH.replace('deliver * via "127.0.0.1:{port}"\n', ways))
    for number in range(len(POINTS)):
        for message in range(3):
            send_at_last(server, ledger, f"m{message}", local=False, size=400, domain=f"p{number}.example")
    assert until(lambda: queue_of(server) == []), queue_of(server)
    for point, to in remotes.items():
        found = Found(server, to, ledger)
        assert found.twice == 0, (point, found.copies)
        assert len(found.copies) >= 3 and not found.damaged, (point, found.copies)
    assert not [one for one in os.listdir(os.path.join(server.folder, "mail")) if "ours" in one], "a bounce"


def hang_up():
    time.sleep(0.3)
    raise ValueError("no answer, then the end")


def test_what_the_remote_took_without_saying_so_is_sent_again_unaltered(daemon, sink):
    """RFC 1047: it has the message, and dies before its answer: one more copy, the same but for nothing."""
    taken, ledger = [], Ledger()

    def dies(raw, number):
        taken.append(raw)
        return None if len(taken) <= 1 else "250 kept"
    to = sink({".": dies})
    server = daemon(BOTH.replace("{port}", str(to.port)))
    send_at_last(server, ledger, "m", local=False)
    judge(server, to, ledger, twice=0)
    assert len(taken) == 2 and taken[0] == taken[1]
    assert len(set(re.findall(rb"Message-ID: (<[^>]*>)", b"".join(taken)))) == 1


def test_half_of_the_recipients_taken_before_the_remote_dies_are_not_sent_twice(daemon, sink):
    """50 of 100 are taken and kept, 50 are told to wait, and then everything of the daemon is killed."""
    room = threading.Event()

    def recipient(line, number):
        late = int(re.search(rb"<n(\d\d)@", line).group(1)) >= 50
        return "452 4.2.2 full" if late and not room.is_set() else "250 ok"
    to = sink({"RCPT": recipient})
    server = daemon(RELAY.replace("{port}", str(to.port)) + SOON)
    client = Client(server.port)
    client.say("EHLO x.example")
    client.send("MAIL FROM:<a@elsewhere.example>\r\n" +
                "".join(f"RCPT TO:<n{n:02}@elsewhere.example>\r\n" for n in range(100)) + "DATA\r\n")
    assert [client.reply()[:3] for _ in range(102)] == ["250"] * 101 + ["354"]
    assert client.say("From: a@elsewhere.example\r\n\r\nhello\r\n.").startswith("250")
    until(lambda: sum(len(rs) for _, rs, _ in to.messages) >= 50)
    assert until(lambda: len([r for m in queue_of(server) or [] for r in m["recipients"]]) == 50)
    kill_and_wait(server)
    room.set()
    server.start()
    until(lambda: queue_of(server) == [] and sum(len(rs) for _, rs, _ in to.messages) >= 100)
    names = sorted(r for _, rs, _ in to.messages for r in rs)
    assert names == sorted(b"n%02d@elsewhere.example" % n for n in range(100))


def test_a_remote_that_stops_answering_holds_up_no_other_and_gets_its_mail_after_a_restart(daemon, sink):
    release = threading.Event()
    slow = sink({".": lambda raw, number: "250 kept" if release.wait(120) else None})
    quick, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("deliver *", f'deliver slow.example via "127.0.0.1:{slow.port}"\ndeliver *')
                    .replace("{port}", str(quick.port)))
    client = Client(server.port)
    client.say("EHLO x.example")
    client.send("MAIL FROM:<a@elsewhere.example>\r\nRCPT TO:<x@slow.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    assert client.say("From: a@elsewhere.example\r\n\r\nhello\r\n.").startswith("250")
    until(lambda: slow.connections)
    for number in range(20):
        send_at_last(server, ledger, f"m{number}", local=False)
    assert until(lambda: len(quick.messages) == 20)
    assert until(lambda: len(queue_of(server) or []) == 1)  # what has come of the twenty is written down
    kill_and_wait(server)
    release.set()
    server.start()
    assert until(lambda: queue_of(server) == [])
    assert 1 <= len(slow.messages) <= 2 and len(quick.messages) == 20


MANNERS = ["silent", "servfail", "truncated", "refused", "garbage", "notimp"]


class DeadName:
    """A name server that swallows every question, or answers SERVFAIL, until it is let to answer."""

    def __init__(self, manner):
        self.socket, self.manner, self.asked, self.alive = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), manner, 0, True
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.alive:
            try:
                question, client = self.socket.recvfrom(4096)
                self.asked += 1
                answer = self.answer(question)
                if answer:
                    self.socket.sendto(answer, client)
            except OSError:
                return

    def answer(self, question):
        if self.manner == "silent":
            return None
        if self.manner == "garbage":
            return question[:2] + os.urandom(40)
        if self.manner == "truncated":
            return question[:2] + b"\x83\x80" + question[4:6] + bytes(6) + question[12:]
        rcode = {"servfail": 2, "refused": 5, "notimp": 4}[self.manner]
        return question[:2] + bytes([0x81, 0x80 | rcode]) + question[4:6] + bytes(6) + question[12:]


@pytest.mark.parametrize("manner", MANNERS if TORTURE else MANNERS[:3])
def test_dns_that_is_away_neither_refuses_nor_bounces(daemon, sink, manner):
    name_server, to, ledger = DeadName(manner), sink(), Ledger()
    server = daemon(BOTH.replace('deliver * via "127.0.0.1:{port}"', f"deliver elsewhere.example via mx port {to.port}") +
                    f'resolver "127.0.0.1@{name_server.port}"\n')
    assert send_at_last(server, ledger, "m", local=False)[0].startswith("250")
    assert until(lambda: name_server.asked)
    patience = 20 if TORTURE else 2  # nothing happens
    assert not until(lambda: queue_of(server) == [], patience), server.output()[-2000:]
    assert not os.listdir(os.path.join(server.folder, "mail")), "a bounce"
    assert not to.messages
    waits = str(server.json("queue"))
    assert "m" in waits and '"5.' not in waits and "'5." not in waits, waits
    name_server.alive = False
    name_server.socket.close()


def test_reloading_without_rest_under_load_loses_nothing(daemon, sink):
    to, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)))
    clients = loads(server, ledger)
    end, reloads = time.monotonic() + (60 if TORTURE else 3), 0
    last = end + 60  # a busy machine may need longer to take some
    with open(server.config) as file:
        texts = [file.read()]
    texts.append(texts[0] + "limits errors 50\n" if "limits errors" not in texts[0] else texts[0] + "# changed\n")
    texts.append(texts[0] + "no such statement\n")
    while time.monotonic() < end or (len(ledger.promised) <= 20 and time.monotonic() < last):
        with open(server.config + ".new", "w") as file:
            file.write(texts[reloads % 3])
        os.rename(server.config + ".new", server.config)
        server.process.send_signal(signal.SIGHUP)
        reloads += 1
        time.sleep(0.01)
    for client in clients:
        client.end()
    with open(server.config, "w") as file:
        file.write(texts[0])
    assert server.process.poll() is None, server.output()[-3000:]
    found = judge(server, to, ledger, twice=0)
    refused = {reply for client in clients for reply in client.replies if reply[:1] == "5"}
    assert not refused and len(ledger.promised) > 20, (refused, len(ledger.promised))
    assert server.stop() == 0
    print(f"{reloads} reloads asked for, {len(ledger.promised)} acknowledged, {found.twice} repeats, 0 lost")
