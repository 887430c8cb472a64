# SPDX-License-Identifier: Apache-2.0
"""Rounds on a disk that flushes slowly (slow_flush.c): 2 ms each, one at a time in the whole machine."""
import rounds

FLUSH_NS = 2_000_000
OURS = [(1, 800), (20, 8000), (100, 24000), (1000, 50000)]
OTHERS = [(100, 500)]


def slow_flushes(bench):
    for server in bench.restart(flush_ns=FLUSH_NS):
        # Segments are made ready and each process has flushed what it flushes at its start.
        bench.guarded(server, "first", lambda server: rounds.relay(bench, server, 20, 0, 300))
        for sessions, count in OURS if server.name == "Postern" else OTHERS:
            measure(bench, server, sessions, min(count, server.counts["messages"] * 4))
    rounds.tell_missing(bench)


def measure(bench, server, sessions, count):
    name, best = f"a flush of 2 ms, one at a time; {sessions:,} sessions", None
    for _ in range(1 if bench.asked.quick or server.name != "Postern" else 2):
        before = server.flushes.count()
        wanted = max(count // (8 if bench.asked.quick else 1), sessions, 100)
        got = bench.guarded(server, name, lambda server: rounds.relay(bench, server, sessions, 0, wanted))
        if got and (not best or got["accepted"] > best["accepted"]):
            best = dict(got, flushes=(server.flushes.count() - before) / got["count"])
    found = {server.name: best} if best else {}
    bench.add(name, "accepted/s", found, "accepted", True, of_machine=False)
    bench.add(name, "delivered/s", found, "delivered", True, of_machine=False)
    bench.add(name, "reply to the dot, p50 / p99 ms", found, "reply", False, of_machine=False)
    bench.add(name, "flushes a message", found, "flushes", False, of_machine=False)
