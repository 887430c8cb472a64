# SPDX-License-Identifier: Apache-2.0
"""The shape of the code: lines per function and per file, beside codebases that are a pleasure to read.

Run by `make shape`; test_style.py holds the two figures that are a promise (median and 95th percentile).
"""
import fnmatch
import os
import shutil
import subprocess

# Lines per function of non-test C, counted by universal-ctags in August 2026: median, 95th percentile, longest.
MODELS = [("skalibs", 7, 30, 118), ("s2n-tls", 13, 52, 284), ("Dovecot lib", 12, 57, 238), ("musl", 7, 66, 479),
          ("Varnish", 16, 74, 453), ("OpenSMTPD", 15, 84, 580), ("Unbound", 18, 92, 671), ("Postfix", 22, 129, 971)]


def tracked(*patterns):
    """The project's files that match; without git (an unpacked archive) every file outside the build folders."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                            capture_output=True, text=True) if shutil.which("git") else None
    if listed and listed.returncode == 0:
        return [file for file in listed.stdout.split() if os.path.exists(file)]
    return sorted(file for file in walked() if any(fnmatch.fnmatch(file, pattern) for pattern in patterns))


def walked():
    for folder, inside, names in os.walk("."):
        inside[:] = [name for name in inside if not name.startswith((".", "build", "run-demo", "postern-state"))]
        yield from (os.path.relpath(os.path.join(folder, name)) for name in names)


def sources(pattern="src/*.c"):
    """The product's own C files: neither tests nor fuzz targets."""
    return [file for file in tracked(pattern) if not file.endswith(("_test.c", "_fuzz.c"))]


def functions():
    """(lines, file, name) of every function, longest last."""
    tags = subprocess.run(["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "-o", "-", "-L", "-"],
                          input="\n".join(sources()), capture_output=True, text=True, check=True).stdout
    found = []
    for line in tags.splitlines():
        parts = line.split("\t")
        extra = dict(p.split(":", 1) for p in parts[3:] if ":" in p)
        if "line" in extra and "end" in extra:
            found.append((int(extra["end"]) - int(extra["line"]) + 1, parts[1], parts[0]))
    return sorted(found)


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main():
    found = functions()
    lines = [f[0] for f in found]
    sizes = sorted(sum(1 for _ in open(f)) for f in sources())
    headers = sorted(sum(1 for _ in open(f)) for f in sources("src/*.h"))
    print(f"{'':14} functions  median  95th  longest")
    print(f"{'Postern':14} {len(found):9} {percentile(lines, .5):7} {percentile(lines, .95):5} {lines[-1]:8}")
    for name, median, high, longest in MODELS:
        print(f"{name:14} {'':9} {median:7} {high:5} {longest:8}")
    print(f"\nfiles: {len(sizes)}, median {percentile(sizes, .5)} lines, longest {sizes[-1]};"
          f" headers: median {percentile(headers, .5)}, longest {headers[-1]}")
    print("the longest functions:")
    for size, file, name in found[-8:]:
        print(f"  {size:4}  {file}: {name}")


if __name__ == "__main__":
    main()
