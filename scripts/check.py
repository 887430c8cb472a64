# SPDX-License-Identifier: Apache-2.0
"""Builds and runs every test and counts them. Started by ./check, which installs what is missing."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
CORPORA = os.path.abspath(os.environ.get("POSTERN_CORPORA", os.path.join(ROOT, "..", "shared", "corpora")))
BUILDS = {  # options of Meson, environment
    "gcc": ([], {"CC": "gcc"}),
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Darena_each_malloc=true",
              "-Doptimization=1", "-Dfuzz_seconds=5"], {"CC": "gcc"}),
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
LAST_LINES = 40  # of a failure's output


class Count:
    """What passed, what failed and what was skipped (each with why), over all parts."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def ok(self):
        self.passed += 1

    def fail(self, name, why=""):
        self.failed.append(name)
        lines = why.strip().splitlines()
        print("\n        ".join([f"FAILED  {name}", *lines[-LAST_LINES:]]), flush=True)

    def skip(self, name, why):
        self.skipped.append(f"{name}: {why}")

    def total(self):
        return self.passed + len(self.failed) + len(self.skipped)

    def summary(self):
        for line in self.skipped:
            print("skipped", line)
        for line in self.failed:
            print("failed ", line)
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")


def step(text):
    print(f"== {time.strftime('%H:%M:%S')} {text}", flush=True)


def run(command, env=None):
    """Output and errors in one, nothing on standard input. The locale is that of a bare machine."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "POSTERN_CORPORA": CORPORA, "POSTERN_BUILD": BUILD, **(env or {})}
    return subprocess.run(command, cwd=ROOT, env=env, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# Builds

built = {}  # name: whether that went well


def build(name, count, targets=None):
    """Sets the build folder up where it is missing and compiles, once. A failure is counted, as a pass is.
    `targets` gives what to compile once the folder is set up; without it, everything."""
    if name not in built:
        step(f"build {name}")
        built[name] = build_now(name, count, targets)
    return built[name]


def build_now(name, count, targets):
    folder, (options, env) = os.path.join(BUILD, name), BUILDS[name]
    made = None
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        shutil.rmtree(folder, ignore_errors=True)
        made = run(["meson", "setup", folder, ROOT, *options], env)
    if not made or made.returncode == 0:
        made = run(["ninja", "-C", folder, *(targets(folder) if targets else [])], env)
    if made.returncode or "warning:" in made.stdout:
        count.fail(f"build {name}" + ("" if made.returncode else " without warnings"), made.stdout)
        return False
    count.ok()
    return True


def executables_of_room(folder, room):
    """The unit tests of one room, as ninja names them."""
    tests = json.loads(run(["meson", "introspect", "--tests", folder]).stdout)
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


def meson_tests(folder, part, suites, count, env=None, wrapper=None, slower=3):
    """Runs these suites; "-NAME" leaves one out."""
    step(f"{part}: {', '.join(suites)}")
    logs = os.path.join(BUILD, folder, "meson-logs", f"testlog-{part}")
    for old in glob.glob(logs + "*.json"):
        os.unlink(old)
    command = ["meson", "test", "-C", os.path.join(BUILD, folder), "--no-rebuild", "--logbase", f"testlog-{part}",
               "--num-processes", str(min(4, os.cpu_count())), "--timeout-multiplier", str(slower)]
    for suite in suites:
        command += ["--no-suite", suite[1:]] if suite.startswith("-") else ["--suite", suite]
    ran = run(command + (["--wrapper", wrapper] if wrapper else []), env)
    written = glob.glob(logs + "*.json")  # a wrapper's name is added
    if not written:
        count.fail(part, ran.stdout)
        return
    with open(written[0]) as lines:
        for line in lines:
            count_test(part, json.loads(line), count)


# Tests in Python: the rules of the house, the whole daemon

def pytest_part(folder, part, words, count, env=None):
    step(f"{part}: {folder}")
    report = os.path.join(BUILD, f"{part}.xml")
    if os.path.exists(report):
        os.unlink(report)
    with tempfile.TemporaryDirectory(prefix="postern-check-", ignore_cleanup_errors=True) as place:
        ran = run(["/usr/bin/python3", "-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider",
                   f"--basetemp={place}/pytest", "-o", "junit_family=xunit1", f"--junitxml={report}", folder],
                  {"POSTERN_CAN": " ".join(sorted(words)), **(env or {})})
    if not os.path.exists(report):
        count.fail(part, ran.stdout)
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


# Parts

def style(words, count):
    pytest_part("tests/style", "style", words, count)


def unit(words, count):
    if build("gcc", count):
        meson_tests("gcc", "unit", ["unit", "scenario"], count)


def portable(words, count):
    if build("portable", count, lambda folder: executables_of_room(folder, "run")):
        meson_tests("portable", "portable", ["run", "-fuzz"], count)


def asan(words, count):
    if build("asan", count):
        meson_tests("asan", "asan", ["unit", "scenario", "fuzz"], count, SANITIZERS, slower=5)


def system_asan(words, count):
    if build("asan", count):
        pytest_part("tests/system", "system-asan", words, count, SANITIZED_DAEMON)


def clang(words, count):
    if build("clang", count):
        meson_tests("clang", "clang", ["unit", "scenario"], count)


def valgrind(words, count):
    if build("gcc", count):
        # The supervisor's children are forks that end with all their parent's memory in hand.
        meson_tests("gcc", "valgrind", ["unit", "-supervisor"], count, None, VALGRIND, 20)


def system(words, count):
    if build("gcc", count):
        pytest_part("tests/system", "system", words, count)


def faults(words, count):
    if build("gcc", count):
        pytest_part("tests/faults", "faults", words, count)


# What runs, in this order; the word of scripts/probe that it cannot do without.
PARTS = {
    "style": (style, "pytest"),
    "unit": (unit, None),
    "system": (system, "pytest"),
    "faults": (faults, "pytest"),
    "asan": (asan, None),
    "system-asan": (system_asan, "pytest"),
    "clang": (clang, "clang"),
    "portable": (portable, None),
    "valgrind": (valgrind, "valgrind"),
}


def run_part(name, words, count):
    part, needed = PARTS[name]
    began, before = time.monotonic(), count.total()
    if needed and needed not in words:
        count.skip(name, f"this machine lacks {needed}")
    else:
        part(words, count)
    if count.total() == before:
        count.fail(name, "no test ran")
    step(f"{name}: {count.total() - before} counted, {time.monotonic() - began:.0f} s")


def require(path, words, count):
    with open(path) as lines:
        wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for word in wanted:
        if word not in words:
            count.fail(f"{path}: this machine lacks {word}")


def read_options():
    asked = argparse.ArgumentParser(prog="./check", usage="./check [--require FILE] [PART…]")
    asked.add_argument("--require", metavar="FILE", help="words of scripts/probe that may not be missing")
    asked.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    asked = asked.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            sys.exit(f"./check: there is no part \"{part}\"; the parts are {', '.join(PARTS)}")
    return asked


def main():
    asked, began, count = read_options(), time.monotonic(), Count()
    os.makedirs(BUILD, exist_ok=True)
    words = set(run(["scripts/probe"]).stdout.split())
    if asked.require:
        require(asked.require, words, count)
    for name in asked.parts or PARTS:
        run_part(name, words, count)
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes")
    count.summary()
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
