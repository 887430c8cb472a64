# SPDX-License-Identifier: Apache-2.0
"""What lies in the memory of a role's process, and what must not."""
import json
import re
import subprocess

import pytest

from conftest import FLAVOUR, POSTERN


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
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                found += memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
    return found
