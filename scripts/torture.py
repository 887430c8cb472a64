# SPDX-License-Identifier: Apache-2.0
"""The long forms of the tests, part after part, with how long each takes and what is left of the whole.

What a part says is shown and kept in BUILD/logs/torture-PART.log; one that fails does not stop the others. Ctrl-C ends
the part that runs, and the whole; what a part had proved until then stands in its log. See doc/torture.md.
"""
import argparse
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTEST = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]


def tests(words, **more):
    return [[*PYTEST, *words.split()]], {"POSTERN_TORTURE": "1", **more}


def programs(*commands, **env):
    return [command.split() for command in commands], env


# Minutes on two processors that nobody else uses, and what is run.
PARTS = {
    "damage": (1, programs("{build}/gcc/src/spool/spool_damage_test", DAMAGE_ALL="1")),
    "long-units": (20, programs("meson test -C {build}/gcc --no-rebuild body order possible reference brute",
                                POSTERN_LONG_TESTS="1")),
    "system": (10, tests("tests/system --deselect tests/system/test_kill.py")),
    "faults": (10, tests("tests/faults/test_disk_full.py tests/faults/test_roles.py tests/faults/test_damage.py "
                         "tests/faults/test_remote.py tests/faults/test_leases.py")),
    "kill-calls": (20, tests("tests/faults/test_kill_calls.py")),
    "errors": (50, tests("tests/faults/test_errors.py")),
    "crashes": (20, programs("{build}/gcc/src/spool/spool_crash_test", CRASH_POINTS="1000000", CRASH_ROUNDS="8")),
    "cuts-xfs": (5, tests("tests/faults/test_power.py -k xfs", POSTERN_SIZE="350000")),
    "cuts-ext4": (30, tests("tests/faults/test_power.py -k ext4")),
    "kill": (70, tests("tests/system/test_kill.py")),
    "images": (130, tests("tests/faults/test_replay.py")),
}


class Part:
    def __init__(self, name, build):
        self.name, (self.minutes, (commands, self.env)) = name, PARTS[name]
        self.commands = [[word.format(build=build) for word in command] for command in commands]
        self.log = os.path.join(build, "logs", f"torture-{name}.log")

    def run(self, env):
        """Whether all of it passed."""
        began, good = time.monotonic(), True
        with open(self.log, "wb") as log:
            for command in self.commands:
                good &= show(subprocess.Popen(command, cwd=ROOT, env={**env, **self.env}, stdout=subprocess.PIPE,
                                              stderr=subprocess.STDOUT), log)
        self.took = (time.monotonic() - began) / 60
        return good


def show(process, log):
    try:
        for line in process.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            log.write(line)
            log.flush()
        return process.wait() == 0
    except KeyboardInterrupt:  # the terminal told it as well; it takes away what it made
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def main():
    parser = argparse.ArgumentParser(prog="make torture ARGS=", description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="the parts and their minutes")
    parser.add_argument("only", nargs="*", metavar="PART", help="without any, all: " + " ".join(PARTS))
    asked = parser.parse_args()
    for name in asked.only:
        if name not in PARTS:
            parser.error(f"there is no part {name}; there are: {' '.join(PARTS)}")
    if asked.list:
        for name, (minutes, _) in PARTS.items():
            print(f"{name:12} about {minutes} min")
        return 0
    build = os.path.abspath(asked.build)
    return run_all([Part(name, build) for name in PARTS if not asked.only or name in asked.only], build)


def run_all(parts, build):
    os.makedirs(os.path.join(build, "logs"), exist_ok=True)
    env, said = {**os.environ, "POSTERN_BUILD": build}, []
    try:
        for number, part in enumerate(parts):
            left = sum(one.minutes for one in parts[number:])
            print(f"== {part.name}: part {number + 1} of {len(parts)}, about {part.minutes} min; about {left} min left in all",
                  flush=True)
            good = part.run(env)
            said.append(f"{part.name:12} {'passed' if good else 'FAILED'} in {part.took:.1f} min  {part.log}")
    except KeyboardInterrupt:
        said.append(f"{parts[len(said)].name:12} broken off      {parts[len(said)].log}")
    print(*said, sep="\n")
    return 0 if len(said) == len(parts) and all(" passed in" in line for line in said) else 1


if __name__ == "__main__":
    sys.exit(main())
