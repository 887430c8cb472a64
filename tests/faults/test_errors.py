# SPDX-License-Identifier: Apache-2.0
"""Each system call of a transaction fails once, in each role, with each error that it can give: never a 250
for a message whose write or flush failed, nothing lost or altered, and mail goes on afterwards."""
import errno
import os
import resource
import socket
import subprocess
import time

import pytest

from calls import NUMBERS, Calls
from house import POSTERND, TORTURE, Daemon
from rig import BOTH, Ledger, judge, kill_and_wait, send_at_last, try_to_send, until

ERRORS = {
    errno.EIO: "read pread64 write writev pwrite64 pwritev fsync fdatasync openat renameat unlinkat mkdirat "
               "ftruncate getdents64 newfstatat",
    errno.ENOSPC: "write pwrite64 pwritev fsync fdatasync openat renameat mkdirat ftruncate fallocate",
    errno.EINTR: "read readv write writev pread64 pwrite64 pwritev recvmsg recvfrom sendmsg sendto accept4 connect "
                 "openat fsync fdatasync epoll_wait epoll_pwait flock",
    errno.EMFILE: "openat socket accept4 fcntl dup dup3 pipe2 eventfd2 memfd_create epoll_create1 pidfd_open",
    errno.ENOMEM: "recvmsg sendmsg accept4 openat socket",
}
WATCHED = sorted({name for names in ERRORS.values() for name in names.split()}, key=NUMBERS.get)
OF_FILES = (errno.EIO, errno.ENOSPC)  # which no socket or event ever gives
SAMPLE = 2  # of each error in the short form


def can_fail(call, error, folder):
    """The daemon's log is our own way to see that it is ready: that one must not fail."""
    if call.name not in ERRORS[error].split():
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
    return found if TORTURE else found[::max(1, -(-len(found) // SAMPLE))]


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
        assert time.monotonic() - began < 30, f"{place}: it hangs"
        until(lambda: failed or self.calls.quiet(1.3), 0)
        self.calls.disarm()
        if at_reply and place[0] == "edge" and place[1] in ("pwritev", "fdatasync") and "/seg/" in at_reply[0][1]:
            assert not reply.startswith("250"), f"{place} failed with {errno.errorcode[error]}, and yet {reply}"
        return bool(failed)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: errno.errorcode[error])
def test_a_call_that_fails_loses_nothing_and_mail_goes_on(watched, sink, error):
    bench = Bench(watched, sink)
    rounds, failures = places(bench.seen(error), 12), 0
    assert rounds
    for number, place in enumerate(rounds):
        failures += bench.try_one(f"n{number}", place, error)
        try:
            send_at_last(bench.server, bench.ledger, f"n{number}after", 30)
        except AssertionError as stuck:
            raise AssertionError(f"{errno.errorcode[error]} at {place}: {stuck}") from None
    judge(bench.server, bench.sink, bench.ledger, twice=2 * failures)
    assert bench.server.stop() == 0
    print(f"{errno.errorcode[error]}: {failures} calls failed, {len(bench.ledger.promised)} acknowledged, 0 lost, "
          "0 damaged")


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
    for place in rounds:
        failed = []
        calls.arm(fails_at(place, error, failed, server.folder))
        try:
            server.start()
        except AssertionError:
            said = [line for line in server.lines() if line["level"] in ("error", "warn")]
            assert said, f"{errno.errorcode[error]} at {place}: no word\n{server.output()[-2000:]}"
            assert server.process.poll() is not None, f"{errno.errorcode[error]} at {place} ({failed}): neither ready nor ended\n{server.output()[-2000:]}"
            ends += 1
        calls.disarm()
        kill_and_wait(server)
    to.answers.clear()
    server.start_plain()
    judge(server, to, ledger, twice=0)
    print(f"{errno.errorcode[error]}: {len(rounds)} places of a start, {ends} ends with a message, 0 lost")


class Poor(Daemon):
    """Started with few descriptors for each of its processes."""

    def start(self):
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = subprocess.Popen([POSTERND, "-c", self.config], stdin=subprocess.DEVNULL, env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "ab"), cwd=self.folder,
                                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        self.wait_ready()


def cpu_seconds(server):
    ticks = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/stat") as file:
            ticks += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_the_listener_waits_without_spinning_and_comes_back(daemon, sink):
    to, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)), wait=False)
    server.__class__ = Poor
    server.start()
    send_at_last(server, ledger, "before")
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(80)]
    before = cpu_seconds(server)
    time.sleep(2)
    assert cpu_seconds(server) - before < 1, "it spins"
    for one in idle:
        one.close()
    send_at_last(server, ledger, "after")
    judge(server, to, ledger)
