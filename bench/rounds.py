# SPDX-License-Identifier: Apache-2.0
"""Rounds that measure time: relay, refusal, handshakes, decisions. Each takes the bench and adds rows."""
import contextlib
import json
import os
import subprocess
import time

import profile
from measure import Account, Counter, free_port, load

BODY = 5120
PATIENCE = 4  # seconds without a message after which the rest counts as not come
RELAYS = [  # name, sessions, messages a connection (0: many)
    ("relay, 20 sessions, many a connection", 20, 0),
    ("relay, 100 sessions, many a connection", 100, 0),
    ("relay, 20 sessions, a connection each", 20, 1),
    ("relay, 100 sessions, a connection each", 100, 1),
]
REFUSALS = [  # name, options of load, times the count, what a server must be able to
    ("refusals, 20 sessions, pipelined", ["-c", 20, "-P"], 10, "pipelining"),
    ("refusals, 20 sessions, one command at a time", ["-c", 20], 5, ""),
    ("refusals, 20 sessions, a connection each", ["-c", 20, "-m", 1], 1, ""),
]
CROWD = "refusals, 100 sessions of two generators, a connection each; Postern with two edges"
CROWD_OPTIONS = ["-w", 2, "-c", 100, "-m", 1]


def relay(bench, server, sessions, each, count=0, size=BODY):
    """One run: its figures, or None with a note where nothing came of it."""
    if not count:
        count = bench.count(server, "each", "messages") if each else bench.count(server, "messages")
    if each and "each" not in server.counts:
        count //= 2
    first, bench.next_id = bench.next_id, bench.next_id + count
    bench.sink.ask(f"XRESET {first}")
    before = server.account.cpu()
    sent = load(bench.tools["load"], "send", server.port, "-c", sessions, "-m", each, "-n", count, "-s", size, "-i", first)
    came = bench.sink.drained(sent["finished"], PATIENCE)
    cpu = server.account.cpu() - before
    told(bench, server, f"{sessions} sessions", sent, came)
    if not came["messages"]:
        return None
    seconds = came["last"] - sent["began"]
    return {"delivered": came["unique"] / seconds, "accepted": sent["rate"], "octets": came["unique"] * size / seconds / 1e6,
            "cpu": cpu / came["unique"] * 1e6, "reply": (sent["p50_ms"], sent["p99_ms"]), "count": sent["finished"]}


def told(bench, server, where, sent, came):
    lost = sent["finished"] - came["unique"]
    if came["duplicates"] or sent["unexpected"] or sent["broken"] or sent["unknown"]:
        bench.note(f"{server.name}, {where}: {came['duplicates']} messages came twice, {sent['unexpected']} unexpected replies "
                   f"{sent['surprise']!r}, {sent['broken']} broken connections")
    if lost:
        bench.missing = bench.missing if hasattr(bench, "missing") else {}
        runs, most = bench.missing.get(server.name, (0, 0.0))
        bench.missing[server.name] = runs + 1, max(most, lost / sent["finished"])


def tell_missing(bench):
    for name, (runs, most) in getattr(bench, "missing", {}).items():
        bench.note(f"{name}: in {runs} runs up to {most:.0%} of the accepted messages had not come {PATIENCE} s after the one before")
    bench.missing = {}


def refuse(bench, server, options, factor):
    each = factor == 1
    count = bench.count(server, "each", "refusals") if each and "each" in server.counts else bench.count(server, "refusals") * factor
    before = server.account.cpu()
    sent = load(bench.tools["load"], "refuse", server.port, "-b", "127.0.0.2", "-n", count, "-T", 20, *options)
    cpu = server.account.cpu() - before
    if sent["unexpected"] or sent["broken"]:
        bench.note(f"{server.name}, refusals: {sent['unexpected']} unexpected replies {sent['surprise']!r}, "
                   f"{sent['broken']} broken connections")
    if not sent["finished"]:
        return None
    return {"refused": sent["rate"], "cpu": cpu / sent["finished"] * 1e6, "reply": (sent["p50_ms"], sent["p99_ms"])}


def relays(bench):
    for name, sessions, each in RELAYS:
        found = bench.best(name, lambda server: relay(bench, server, sessions, each), "delivered")
        bench.add(name, "delivered/s", found, "delivered", True)
        bench.add(name, "accepted/s", found, "accepted", True)
        bench.add(name, "CPU µs a message", found, "cpu", False)
        bench.add(name, "reply to the dot, p50 / p99 ms", found, "reply", False)
        if (sessions, each) == (100, 0):
            counted(bench, name)
    tell_missing(bench)


def refusals(bench):
    for name, options, factor, needs in REFUSALS:
        for server in bench.servers:
            if needs in getattr(server, "lacks", []):
                bench.note(f"{server.name} knows no {needs}")
        add_refusals(bench, name, lambda server: None if needs in getattr(server, "lacks", []) else
                     refuse(bench, server, options, factor))


def crowd(bench):
    """What one generator cannot ask for, nor one edge refuse."""
    with edges(bench, 2):
        add_refusals(bench, CROWD, lambda server: refuse(bench, server, CROWD_OPTIONS, 1))


def add_refusals(bench, name, run):
    found = bench.best(name, run, "refused")
    bench.add(name, "refused/s", found, "refused", True)
    bench.add(name, "CPU µs a refusal", found, "cpu", False)
    bench.add(name, "reply, p50 / p99 ms", found, "reply", False)


@contextlib.contextmanager
def edges(bench, count):
    """Postern, where it is measured, started again with so many edges, and afterwards as it was."""
    ours = [server for server in bench.servers if server.name == "Postern"]
    before = [server.edges for server in ours]
    for server in ours:
        server.edges = count
    bench.restart(ours)
    try:
        yield
    finally:
        for server, edges_before in zip(ours, before):
            server.edges = edges_before
        bench.restart([server for server in ours if server in bench.servers])


def calls(bench, server, count):
    """System calls a message (instructions where the machine counts them): the figure, what it counts."""
    counter = Counter()
    if not counter.event:
        bench.note("perf is missing or counts nothing here: no system calls a message")
        return None, None
    counter.start(server.account.pids())
    got = bench.guarded(server, "counting", lambda server: relay(bench, server, 100, 0, count))
    total = counter.stop()
    return (total / got["count"] if total and got else None), counter.name


def counted(bench, name):
    found, what = {}, None
    for server in bench.servers:
        count = bench.count(server, "messages") // 2
        each, what = calls(bench, server, count)
        if each:
            found[server.name] = {"calls": each}
    if what:
        bench.add(name, f"{what} a message", found, "calls", False, of_machine=False)


def handshakes(bench):
    """STARTTLS sessions with full handshakes; beside them what OpenSSL's own server needs for the handshake alone."""
    name, count = "STARTTLS, 20 sessions, a handshake each", 300 if bench.asked.quick else 2000

    def run(server):
        if "STARTTLS" in getattr(server, "lacks", []):
            return bench.note(f"{server.name}: every STARTTLS handshake with OpenSSL 3 ends with an alert")
        return shake(bench, server.account, server.port, "starttls", count)
    found = bench.best(name, run, "rate", turns=3)
    bench.add(name, "sessions/s", found, "rate", True)
    bench.add(name, "CPU µs a session", found, "cpu", False)
    alone = openssl_alone(bench, count) if "Postern" in found else None
    if alone:
        bench.note(f"openssl s_server needs {alone['cpu']:,.0f} µs for such a handshake alone, without SMTP")


def shake(bench, account, port, kind, count):
    before = account.cpu()
    done = subprocess.run([bench.tools["handshake"], str(port), kind, str(count), "20"], capture_output=True, text=True, check=True)
    figures, cpu = json.loads(done.stdout), account.cpu() - before
    if figures["broken"]:
        bench.note(f"{figures['broken']} of {count} handshakes did not end well")
    return {"rate": figures["rate"], "cpu": cpu / figures["finished"] * 1e6} if figures["finished"] else None


@contextlib.contextmanager
def s_server(bench, account=None):
    """The port of openssl's, which does handshakes and nothing else; None where it cannot be had."""
    files = [os.path.join(bench.folder, name) for name in ["s_server-key.pem", "s_server-cert.pem"]]
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                           "-days", "2", "-subj", "/CN=bench", "-keyout", files[0], "-out", files[1]], capture_output=True)
    if made.returncode:
        yield None
        return
    port, account = free_port(), account or Account("s_server")
    account.start(["openssl", "s_server", "-accept", str(port), "-key", files[0], "-cert", files[1], "-quiet"],
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield port
    finally:
        account.end()


def openssl_alone(bench, count):
    account = Account("s_server")
    with s_server(bench, account) as port:
        return shake(bench, account, port, "direct", count) if port else None


def decisions(bench):
    """What the policy alone costs: no network, no disk."""
    done = subprocess.run([os.path.join(bench.asked.build, "release", "src", "policy", "decide_bench")],
                          capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        _, clauses, ranges, each, _ = line.split()
        bench.add(f"one decision, {int(clauses):,} clauses, {int(ranges):,} ranges", "CPU µs",
                  {"Postern": {"each": float(each)}}, "each", False)


def harness(bench):
    """Generator and sink alone: what the machine gives, and what the kernel asks of a server that does nothing but take
    the packets. The best of all that this run has seen."""
    note = "the generator and the sink alone: "
    bench.notes = [one for one in bench.notes if not one.startswith(note)]
    for key, each, count in [("many", 0, 20000), ("each", 1, 10000)]:
        for _ in range(2):
            bench.sink.ask("XRESET 0")
            before = bench.sink.counts()["cpu"]
            got = load(bench.tools["load"], "send", bench.sink.port, "-c", 100, "-m", each, "-n", count)
            cpu = (bench.sink.counts()["cpu"] - before) / count * 1e6
            bench.alone[key] = max(bench.alone[key], got["rate"])
            bench.floor[key] = min(bench.floor.get(key, cpu), cpu)
    bench.note(f"{note}{bench.alone['many']:,.0f} messages/s, {bench.alone['each']:,.0f} with a connection each; the sink, which only "
               f"takes and counts them, needs {bench.floor['many']:.1f} and {bench.floor['each']:.1f} µs CPU a message")


def profiled(bench):
    """Where our own time goes: relay with 100 sessions (many, each), or pipelined refusals."""
    server, (_, options, factor, _) = bench.servers[0], REFUSALS[0]
    recording = profile.Recording(os.path.join(bench.folder, "perf.data"), server.account.pids())
    if bench.asked.profile == "refuse":
        figures, count = refuse(bench, server, options, factor), bench.count(server, "refusals") * factor
    else:
        figures = relay(bench, server, 100, int(bench.asked.profile == "each"))
        count = figures["count"]
    recording.stop()
    print(", ".join(f"{name} {value:,.0f}" for name, value in figures.items() if name != "reply"), "(with perf)")
    profile.show(recording, count)


class Others:
    """What share of the machine neither the servers nor the bench itself took since this was made."""

    def __init__(self, own, servers):
        self.accounts = [own] + [server.account for server in servers]
        self.before = self.now()

    def now(self):
        with open("/proc/stat") as file:
            ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in file.readline().split()[1:9]]
        return sum(ticks), sum(ticks) - ticks[3] - ticks[4] - sum(account.cpu() for account in self.accounts)

    def share(self):
        (whole, others), (whole_before, others_before) = self.now(), self.before
        return max(0.0, others - others_before) / max(whole - whole_before, 1e-9)
