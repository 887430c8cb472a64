# SPDX-License-Identifier: Apache-2.0
"""`make bench`: our figures beside other servers'. README.md says what each means."""
import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time

import aims
import apart
import flood
import flush
import profile
import rounds
import slow
import space
import table
from measure import Account, Sink
from peers import PEERS
from servers import Absent, Postern

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = {kind.name: kind for kind in [Postern, *PEERS]}
TOOLS = ["load", "sink", "handshake", "libslow_flush.so"]
QUICK = 0.1  # of the messages and refusals
PAIR = ["Postern", "Postfix"]
LONG = 480  # seconds
NETWORK = {  # settings of the name space (README.md, "Settings")
    "ipv4/tcp_congestion_control": "reno",
    "ipv4/ip_local_port_range": "16384 65535",
    "core/somaxconn": 8192,
}
PARTS = {"relay": rounds.relays, "refuse": rounds.refusals, "crowd": rounds.crowd, "handshake": rounds.handshakes, "big": space.big,
         "idle": space.idle, "slow": slow.clients, "flush": flush.slow_flushes}
OWN_PARTS = {"decide": rounds.decisions, "apart": apart.isolation, "flood": flood.sign_ins}


class Bench:
    """What the rounds have in common: the tools, the sink, the servers of the moment, the rows so far."""

    def __init__(self, asked, folder, disk):
        self.asked, self.folder, self.disk = asked, folder, disk
        self.tools = {name: os.path.join(asked.build, "release", "bench", name) for name in TOOLS}
        self.sink, self.servers, self.rows, self.notes, self.versions = None, [], [], [], []
        self.began, self.next_id, self.alone, self.floor = time.monotonic(), 0, {"many": 0.0, "each": 0.0}, {}

    def note(self, words):
        if words not in self.notes:
            self.notes.append(words)
            say(words)

    def count(self, server, what, *others):
        """How many of something this server gets in a run: slow ones get fewer."""
        most = next((server.counts[key] for key in [what, *others] if key in server.counts), 1)
        return max(int(most * (QUICK if self.asked.quick else 1)), 50)

    def turns(self, server):
        """So many rounds; one for slow others where the run has taken long already."""
        late = time.monotonic() - self.began > LONG and server.name not in PAIR
        return self.asked.rounds or (1 if self.asked.quick or late else server.counts["rounds"])

    def best(self, name, run, by, turns=0):
        """The best of some rounds for each server, by turns, so that a slow moment meets both."""
        found = {}
        for turn in range(max((turns or self.turns(server) for server in self.servers), default=0)):
            for server in self.servers:
                if turn >= (min(turns, self.turns(server)) if turns else self.turns(server)):
                    continue
                got = self.guarded(server, name, run)
                if got and (server.name not in found or got[by] > found[server.name][by]):
                    found[server.name] = got
                time.sleep(0.1)
        say(f"{name}: " + ", ".join(f"{key} {value[by]:,.0f}/s" for key, value in found.items()))
        return found

    def guarded(self, server, name, run):
        try:
            return run(server)
        except (RuntimeError, OSError, ValueError) as why:
            self.note(f"{server.name}, {name}: {why}")
            return None

    def add(self, name, figure, found, key, more_is_better, of_machine=True):
        """A row, or more columns of it. Not `of_machine`: a figure that a slower machine gives too."""
        values = {server: got[key] for server, got in found.items() if got.get(key) is not None}
        for row in self.rows:
            if (row["round"], row["figure"]) == (name, figure):
                row["values"].update(values)
                return
        if values:
            self.rows.append({"round": name, "figure": figure, "values": values, "more_is_better": more_is_better,
                              "of_machine": of_machine})

    def restart(self, servers=None, **how):
        """These, or all servers of the moment, anew; one that does not come is left out."""
        for server in list(self.servers if servers is None else servers):
            server.stop()
            try:
                server.start(self.sink.port, **how)
            except Absent as why:
                self.note(f"{server.name}: {why}")
                server.stop()
                self.servers.remove(server)
        return self.servers

    def start(self, kind):
        server = None
        try:
            server = kind(self.asked.build, self.folder, self.disk)
            if kind is Postern:
                server.edges = self.asked.edges
            server.start(self.sink.port)
            self.servers.append(server)
            self.versions.append(server.version())
        except Absent as why:
            self.note(f"{kind.name} is not measured: {why}")
            if server:
                server.stop()

    # ---- the whole ----

    def groups(self):
        """Ours and Postfix by turns; the others one after another, so that none costs the others time."""
        names = [name for name in KINDS if name in self.asked.servers]
        if self.asked.profile:
            return [["Postern"]]
        pair = [name for name in names if name in PAIR]
        return ([pair] if pair else []) + [[name] for name in names if name not in pair]

    def group(self, names):
        for name in names:
            self.start(KINDS[name])
        for server in self.servers:  # pages, caches and processes are there before the first round
            self.guarded(server, "first", lambda server: rounds.relay(self, server, 100, 0, 100 if self.asked.quick else 400))
        if self.asked.profile:
            rounds.profiled(self)
            return
        rounds.harness(self)
        others = rounds.Others(self.own, self.servers)
        for name, part in PARTS.items():
            if name in self.asked.only and self.servers:
                self.timed(f"{', '.join(names)}: {name}", part)
            if name == "refuse" and "Postern" in names and {"relay", "refuse"} & set(self.asked.only):
                self.note(f"everything else on the machine (kernel threads too) took {others.share():.0%} of it "
                          "in the rounds of relay and refusal")
        self.stop()

    def timed(self, what, part):
        began = time.monotonic()
        part(self)
        say(f"[{what}: {time.monotonic() - began:.0f} s]")

    def stop(self):
        for server in self.servers:
            server.stop()
        self.servers = []

    def run(self):
        self.own = Account("bench")
        self.own.take_this()
        self.sink = Sink(self.tools["sink"])
        try:
            for names in self.groups():
                self.group(names)
            if "Postern" in self.asked.servers and not self.asked.profile:
                for name, part in OWN_PARTS.items():
                    if name in self.asked.only:
                        self.timed(f"Postern: {name}", part)
                rounds.harness(self)
            return bool(self.rows) or self.asked.profile
        finally:
            self.stop()
            self.sink.end()
            self.own.release_this()


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
        file.truncate(8 << 30)
    for command in [["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop,nodiscard,noatime", image, disk]]:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bench: --disk loop needs {command[0]}: {done.stderr.strip()}")
    os.chmod(disk, 0o755)
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
    writes = "".join(f"echo {value} >/proc/sys/net/{name}; " for name, value in NETWORK.items())
    prepare = f'ip link set lo up; {writes}exec "$@"'
    os.execvp(inside[0], [*inside, "sh", "-c", prepare, "sh", sys.executable, *sys.argv])


def raise_descriptors(wanted=65536):
    """10,000 connections need as many descriptors in the generator and in the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in [(wanted, max(hard, wanted)), (hard, hard)]:
        try:
            if soft < wanted:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            return
        except (ValueError, OSError):
            pass


def named(words, known):
    """`exim,haraka` as the names have it."""
    found = []
    for word in words.split(","):
        match = [name for name in known if name.lower() == word.strip().lower()]
        if not match:
            raise argparse.ArgumentTypeError(f'"{word}" is none of {", ".join(known)}')
        found += match
    return found


def options():
    parts = [*PARTS, *OWN_PARTS]
    asked = argparse.ArgumentParser(prog="bench/bench.py", description=__doc__)
    asked.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder; BUILD/release is measured")
    asked.add_argument("--rounds", type=int, default=0, help="of which the best counts (5 of ours and Postfix's, 2 of others)")
    asked.add_argument("--quick", action="store_true", help="small counts, one round, without the other servers unless --with: rough figures")
    asked.add_argument("--disk", choices=["here", "loop"], default="here", help="the build folder's, or a loop device")
    asked.add_argument("--edges", type=int, default=0, help="Postern's, instead of as many as it chooses itself")
    asked.add_argument("--with", dest="more", type=lambda words: named(words, KINDS), default=[], metavar="NAME,...",
                       help="also exim, opensmtpd, haraka")
    asked.add_argument("--all", action="store_true", help="with all of them")
    asked.add_argument("--without", type=lambda words: named(words, KINDS), default=[], metavar="NAME,...")
    asked.add_argument("--only", type=lambda words: named(words, parts), default=parts, metavar="PART,...",
                       help=f"of {', '.join(parts)}")
    asked.add_argument("--profile", choices=["many", "each", "refuse"], help="instead: where Postern's time goes, by perf")
    asked.add_argument("--keep", action="store_true", help="write the table into bench/README.md, to compare with later")
    asked = asked.parse_args()
    asked.build = os.path.abspath(asked.build)
    wanted = list(KINDS) if asked.all and not asked.quick else [*PAIR, *asked.more]
    asked.servers = [name for name in wanted if name not in asked.without]
    if asked.keep and (asked.quick or asked.edges or len(asked.only) < len(parts) or "Postern" not in asked.servers):
        sys.exit("bench: --keep wants a whole run, not --quick, --edges, --only or --without Postern")
    return asked


def build_tools(asked):
    wanted = ["src/cmd/posternd", "src/cmd/postern", "src/policy/decide_bench", *(f"bench/{name}" for name in TOOLS)]
    made = subprocess.run(["ninja", "-C", os.path.join(asked.build, "release"), *wanted], capture_output=True, text=True)
    if made.returncode:
        sys.exit(made.stdout)


def command_of(asked):
    given = (["--quick"] if asked.quick else []) + (["--disk", asked.disk] if asked.disk != "here" else [])
    given += ["--edges", str(asked.edges)] if asked.edges else []
    given += [] if asked.servers == list(KINDS) else ["--without", ",".join(name for name in KINDS if name not in asked.servers)]
    return f"make bench ARGS=\"{' '.join(given)}\"" if given else "make bench"


def report(asked, bench):
    """The table, what got slower since the one that is kept, and the table kept where that is asked."""
    where = "on the machine's own disk" if asked.disk == "here" else "on ext4 without discard (loop device)"
    kept = table.Kept(os.path.join(ROOT, "bench"), asked.disk)
    text = table.machine(command_of(asked), bench.versions) + f"; {where}.\n\n"
    text += table.markdown(bench.rows, [name for name in KINDS if name in asked.servers], bench.notes)
    text += aims.markdown(bench.rows, bench.alone)
    print(text)
    if "Postern" in asked.servers:
        print("\n".join(kept.compared(bench.rows, bench.alone, rough=asked.quick)))
    if asked.keep:
        kept.write(text, bench.rows, bench.alone)


def main():
    asked = options()
    if not os.environ.get("POSTERN_BENCH_INSIDE"):
        build_tools(asked)
        for kind in PEERS:
            if kind.name in asked.servers and not asked.profile:
                kind.fetch(asked.build)
        raise_descriptors()
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
        json.dump({"rows": bench.rows, "notes": bench.notes, "alone": bench.alone}, file, indent=1)
    report(asked, bench)


if __name__ == "__main__":
    main()
