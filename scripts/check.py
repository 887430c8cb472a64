# SPDX-License-Identifier: Apache-2.0
"""Builds and runs every test and counts them. Started by ./check, which installs what is missing.

Two queues of parts run side by side, the whole daemon's (they sleep and wait much) and the units'; a third
compiles, and steps back behind both. What a part does in parallel itself is its own."""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

import left
from screen import Screen, how_far

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
CORPORA = os.path.abspath(os.environ.get("POSTERN_CORPORA", os.path.join(ROOT, "..", "shared", "corpora")))
LOGS = os.path.join(BUILD, "logs")
BUILDS = {  # options of Meson, environment; in the order in which parts need them
    "gcc": ([], {"CC": "gcc"}),
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Darena_each_malloc=true",
              "-Doptimization=1"], {"CC": "gcc"}),
    "clang": ([], {"CC": "clang"}),
    "portable": (["-Dportable_switch=true"], {"CC": "gcc"}),
}
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# A role's memory goes with its process, so leaks are for the units to find.
SANITIZED_DAEMON = {**SANITIZERS, "ASAN_OPTIONS": "detect_stack_use_after_return=0:detect_leaks=0",
                    "POSTERN_FLAVOUR": "asan"}
VALGRIND = f"valgrind -q --error-exitcode=99 --leak-check=full --suppressions={ROOT}/tests/valgrind.supp"
CORES = len(os.sched_getaffinity(0))
DEADLINE = 40 * 60  # seconds; a part that takes longer hangs
LAST_LINES = 40  # of a failure's output
screen = Screen()
over = threading.Event()  # by Ctrl-C or SIGTERM
own, starting = set(), threading.Lock()  # processes that run() waits for


class Count:
    """What passed, what failed and what was skipped (each with why) of one part."""

    def __init__(self):
        self.passed, self.failed, self.skipped, self.processor = 0, [], [], 0.0

    def ok(self):
        self.passed += 1

    def fail(self, name, why=""):
        self.failed.append(name)
        lines = why.strip().splitlines()
        screen.failure("\n        ".join([f"FAILED  {name}", *lines[-LAST_LINES:]]))

    def skip(self, name, why):
        self.skipped.append(f"{name}: {why}")

    def total(self):
        return self.passed + len(self.failed) + len(self.skipped)

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def summary(counts):
    for count in counts:
        for line in count.skipped:
            print("skipped", line)
    for count in counts:
        for line in count.failed:
            print("failed ", line)
    whole = Count()
    for count in counts:
        whole.passed += count.passed
        whole.failed += count.failed
        whole.skipped += count.skipped
    print(whole)
    return whole


def run(part, command, count, env=None):
    """Runs one command of a part; gives its exit status and all it said. Nothing is on standard input, the locale
    is that of a bare machine. What it says goes through a file, which a process left behind may keep open."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "POSTERN_CORPORA": CORPORA, "POSTERN_BUILD": BUILD, **(env or {})}
    path, end = os.path.join(LOGS, f"{part.replace(' ', '-')}.log"), time.monotonic() + DEADLINE
    if over.is_set():
        sys.exit()
    with open(path, "wb") as log, open(path, "rb") as said:
        with starting:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT)
            own.add(process.pid)
        rest, gone = b"", 0
        while not gone:
            time.sleep(0.2)
            gone, status, used = os.wait4(process.pid, os.WNOHANG)
            *lines, rest = (rest + said.read()).split(b"\n")
            follow(part, lines)
            if not gone and time.monotonic() > end:
                end += DEADLINE
                count.fail(f"{part} hangs", f"killed after {DEADLINE // 60} minutes; what it said is in {path}")
                process.kill()
        process.returncode = os.waitstatus_to_exitcode(status)
        screen.show(part, None)
        count.processor += used.ru_utime + used.ru_stime
    with open(path, errors="replace") as log:
        return process.returncode, log.read()


def follow(part, lines):
    """Shows the last progress among new lines of output."""
    for line in reversed(lines):
        far = how_far(line.decode(errors="replace"))
        if far:
            screen.show(part, far)
            return
    screen.show(part, screen.now.get(part, ""))


# Builds

class Builds:
    """Compiles one flavour after the other beside the tests, and steps back behind them."""

    def __init__(self, names):
        self.crew = concurrent.futures.ThreadPoolExecutor(1)
        self.counts = {name: Count() for name in BUILDS if name in names}
        self.made = {name: self.crew.submit(self.make, name) for name in self.counts}

    def make(self, name):
        """Sets the folder up where it is missing and compiles. A failure is counted, as a pass is."""
        part, count, began = f"build {name}", self.counts[name], time.monotonic()
        folder, (options, env) = os.path.join(BUILD, name), BUILDS[name]
        status, said = 0, ""
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            shutil.rmtree(folder, ignore_errors=True)
            status, said = run(part, ["meson", "setup", folder, ROOT, *options], count, env)
        if status == 0:
            wanted = executables_of_room(folder, "run") if name == "portable" else []
            status, said = run(part, ["nice", "-n", "5", "ninja", "-C", folder, *wanted], count, env)
        if status or "warning:" in said:
            count.fail(part + ("" if status else " without warnings"), said)
        else:
            count.ok()
        tell(part, count, began)
        return not count.failed


def executables_of_room(folder, room):
    """The unit tests of one room, as ninja names them."""
    tests = json.loads(subprocess.run(["meson", "introspect", "--tests", folder], capture_output=True).stdout)
    return [os.path.relpath(test["cmd"][0], folder) for test in tests
            if {suite.split(":")[-1] for suite in test["suite"]} >= {"unit", room}]


# Tests that Meson knows: units (cmocka), scenarios, fuzz targets

CMOCKA = re.compile(r"^\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (.+?)\.?$")
SKIP_WORDS = re.compile(r"^skip(?:ped)?:? *(.+)$", re.I)


def cmocka_cases(output):
    """{name: (verdict, the lines before it)} of one stream; the summary at the end repeats names."""
    cases, before = {}, []
    for line in output.splitlines():
        found = CMOCKA.match(line)
        if not found:
            before.append(line)
            continue
        if found[1] != "RUN" and " test(s)" not in found[2]:
            cases.setdefault(found[2], (found[1], before))
        before = []
    return cases


def skip_reason(lines):
    words = [SKIP_WORDS.match(line) for line in lines]
    return next((found[1] for found in words if found), "it gave no reason")


def count_cases(name, test, count):
    """cmocka's tests one by one. Verdicts are on standard output; why one failed is among the errors."""
    out, err = test.get("stdout", ""), test.get("stderr", "")
    cases = {**cmocka_cases(err), **cmocka_cases(out)}
    for case, (verdict, before) in cases.items():
        if verdict == "FAILED":
            count.fail(f"{name}: {case}", "\n".join([err, *before]))
            err = ""
        elif verdict == "SKIPPED":
            count.skip(f"{name}: {case}", skip_reason(before + err.splitlines()))
        else:
            count.ok()
    return cases


def count_test(part, test, count):
    """One executable. If it ends badly though no test of it failed (a crash, a leak, the clock), that counts."""
    name, output = f"{part}: {test['name']}", test.get("stdout", "") + test.get("stderr", "")
    if test["result"] == "SKIP":
        count.skip(name, skip_reason(output.splitlines()))
        return
    cases = count_cases(name, test, count)
    if test["result"] != "OK" and not any(verdict == "FAILED" for verdict, _ in cases.values()):
        count.fail(f"{name}: {test['result'].lower()}, exit status {test.get('returncode')}", output)
    elif not cases and test["result"] == "OK":
        count.ok()


def meson_tests(job, folder, suites, env=None, wrapper=None, slower=3):
    """Runs these suites; "-NAME" leaves one out."""
    part, count = job.part, job.count
    logs = os.path.join(BUILD, folder, "meson-logs", f"testlog-{part}")
    for old in glob.glob(logs + "*.json"):
        os.unlink(old)
    command = ["meson", "test", "-C", os.path.join(BUILD, folder), "--no-rebuild", "--logbase", f"testlog-{part}",
               "--num-processes", str(CORES), "--timeout-multiplier", str(slower)]
    for suite in suites:
        command += ["--no-suite", suite[1:]] if suite.startswith("-") else ["--suite", suite]
    _, said = run(part, command + (["--wrapper", wrapper] if wrapper else []), count,
                  {**job.env, **name_server(job.words), **(env or {})})
    written = glob.glob(logs + "*.json")  # a wrapper's name is added
    if not written:
        count.fail(part, said)
        return
    with open(written[0]) as lines:
        for line in lines:
            count_test(part, json.loads(line), count)


def name_server(words):
    """Knot for the tests of the resolver, beside this machine where it is not installed."""
    folder = os.path.join(BUILD, "peers", "knot")
    program, starter = os.path.join(folder, "root/usr/sbin/knotd"), os.path.join(folder, "knotd")
    if os.path.exists("/usr/sbin/knotd") or "packages" not in words:
        return {}
    made = subprocess.run([os.path.join(ROOT, "scripts/peer"), "knot", folder], capture_output=True)
    if made.returncode or not os.path.exists(program):
        return {}  # the test says that it is not there
    with open(starter, "w") as script:
        script.write(f'#!/bin/sh\nLD_LIBRARY_PATH=$(echo {folder}/root/usr/lib/*-linux-gnu) exec {program} "$@"\n')
    os.chmod(starter, 0o755)
    return {"POSTERN_KNOTD": starter}


# Tests in Python: the rules of the house, the whole daemon

def pytest_part(job, folder, env=None, workers=1):
    """`workers` processes share the tests."""
    part, count = job.part, job.count
    report = os.path.join(LOGS, f"{part}.xml")
    if os.path.exists(report):
        os.unlink(report)
    command = ["/usr/bin/python3", "-B", "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider",
               f"--basetemp={job.env['TMPDIR']}/pytest", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    if workers > 1 and "xdist" in job.words:
        command += ["-n", str(workers), "--dist", "load"]
    _, said = run(part, [*command, folder], count,
                  {"POSTERN_CAN": " ".join(sorted(job.words)), **job.env, **(env or {})})
    if not os.path.exists(report):
        count.fail(part, said)
        return
    for case in ElementTree.parse(report).iter("testcase"):
        count_pytest(part, case, count)


def count_pytest(part, case, count):
    name = f"{part}: {case.get('classname', '').split('.')[-1]}: {case.get('name')}"
    bad = [*case.findall("failure"), *case.findall("error")]
    skipped = case.find("skipped")
    if bad:
        count.fail(name, bad[0].text or bad[0].get("message", ""))
    elif skipped is not None:
        count.skip(name, skipped.get("message", ""))
    else:
        count.ok()


# Parts. Each is given its job: words of scripts/probe, what it counts, its environment.

def style(job):
    pytest_part(job, "tests/style")


def unit(job):
    meson_tests(job, "gcc", ["unit", "scenario"])


def portable(job):
    meson_tests(job, "portable", ["run", "-fuzz"])


def asan(job):
    meson_tests(job, "asan", ["unit", "scenario", "fuzz"], SANITIZERS, slower=5)


def system_asan(job):
    pytest_part(job, "tests/system", SANITIZED_DAEMON, workers=2 * CORES)


def clang(job):
    meson_tests(job, "clang", ["unit", "scenario"])


def valgrind(job):
    # The supervisor's children are forks that end with all their parent's memory in hand. What is long is the
    # same code thousands of times: AddressSanitizer sees that, and valgrind needs ten minutes for it.
    meson_tests(job, "gcc", ["unit", "-supervisor", "-long"], None, VALGRIND, 20)


def system(job):
    pytest_part(job, "tests/system", workers=2 * CORES)  # they wait more than they work


def faults(job):
    pytest_part(job, "tests/faults", workers=CORES + 1)


# Two queues, each in this order; what it runs, the build and the word of scripts/probe that it cannot do without.
QUEUES = [{
    "system": (system, "gcc", "pytest"),
    "faults": (faults, "gcc", "pytest"),
    "system-asan": (system_asan, "asan", "pytest"),
}, {
    "style": (style, None, "pytest"),
    "unit": (unit, "gcc", None),
    "asan": (asan, "asan", None),
    "clang": (clang, "clang", "clang"),
    "portable": (portable, "portable", None),
    "valgrind": (valgrind, "gcc", "valgrind"),
}]
PARTS = {name: row for queue in QUEUES for name, row in queue.items()}


class Job:
    def __init__(self, part, words):
        self.part, self.words, self.count = part, words, Count()
        # A short name: sockets lie below it.
        self.env = {"TMPDIR": tempfile.mkdtemp(prefix="pc-")}
        os.chmod(self.env["TMPDIR"], 0o755)  # as root, the roles run as nobody


def tell(part, count, began):
    screen.step(f"{part}: {count}; {time.monotonic() - began:.0f} s, the processor {count.processor:.0f} s")


def run_part(job, builds):
    go, flavour, needed = PARTS[job.part]
    if needed and needed not in job.words:
        job.count.skip(job.part, f"this machine lacks {needed}")
    elif not flavour or builds.made[flavour].result():
        began = time.monotonic()
        go(job)
        if job.count.total() == 0:
            job.count.fail(job.part, "no test ran")
        tell(job.part, job.count, began)


def run_queue(jobs, builds):
    for job in jobs:
        try:
            run_part(job, builds)
        except Exception as error:  # a defect of ours is a failure, not silence
            if not over.is_set():
                job.count.fail(f"{job.part}: {type(error).__name__}: {error}")


def require(path, words, count):
    with open(path) as lines:
        wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for word in wanted:
        if word not in words:
            count.fail(f"{path}: this machine lacks {word}")


def look_for_what_is_left(jobs, count):
    told = left.processes() + left.system([BUILD, *(job.env["TMPDIR"] for job in jobs)])
    for job in jobs:
        told += [f"{job.part}: {what}" for what in left.files(job.env["TMPDIR"])]
    for what in told:
        count.fail(f"left behind: {what}")
    if not told:
        count.ok()


def read_options():
    asked = argparse.ArgumentParser(prog="./check", usage="./check [--require FILE] [PART…]")
    asked.add_argument("--require", metavar="FILE", help="words of scripts/probe that may not be missing")
    asked.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    asked = asked.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            sys.exit(f"./check: there is no part \"{part}\"; the parts are {', '.join(PARTS)}")
    return asked


def end_before_the_end(*_):
    raise KeyboardInterrupt


def main():
    asked, house = read_options(), Count()
    os.makedirs(LOGS, exist_ok=True)
    left.adopt()
    signal.signal(signal.SIGTERM, end_before_the_end)
    words = set(run("probe", ["scripts/probe"], house)[1].split())
    if asked.require:
        require(asked.require, words, house)
    jobs = [[Job(part, words) for part in queue if part in (asked.parts or PARTS)] for queue in QUEUES]
    everyone = [job for queue in jobs for job in queue]
    builds = Builds({PARTS[job.part][1] for job in everyone if not PARTS[job.part][2] or PARTS[job.part][2] in words})
    threads = [threading.Thread(target=run_queue, args=(queue, builds), daemon=True) for queue in jobs]
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            with starting:
                left.bury(own)
    except KeyboardInterrupt:
        over.set()
        screen.say("ended before the end, by a signal")
        left.processes()
        for job in everyone:
            left.files(job.env["TMPDIR"])
        os._exit(130)
    look_for_what_is_left(everyone, house)
    counts = [house, *builds.counts.values(), *(job.count for job in everyone)]
    print(f"\n{screen.clock()} minutes, the processor {sum(count.processor for count in counts):.0f} s")
    whole = summary(counts)
    return 1 if whole.failed or not whole.passed else 0


if __name__ == "__main__":
    sys.exit(main())
