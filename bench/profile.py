# SPDX-License-Identifier: Apache-2.0
"""Where Postern's time goes under load: perf's samples by role, then by system call or by function."""
import collections
import os
import re
import signal
import subprocess
import time

FRAME = re.compile(r"^\s+[0-9a-f]+ (\S+).* \((.*)\)$")


def role_of(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        words = file.read().split("\0")
    return words[words.index("--role") + 1] if "--role" in words else "supervisor"


class Recording:
    """perf over some processes, each sample with its stack, until it is stopped."""

    def __init__(self, path, pids):
        self.path, self.roles = path, {pid: role_of(pid) for pid in pids}
        self.process = subprocess.Popen(
            ["perf", "record", "-q", "-F", "997", "-e", "cpu-clock", "--call-graph", "dwarf,4096", "-o", path,
             "-p", ",".join(map(str, pids))], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def samples(self):
        """(role, frames) with the innermost first, each (symbol, file)."""
        out = subprocess.run(["perf", "script", "-i", self.path, "--no-inline", "-F", "pid,ip,sym,dso"],
                             capture_output=True, text=True, errors="replace").stdout
        for block in out.split("\n\n"):
            lines = block.strip("\n").splitlines()
            if lines and lines[0].strip().isdigit():
                frames = [found.groups() for found in map(FRAME.match, lines[1:]) if found]
                yield self.roles.get(int(lines[0]), "?"), frames


def ours(frames):
    return next((symbol for symbol, file in frames if "posternd" in file), None)


def cost_of(frames):
    """The system call; else our function, and whatever of a library it called."""
    for symbol, file in frames:
        if symbol.startswith("__x64_sys_"):
            return f"{symbol[10:]}() in the kernel", ours(frames)
    if frames and "kernel" in frames[0][1]:
        return "interrupts and faults in the kernel", ours(frames)
    own = ours(frames)
    if own is None or (frames and frames[0][0] == own):
        return own or "unknown", None
    return f"{own} ({os.path.basename(frames[0][1]).split('.')[0]}: {frames[0][0]})", None


def show(recording, messages):
    totals, by_role = collections.Counter(), collections.defaultdict(collections.Counter)
    kernel = 0
    callers, whole_of = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for role, frames in recording.samples():
        cost, caller = cost_of(frames)
        totals[role] += 1
        kernel += cost.endswith("in the kernel")
        by_role[role][cost] += 1
        whole_of[role].update({symbol for symbol, file in frames if "posternd" in file})
        if caller:
            callers[role, cost][caller] += 1
    whole = sum(totals.values())
    if not whole:
        print("perf saw nothing")
        return
    print(f"{whole} samples of 1 ms, {whole * 1e3 / messages:.1f} µs each, {kernel / whole:.0%} of it in the kernel")
    for role, count in totals.most_common():
        print(f"\n{role}: {count / whole:.1%}")
        for cost, times in by_role[role].most_common(24):
            from_where = ", ".join(name for name, _ in callers[role, cost].most_common(3))
            if times / whole >= 0.004:
                print(f"  {times / whole:6.1%}  {cost}" + (f"  [{from_where}]" if from_where else ""))
        with_callees = [f"{symbol} {times / whole:.1%}" for symbol, times in whole_of[role].most_common(40)
                        if times / whole >= 0.006]
        print(f"  with what they call: {', '.join(with_callees)}")
