# SPDX-License-Identifier: Apache-2.0
"""`make bench`: our figures beside those of Debian's Postfix. README.md says what each means."""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

import profile
import slow
import table
from measure import Account, Counter, Held, Sink, free_port, load
from servers import Absent, Postern, Postfix

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELAYS = [  # name, sessions, messages a connection (0: many)
    ("relay, 20 sessions, many a connection", 20, 0),
    ("relay, 100 sessions, many a connection", 100, 0),
    ("relay, 20 sessions, a connection each", 20, 1),
    ("relay, 100 sessions, a connection each", 100, 1),
]
REFUSALS = [
    ("refusals, 20 sessions, pipelined", ["-c", 20, "-P"], 10),
    ("refusals, 20 sessions, one command at a time", ["-c", 20], 5),
    ("refusals, 20 sessions, a connection each", ["-c", 20, "-m", 1], 1),
]
# Messages a run (half of it with a connection each); refusals, times the row's factor.
COUNTS = {"Postern": (20000, 10000), "Postfix": (4000, 6000)}
QUICK = {"Postern": (3000, 2000), "Postfix": (400, 500)}


class Bench:
    def __init__(self, asked, folder, disk):
        self.asked, self.folder, self.disk = asked, folder, disk
        self.tools = {name: os.path.join(asked.build, "release", "bench", name) for name in ["load", "sink"]}
        self.counts = QUICK if asked.quick else COUNTS
        self.held = 200 if asked.quick else 1000
        self.slow_clients = 500
        self.sink, self.servers, self.rows, self.notes, self.versions = None, [], [], [], []

    def note(self, words):
        self.notes.append(words)
        say(words)

    # ---- rounds ----

    def relay(self, server, sessions, each, count=0):
        """One run: its figures, or None with a note where it did not come to its end."""
        count = count or self.counts[server.name][0] // (2 if each else 1)
        self.sink.ask("XRESET")
        before = server.account.cpu()
        sent = load(self.tools["load"], "send", server.port, "-c", sessions, "-m", each, "-n", count, "-s", 5120)
        came = self.sink.drained(sent["finished"])
        cpu = server.account.cpu() - before
        self.last_count = sent["finished"]
        lost = sent["finished"] - came["unique"]
        if lost or came["duplicates"] or sent["unexpected"] or sent["broken"]:
            self.note(f"{server.name}, {sessions} sessions: of {sent['finished']} accepted messages {lost} had not come "
                      f"6 s after the last, {came['duplicates']} came twice; {sent['unexpected']} unexpected replies "
                      f"{sent['surprise']!r}, {sent['broken']} broken connections")
        if not came["messages"]:
            return None
        return {"delivered": came["unique"] / (came["last"] - sent["began"]), "accepted": sent["rate"],
                "cpu": cpu / came["unique"] * 1e6, "reply": (sent["p50_ms"], sent["p99_ms"])}

    def refuse(self, server, options, factor):
        count = self.counts[server.name][1] * factor
        before = server.account.cpu()
        sent = load(self.tools["load"], "refuse", server.port, "-b", "127.0.0.2", "-n", count, *options)
        cpu = server.account.cpu() - before
        if sent["unexpected"] or sent["broken"]:
            self.note(f"{server.name}, refusals: {sent['unexpected']} unexpected replies {sent['surprise']!r}, "
                      f"{sent['broken']} broken connections")
        if not sent["finished"]:
            return None
        return {"refused": sent["rate"], "cpu": cpu / sent["finished"] * 1e6, "reply": (sent["p50_ms"], sent["p99_ms"])}

    def best(self, name, run, by):
        """The best of some rounds for each server, by turns, so that a slow moment meets both."""
        found = {}
        for _ in range(self.asked.rounds):
            for server in self.servers:
                got = self.guarded(server, run)
                if got and (server.name not in found or got[by] > found[server.name][by]):
                    found[server.name] = got
                time.sleep(0.2)
        say(f"{name}: " + ", ".join(f"{key} {value[by]:,.0f}/s" for key, value in found.items()))
        return found

    def guarded(self, server, run):
        try:
            return run(server)
        except (RuntimeError, OSError, ValueError) as why:
            self.note(f"{server.name}: {why}")
            return None

    def add(self, name, figure, found, key, more_is_better):
        values = {server: got[key] for server, got in found.items() if got.get(key) is not None}
        self.rows.append({"round": name, "figure": figure, "values": values, "more_is_better": more_is_better})

    # ---- the whole ----

    def relays(self):
        for name, sessions, each in RELAYS:
            found = self.best(name, lambda server: self.relay(server, sessions, each), "delivered")
            self.add(name, "delivered/s", found, "delivered", True)
            self.add(name, "accepted/s", found, "accepted", True)
            self.add(name, "CPU µs a message", found, "cpu", False)
            self.add(name, "reply to the dot, p50 / p99 ms", found, "reply", False)
            if (sessions, each) == (100, 0):
                self.counted(name)

    def refusals(self):
        for name, options, factor in REFUSALS:
            found = self.best(name, lambda server: self.refuse(server, options, factor), "refused")
            self.add(name, "refused/s", found, "refused", True)
            self.add(name, "CPU µs a refusal", found, "cpu", False)
            self.add(name, "reply, p50 / p99 ms", found, "reply", False)

    def counted(self, name):
        counter = Counter()
        if not counter.event:
            self.note("perf is missing or counts nothing here: no instructions or system calls a message")
            return
        if counter.event != "instructions":
            self.note("perf counts no instructions on this machine; system calls are counted instead")
        found = {}
        for server in self.servers:
            counter.start(server.account.pids())
            count = self.counts[server.name][0] // 2
            self.guarded(server, lambda server: self.relay(server, 100, 0, count))
            total = counter.stop()
            if total:
                found[server.name] = {"total": total / count}
        self.add(name, f"{counter.name} a message", found, "total", False)

    def idle(self):
        found = {}
        for server in self.servers:
            server.stop()
            try:
                server.start(self.sink.port, self.held)
                time.sleep(1)
                before = server.account.pss()
                held = Held(self.tools["load"], server.port, self.held)
                try:
                    time.sleep(1)
                    count, after = held.count, server.account.pss()
                finally:
                    held.end()
            except PermissionError:
                self.note(f"{server.name}, idle connections: only root may read the memory of its processes")
                continue
            except (Absent, OSError, ValueError) as why:
                self.note(f"{server.name}, idle connections: {why}")
                continue
            if count < self.held:
                self.note(f"{server.name} held {count} of {self.held} idle connections")
            if count:
                found[server.name] = {"each": (after - before) / count / 1024, "empty": before / 2**20}
            say(f"idle: {server.name} {(after - before) / max(count, 1) / 1024:.1f} KiB each")
        self.add(f"idle, {self.held:,} connections", "KiB (PSS) a connection", found, "each", False)
        self.add(f"idle, {self.held:,} connections", "MiB (PSS) without any", found, "empty", False)

    def slow(self):
        """Other clients' mail while slow ones keep places."""
        found, name = {}, f"beside {self.slow_clients} slow clients"
        for server in self.servers:
            server.stop()
            try:
                server.start(self.sink.port, self.slow_clients)
                them = slow.Slow(server.port, self.slow_clients)
                try:
                    time.sleep(1)
                    p50, p99, lost = slow.messages(server.port, "b@far.example", 40 if self.asked.quick else 200)
                finally:
                    them.end()
            except (Absent, OSError) as why:
                self.note(f"{server.name}, slow clients: {why}")
                continue
            if lost:
                self.note(f"{server.name} did not take {lost} of the messages sent beside slow clients")
            found[server.name] = {"whole": (p50, p99)}
            say(f"slow clients: {server.name} p50 {p50:.1f} ms, p99 {p99:.1f} ms, {lost} not taken")
        self.add(name, "connect to 250, p50 / p99 ms", found, "whole", False)

    def handshakes(self):
        """STARTTLS sessions with full handshakes; beside them what OpenSSL's own server needs for the handshake alone."""
        name, count = "STARTTLS, 20 sessions, a handshake each", 300 if self.asked.quick else 3000
        found = self.best(name, lambda server: self.shake(server.account, server.port, "starttls", count), "rate")
        self.add(name, "sessions/s", found, "rate", True)
        self.add(name, "CPU µs a session", found, "cpu", False)
        alone = self.openssl_alone(count)
        if alone:
            self.note(f"openssl s_server needs {alone['cpu']:,.0f} µs for such a handshake alone, without SMTP")

    def shake(self, account, port, kind, count):
        before = account.cpu()
        done = subprocess.run([os.path.join(self.asked.build, "release", "bench", "handshake"), str(port), kind, str(count), "20"],
                              capture_output=True, text=True, check=True)
        figures, cpu = json.loads(done.stdout), account.cpu() - before
        if figures["broken"]:
            self.note(f"{figures['broken']} of {count} handshakes did not end well")
        return {"rate": figures["rate"], "cpu": cpu / figures["finished"] * 1e6} if figures["finished"] else None

    def openssl_alone(self, count):
        files = [os.path.join(self.folder, name) for name in ["s_server-key.pem", "s_server-cert.pem"]]
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                               "-days", "2", "-subj", "/CN=bench", "-keyout", files[0], "-out", files[1]], capture_output=True)
        if made.returncode:
            return None
        port, account = free_port(), Account("s_server")
        account.start(["openssl", "s_server", "-accept", str(port), "-key", files[0], "-cert", files[1], "-quiet"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        try:
            return self.shake(account, port, "direct", count)
        finally:
            account.end()

    def decisions(self):
        """What the policy alone costs: no network, no disk."""
        done = subprocess.run([os.path.join(self.asked.build, "release", "src", "policy", "decide_bench")],
                              capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            _, clauses, ranges, each, _ = line.split()
            self.add(f"one decision, {int(clauses):,} clauses, {int(ranges):,} ranges", "CPU µs",
                     {"Postern": {"each": float(each)}}, "each", False)
            say(f"decide: {clauses} clauses, {ranges} ranges: {each} µs")

    def harness(self):
        """Generator and sink alone: what the machine gives at this moment."""
        self.sink.ask("XRESET")
        rates = []
        for each in [0, 1]:
            rates.append(max(load(self.tools["load"], "send", self.sink.port, "-c", 100, "-m", each, "-n",
                                  20000 if not each else 10000)["rate"] for _ in range(2)))
        self.note(f"the generator and the sink alone: {rates[0]:,.0f} messages/s, {rates[1]:,.0f} with a connection each")

    def profile(self):
        """Where our own time goes: relay with 100 sessions (many, each), or pipelined refusals."""
        server, (_, options, factor) = self.servers[0], REFUSALS[0]
        recording = profile.Recording(os.path.join(self.folder, "perf.data"), server.account.pids())
        if self.asked.profile == "refuse":
            figures, count = self.refuse(server, options, factor), self.counts[server.name][1] * factor
        else:
            figures, count = self.relay(server, 100, int(self.asked.profile == "each")), self.last_count
        recording.stop()
        print(", ".join(f"{name} {value:,.0f}" for name, value in figures.items() if name != "reply"), "(with perf)")
        profile.show(recording, count)

    def start(self, kind):
        server = None
        try:
            server = kind(self.asked.build, self.folder, self.disk)
            server.start(self.sink.port)
            self.servers.append(server)
        except Absent as why:
            self.note(f"{kind.name} is not measured: {why}")
            if server:
                server.stop()

    def run(self):
        self.own = Account("bench")
        self.own.take_this()
        self.sink = Sink(self.tools["sink"])
        try:
            for kind in [Postern, Postfix]:
                if kind.name not in self.asked.without and not (self.asked.profile and kind is Postfix):
                    self.start(kind)
            if not self.servers:
                return False
            self.versions = [server.version() for server in self.servers]
            for server in self.servers:  # pages, caches and processes are there before the first round
                self.guarded(server, lambda server: self.relay(server, 100, 0, 100 if self.asked.quick else 500))
            self.harness()
            if self.asked.profile:
                self.profile()
                return True
            others = Others(self.own, self.servers)
            self.relays()
            self.refusals()
            self.note(f"everything else on the machine (kernel threads too) took {others.share():.0%} of it meanwhile")
            self.handshakes()
            self.idle()
            self.slow()
            self.decisions()
            return True
        finally:
            for server in self.servers:
                server.stop()
            self.sink.end()
            self.own.release_this()


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


def say(words):
    print(words, file=sys.stderr, flush=True)


def disk_under_test(asked, folder):
    """The build folder's disk, or a file system of ext4 without discard, which shows a server that
    makes a file for each message at its best (README.md)."""
    disk = os.path.join(folder, "disk")
    os.makedirs(disk, exist_ok=True)
    if asked.disk == "here":
        return disk
    image = os.path.join(folder, "disk.img")
    with open(image, "wb") as file:
        file.truncate(4 << 30)
    for command in [["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop,nodiscard,noatime", image, disk]]:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bench: --disk loop needs {command[0]}: {done.stderr.strip()}")
    return disk


def enter_namespaces():
    """As root everything happens in mount, network and process namespaces of its own: whatever is
    started or mounted is gone when this ends, even when it is killed."""
    if os.geteuid() != 0 or os.environ.get("POSTERN_BENCH_INSIDE"):
        return
    inside = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        return
    os.environ["POSTERN_BENCH_INSIDE"] = "1"
    os.execvp(inside[0], [*inside, "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, *sys.argv])


def options():
    asked = argparse.ArgumentParser(prog="bench/bench.py", description=__doc__)
    asked.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder; BUILD/release is measured")
    asked.add_argument("--rounds", type=int, default=0, help="of which the best counts (3; --quick: 1)")
    asked.add_argument("--quick", action="store_true", help="small counts: rough figures in under a minute")
    asked.add_argument("--disk", choices=["here", "loop"], default="here", help="the build folder's, or a loop device")
    asked.add_argument("--without", action="append", default=[], choices=["Postern", "Postfix"])
    asked.add_argument("--profile", choices=["many", "each", "refuse"], help="instead: where Postern's time goes, by perf")
    asked.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    asked = asked.parse_args()
    asked.build, asked.rounds = os.path.abspath(asked.build), asked.rounds or (1 if asked.quick else 3)
    return asked


def main():
    asked = options()
    made = subprocess.run(["ninja", "-C", os.path.join(asked.build, "release"), "bench/load", "bench/sink", "bench/handshake",
                           "src/policy/decide_bench"],
                          capture_output=True, text=True)
    if made.returncode:
        sys.exit(made.stdout)
    if os.geteuid() == 0 and "Postfix" not in asked.without and not asked.profile:
        Postfix.fetch(asked.build)
    enter_namespaces()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    folder = os.path.join(asked.build, "bench")
    os.makedirs(folder, exist_ok=True)
    disk = disk_under_test(asked, folder)
    bench = Bench(asked, folder, disk)
    try:
        if not bench.run():
            sys.exit("bench: nothing could be measured")
    finally:
        if asked.disk == "loop":
            subprocess.run(["umount", disk])
            os.unlink(os.path.join(folder, "disk.img"))
    if asked.profile:
        return
    with open(os.path.join(folder, "last.json"), "w") as file:
        json.dump({"rows": bench.rows, "notes": bench.notes}, file, indent=1)
    options_given = (["--quick"] if asked.quick else []) + (["--disk", asked.disk] if asked.disk != "here" else [])
    command = " ".join(["bench/bench.py", *options_given]) if options_given else "make bench"
    where = "on the machine's own disk" if asked.disk == "here" else "on ext4 without discard (loop device)"
    text = table.machine(command, bench.versions) + f"; best of {asked.rounds}, {where}.\n\n"
    text += table.markdown(bench.rows, [server.name for server in bench.servers], bench.notes)
    print(text)
    if asked.keep:
        table.keep(os.path.join(ROOT, "bench", "README.md"), asked.disk, text)


if __name__ == "__main__":
    main()
