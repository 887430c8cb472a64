# SPDX-License-Identifier: Apache-2.0
"""Bytes of the spool's files turned over, and files cut off, between two starts: the daemon starts (or ends
and says why), nothing altered is delivered, what was not touched is delivered, and what was is reported and
kept. Every byte of every file is the business of the unit tests; here a sample, with the whole daemon."""
import os
import random
import shutil
import subprocess
import time

import pytest

from house import POSTERND, TORTURE
from rig import BOTH, SENDER, Found, Ledger, judge, kill_and_wait, queue_of, segments, send_at_last, until

ROUNDS = 300 if TORTURE else 6
MESSAGES = 6


def files_of(spool):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(spool) for name in names
                  if name not in ("lock", "reserve"))


def used_bytes(path):
    """Where the last byte that is not zero stands."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


class Spool:
    """A spool in which messages wait, kept aside to be damaged again and again."""

    def __init__(self, daemon, sink):
        self.to, self.ledger = sink({"banner": "421 4.3.2 away"}), Ledger()
        self.server = daemon(BOTH.replace("{port}", str(self.to.port)))
        for number in range(MESSAGES):
            send_at_last(self.server, self.ledger, f"m{number}", local=False, size=[300, 3000, 400_000][number % 3])
        until(lambda: [m for m in queue_of(self.server) or [] if "421" in str(m)])
        kill_and_wait(self.server)
        self.good = os.path.join(self.server.folder, "good")
        shutil.copytree(self.spool(), self.good)
        self.copy_owner(self.good)
        self.to.answers.clear()

    def spool(self):
        return os.path.join(self.server.state, "spool")

    def copy_owner(self, folder):
        owner = os.stat(self.server.state)
        for place, _, names in os.walk(folder):
            for path in (place, *(os.path.join(place, name) for name in names)):
                os.chown(path, owner.st_uid, owner.st_gid)

    def restore(self):
        shutil.rmtree(self.spool())
        shutil.copytree(self.good, self.spool())
        self.copy_owner(self.spool())
        with self.to.lock:
            self.to.messages.clear()

    def start(self):
        """False: it ended, with a status of its own and a word about it."""
        try:
            self.server.start()
            return True
        except AssertionError:
            assert self.server.process.poll() in (1, 75, 78), self.server.output()[-3000:]
            assert [line for line in self.server.lines() if line["level"] == "error"]
            return False

    def arrived(self):
        """What was delivered, once nothing is under way any more; nothing of it is altered."""
        until(lambda: queue_of(self.server) == [])
        with self.to.lock:  # who sent it is told of what cannot be read: that is a report, not the message
            self.bounces = [raw for _, rs, raw in self.to.messages if rs == [SENDER.encode()]]
            self.to.messages[:] = [one for one in self.to.messages if one[1] != [SENDER.encode()]]
        found = Found(self.server, self.to, self.ledger)
        assert not found.damaged and not found.unknown, (found.damaged, found.unknown)
        assert all(b"multipart/report" in raw for raw in self.bounces)
        return {token for token, _ in found.copies}


def damage(rng, path, number):
    """One byte turned over, or a sector of zeros, or the end cut off; says what was done."""
    size = used_bytes(path)
    if size == 0:
        return None
    at = rng.randrange(size)
    with open(path, "r+b") as file:
        if number % 3 == 0:
            file.truncate(at)
            return f"{os.path.basename(path)} cut at {at}"
        file.seek(at)
        old = file.read(1 if number % 3 == 1 else 512)
        new = bytes([old[0] ^ (1 << rng.randrange(8))]) if number % 3 == 1 else bytes(len(old))
        file.seek(at)
        file.write(new)
        return f"{os.path.basename(path)} byte {at}" if new != old else None


def test_damage_to_the_spool_is_never_delivered_and_touches_nothing_else(daemon, sink):
    spool, rng, ended, reported, whole = Spool(daemon, sink), random.Random(time.time()), 0, 0, 0
    for number in range(ROUNDS):
        spool.restore()
        paths = [path for path in files_of(spool.spool()) if used_bytes(path) > 0]
        path = paths[number // 3 % len(paths)]
        what = damage(rng, path, number)
        if not what:
            continue
        if not spool.start():
            assert os.path.basename(path) == "format", f"{what}: {spool.server.output()[-2000:]}"
            ended += 1
            continue
        arrived, counts = spool.arrived(), segments(spool.server)
        missing = set(spool.ledger.promised) - arrived
        if missing:
            assert "/seg/" in path or "/big/" in path, f"{what}: {missing}"
            said = spool.server.output()[spool.server.mark:]
            # The MESSAGE of a big file is its end: without it nobody can tell that it was ever acknowledged.
            assert "/big/" in path and " cut at " in what or spool.bounces or counts.get("damaged") or \
                queue_of(spool.server) or "damage" in said, f"{what}: {missing} gone without a word, {counts}"
            reported += 1
        else:
            whole += 1
        if "/big/" in path:
            assert len(missing) <= 1, f"{what}: {missing}"
        kill_and_wait(spool.server)
    print(f"{ROUNDS} times damaged: {whole} delivered whole, {reported} with damaged mail kept and reported, {ended} refused to start")


@pytest.mark.parametrize("text", [b"postern-spool 99\n", b"", b"something else\n"], ids=["newer", "empty", "other"])
def test_a_format_that_is_not_ours_is_refused_and_nothing_is_touched(daemon, sink, text):
    spool = Spool(daemon, sink)
    with open(os.path.join(spool.spool(), "format"), "wb") as file:
        file.write(text)
    before = {path: open(path, "rb").read() for path in files_of(spool.spool())}
    ran = subprocess.run([POSTERND, "-c", spool.server.config], capture_output=True, text=True, timeout=120)
    assert ran.returncode in (1, 75, 78), ran.stderr
    assert "format" in ran.stderr or "spool" in ran.stderr
    assert {path: open(path, "rb").read() for path in files_of(spool.spool())} == before
    spool.restore()
    assert spool.start()
    judge(spool.server, spool.to, spool.ledger, twice=0)
