# SPDX-License-Identifier: Apache-2.0
"""Power cuts under load on real file systems: the file system is shut down without flushing its journal,
unmounted, recovered, and the daemon started again. Every message answered 250 must be there."""
import os
import random
import time

import pytest

from house import TORTURE
from rig import BOTH, Ledger, judge, kill_and_wait, loads, place_at, send_at_last

CUTS = {"ext4": 200 if TORTURE else 3, "xfs": 50 if TORTURE else 1}
if "POSTERN_CUTS" in os.environ:
    CUTS = dict.fromkeys(CUTS, int(os.environ["POSTERN_CUTS"]))
SIZE = (3 << 30) if TORTURE else (400 << 20)  # the Maildirs lie there too


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_no_message_answered_250_is_lost_when_the_power_is_cut(loop_disk, daemon, sink, kind):
    disk, to, ledger, rng = loop_disk(kind, size=SIZE), sink(), Ledger(), random.Random(time.time())
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    place_at(server, disk.place)
    server.start()
    for cut in range(CUTS[kind]):
        send_at_last(server, ledger, f"first{cut}")
        clients = loads(server, ledger, name=f"r{cut}c")
        time.sleep(rng.uniform(0.1, 1.5))
        off = time.monotonic()
        disk.cut()
        kill_and_wait(server)
        for client in clients:
            client.end()
        ledger.forget_after(off)
        disk.unmount()
        disk.mount()
        server.start()
    found = judge(server, to, ledger, seconds=300)
    server.stop()
    gone = [token for token in ledger.late if not found.copies[token, "remote"]]
    print(f"{kind}: {CUTS[kind]} cuts, {len(ledger.promised)} acknowledged, each to a remote and a Maildir, "
          f"{found.twice} repeats, 0 lost, 0 damaged; {len(ledger.late)} answered while the power went off, "
          f"{len(gone)} of them gone")
