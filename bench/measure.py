# SPDX-License-Identifier: Apache-2.0
"""What a run costs: processes kept in a control group of their own, and the two ends of the bench."""
import json
import os
import re
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def mounted(kind, option=""):
    """Where a file system of this kind is mounted, or None."""
    with open("/proc/mounts") as lines:
        for line in lines:
            _, place, found, options = line.split()[:4]
            if found == kind and (not option or option in options.split(",")):
                return place
    return None


class Account:
    """The CPU time and memory of one server, children that have ended included. A control group counts
    exactly; where none can be made, the processes below `first` are added up from /proc."""

    def __init__(self, name):
        self.folder, self.process, self.first = None, None, None
        for place, file, unit in [(mounted("cgroup2"), "cpu.stat", 1e-6),
                                  (mounted("cgroup", "cpuacct"), "cpuacct.usage", 1e-9)]:
            folder = place and os.path.join(place, f"postern-bench-{time.time_ns()}-{name}")
            try:
                if folder:
                    os.mkdir(folder)
            except OSError:
                continue
            if folder and os.path.exists(os.path.join(folder, file)):
                self.folder, self.file, self.unit = folder, file, unit
                return
            if folder:
                os.rmdir(folder)

    def join(self):
        """In a child, before exec: it and what it starts belong to this account."""
        if self.folder:
            with open(os.path.join(self.folder, "cgroup.procs"), "w") as file:
                file.write("0")

    def take_this(self):
        self.first, self.origin = os.getpid(), self.group_of_this()
        self.join()

    def release_this(self):
        """Back to where this process came from, so that the group can go."""
        if self.folder:
            with open(os.path.join(self.origin, "cgroup.procs"), "w") as file:
                file.write("0")
            os.rmdir(self.folder)

    def group_of_this(self):
        wanted = "" if self.folder and self.file == "cpu.stat" else "cpuacct"
        with open("/proc/self/cgroup") as lines:
            for line in lines:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if self.folder and wanted in controllers.split(","):
                    return os.path.dirname(self.folder) + path
        return None

    def start(self, command, **more):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=self.join, **more)
        self.first = self.process.pid
        return self.process

    def pids(self):
        if self.folder:
            with open(os.path.join(self.folder, "cgroup.procs")) as file:
                return [int(word) for word in file.read().split()]
        return below(self.first) if self.first else []

    def cpu(self):
        """Seconds so far."""
        if not self.folder:
            return sum(proc_cpu(pid) for pid in self.pids())
        with open(os.path.join(self.folder, self.file)) as file:
            return int(re.search(r"\d+", file.read()).group()) * self.unit

    def pss(self):
        """Bytes: each process' own pages and its share of those it has in common with others. A process
        that has given up its privileges is read by root alone: PermissionError."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += int(re.search(r"^Pss: +(\d+)", file.read(), re.M).group(1)) * 1024
            except (FileNotFoundError, ProcessLookupError, AttributeError):
                pass
        return total

    def end(self):
        """Whatever is still there ends, one by one, by its id."""
        until = time.monotonic() + 10
        while self.pids() and time.monotonic() < until:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if self.process:
                self.process.poll()
            time.sleep(0.05)
        while self.folder and os.path.isdir(self.folder):
            try:
                os.rmdir(self.folder)
            except OSError:  # the last one is still on its way out
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)


def stat_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def below(first):
    parents = {}
    for name in os.listdir("/proc"):
        stat = stat_of(name) if name.isdigit() else None
        if stat and stat[0] != "Z":
            parents.setdefault(int(stat[1]), []).append(int(name))
    found, at = [first] if stat_of(first) else [], 0
    while at < len(found):
        found += parents.get(found[at], [])
        at += 1
    return found


def proc_cpu(pid):
    stat = stat_of(pid)
    return sum(int(ticks) for ticks in stat[11:15]) / os.sysconf("SC_CLK_TCK") if stat else 0.0


class Sink:
    def __init__(self, tool):
        self.process = subprocess.Popen([tool], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.line = socket.create_connection(("127.0.0.1", self.port))
        self.replies = self.line.makefile("r")
        self.replies.readline()

    def ask(self, command):
        self.line.sendall(command.encode() + b"\r\n")
        return self.replies.readline()[4:]

    def counts(self):
        return json.loads(self.ask("XSTAT"))

    def drained(self, count, patience=6):
        """Waits until `count` different messages have come, or none has for `patience` seconds."""
        seen, since = self.counts(), time.monotonic()
        while seen["unique"] < count and time.monotonic() - since < patience:
            time.sleep(0.02)
            before, seen = seen, self.counts()
            if seen["messages"] != before["messages"]:
                since = time.monotonic()
        return seen

    def end(self):
        self.line.close()
        self.process.terminate()
        self.process.wait()


def load(tool, mode, port, *options):
    ran = subprocess.run([tool, mode, "-p", str(port), *map(str, options)], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    if ran.returncode:
        raise RuntimeError(f"{tool} {mode}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


class Held:
    """Connections that say EHLO and nothing more, until this ends."""

    def __init__(self, tool, port, count):
        self.process = subprocess.Popen([tool, "idle", "-p", str(port), "-c", str(count), "-T", "20"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = json.loads(self.process.stdout.readline())["held"]

    def end(self):
        self.process.stdin.close()
        left = json.loads(self.process.stdout.readline())
        self.process.wait()
        return left


class Counter:
    """Instructions (or, where the machine counts none, system calls) of processes, by perf."""

    def __init__(self):
        self.event, self.name = None, None
        for event, name in [("instructions", "instructions"), ("raw_syscalls:sys_enter", "system calls")]:
            if self.count(event, ["--", "true"]) is not None:
                self.event, self.name = event, name
                return

    def count(self, event, what):
        try:
            ran = subprocess.run(["perf", "stat", "-x", ",", "-e", event, *what], capture_output=True, text=True)
        except OSError:
            return None
        found = re.search(rf"^(\d+),.*{re.escape(event)}", ran.stderr, re.M)
        return int(found.group(1)) if found else None

    def start(self, pids):
        self.process = subprocess.Popen(["perf", "stat", "-x", ",", "-e", self.event, "-p", ",".join(map(str, pids))],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        found = re.search(r"^(\d+),", self.process.communicate()[1], re.M)
        return int(found.group(1)) if found else None
