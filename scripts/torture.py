# SPDX-License-Identifier: Apache-2.0
"""The long forms of the tests, several beside one another, with how far each is and the sums of what they say.

What a piece says is kept in BUILD/logs/torture-PIECE.log, the sums in BUILD/logs/torture.txt; one that fails does not
stop the others. Ctrl-C ends all of them; what they had proved until then stands in the sums. See doc/torture.md.
"""
import argparse
import collections
import os
import signal
import subprocess
import sys
import time

import left
from piece import GRACE, Piece, surroundings
from screen import Screen
from tally import table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORES = len(os.sched_getaffinity(0))
PYTEST = "/usr/bin/python3 -B -m pytest -p no:cacheprovider --tb=short --basetemp={tmp}/p"

# Minutes of all its pieces, six at once on two processors; whether it can be split: its tests then take their share (tests/system/rounds.py);
# whether it may have a network of its own: other servers' packages are fetched.
Part = collections.namedtuple("Part", "minutes command env splits network", defaults=(False, True))


def tests(minutes, words, splits=True, network=True, **env):
    """Those in rounds say themselves how far they are, of others pytest does."""
    return Part(minutes, f"{PYTEST} {'-q -s' if splits else '-v'} {words}", {"POSTERN_TORTURE": "1", **env}, splits, network)


def program(minutes, command, **env):
    return Part(minutes, command, env)


PARTS = {
    "damage": program(5, "{build}/gcc/src/spool/spool_damage_test", DAMAGE_ALL="1"),
    "long-units": program(20, "meson test -C {build}/gcc --no-rebuild body order possible reference brute",
                          POSTERN_LONG_TESTS="1"),
    "system": tests(10, "tests/system --deselect tests/system/test_kill.py", splits=False, network=False),
    "faults": tests(10, "tests/faults/test_disk_full.py tests/faults/test_roles.py tests/faults/test_damage.py "
                        "tests/faults/test_remote.py tests/faults/test_leases.py", splits=False),
    "kill-calls": tests(25, "tests/faults/test_kill_calls.py"),
    "errors": tests(70, "tests/faults/test_errors.py"),
    "crashes": program(10, "{build}/gcc/src/spool/spool_crash_test", CRASH_POINTS="1000000"),
    "stories": program(12, "{build}/gcc/src/spool/spool_crash_test", CRASH_ROUNDS="8"),
    "cuts-xfs": tests(5, "tests/faults/test_power.py -k xfs", POSTERN_SIZE="350000"),
    "cuts-ext4": tests(30, "tests/faults/test_power.py -k ext4"),
    "kill": tests(50, "tests/system/test_kill.py"),
    "images": tests(45, "tests/faults/test_replay.py"),
}


def pieces_of(names, beside, build, seed):
    """The first split of each part first: what is broken shows early. Among these, the longest first."""
    made = []
    for name in names:
        part = PARTS[name]
        splits = beside if part.splits else 1
        for split in range(1, splits + 1):
            tmp = os.path.join(build, "t", name if splits == 1 else f"{name}-{split}", "tmp")
            command = [word.format(build=build, tmp=tmp) for word in part.command.split()]
            made.append(Piece(name, command, {**part.env, "POSTERN_SEED": str(seed + split)}, part.minutes, build, split, splits))
    return sorted(made, key=lambda piece: (piece.split, -piece.minutes))


class Run:
    def __init__(self, pieces, beside, build, title):
        self.pieces, self.beside, self.title = pieces, beside, title
        self.sums, self.screen = os.path.join(build, "logs", "torture.txt"), Screen()
        self.before = {network: surroundings(network) for network in (True, False)}
        self.waiting, self.running = list(pieces), []

    def work(self):
        while self.waiting or self.running:
            while self.waiting and len(self.running) < self.beside:
                self.begin(self.waiting.pop(0))
            time.sleep(0.5)
            left.bury({piece.process.pid for piece in self.running})
            for piece in list(self.running):
                self.look(piece)
            self.keep()

    def begin(self, piece):
        piece.start(self.before[PARTS[piece.part].network])
        self.running.append(piece)
        self.screen.step(f"{piece.name} begins; {len(self.waiting)} wait")

    def look(self, piece):
        if piece.read():
            self.screen.show(piece.name, piece.far.split(",")[0])
            return
        self.running.remove(piece)
        self.screen.show(piece.name, None)
        say = self.screen.failure if piece.state == "FAILED" else self.screen.step
        say(f"{piece.name} {piece.state}, {piece.minutes_gone:.1f} min: {piece.far or 'see ' + piece.log}")

    def break_off(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.screen.say("broken off; the tests put away what they made")
        for piece in self.running:
            piece.break_off()
        for piece in self.waiting:
            piece.state = "not run"
        until = time.monotonic() + GRACE
        for piece in self.running:
            piece.end(until)

    def keep(self):
        """Written beside and renamed: whoever reads sees all of it."""
        with open(self.sums + ".new", "w") as file:
            print(self.title, *table(self.pieces), sep="\n", file=file)
        os.rename(self.sums + ".new", self.sums)


def read_options():
    parser = argparse.ArgumentParser(prog="make torture ARGS=", description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="the parts and their minutes")
    parser.add_argument("--beside", type=int, default=3 * CORES, metavar="N",
                        help="so many at once, and each part that can be in so many pieces (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments at which it kills (the clock's)")
    parser.add_argument("only", nargs="*", metavar="PART", help="without any, all: " + " ".join(PARTS))
    asked = parser.parse_args()
    for name in asked.only:
        if name not in PARTS:
            parser.error(f"there is no part {name}; there are: {' '.join(PARTS)}")
    if asked.beside < 1:
        parser.error(f"--beside {asked.beside}: at least 1")
    return asked


def code():
    """Which code this is."""
    made = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return f"code {made.stdout.strip()}" if made.returncode == 0 else "code unknown"


def main():
    asked = read_options()
    if asked.list:
        for name, part in PARTS.items():
            print(f"{name:12} some {part.minutes} min of pieces{', can be split' if part.splits else ''}")
        return 0
    os.chdir(ROOT)
    build = os.path.realpath(asked.build)
    os.makedirs(os.path.join(build, "logs"), exist_ok=True)
    left.adopt()
    names = [name for name in PARTS if not asked.only or name in asked.only]
    title = f"{time.strftime('%Y-%m-%d %H:%M')}, {code()}, {asked.beside} beside one another, seed {asked.seed}"
    run = Run(pieces_of(names, asked.beside, build, asked.seed), asked.beside, build, title)
    print(f"{title}; pieces of some {sum(PARTS[name].minutes for name in names)} min in all", flush=True)
    if not run.before[True]:
        print("no networks and mounts of their own here (root, unshare and ip are needed): they may meet at ports", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell ignores the first for what it starts in the background
        signal.signal(number, signal.default_int_handler)
    try:
        run.work()
    except KeyboardInterrupt:
        run.break_off()
    told = left.processes() + left.system([os.path.join(build, "t")])
    run.keep()
    print(title, *table(run.pieces), *(f"left behind: {what}" for what in told), sep="\n")
    return 0 if not told and all(piece.state == "passed" for piece in run.pieces) else 1


if __name__ == "__main__":
    sys.exit(main())
