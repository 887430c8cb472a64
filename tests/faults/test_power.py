# SPDX-License-Identifier: Apache-2.0
"""Power cuts under load on real file systems: every process is stopped where it is, the file system is shut
down without flushing its journal, unmounted, recovered, and the daemon started again. Every message answered
250 must be there.

The processes are stopped first because a machine without power runs nothing: while the shutdown works, xfs
tells some fdatasync calls that they succeeded although it drops what they wrote (doc/torture.md), and whoever
runs on would answer 250 to that, or take a Maildir delivery for done."""
import os
import random
import time

import pytest

from house import TORTURE
from rig import BOTH, Ledger, body_of, catch_up, freeze, judge, kill_and_wait, loads, place_at, send_at_last
from rounds import SEED, Progress, share

CUTS = {"ext4": 200 if TORTURE else 2, "xfs": 50 if TORTURE else 1}
if "POSTERN_CUTS" in os.environ:
    CUTS = dict.fromkeys(CUTS, int(os.environ["POSTERN_CUTS"]))
CUTS = {kind: share(cuts) for kind, cuts in CUTS.items()}
SIZE = (3 << 30) if TORTURE else (400 << 20)  # the Maildirs lie there too
JUDGED_EVERY = 20  # cuts: a long run that is broken off has proved what it said last
# All messages of this size, instead of a mixture of all sizes: above 256 KiB each gets a file of its own.
OF_SIZE = int(os.environ["POSTERN_SIZE"]) if "POSTERN_SIZE" in os.environ else None


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_no_message_answered_250_is_lost_when_the_power_is_cut(loop_disk, daemon, sink, kind):
    disk, to, ledger, rng = loop_disk(kind, size=SIZE), sink(), Ledger(), random.Random(SEED)
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    place_at(server, disk.place)
    server.start()
    progress = Progress(f"{kind} cuts", CUTS[kind], JUDGED_EVERY)
    for cut in range(1, CUTS[kind] + 1):
        send_at_last(server, ledger, f"first{cut}")
        clients = loads(server, ledger, name=f"r{cut}c", size=OF_SIZE)
        time.sleep(rng.uniform(0.1, 1.5))
        assert freeze(server)
        disk.cut()
        kill_and_wait(server)
        for client in clients:
            client.end()
        disk.unmount()
        disk.mount()
        server.start()
        catch_up(to, ledger)
        if cut % JUDGED_EVERY == 0 or cut == CUTS[kind]:
            found = judge(server, to, ledger, seconds=300)
            progress.say(cut, f"{len(ledger.promised)} acknowledged ({big_ones(ledger)} big), each to a remote and a Maildir, "
                              f"{found.twice} repeats, 0 lost, 0 damaged")
    server.stop()


def big_ones(ledger):
    return sum(len(body_of(token, ledger.sizes[token])) > 256 << 10 for token in ledger.promised)
