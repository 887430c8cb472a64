# SPDX-License-Identifier: Apache-2.0
"""The shape of the code: lines per function and per file, beside codebases that are a pleasure to read.

Run by `make shape`; test_style.py holds the two figures that are a promise (median and 95th percentile).
"""
import subprocess

# Lines per function of non-test C, counted by universal-ctags in August 2026: median, 95th percentile, longest.
MODELS = [("skalibs", 7, 30, 118), ("s2n-tls", 13, 52, 284), ("Dovecot lib", 12, 57, 238), ("musl", 7, 66, 479),
          ("Varnish", 16, 74, 453), ("OpenSMTPD", 15, 84, 580), ("Unbound", 18, 92, 671), ("Postfix", 22, 129, 971)]


def sources(pattern="src/*.c"):
    """The product's own C files: neither tests nor fuzz targets."""
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
                           capture_output=True, text=True, check=True).stdout.split()
    return [f for f in files if not f.endswith(("_test.c", "_fuzz.c"))]


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
