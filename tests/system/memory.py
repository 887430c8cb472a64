# SPDX-License-Identifier: Apache-2.0
"""What lies in the memory of a role's process, and what must not."""
import array
import json
import os
import re
import subprocess
import time

import pytest

from conftest import FLAVOUR, POSTERN

PAGE = os.sysconf("SC_PAGE_SIZE")


def role_pid(made, role):
    status = json.loads(subprocess.run([POSTERN, "-c", made.config, "status", "--json"], capture_output=True,
                                       text=True).stdout)
    for one in status["roles"]:
        for process in one.get("status", one).get("processes", []):
            if process["role"] == role and process["state"] == "running":
                return process["pid"]
    return None


def secrets_of(key):
    """The private number as bytes, both ways round, and 32 octets of its DER."""
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    digits = re.search(r"(?:priv|prime1):\s*([0-9a-f:\s]+)", text).group(1)
    number = bytes.fromhex(re.sub(r"[:\s]", "", digits)).lstrip(b"\0")
    with open(key) as file:
        lines = file.read().splitlines()
    return [number[:24], number[::-1][-24:], lines[1][:40].encode()]


def memory_of(pid):
    if FLAVOUR == "asan":
        pytest.skip("the shadow memory of a sanitized program is too much to read")
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory, \
            open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for line in maps:
            span, rights, *_ = line.split()
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            for first, count in runs_of(pages, start // PAGE, end // PAGE):
                try:
                    memory.seek(first * PAGE)
                    found.append(memory.read(count * PAGE))
                except (OSError, ValueError, OverflowError):
                    continue
    return b"".join(found)


def runs_of(pages, first, end):
    """(page, how many) of what is there, in memory or swapped out: the rest of a mapping was never touched."""
    pages.seek(first * 8)
    rows = array.array("Q", pages.read((end - first) * 8))
    there = [bool(row >> 62) for row in rows] + [False]
    begun = None
    for number, is_there in enumerate(there):
        if is_there and begun is None:
            begun = number
        elif not is_there and begun is not None:
            yield first + begun, number - begun
            begun = None


def held_by(pid):
    """Bytes that a process has in memory of its own: no file's pages."""
    if FLAVOUR == "asan":
        pytest.skip("a sanitized program has another memory")
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))


def unread(port):
    """Octets that clients have sent to a port of 127.0.0.1 and its server has not read."""
    waiting = 0
    with open("/proc/net/tcp") as lines:
        next(lines)
        for line in lines:
            _, here, _, state, queues, *_ = line.split()
            if state == "01" and int(here.split(":")[1], 16) == port:
                waiting += int(queues.split(":")[1], 16)
    return waiting


class Growth:
    """What a process has taken since this was made."""

    def __init__(self, pid):
        self.pid, self.before = pid, held_by(pid)

    def bytes(self):
        return held_by(self.pid) - self.before

    def when_read(self, port):
        """Once everything that was sent to the port has been read."""
        end = time.monotonic() + 60
        while unread(port) and time.monotonic() < end:
            time.sleep(0.05)
        return self.bytes()

    def when_still(self):
        """Once it does not change any more."""
        end, last = time.monotonic() + 60, None
        while (now := self.bytes()) != last and time.monotonic() < end:
            last = now
            time.sleep(0.3)
        return now
