# SPDX-License-Identifier: Apache-2.0
"""Our own server under measure, and what every server has; the others are in peers.py."""
import json
import os
import shutil
import struct
import subprocess
import time

from measure import Account, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Absent(Exception):
    """A server that cannot be measured here; its words say why."""


def wait_for(what, seconds, ended=lambda: None):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        why = ended()
        if why:
            raise Absent(why)
        time.sleep(0.02)
    raise Absent(f"it was not ready after {seconds} seconds")


def find_program(build, name):
    for place in ["src/cmd", "cmd"]:
        path = os.path.join(build, "release", place, name)
        if os.path.exists(path):
            return path
    raise Absent(f"{name} is not built in {build}/release")


class Flushes:
    """The disk of bench/slow_flush.c: how long each flush takes, one at a time, and how many there were."""

    def __init__(self, path, each_ns):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack("=qqq", each_ns, 0, 0))
        os.chmod(path, 0o666)  # roles and daemons of any user take their turns there

    @staticmethod
    def library(build):
        return os.path.join(build, "release", "bench", "libslow_flush.so")

    def environment(self, build):
        return {"LD_PRELOAD": self.library(build), "SLOW_FLUSH": self.path}

    def count(self):
        with open(self.path, "rb") as file:
            return struct.unpack("=qqq", file.read(24))[2]


class Postern:
    name = "Postern"
    counts = {"messages": 20000, "refusals": 10000, "held": 10000, "big": 1, "rounds": 5}
    settings = """\
hostname relay.bench.example
postmaster "root@relay.bench.example"
state "{state}"
listen smtp "127.0.0.1:{port}"
network bench 127.0.0.1/32
relay for network bench
deliver * via "127.0.0.1:{sink}" tls off
limits connections unlimited, unlimited per address, unlimited per minute per address
limits errors unlimited, unknown recipients unlimited, no-ops unlimited
"""

    def __init__(self, build, folder, disk, more="", options=()):
        self.build, self.program, self.options = build, find_program(build, "posternd"), options
        self.folder, self.port = os.path.join(folder, "postern"), free_port()
        self.state, self.more = os.path.join(disk, "postern-state"), more
        self.account, self.flushes = None, None
        self.edges = 0  # 0: as many as the daemon chooses

    def version(self):
        return subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout.splitlines()[0]

    def start(self, sink, connections=0, flush_ns=0):
        shutil.rmtree(self.state, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        self.flushes = Flushes(os.path.join(self.folder, "slow_flush"), flush_ns) if flush_ns else None
        config, self.log = os.path.join(self.folder, "postern.conf"), os.path.join(self.folder, "log")
        with open(config, "w") as file:
            file.write(self.settings.format(state=self.state, port=self.port, sink=sink) + self.more)
            if self.edges:
                file.write(f"edges {self.edges}\n")
        self.account = Account("postern")
        with open(self.log, "w") as log:
            process = self.account.start([self.program, "-c", config, *self.options], stdout=log, stderr=log, cwd=self.folder,
                                         env=dict(os.environ, **(self.flushes.environment(self.build) if flush_ns else {})))
        wait_for(self.is_ready, 20, lambda: process.poll() is not None and f"posternd ended: {self.last_words()}")

    def is_ready(self):
        with open(self.log, errors="replace") as file:
            for line in file:
                try:
                    if json.loads(line).get("event") == "ready":
                        return True
                except ValueError:
                    pass
        return False

    def last_words(self):
        with open(self.log, errors="replace") as file:
            return file.read().strip()[-300:]

    def stop(self):
        if not self.account:
            return
        self.account.process.terminate()
        try:
            self.account.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        self.account.end()
        self.account = None
        shutil.rmtree(self.state, ignore_errors=True)
