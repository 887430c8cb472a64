#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""User instructions a message, counted by callgrind with all roles in one process and with a process for each:
the figures that other load on the machine does not move. Compares with the kept ones in README.md."""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from measure import Sink, below, free_port, load
from servers import Absent, Postern, find_program, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEPT = os.path.join(ROOT, "bench", "README.md")
BEGIN, END = "<!-- instructions: here -->", "<!-- end of instructions -->"
GROWN = 1.10      # of a kept figure
ISOLATION = 0.10  # what a process for each role may cost more
APART = ", a process for each role"
LOADS = [  # figure, what load.c is asked for; a sixth of it warms up
    ("a message, many a connection", ["send", "-c", 20, "-s", 5120], 1800),
    ("a message, a connection each", ["send", "-c", 20, "-s", 5120, "-m", 1], 900),
    ("a refusal, one command at a time", ["refuse", "-c", 20, "-b", "127.0.0.2"], 1800),
    ("a refusal, a journal line each", ["refuse", "-c", 20, "-b", "127.0.0.2", "-u"], 1800),
]


class Counted:
    """posternd under callgrind, which counts from `begin` to `end`: in one process, or in one for each role, all of
    which are counted at once, so that none is slow beside others that are fast."""

    def __init__(self, build, folder, sink, apart):
        os.mkdir(folder, 0o755)
        self.folder, self.port, self.dumps = folder, free_port(), 0
        config, self.log = os.path.join(folder, "postern.conf"), os.path.join(folder, "log")
        with open(config, "w") as file:
            file.write(Postern.settings.format(state=os.path.join(folder, "state"), port=self.port, sink=sink) + "edges 1\n")
        self.counts = os.path.join(folder, "counts")
        os.mkdir(self.counts)
        os.chmod(self.counts, 0o1777)  # children that have given up their privileges write there, too
        program = find_program(build, "posternd")
        preloaded = {"LD_PRELOAD": os.path.join(build, "release", "bench", "libstart_again.so"), "POSTERND": program}
        command = ["valgrind", "-q", "--tool=callgrind", "--vgdb=no", f"--callgrind-out-file={self.counts}/%p",
                   f"--trace-children={'yes' if apart else 'no'}", program, "-c", config]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command + ([] if apart else ["--one-process"]), stdout=log, stderr=log,
                                            env=dict(os.environ, **preloaded), stdin=subprocess.DEVNULL, cwd=folder)
        try:
            wait_for(self.is_ready, 120,
                     lambda: self.process.poll() is not None and "posternd ended: " + self.words()[-300:])
        except Absent:
            self.stop()
            raise
        self.roles = {pid: self.role(pid) for pid in below(self.process.pid)} if apart else {self.process.pid: "all"}

    def words(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def is_ready(self):
        return '"event":"ready"' in self.words()

    @staticmethod
    def role(pid):
        with open(f"/proc/{pid}/cmdline") as file:
            words = file.read().split("\0")
        return words[words.index("--role") + 1] if "--role" in words else "supervisor"

    def next_counts(self):
        """What each role has counted since the last time, in a file each (start_again.c listens to the signal)."""
        self.dumps += 1
        paths = {role: os.path.join(self.counts, f"{pid}.{self.dumps}") for pid, role in self.roles.items()}
        for pid in self.roles:
            os.kill(pid, signal.SIGUSR2)
        until = time.monotonic() + 60
        while late := [role for role, path in paths.items() if counted(path) is None]:
            if time.monotonic() > until:
                raise Absent(f"no counts came from {', '.join(late)}: {self.words()[-300:]}")
            time.sleep(0.05)
        return paths

    def begin(self):
        self.next_counts()

    def end(self):
        """The instructions of each role, and the files that say where they were."""
        paths = self.next_counts()
        return {role: counted(path) for role, path in paths.items()}, paths

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def counted(path):
    """The sum in callgrind's last line; None before that is written."""
    try:
        with open(path, errors="replace") as file:
            found = re.search(r"^totals: (\d+)$", file.read(), re.M)
    except FileNotFoundError:
        return None
    return int(found.group(1)) if found else None


def settle(sink, count):
    came = sink.drained(count)
    time.sleep(0.3)  # results and journal lines of the last are on their way
    if came["unique"] < count:
        raise Absent(f"of {count} messages {came['unique']} came")


def run_one(server, tools, sink, options, first, count):
    """Instructions each of `count` messages or refusals, whose ids begin at `first`."""
    sink.ask("XRESET")
    server.begin()
    sent = load(tools["load"], options[0], server.port, *options[1:], "-i", first, "-n", count)
    if sent["finished"] != count or sent["unexpected"] or sent["broken"]:
        raise Absent(f"of {count} {sent['finished']} were finished, {sent['unexpected']} unexpectedly")
    settle(sink, count if options[0] == "send" else 0)
    found, paths = server.end()
    return {role: total / count for role, total in found.items()}, paths


def measure(asked, folder):
    tools = {name: os.path.join(asked.build, "release", "bench", name) for name in ["load", "sink"]}
    found, sink = {}, Sink(tools["sink"])
    try:
        for apart in [False, True]:
            if any(asked.only in name + (APART if apart else "") for name, *_ in LOADS):
                measure_form(asked, folder, tools, sink, apart, found)
    finally:
        sink.end()
    return found


def measure_form(asked, folder, tools, sink, apart, found):
    server = Counted(asked.build, os.path.join(folder, "apart" if apart else "one"), sink.port, apart)
    try:
        measure_one(asked, server, tools, sink, APART if apart else "", found)
    finally:
        server.stop()


def measure_one(asked, server, tools, sink, how, found):
    for name, options, count in LOADS:
        if asked.only not in name + how:
            continue
        run_one(server, tools, sink, options, 0, count // 6)
        each, paths = run_one(server, tools, sink, options, count // 6, count)
        found[name + how] = sum(each.values())
        if asked.functions:
            for role, path in sorted(paths.items(), key=lambda pair: -each[pair[0]]):
                print(f"{name}{how}: {role} {each[role]:,.0f}")
                if each[role] * 100 > found[name + how]:
                    show(name, path, count, asked.functions)


# ---- where they were ----

LINE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+(.*)$")


def functions(path, *more):
    out = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", *more, path], capture_output=True, text=True)
    for line in out.stdout.splitlines():
        found = LINE.match(line)
        if found and "PROGRAM TOTALS" not in line:
            name = re.sub(r"\s+\[.*", "", found.group(2))
            yield int(found.group(1).replace(",", "")), re.sub(r"^.*/(src/|\./)?", "", name)


def show(name, path, count, most):
    for title, more in [("by itself", []), ("with what it calls", ["--inclusive=yes"])]:
        print(f"{name}: instructions each, {title}")
        costs = [(cost, function) for cost, function in functions(path, *more) if cost <= counted(path)]
        for cost, function in costs[:most]:  # the wait that the signal broke off is said to have cost 2^64
            print(f"  {cost / count:9,.0f}  {function}")


# ---- the kept figures ----

def kept_text():
    with open(KEPT) as file:
        return file.read()


def kept():
    _, _, rest = kept_text().partition(BEGIN)
    rows = re.findall(r"^\| (.+?) \| ([\d,]*) \| ([\d,]*) \|", rest.partition(END)[0], re.M)
    values = {name + how: value for name, one, apart in rows for how, value in [("", one), (APART, apart)]}
    return {name: int(value.replace(",", "")) for name, value in values.items() if value}


def isolation(found, name):
    """What a process for each role costs, as a part of what all in one cost; None where one of them was not counted."""
    return found[name + APART] / found[name] - 1 if name in found and name + APART in found else None


def row(found, name):
    one, apart = (f"{found[key]:,.0f}" if key in found else "" for key in [name, name + APART])
    more = isolation(found, name)
    return f"| {name} | {one} | {apart} | {'' if more is None else f'{more:+.1%}'} |\n"


def keep(found):
    before, _, rest = kept_text().partition(BEGIN)
    found = {**kept(), **found}
    rows = "".join(row(found, name) for name, *_ in LOADS if name in found or name + APART in found)
    with open(KEPT, "w") as file:
        file.write(f"{before}{BEGIN}\n| user instructions each | all roles in one process | a process for each role | more |\n"
                   f"|---|---:|---:|---:|\n{rows}{END}{rest.partition(END)[2]}")


def compare(found, before):
    """Prints each figure; which have grown, and for which a process for each role costs more than a tenth."""
    more_than_kept, dear = [], []
    for name, value in found.items():
        was = before.get(name)
        grown = was is not None and value > was * GROWN
        print(f"{name}: {value:,.0f} user instructions" +
              (f", kept are {was:,} ({value / was - 1:+.1%})" if was else "") + (": GROWN" if grown else ""))
        more_than_kept += [name] if grown else []
    for name, *_ in LOADS:
        more = isolation(found, name)
        if more is not None:
            print(f"{name}: a process for each role costs {more:+.1%}" + (": MORE THAN A TENTH" if more > ISOLATION else ""))
            dear += [name] if more > ISOLATION else []
    return more_than_kept, dear


def options():
    asked = argparse.ArgumentParser(prog="bench/instructions.py", description=__doc__)
    asked.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder; BUILD/release is counted")
    asked.add_argument("--functions", type=int, metavar="N", default=0, help="show the N functions that cost most, too")
    asked.add_argument("--only", default="", metavar="WORDS", help="the loads whose name has these words")
    asked.add_argument("--keep", action="store_true", help="write the figures into bench/README.md")
    asked = asked.parse_args()
    asked.build = os.path.abspath(asked.build)
    return asked


def main():
    asked = options()
    if not shutil.which("valgrind"):
        sys.exit("bench: valgrind is not installed: nothing counts instructions here")
    made = subprocess.run(["ninja", "-C", os.path.join(asked.build, "release"), "bench/load", "bench/sink",
                           "bench/libstart_again.so", "src/cmd/posternd"],
                          capture_output=True, text=True)
    if made.returncode:
        sys.exit(made.stdout)
    with tempfile.TemporaryDirectory(prefix="postern-instructions-") as folder:
        os.chmod(folder, 0o755)
        try:
            found = measure(asked, folder)
        except (Absent, subprocess.CalledProcessError) as why:
            sys.exit(f"bench: {why}")
    grown, dear = compare(found, kept())
    if asked.keep:
        keep(found)
    elif grown:
        print("bench: more than a tenth more instructions than kept in bench/README.md:", "; ".join(grown), file=sys.stderr)
    if dear:
        print("bench: a process for each role costs more than a tenth more instructions:", "; ".join(dear), file=sys.stderr)
    sys.exit(1 if dear or (grown and not asked.keep) else 0)


if __name__ == "__main__":
    main()
