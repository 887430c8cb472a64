# SPDX-License-Identifier: Apache-2.0
"""Real faults against the real daemon. The fixtures of tests/system (as module `house`), and loop disks."""
import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
SPEC = importlib.util.spec_from_file_location("house", os.path.join(HERE, "..", "system", "conftest.py"))
house = importlib.util.module_from_spec(SPEC)
sys.modules["house"] = house
SPEC.loader.exec_module(house)

from house import daemon, need, sink  # noqa: E402,F401 fixtures
from disks import LoopDisk  # noqa: E402


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
