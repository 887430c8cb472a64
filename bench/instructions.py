#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""User instructions a message, counted by callgrind with all roles in one process, and apart: the figures
that other load on the machine does not move. Compares with the kept ones in README.md."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from measure import Sink, below, free_port, load
from servers import Absent, Postern, find_program, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEPT = os.path.join(ROOT, "bench", "README.md")
BEGIN, END = "<!-- instructions: here -->", "<!-- end of instructions -->"
GROWN = 1.10
APART = ", a process for each role"
LOADS = [  # figure, what load.c is asked for; a sixth of it warms up
    ("a message, many a connection", ["send", "-c", 20, "-s", 5120], 1800),
    ("a message, a connection each", ["send", "-c", 20, "-s", 5120, "-m", 1], 900),
    ("a refusal, one command at a time", ["refuse", "-c", 20, "-b", "127.0.0.2"], 1800),
]


class Counted:
    """posternd under callgrind, which counts from `begin` to `end`: in one process or in one for each role."""

    def __init__(self, build, folder, sink, apart=False):
        os.mkdir(folder, 0o755)
        self.folder, self.port, self.dumps = folder, free_port(), 0
        config, self.log = os.path.join(folder, "postern.conf"), os.path.join(folder, "log")
        with open(config, "w") as file:
            file.write(Postern.settings.format(state=os.path.join(folder, "state"), port=self.port, sink=sink))
        self.counts = os.path.join(folder, "counts")
        os.mkdir(self.counts)
        os.chmod(self.counts, 0o1777)  # children that have given up their privileges write there, too
        program = find_program(build, "posternd")
        again = {"LD_PRELOAD": os.path.join(build, "release", "bench", "libstart_again.so"), "POSTERND": program}
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={self.counts}/%p",
                   f"--trace-children={'yes' if apart else 'no'}", program, "-c", config]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command + ([] if apart else ["--one-process"]), stdout=log, stderr=log,
                                            env=dict(os.environ, **(again if apart else {})), stdin=subprocess.DEVNULL, cwd=folder)
        try:
            wait_for(self.is_ready, 120 if apart else 60,
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

    def tell(self, what):
        subprocess.run(["callgrind_control", what, *map(str, self.roles)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder)

    def begin(self):
        self.tell("--zero")

    def end(self):
        """The instructions of each role, and the files that say where they were."""
        self.tell("--dump")
        self.dumps += 1
        paths = {role: os.path.join(self.counts, f"{pid}.{self.dumps}") for pid, role in self.roles.items()}
        return {role: counted(path) for role, path in paths.items()}, paths

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def counted(path):
    with open(path) as file:
        return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M).group(1))


def settle(sink, count):
    came = sink.drained(count)
    time.sleep(0.3)  # results and journal lines of the last are on their way
    if came["unique"] < count:
        raise Absent(f"of {count} messages {came['unique']} came")


def run_one(server, tools, sink, options, count):
    """Instructions each of `count` messages or refusals."""
    sink.ask("XRESET")
    server.begin()
    sent = load(tools["load"], options[0], server.port, *options[1:], "-n", count)
    if sent["finished"] != count or sent["unexpected"] or sent["broken"]:
        raise Absent(f"of {count} {sent['finished']} were finished, {sent['unexpected']} unexpectedly")
    if options[0] == "send":
        settle(sink, count)
    found, paths = server.end()
    return {role: total / count for role, total in found.items()}, paths


def measure(asked, folder):
    tools = {name: os.path.join(asked.build, "release", "bench", name) for name in ["load", "sink"]}
    found, sink = {}, Sink(tools["sink"])
    try:
        for apart in [False, True] if asked.apart else [False]:
            if not any(asked.only in name + (APART if apart else "") for name, *_ in LOADS):
                continue
            try:
                measure_form(asked, folder, tools, sink, apart, found)
            except (Absent, subprocess.CalledProcessError) as why:
                if not apart:
                    raise
                print(f"bench: not counted apart: {why}", file=sys.stderr)  # nine valgrinds on a busy machine
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
        run_one(server, tools, sink, options, count // 6)
        each, paths = run_one(server, tools, sink, options, count)
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
        for cost, function in list(functions(path, *more))[:most]:
            print(f"  {cost / count:9,.0f}  {function}")


# ---- the kept figures ----

def kept_text():
    with open(KEPT) as file:
        return file.read()


def kept():
    _, _, rest = kept_text().partition(BEGIN)
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \|", rest.partition(END)[0], re.M)
    return {name: int(value.replace(",", "")) for name, value in rows}


def keep(found):
    before, _, rest = kept_text().partition(BEGIN)
    rows = "".join(f"| {name} | {value:,.0f} |\n" for name, value in {**kept(), **found}.items())
    with open(KEPT, "w") as file:
        file.write(f"{before}{BEGIN}\n| user instructions | each |\n|---|---:|\n{rows}{END}{rest.partition(END)[2]}")


def compare(found, before):
    """Prints each figure; True where none has grown and processes cost no more than a tenth."""
    good = True
    for name, value in found.items():
        was = before.get(name)
        grown = was is not None and value > was * GROWN
        print(f"{name}: {value:,.0f} user instructions" +
              (f", kept are {was:,} ({value / was - 1:+.1%})" if was else "") + (": GROWN" if grown else ""))
        good = good and not grown
    for name, value in found.items():
        apart = found.get(name + APART)
        if apart:
            print(f"{name}: a process for each role costs {apart / value - 1:+.1%}")
            good = good and apart <= value * GROWN
    return good


def options():
    asked = argparse.ArgumentParser(prog="bench/instructions.py", description=__doc__)
    asked.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder; BUILD/release is counted")
    asked.add_argument("--functions", type=int, metavar="N", default=0, help="show the N functions that cost most, too")
    asked.add_argument("--only", default="", metavar="WORDS", help="the loads whose name has these words")
    asked.add_argument("--apart", action="store_true", help="a process for each role too: nine valgrinds, which take minutes, or stand still")
    asked.add_argument("--keep", action="store_true", help="write the figures into bench/README.md")
    asked = asked.parse_args()
    asked.build = os.path.abspath(asked.build)
    return asked


def main():
    asked = options()
    if not shutil.which("callgrind_control"):
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
    good = compare(found, kept())
    if asked.keep:
        keep(found)
    elif not good:
        sys.exit("bench: more than a tenth more instructions than kept in bench/README.md, or for a process for each role")


if __name__ == "__main__":
    main()
