# SPDX-License-Identifier: Apache-2.0
"""Wrong sign-ins by the thousand, and what mail of others notices of them."""
import json
import os
import subprocess
import time

from measure import free_port, load
from profile import role_of
from servers import Absent, Postern

NAME = "beside 1,000 wrong sign-ins a second"
SESSIONS = 500  # a second, of two wrong sign-ins each, from 32,768 networks
SECONDS, MAIL = 6, 200  # so long; messages a second of others
MORE = """\
listen submissions "127.0.0.1:{signin}"
accounts file "{users}"
domain example.org any recipient deliver maildir "{folder}/mail/%d/%l"
relay for authenticated
"""


def house(bench):
    """One of ours with accounts. Names that nobody has cost what a wrong password costs."""
    folder, port = os.path.join(bench.folder, "flood"), free_port()
    os.makedirs(folder, exist_ok=True)
    users = os.path.join(folder, "users")
    hashed = subprocess.run(["openssl", "passwd", "-6", "right"], capture_output=True, text=True, check=True).stdout.strip()
    with open(users, "w") as file:
        file.write(f"alice@example.org:{hashed}\n")
    os.chmod(users, 0o644)
    server = Postern(bench.asked.build, folder, bench.disk, MORE.format(signin=port, users=users, folder=folder))
    return server, port


def ordinary(bench, server, seconds):
    """Mail of others at an even pace: p50 and p99 from the connect to the 250."""
    sent = load(bench.tools["load"], "send", server.port, "-c", 100, "-r", MAIL, "-n", MAIL * seconds, "-T", 60)
    if sent["unexpected"] or sent["broken"]:
        bench.note(f"{NAME}: {sent['unexpected']} unexpected replies {sent['surprise']!r}, {sent['broken']} broken connections")
    return sent["p50_ms"], sent["p99_ms"]


def memory_of(server, role):
    """Its most resident so far, in MiB."""
    for pid in server.account.pids():
        if role_of(pid) == role:
            with open(f"/proc/{pid}/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    return None


def sign_ins(bench):
    server, port = house(bench)
    try:
        server.start(bench.sink.port)
        flooded(bench, server, port)
    except (Absent, OSError, RuntimeError, ValueError, subprocess.SubprocessError) as why:
        bench.note(f"{NAME}: {why}")
    finally:
        server.stop()


def flooded(bench, server, port):
    seconds = 2 if bench.asked.quick else SECONDS
    before = memory_of(server, "accounts")
    without = ordinary(bench, server, seconds)
    # The guessers would not be on this machine: they give way to everybody else here.
    guessing = subprocess.Popen(["nice", "-n", "19", bench.tools["handshake"], str(port), "guess", str(SESSIONS * (seconds + 2)),
                                 "200", str(SESSIONS)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(1)
        beside = ordinary(bench, server, seconds)
    finally:
        guessing.wait(120)
    done = json.loads(guessing.stdout.read())
    rate = (done["wrong"] + done["later"]) / done["seconds"]
    found = {"Postern": {"without": without, "beside": beside, "rate": rate, "memory": (before, memory_of(server, "accounts"))}}
    bench.add(NAME, "wrong sign-ins answered/s", found, "rate", True)
    bench.add(NAME, "connect to 250 of others, p50 / p99 ms, without them", found, "without", False)
    bench.add(NAME, "the same beside them", found, "beside", False)
    bench.add(NAME, "MiB resident of accounts, before / at most", found, "memory", False, of_machine=False)
    bench.note(f"{NAME}: {done['wrong']:,} were tested or refused (535), {done['later']:,} were told to wait (454), "
               f"{done['broken']:,} sessions broke off")
