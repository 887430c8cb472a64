# SPDX-License-Identifier: Apache-2.0
"""Rounds of the long tests: which are ours, from which seed, and a line now and then that says how far they are.

scripts/torture.py runs splits of a test beside one another (POSTERN_SPLIT=2/4 is the second of four) and adds up
what their lines say: "WHAT: DONE of ALL, N acknowledged, N lost, N damaged; …"."""
import os
import time
import zlib

SPLIT, SPLITS = map(int, os.environ.get("POSTERN_SPLIT", "1/1").split("/"))
SEED = int(os.environ.get("POSTERN_SEED", time.time_ns()))


def share(rounds):
    """How many of so many rounds are ours."""
    return rounds // SPLITS + (SPLIT <= rounds % SPLITS)


def mine(places):
    """Ours of places that are tried one by one. Each split finds the places for itself, in another order perhaps and not
    the same number: so the name of a place alone tells whose it is."""
    return [place for place in places if zlib.crc32(repr(place).encode()) % SPLITS == SPLIT - 1]


class Progress:
    """A line now and then for who waits: how far, and how long it will take."""

    def __init__(self, what, total, every=1):
        self.what, self.total, self.every, self.began = what, total, every, time.monotonic()

    def say(self, done, words=""):
        if done % self.every and done != self.total:
            return
        gone = time.monotonic() - self.began
        left = f"about {gone / done * (self.total - done) / 60:.0f} min left" if done < self.total else "done"
        print(f"{self.what}: {done} of {self.total}{words and ', ' + words}; {gone / 60:.1f} min, {left}", flush=True)
