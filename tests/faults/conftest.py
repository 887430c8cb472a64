# SPDX-License-Identifier: Apache-2.0
"""Real faults against the real daemon. The fixtures of tests/system (as module `house`), and loop disks."""
import importlib.util
import os
import signal
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.append(os.path.join(HERE, "..", "system"))  # what its tests share
SPEC = importlib.util.spec_from_file_location("house", os.path.join(HERE, "..", "system", "conftest.py"))
house = importlib.util.module_from_spec(SPEC)
sys.modules["house"] = house
SPEC.loader.exec_module(house)

from house import POSTERN, daemon, free_port, need, sink  # noqa: E402,F401 fixtures, and what tests of tests/system need
from disks import LoopDisk  # noqa: E402

# Broken off by SIGTERM (timeout, a service manager) as by Ctrl-C: nothing stays mounted, no daemon stays.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def loop_disk():
    """Makes file systems in files below the build folder; none is left mounted, whatever happens."""
    made = []

    def make(kind="ext4", **more):
        need("loop-mount")
        if kind == "xfs":
            need("xfs")
        made.append(LoopDisk(os.path.join(house.BUILD, "faults"), kind, **more))
        made[-1].make()
        return made[-1]
    yield make
    for one in made:
        one.remove()


@pytest.fixture
def watched(daemon):
    """A daemon whose system calls are watched by `calls`; it is started by the test."""
    need("seccomp-notify")
    from rig import Watched

    def start(text, calls, **more):
        plain = daemon(text, wait=False, **more)
        plain.__class__ = Watched
        plain.calls = calls
        return plain
    return start


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """A library that moves the wall clock, and how to move it."""
    if "asan" in os.path.basename(os.path.dirname(os.path.dirname(os.path.dirname(house.POSTERND)))):
        pytest.skip("a sanitized program takes no other library before its own")
    folder = tmp_path_factory.mktemp("clock")
    library, moved = os.path.join(folder, "clock.so"), os.path.join(folder, "moved")
    source = os.path.join(HERE, "clock.c")
    for path in (folder, folder.parent, folder.parent.parent):
        os.chmod(path, 0o755)
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, source, "-ldl"], check=True)

    def move(seconds):
        with open(moved, "w") as file:
            file.write(str(seconds))
    move(0)
    return {"LD_PRELOAD": library, "CLOCK_MOVED": moved}, move
