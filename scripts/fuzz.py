# SPDX-License-Identifier: Apache-2.0
"""The long form of fuzzing: every target under libFuzzer and the sanitizers, for SECONDS each.

What a target learns is kept below BUILD/fuzz/NAME; a crash is written there as crash-… and the run fails.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OPTIONS = ["-Dlibfuzzer=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Darena_each_malloc=true"]


def build(folder):
    """Compiles the fuzz targets alone; their paths."""
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", folder, ROOT, *OPTIONS], env={**os.environ, "CC": "clang"}, check=True)
    told = subprocess.run(["meson", "introspect", "--tests", folder], check=True, stdout=subprocess.PIPE).stdout
    targets = sorted(test["cmd"][0] for test in json.loads(told) if test["cmd"][0].endswith("_fuzz"))
    made = subprocess.run(["ninja", "-C", folder, *(os.path.relpath(target, folder) for target in targets)])
    return targets if made.returncode == 0 else sys.exit("the fuzz targets do not compile")


def fuzz(target, kept, seconds):
    """Whether libFuzzer found nothing."""
    room, name = os.path.basename(target).removesuffix("_fuzz").split("_", 1)
    print(f"== {room}/{name}", flush=True)
    kept = os.path.join(kept, f"{room}-{name}")
    os.makedirs(kept, exist_ok=True)
    ran = subprocess.run([target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384",
                          f"-artifact_prefix={kept}/", "-print_final_stats=1", kept,
                          os.path.join(ROOT, "src", room, "seeds", name)])
    return ran.returncode == 0


def main():
    asked = argparse.ArgumentParser(prog="scripts/fuzz.py")
    asked.add_argument("--build", default=os.path.join(ROOT, "build"))
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("only", nargs="*", help="targets as ROOM_NAME; without any, all")
    asked = asked.parse_args()
    place = os.path.abspath(asked.build)
    targets = [target for target in build(os.path.join(place, "libfuzzer"))
               if not asked.only or os.path.basename(target).removesuffix("_fuzz") in asked.only]
    failed = [os.path.basename(target) for target in targets
              if not fuzz(target, os.path.join(place, "fuzz"), asked.seconds)]
    print(f"{len(targets)} targets; failed:", ", ".join(failed) if failed else "none")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
