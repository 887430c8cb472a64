# SPDX-License-Identifier: Apache-2.0
"""Crash images: the daemon works on a disk that logs every write and flush; then disks are made as a power
cut at many moments might have left them, with unflushed writes lost, torn and reordered, and the daemon is
started on each. Everything answered 250 before that moment must be there or must have been delivered."""
import os
import random
import re
import shutil
import subprocess
import threading
import time

import pytest

from blocklog import BlockLog, Replay
from disks import LoopDisk
from house import BUILD, TORTURE, Sink, need
from rig import BOTH, Found, bare, Ledger, copies_of, kill_and_wait, loads, place_at, queue_of
from rounds import SEED, Progress, share

IMAGES = share(int(os.environ.get("POSTERN_IMAGES", 1000 if TORTURE else 10)))
SIZE = 128 << 20
MOST = 500  # messages in the recording: each image delivers again what was not delivered before its moment
LEAST = 20  # on a busy machine the recording goes on until then
SAID_EVERY = 10  # images: a long run that is broken off has proved what it said last


@pytest.fixture
def logged(daemon):
    """A folder, a log, and a loop disk over it; all taken away again, from the top down."""
    need("block-log")
    need("loop-mount")
    folder = os.path.join(BUILD, "faults", f"replay-{os.getpid()}-{time.monotonic_ns()}")
    os.makedirs(folder)
    for path in (os.path.dirname(folder), folder):
        os.chmod(path, 0o755)
    made = []
    log = BlockLog(folder)
    yield folder, log, made
    for disk in reversed(made):
        disk.remove()
    log.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Given(LoopDisk):
    """A file system in an image that is there."""

    def make(self, image):
        self.image = image
        os.makedirs(self.place, exist_ok=True)
        self.mount()
        return self


class Moments:
    """When what happened, as numbers of entries of the log."""

    def __init__(self, log):
        self.log, self.promised, self.delivered, self.lock = log, {}, {}, threading.Lock()

    def note_promise(self, token):
        with self.lock:
            self.promised.setdefault(token, self.log.count())

    def note_delivery(self, raw, number):
        token = re.search(rb"X-Token: ([^\r]*)|$", raw).group(1)
        if token and bare(token.decode()) is not None:
            with self.lock:
                self.delivered.setdefault(bare(token.decode()), self.log.count())
        return "250 2.0.0 kept"


def record(daemon, folder, log, made, seconds):
    """A daemon under load on the logged disk; gives the moments, the ledger and the base image."""
    base = os.path.join(folder, "base")
    with open(base, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", base], check=True)
    moments, ledger = Moments(log), Ledger()
    disk = Given(folder)
    made.append(disk)
    disk.make(log.start(base))
    to = Sink({".": moments.note_delivery})
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    place_at(server, disk.place)
    server.start()
    end = time.monotonic() + seconds
    clients = loads(server, ledger, 2, "c", noticed=moments.note_promise)
    while (time.monotonic() < end or len(ledger.promised) < LEAST) and len(ledger.promised) < MOST:
        assert time.monotonic() < end + 120, f"{len(ledger.promised)} messages in {seconds + 120} s:\n{server.output()[-3000:]}"
        time.sleep(0.1)
    for client in clients:
        client.end()
    server.stop()
    to.close()
    disk.remove()
    log.stop()
    return moments, ledger, base, server


def judge_image(server, to, moments, ledger, upto):
    """What was promised before the cut and is neither delivered before it, nor now, nor in the Maildir."""
    def missing():
        there = copies_of(server, to)
        return [(token, where) for token, at in moments.promised.items() for where in ("local", "remote")
                if at <= upto and not there[token, where] and
                not (where == "remote" and moments.delivered.get(token, upto + 1) <= upto)]
    while_it_moves(lambda: sum(copies_of(server, to).values()), lambda: not missing())
    return missing(), Found(server, to, ledger).damaged


def while_it_moves(count, done, patience=60):
    """Until `done`, or until nothing has arrived for so long: a slow machine loses no mail."""
    seen, end = -1, 0
    while not done() and (count() != seen or time.monotonic() < end):
        if count() != seen:
            seen, end = count(), time.monotonic() + patience
        time.sleep(0.2)


class OnImage:
    """The daemon of the recording, on one image after the other."""

    def __init__(self, server, sink, folder, made):
        self.server, self.sink, self.folder, self.made = server, sink, folder, made

    def start(self, image):
        """Gives the sink of this image."""
        disk, to = Given(self.folder), self.sink()
        self.made.append(disk)
        disk.make(image)
        os.makedirs(os.path.join(disk.place, "mail"), exist_ok=True)  # the cut may have come before it was durable
        os.chmod(os.path.join(disk.place, "mail"), 0o777)
        self.server.write(BOTH.replace("{port}", str(to.port)).replace("{mail}", "/mail"))
        place_at(self.server, disk.place)
        self.server.start()
        return to

    def end(self, to):
        kill_and_wait(self.server)
        to.close()
        self.made.pop().remove()


def test_no_crash_image_loses_a_message_answered_250(daemon, sink, logged):
    folder, log, made = logged
    moments, ledger, base, server = record(daemon, folder, log, made, 20 if TORTURE else 2)
    entries, rng = log.entries(), random.Random(SEED)
    assert len(moments.promised) > 10 and len(entries) > 100
    replay, image, there = Replay(base, entries, folder), os.path.join(folder, "crashed"), OnImage(server, sink, folder, made)
    first, bad = min(moments.promised.values()), []
    progress, checked = Progress(f"crash images of {len(entries)} writes and flushes", IMAGES, SAID_EVERY), 0
    all_lost, all_damaged = 0, 0
    for number, upto in enumerate(sorted(rng.randrange(first, len(entries) + 1) for _ in range(IMAGES))):
        replay.cut(upto, image, rng if number % 4 else None)
        to = there.start(image)
        lost, damaged = judge_image(server, to, moments, ledger, upto)
        checked += sum(at <= upto for at in moments.promised.values())
        all_lost, all_damaged = all_lost + len(lost), all_damaged + len(damaged)
        if lost or damaged:
            bad.append((upto, "lost", lost[:3], "damaged", damaged[:3], queue_of(server), len(to.messages), server.output()[-1500:]))
            print("image at", *bad[-1], flush=True)
            shutil.copy(image, os.path.join(BUILD, f"faults-image-{upto}"))
        there.end(to)
        progress.say(number + 1, f"{len(moments.promised)} acknowledged, {checked} checked, {all_lost} lost, {all_damaged} damaged")
    assert not bad, bad[:3]
