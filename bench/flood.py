# SPDX-License-Identifier: Apache-2.0
"""Wrong sign-ins by the thousand, and what mail of others notices of them."""
import json
import os
import subprocess
import time

from measure import free_port, load
from profile import role_of
from rounds import s_server
from servers import Absent, Postern

NAME = "beside 1,000 wrong sign-ins a second"
SESSIONS, GUESSES = 500, 2  # sessions a second, wrong sign-ins of each
SECONDS, MAIL = 6, 200  # so long; messages a second of others
FORMS = {"each session from another address": 0, "from 200 addresses": 200}  # 0: of 32,768 networks
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
    """Each form of guessers, then as many handshakes as theirs with somebody else: what the same processors do to
    mail while nobody guesses here."""
    seconds = 2 if bench.asked.quick else SECONDS
    before = memory_of(server, "accounts")
    without = ordinary(bench, server, seconds)
    found = {"without": without, "memory": before}
    for form, addresses in FORMS.items():
        found[form] = beside(bench, server, port, seconds, addresses)
    found["memory"] = (before, memory_of(server, "accounts"))
    found["control"] = elsewhere(bench, server, seconds)
    shown = {"Postern": found}
    bench.add(NAME, "connect to 250 of others, p50 / p99 ms, without them", shown, "without", False)
    for form in FORMS:
        found[form + " rate"], found[form] = found[form]
        bench.add(NAME, f"wrong sign-ins/s, {form}", shown, form + " rate", True)
        bench.add(NAME, f"connect to 250 beside them, {form}", shown, form, False)
    bench.add(NAME, "the same beside 500 handshakes a second with openssl s_server", shown, "control", False)
    bench.add(NAME, "MiB resident of accounts, before / at most", shown, "memory", False, of_machine=False)


def guessers(bench, port, kind, seconds, *more):
    """They would not be on this machine: they give way to everybody else here."""
    return subprocess.Popen(["nice", "-n", "19", bench.tools["handshake"], str(port), kind, str(SESSIONS * (seconds + 2)), "200",
                             str(SESSIONS), *map(str, more)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def beside(bench, server, port, seconds, addresses):
    guessing = guessers(bench, port, "guess", seconds, addresses)
    try:
        time.sleep(1)
        latency = ordinary(bench, server, seconds)
    finally:
        guessing.wait(120)
    done = json.loads(guessing.stdout.read())
    away = GUESSES * done["turned_away"]
    bench.note(f"{NAME}, {addresses or 'all'} addresses: {done['wrong']:,} were tested or refused (535), {done['later']:,} were told to "
               f"wait (454), {away:,} came no further than the door (421), {done['broken']:,} sessions broke off")
    return (done["wrong"] + done["later"] + away) / done["seconds"], latency


def elsewhere(bench, server, seconds):
    with s_server(bench) as port:
        if not port:
            return None
        shaking = guessers(bench, port, "direct", seconds)
        try:
            time.sleep(1)
            return ordinary(bench, server, seconds)
        finally:
            shaking.wait(120)
