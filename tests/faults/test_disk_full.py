# SPDX-License-Identifier: Apache-2.0
"""A disk without room, and one without inodes: 452 at MAIL, nothing lost, and back without anybody's help."""
import os
import subprocess

from rig import BOTH, Ledger, judge, kill_and_wait, place_at, send_at_last, try_to_send


def on_disk(daemon, sink, disk, answers):
    to, ledger = sink(answers), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    place_at(server, disk.place)
    server.start()
    return server, to, ledger


def send_until_refused(server, ledger, limit, **more):
    """What refused it, and how many were taken before."""
    for number in range(limit):
        reply = try_to_send(server, ledger, f"m{number}", **more)
        assert reply, f"no answer\n{server.output()[-3000:]}"
        if not reply.startswith("250"):
            return reply, number
    raise AssertionError("nothing was ever refused")


def test_a_full_disk_is_answered_452_at_mail_and_comes_back_by_itself(loop_disk, daemon, sink):
    server, to, ledger = on_disk(daemon, sink, loop_disk(size=200 << 20), {"banner": "421 4.3.2 away"})
    disk = os.path.dirname(server.state)
    send_at_last(server, ledger, "before", local=False)
    filler = os.path.join(disk, "filler")
    fill(disk, filler)
    reply, taken = send_until_refused(server, ledger, 2000, size=200_000, local=False)
    assert reply.startswith("452 4.3.1"), reply
    later = [try_to_send(server, ledger, f"later{n}", size=300, local=False) for n in range(5)]
    assert all(one[:3] in ("250", "452") for one in later), later
    assert len(ledger.promised) > taken
    to.answers.clear()
    os.unlink(filler)
    send_at_last(server, ledger, "after")
    found = judge(server, to, ledger, twice=0)
    assert server.stop() == 0
    print(f"full after {taken} messages; {len(ledger.promised)} acknowledged, {found.twice} repeats, 0 lost")


def test_a_start_on_a_full_disk_delivers_what_waits(loop_disk, daemon, sink):
    server, to, ledger = on_disk(daemon, sink, loop_disk(size=200 << 20), {"banner": "421 4.3.2 away"})
    disk = os.path.dirname(server.state)
    for number in range(10):
        send_at_last(server, ledger, f"m{number}", local=False)
    kill_and_wait(server)
    filler = os.path.join(disk, "filler")
    fill(disk, filler)
    with open(server.config, "a") as file:
        file.write("# another configuration, which cannot be kept now\n")
    to.answers.clear()
    server.start()
    judge(server, to, ledger, twice=0)
    os.unlink(filler)
    send_at_last(server, ledger, "after")
    judge(server, to, ledger, twice=0)


def test_no_inodes_are_answered_452_and_come_back_by_themselves(loop_disk, daemon, sink):
    server, to, ledger = on_disk(daemon, sink, loop_disk(size=320 << 20, options=("-N", "64")),
                                 {"banner": "421 4.3.2 away"})
    disk = os.path.dirname(server.state)
    os.mkdir(os.path.join(disk, "many"))
    names = 0
    try:
        while True:
            open(os.path.join(disk, "many", str(names)), "w").close()
            names += 1
    except OSError:
        pass
    reply, taken = send_until_refused(server, ledger, 2000, size=600_000, local=False)
    assert reply.startswith("452 4.3.1"), reply
    for number in range(names):
        os.unlink(os.path.join(disk, "many", str(number)))
    to.answers.clear()
    send_at_last(server, ledger, "after", size=600_000)
    judge(server, to, ledger, twice=0)
    print(f"no inodes after {taken} big messages; {len(ledger.promised)} acknowledged, 0 lost")


def fill(disk, filler):
    """Until a block finds no room twice; the daemon may be writing too, and room may come back once."""
    for size in (1 << 20, 4096, 4096):
        try:
            with open(filler, "ab", buffering=0) as file:
                while True:
                    file.write(b"\1" * size)
        except OSError:
            subprocess.run(["sync", "-f", disk], check=False)
