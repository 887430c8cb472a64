# SPDX-License-Identifier: Apache-2.0
"""Each system call of a transaction fails once, in each role, with each error that it can give: never a 250
for a message whose write or flush failed, nothing lost or altered, and mail goes on afterwards."""
import errno
import fcntl
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from calls import NUMBERS, Calls
from house import POSTERND, TORTURE, Daemon
from rig import BOTH, Ledger, greet, judge, kill_and_wait, send_at_last, try_to_send, until
from rounds import Progress, mine

ERRORS = {
    errno.EIO: "read pread64 write writev pwrite64 pwritev fsync fdatasync openat renameat unlinkat mkdirat "
               "ftruncate getdents64 newfstatat",
    errno.ENOSPC: "write pwrite64 pwritev fsync fdatasync openat renameat mkdirat ftruncate fallocate",
    errno.EINTR: "read readv write writev pread64 pwrite64 pwritev recvmsg recvfrom sendmsg sendto accept4 connect "
                 "openat fsync fdatasync epoll_wait epoll_pwait flock",
    errno.EMFILE: "openat socket socketpair accept4 fcntl dup dup3 pipe2 eventfd2 memfd_create epoll_create1 pidfd_open",
    errno.ENOMEM: "recvmsg sendmsg accept4 openat socket",
    errno.EAGAIN: "clone clone3 vfork",  # too many threads or processes
}
DUPLICATES = (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC)  # the commands of fcntl that need a descriptor
WATCHED = sorted({name for names in ERRORS.values() for name in names.split()}, key=NUMBERS.get)
OF_FILES = (errno.EIO, errno.ENOSPC)  # which no socket or event ever gives
SAMPLE = 2  # of each error in the short form


def can_fail(call, error, folder):
    """The daemon's log is our own way to see that it is ready: that one must not fail."""
    if call.name not in ERRORS[error].split() or (call.name == "fcntl" and call.arguments[1] not in DUPLICATES):
        return False
    target = call.target()
    return target != os.path.join(folder, "log") and (error not in OF_FILES or target.startswith(folder))


def places(failing, most):
    """(role, name, which of them) of every call that can give the error. Of a loop that goes on until there is
    no more, the first `most` rounds tell all."""
    found, counts = [], {}
    for call in failing:
        counts[call.role, call.name] = at = counts.get((call.role, call.name), 0) + 1
        if at <= most:
            found.append((call.role, call.name, at))
    return mine(found) if TORTURE else found[::max(1, -(-len(found) // SAMPLE))]


def fails_at(place, error, failed, folder):
    role, name, number = place
    before = [0]

    def decide(call):
        if call.role != role or call.name != name or failed or not can_fail(call, error, folder):
            return None
        before[0] += 1
        if before[0] < number:
            return None
        failed.append((call, call.target()))
        return error
    return decide


class Bench:
    def __init__(self, watched, sink):
        self.sink, self.calls, self.ledger = sink(), Calls(WATCHED), Ledger()
        self.server = watched(BOTH.replace("{port}", str(self.sink.port)), self.calls)
        self.server.start()

    def rest(self):
        self.calls.arm()
        self.calls.quiet(0.25)

    def seen(self, error):
        """The calls of a whole transaction that could have failed so."""
        failing = []
        self.rest()
        self.calls.arm(lambda call: failing.append(call) if can_fail(call, error, self.server.folder) else None)
        assert try_to_send(self.server, self.ledger, "count").startswith("250")
        self.calls.quiet(1.3)
        self.calls.disarm()
        return failing

    def try_one(self, name, place, error):
        """Gives whether it failed there."""
        failed = []
        self.rest()
        self.calls.arm(fails_at(place, error, failed, self.server.folder))
        began = time.monotonic()
        reply = try_to_send(self.server, self.ledger, name)
        at_reply = list(failed)
        assert time.monotonic() - began < 55, f"{place}: it hangs"  # a client waits for sixty
        until(lambda: failed or self.calls.quiet(1.3), 0)
        self.calls.disarm()
        if at_reply and error != errno.EINTR and place[0] == "edge" and place[1] in ("pwritev", "fdatasync") and \
                "/seg/" in at_reply[0][1]:  # what was interrupted has done nothing, and is done again
            assert not reply.startswith("250"), f"{place} failed with {errno.errorcode[error]}, and yet {reply}"
        return bool(failed)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: errno.errorcode[error])
def test_a_call_that_fails_loses_nothing_and_mail_goes_on(watched, sink, error):
    bench = Bench(watched, sink)
    rounds, failures = places(bench.seen(error), 12), 0
    progress = Progress(f"{errno.errorcode[error]} in a transaction", len(rounds), 20)
    for number, place in enumerate(rounds):
        failures += bench.try_one(f"n{number}", place, error)
        try:
            send_at_last(bench.server, bench.ledger, f"n{number}after")
        except AssertionError as stuck:
            raise AssertionError(f"{errno.errorcode[error]} at {place}: {stuck}") from None
        progress.say(number + 1, f"{failures} failed, {len(bench.ledger.promised)} acknowledged")
    judge(bench.server, bench.sink, bench.ledger, twice=2 * failures)
    assert bench.server.stop() == 0
    progress.say(len(rounds), f"{failures} failed, {len(bench.ledger.promised)} acknowledged, 0 lost, 0 damaged")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: errno.errorcode[error])
def test_a_start_with_a_call_that_fails_comes_up_or_says_why(watched, sink, error):
    to, calls, ledger = sink({"banner": "421 4.3.2 away"}), Calls(WATCHED), Ledger()
    server = watched(BOTH.replace("{port}", str(to.port)), calls)
    server.start_plain()
    for number in range(3):
        send_at_last(server, ledger, f"waits{number}", local=False)
    kill_and_wait(server)
    failing = []
    calls.arm(lambda call: failing.append(call) if can_fail(call, error, server.folder) else None)
    server.start()
    calls.disarm()
    kill_and_wait(server)
    rounds, ends = places(failing, 40 if TORTURE else 12), 0
    progress = Progress(f"{errno.errorcode[error]} at a start", len(rounds), 20)
    for number, place in enumerate(rounds):
        failed = []
        calls.arm(fails_at(place, error, failed, server.folder))
        try:
            server.start()
        except AssertionError:
            said = [line for line in server.lines() if line["level"] in ("error", "warn")] or \
                re.search("^posternd: |error while loading shared libraries", server.output()[server.mark:], re.MULTILINE)
            assert said, f"{errno.errorcode[error]} at {place}: no word\n{server.output()[-2000:]}"
            assert server.process.poll() is not None, f"{errno.errorcode[error]} at {place} ({failed}): neither ready nor ended\n{server.output()[-2000:]}"
            ends += 1
        calls.disarm()
        kill_and_wait(server)
        progress.say(number + 1, f"{ends} ended")
    to.answers.clear()
    server.start_plain()
    judge(server, to, ledger, twice=0)
    progress.say(len(rounds), f"{ends} ended with a message, 0 lost, 0 damaged")


class Poor(Daemon):
    """Started with little for each of its processes."""
    most = (resource.RLIMIT_NOFILE, 64)

    def start(self):
        kind, count = self.most
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = subprocess.Popen([POSTERND, "-c", self.config], stdin=subprocess.DEVNULL, env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "ab"), cwd=self.folder,
                                        preexec_fn=lambda: resource.setrlimit(kind, (count, count)))
        self.wait_ready()


def cpu_seconds(server):
    ticks = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/stat") as file:
            ticks += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def poor(daemon, sink):
    to = sink()
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    server.__class__ = Poor
    return server, to


def shortages(server):
    return [line["text"] for line in server.lines() if line["event"] == "short"]


def test_without_descriptors_the_listener_waits_without_spinning_and_comes_back(daemon, sink):
    server, to = poor(daemon, sink)
    ledger = Ledger()
    server.start()
    send_at_last(server, ledger, "before")
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(80)]
    assert until(lambda: shortages(server))
    before = cpu_seconds(server)
    time.sleep(2)  # nothing happens
    assert cpu_seconds(server) - before < 1, "it spins"
    said = shortages(server)
    assert len(said) == 1 and "raise LimitNOFILE" in said[0], said
    for one in idle:
        one.close()
    send_at_last(server, ledger, "after")
    judge(server, to, ledger)


def test_strangers_leave_the_last_descriptors_for_the_mail_of_those_who_came(daemon, sink):
    """Also for what is new: a file for a big message, a channel to a role that was started again."""
    server, to = poor(daemon, sink)
    ledger = Ledger()
    server.start()
    clients = [greet(server) for _ in range(5)]
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(80)]
    assert until(lambda: shortages(server))
    for number, client in enumerate(clients):
        assert ledger.send(client, f"m{number}", size=400_000).startswith("250")
    os.kill(next(pid for pid in server.pids()[1:] if is_role(pid, "control")), signal.SIGKILL)
    assert until(lambda: server.postern("status").returncode == 0)
    assert ledger.send(clients[0], "later").startswith("250")
    for one in idle:
        one.close()
    judge(server, to, ledger)


def is_role(pid, role):
    with open(f"/proc/{pid}/cmdline") as file:
        return role in file.read().split("\0")


LEAST = [(resource.RLIMIT_NOFILE, count) for count in (mine(range(4, 64)) if TORTURE else (6, 20, 28, 34, 40))]


@pytest.mark.parametrize("most", [*LEAST, (resource.RLIMIT_NPROC, 0)], ids=lambda most: f"{most[0]}-{most[1]}")
def test_a_start_with_too_little_comes_up_or_says_what_would_help(daemon, sink, most):
    server, to = poor(daemon, sink)
    ledger = Ledger()
    server.most = most
    try:
        server.start()
    except AssertionError:
        assert server.process.returncode == 1, server.output()[-3000:]
        assert "raise LimitNOFILE" in server.output() or "raise TasksMax" in server.output(), server.output()[-3000:]
    else:
        send_at_last(server, ledger, "m")
        judge(server, to, ledger)
    server.stop()
