# SPDX-License-Identifier: Apache-2.0
"""The long form of fuzzing: every target under libFuzzer and the sanitizers, for SECONDS each.

What a target learns is kept below BUILD/fuzz/NAME; a crash is written there as crash-… and the run fails.
"""
import argparse
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--build", default=os.path.join(ROOT, "build"))
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("only", nargs="*", help="names of targets")
    asked = asked.parse_args()
    folder = os.path.join(os.path.abspath(asked.build), "libfuzzer")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", folder, ROOT, "-Dlibfuzzer=true", "-Db_sanitize=address,undefined",
                        "-Db_lundef=false", "-Darena_each_malloc=true"], env={**os.environ, "CC": "clang"}, check=True)
    subprocess.run(["ninja", "-C", folder], check=True)
    failed = []
    for target in sorted(glob.glob(os.path.join(folder, "src", "*", "*_fuzz"))):
        room, name = os.path.basename(target).removesuffix("_fuzz").split("_", 1)
        if asked.only and name not in asked.only:
            continue
        kept = os.path.join(os.path.abspath(asked.build), "fuzz", name)
        os.makedirs(kept, exist_ok=True)
        print(f"== {room}/{name}", flush=True)
        ran = subprocess.run([target, f"-max_total_time={asked.seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384",
                              f"-artifact_prefix={kept}/", "-print_final_stats=1", kept,
                              os.path.join(ROOT, "src", room, "seeds", name)])
        if ran.returncode:
            failed.append(name)
    print("failed:", ", ".join(failed) if failed else "none")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
