# SPDX-License-Identifier: Apache-2.0
"""Builds and runs every test and counts them. Started by ./check, which installs what is missing."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build"))
CORPORA = os.path.abspath(os.environ.get("POSTERN_CORPORA", os.path.join(ROOT, "..", "shared", "corpora")))
PARTS = ["style", "unit", "asan", "clang", "valgrind", "system"]
BUILDS = {
    "gcc": ([], {}),
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Darena_each_malloc=true"], {}),
    "clang": ([], {"CC": "clang"}),
}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


class Count:
    """What passed, what failed (with why) and what was skipped (with why), over all parts."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def ok(self, number=1):
        self.passed += number

    def fail(self, name, why=""):
        self.failed.append(name)
        print(f"FAILED  {name}")
        if why:
            print("        " + "\n        ".join(why.strip().splitlines()[-60:]))
        sys.stdout.flush()

    def skip(self, name, why):
        self.skipped.append(f"{name}: {why}")


def step(text):
    print(f"== {time.strftime('%H:%M:%S')} {text}", flush=True)


def run(command, env=None, **more):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "POSTERN_CORPORA": CORPORA, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                          stdin=subprocess.DEVNULL, **more)


def build(name, count):
    """Sets the build folder up where it is missing and compiles; False (and counted) if that fails."""
    folder = os.path.join(BUILD, name)
    options, env = BUILDS[name]
    step(f"build {name}")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        shutil.rmtree(folder, ignore_errors=True)
        made = run(["meson", "setup", folder, ROOT, *options], env)
        if made.returncode:
            count.fail(f"build {name}", made.stdout)
            return False
    made = run(["ninja", "-C", folder], env)
    if made.returncode:
        count.fail(f"build {name}", made.stdout)
        return False
    if "warning:" in made.stdout:
        count.fail(f"build {name} without warnings", made.stdout)
        return False
    count.ok()
    return True


CMOCKA_LINE = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (\w.*?)\.?$", re.M)
SKIP_WORDS = re.compile(r"^skip(?:ped)?:? *(.*)$", re.M | re.I)


def count_executable(test, part, count):
    """One test executable: cmocka names its tests one by one, anything else counts as one."""
    name = f"{part}: {test['name']}"
    output = test.get("stdout", "") + test.get("stderr", "")
    words = SKIP_WORDS.findall(output)
    cases = [case for case in CMOCKA_LINE.findall(output) if " test(s)" not in case[1]]
    if test["result"] in ("SKIP",):
        count.skip(name, words[0] if words else "said so")
    elif test["result"] not in ("OK", "EXPECTEDFAIL"):
        count.fail(name, output or test["result"])
    elif not cases:
        count.ok()
    for verdict, case in cases:
        if verdict == "OK":
            count.ok()
        elif verdict == "SKIPPED":
            count.skip(f"{name}: {case}", words[0] if words else "said so")


def meson_tests(name, part, suites, count, env=None, wrapper=None, timeout=3):
    folder = os.path.join(BUILD, name)
    log = "testlog-" + part
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--logbase", log,
               "--num-processes", "2", "--timeout-multiplier", str(timeout)]
    for suite in suites:
        command += ["--suite", suite]
    if wrapper:
        command += ["--wrapper", wrapper]
    step(f"{part}: {', '.join(suites)}")
    ran = run(command, env)
    path = os.path.join(folder, "meson-logs", log + ".json")
    if not os.path.exists(path):
        count.fail(part, ran.stdout)
        return
    with open(path) as lines:
        tests = [json.loads(line) for line in lines]
    if not tests:
        count.fail(part, "no test ran")
    for test in tests:
        count_executable(test, part, count)
    os.unlink(path)


def pytest_part(folder, part, words, count):
    report = os.path.join(BUILD, f"{part}.xml")
    if os.path.exists(report):
        os.unlink(report)
    step(f"{part}: {folder}")
    ran = run(["/usr/bin/python3", "-m", "pytest", "-q", "-x" if os.environ.get("CHECK_FIRST") else "-q",
               "-p", "no:cacheprovider", f"--junitxml={report}", folder],
              {"POSTERN_BUILD": BUILD, "POSTERN_CAN": " ".join(sorted(words))})
    if not os.path.exists(report):
        count.fail(part, ran.stdout)
        return
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{part}: {case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if bad is not None:
            count.fail(name, bad.text or bad.get("message", ""))
        elif skipped is not None:
            count.skip(name, skipped.get("message", ""))
        else:
            count.ok()


def probe():
    return set(run(["scripts/probe"]).stdout.split())


def require(path, words, count):
    with open(path) as lines:
        wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for word in wanted:
        if word not in words:
            count.fail(f"{path}: this machine lacks {word}")


def run_parts(parts, words, count):
    gcc = build("gcc", count)
    if "style" in parts and gcc:
        pytest_part("tests/style", "style", words, count)
    if "unit" in parts and gcc:
        meson_tests("gcc", "unit", ["unit", "scenario"], count)
    if "asan" in parts and build("asan", count):
        meson_tests("asan", "asan", ["unit", "scenario", "fuzz"], count, SANITIZER_ENV)
    if "clang" in parts:
        if "clang" not in words:
            count.skip("clang", "clang is missing")
        elif build("clang", count):
            meson_tests("clang", "clang", ["unit", "scenario"], count)
    if "valgrind" in parts and gcc:
        if "valgrind" not in words:
            count.skip("valgrind", "valgrind is missing")
        else:
            meson_tests("gcc", "valgrind", ["unit"], count, {"POSTERN_SLOW": "1"},
                        "valgrind -q --error-exitcode=99 --leak-check=full", 20)
    if "system" in parts and gcc:
        pytest_part("tests/system", "system", words, count)


def main():
    asked = argparse.ArgumentParser(prog="./check")
    asked.add_argument("--require", help="a list of words of scripts/probe that may not be missing")
    asked.add_argument("parts", nargs="*", choices=PARTS + [[]], help="only these parts")
    asked = asked.parse_args()
    os.makedirs(BUILD, exist_ok=True)
    count, words = Count(), probe()
    if asked.require:
        require(asked.require, words, count)
    run_parts(asked.parts or PARTS, words, count)
    print()
    for line in count.skipped:
        print("skipped", line)
    for line in count.failed:
        print("failed ", line)
    print(f"{count.passed} passed, {len(count.failed)} failed, {len(count.skipped)} skipped")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
