# SPDX-License-Identifier: Apache-2.0
"""Rounds that measure memory: idle connections, and big messages."""
import socket
import threading
import time

import rounds
from measure import Held
from profile import role_of

GREETINGS = 20
BIG = [("1 MB", 1 << 20, 400), ("10 MB", 10 << 20, 60)]
BIG_SESSIONS = 10


def greeting_ms(port):
    """The slowest of some new clients, one after the other, from the connect to the banner."""
    worst = 0.0
    for _ in range(GREETINGS):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            if not client.recv(1000).startswith(b"220"):
                raise OSError("a new client is not greeted with 220")
        worst = max(worst, time.monotonic() - began)
    return worst * 1000


def idle(bench):
    """So many connections after EHLO, that say nothing more; a new client meanwhile. Not many for a server
    that has a process for each."""
    found = {}
    for server in bench.restart(connections=1000):
        wanted = bench.count(server, "held")
        try:
            time.sleep(1)
            before = server.account.pss()
            held = Held(bench.tools["load"], server.port, wanted)
            try:
                time.sleep(1)
                after, greeted = server.account.pss(), greeting_ms(server.port)
            finally:
                held.end()
        except PermissionError:
            bench.note(f"{server.name}, idle connections: only root may read the memory of its processes")
            continue
        except (OSError, ValueError) as why:
            bench.note(f"{server.name}, idle connections: {why}")
            continue
        if held.count < wanted:
            bench.note(f"{server.name} held {held.count:,} of {wanted:,} idle connections")
        if held.count:
            found[server.name] = {"each": (after - before) / held.count / 1024, "empty": before / 2**20,
                                  "whole": after / 2**20, "greeted": greeted, "held": held.count}
    name = "idle connections"
    bench.add(name, "connections held", found, "held", True, of_machine=False)
    bench.add(name, "KiB (PSS) a connection", found, "each", False, of_machine=False)
    bench.add(name, "MiB (PSS) without any", found, "empty", False, of_machine=False)
    bench.add(name, "MiB (PSS) with them", found, "whole", False, of_machine=False)
    bench.add(name, f"a new client greeted meanwhile, slowest of {GREETINGS}, ms", found, "greeted", False)


class Peak:
    """The most memory (PSS) that a server's processes have together while this is open."""

    def __init__(self, account):
        self.account, self.most, self.ending = account, account.pss(), threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ending.wait(0.05):
            self.most = max(self.most, self.account.pss())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def resident_peaks(pids):
    """The most each process had resident (VmHWM) since peaks_forget, in MiB, by role."""
    found = {}
    for pid in pids:
        try:
            role = role_of(pid)
            with open(f"/proc/{pid}/status") as file:
                high = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            continue
        found[role] = max(found.get(role, 0.0), high / 1024)
    return found


def peaks_forget(pids):
    for pid in pids:
        try:
            with open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass


def big(bench):
    for words, size, most in BIG:
        name = f"messages of {words}, {BIG_SESSIONS} sessions"

        def run(server):
            count = max(int(most * server.counts.get("big", 0.25) * (0.2 if bench.asked.quick else 1)), BIG_SESSIONS)
            if server.name == "Postern":
                peaks_forget(server.account.pids())
            with Peak(server.account) as peak:
                got = rounds.relay(bench, server, BIG_SESSIONS, 0, count, size)
            if got and server.name == "Postern":
                got["roles"] = resident_peaks(server.account.pids())
            return got and dict(got, peak=peak.most / 2**20, cpu=got["cpu"] / (size / 2**20))
        found = bench.best(name, run, "octets")
        bench.add(name, "delivered MB/s", found, "octets", True)
        bench.add(name, "CPU µs a MiB", found, "cpu", False)
        bench.add(name, "MiB (PSS) at most", found, "peak", False, of_machine=False)
        roles = found.get("Postern", {}).get("roles", {})
        if roles:
            bench.note(f"{name}: resident at most, MiB (program and libraries too): "
                       + ", ".join(f"{role} {high:.1f}" for role, high in sorted(roles.items(), key=lambda one: -one[1])[:4]))
    rounds.tell_missing(bench)
