# SPDX-License-Identifier: Apache-2.0
"""Roles that die under load, for lack of memory too; clocks that jump; two daemons on one state folder."""
import os
import random
import re
import signal
import subprocess
import time

import pytest

from house import POSTERND, TORTURE, need
from rig import BOTH, Ledger, judge, kill_and_wait, loads, queue_of, send_at_last, until

ROLES = ["edge", "queue", "out", "control", "resolver"]
DEATHS = 60 if TORTURE else 5
CGROUPS = "/sys/fs/cgroup/memory"


def role_pid(server, role):
    for pid in server.pids()[1:]:
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if role in file.read().split("\0"):
                    return pid
        except OSError:
            pass
    return None


def test_roles_that_die_one_by_one_under_load_lose_nothing(daemon, sink):
    to, ledger, rng = sink(), Ledger(), random.Random(time.time())
    server = daemon(BOTH.replace("{port}", str(to.port)))
    clients = loads(server, ledger)
    for death in range(DEATHS):
        role = ROLES[death % len(ROLES)]
        pid = until(lambda: role_pid(server, role))
        taken = len(ledger.promised)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(pid, signal.SIGKILL)
        assert until(lambda: role_pid(server, role) not in (None, pid)), f"{role} stays away\n{server.output()[-3000:]}"
        assert until(lambda: len(ledger.promised) > taken), f"no mail after {role} died\n{server.output()[-3000:]}"
    for client in clients:
        client.end()
    found = judge(server, to, ledger)
    assert server.stop() == 0
    print(f"{DEATHS} deaths, {len(ledger.promised)} acknowledged, {found.twice} repeats, 0 lost, 0 damaged")


@pytest.fixture
def memory_group():
    """Control groups (v1) with a limit of memory; removed when nobody is in them any more."""
    need("memory-cgroup")
    made = []

    def make(pid, limit):
        folder = os.path.join(CGROUPS, f"postern-test-{os.getpid()}-{len(made)}")
        os.mkdir(folder)
        made.append(folder)
        write(os.path.join(folder, "memory.limit_in_bytes"), str(limit))
        write(os.path.join(folder, "cgroup.procs"), str(pid))
        return lambda: int(re.search(r"oom_kill (\d+)", open(os.path.join(folder, "memory.oom_control")).read()).group(1))
    yield make
    for folder in made:
        for pid in open(os.path.join(folder, "cgroup.procs")).read().split():
            write(os.path.join(CGROUPS, "cgroup.procs"), pid)
        until(lambda: remove(folder), 30)


def write(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
    except ProcessLookupError:
        pass


def remove(folder):
    try:
        os.rmdir(folder)
        return True
    except OSError:
        return False


@pytest.mark.parametrize("role", ["edge", "out", "queue"])
def test_a_role_killed_for_lack_of_memory_comes_back_and_loses_nothing(daemon, sink, memory_group, role):
    to, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)))
    send_at_last(server, ledger, "before")
    pid = role_pid(server, role)
    killed = memory_group(pid, 256 << 10)
    clients = loads(server, ledger, 3, size=200_000)
    assert until(lambda: killed() or role_pid(server, role) not in (None, pid)), "the limit was never met"
    assert until(lambda: role_pid(server, role) not in (None, pid))
    taken = len(ledger.promised)
    assert until(lambda: len(ledger.promised) > taken + 5)
    for client in clients:
        client.end()
    judge(server, to, ledger)
    assert killed() >= 1
    print(f"{role}: killed by the kernel {killed()} times, {len(ledger.promised)} acknowledged, 0 lost")


@pytest.mark.parametrize("step", [400 * 86400, -400 * 86400, 3600, -3600, -1], ids=lambda step: f"{step}s")
def test_a_clock_that_jumps_under_the_daemon_neither_loses_nor_expires_mail(daemon, sink, clock, step):
    env, move = clock
    move(0)
    to, ledger = sink({"banner": "421 4.3.2 away"}), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)), env=env)
    for number in range(3):
        send_at_last(server, ledger, f"m{number}", local=False)
    until(lambda: "421" in str(queue_of(server)))
    move(step)
    for number in range(3):
        send_at_last(server, ledger, f"n{number}")
    to.answers.clear()
    judge(server, to, ledger, twice=0, seconds=60)
    assert server.stop() == 0
    move(0)


@pytest.mark.parametrize("step", [3600, -3600, -400 * 86400], ids=lambda step: f"{step}s")
def test_a_clock_that_jumped_between_two_starts_delivers_what_waits(daemon, sink, clock, step):
    env, move = clock
    move(0)
    to, ledger = sink({"banner": "421 4.3.2 away"}), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)), env=env)
    for number in range(3):
        send_at_last(server, ledger, f"m{number}", local=False)
    until(lambda: "421" in str(queue_of(server)))
    kill_and_wait(server)
    move(step)
    to.answers.clear()
    server.start()
    judge(server, to, ledger, twice=0, seconds=60)
    move(0)


def test_of_many_daemons_on_one_state_folder_one_lives(daemon, sink):
    to, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)))
    others = [subprocess.Popen([POSTERND, "-c", server.config], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, cwd=server.folder) for _ in range(5)]
    for other in others:
        said = other.communicate(timeout=120)[1].decode()
        assert other.returncode == 75 and "another" in said, (other.returncode, said)
    send_at_last(server, ledger, "after")
    judge(server, to, ledger, twice=0)


def test_a_start_at_once_after_the_supervisor_alone_was_killed_comes_up(daemon, sink):
    """The old queue may be in its last flush and hold the spool still: it is waited for."""
    to, ledger = sink(), Ledger()
    server = daemon(BOTH.replace("{port}", str(to.port)))
    for death in range(DEATHS // 2):
        clients = loads(server, ledger, name=f"d{death}c", size=200_000)
        send_at_last(server, ledger, f"d{death}")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.start()
        for client in clients:
            client.end()
    judge(server, to, ledger)
    assert server.stop() == 0
