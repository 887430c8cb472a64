# SPDX-License-Identifier: Apache-2.0
"""What tests left behind: processes, files, mounts, loop devices, control groups. A test cleans up what it made."""
import ctypes
import glob
import os
import shutil
import signal
import time

GRACE = 5  # seconds that a process told to end may take
PR_SET_CHILD_SUBREAPER = 36
# Of pytest, not of tests.
EXPECTED = ("pytest",)


def adopt():
    """From now on orphans of our tests are our children."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children():
    """(pid, whether it has ended)."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as stat:
                state, parent = stat.read().rsplit(")", 1)[1].split()[:2]
        except (OSError, IndexError):
            continue
        if int(parent) == os.getpid():
            yield int(path.split("/")[2]), state == "Z"


def bury(own=()):
    """Orphans that have ended go at once, as under init: a test may wait for that. `own` are waited for elsewhere."""
    for pid, has_ended in children():
        if has_ended and pid not in own:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def living():
    """{pid: command line} of our children."""
    bury()
    found = {}
    for pid, has_ended in children():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as words:
                command = words.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if not has_ended:
            found[pid] = command
    return found


def processes():
    """Ends what still runs; to be called when no test does."""
    end = time.monotonic() + GRACE
    while living() and time.monotonic() < end:
        time.sleep(0.1)
    told = []
    while living():  # who loses its parent becomes ours
        for pid, command in living().items():
            told.append(f"process {pid}: {command[:160]}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    return told


def files(folder):
    """Names in the folder that a part's tests had for their own; the folder goes."""
    names = sorted(name for name in os.listdir(folder) if name not in EXPECTED)
    shutil.rmtree(folder, ignore_errors=True)
    return [f"{name} in TMPDIR" for name in names]


def system(places):
    """Mounts and loop devices over files below these places, and control groups of tests."""
    def ours(path):
        return any(path.startswith(place + "/") for place in places)
    told = []
    with open("/proc/self/mounts") as mounts:
        told += [f"mount {line.split()[1]}" for line in mounts if ours(line.split()[1])]
    for backing in glob.glob("/sys/block/loop*/loop/backing_file"):
        try:
            with open(backing) as file:
                path = file.read().strip()
        except OSError:
            continue
        if ours(path):
            told.append(f"/dev/{backing.split('/')[3]} over {path}")
    for group in glob.glob("/sys/fs/cgroup/memory/postern-test-*"):
        if not os.path.exists(f"/proc/{group.split('-')[2]}"):  # another ./check may be at work
            told.append(f"control group {group}")
    return told
