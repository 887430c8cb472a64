# SPDX-License-Identifier: Apache-2.0
"""doc/mistakes.md: every mistake, written as a user would make it, is answered as the page says."""
import json
import os
import re
import subprocess

import pytest

from conftest import POSTERN, ROOT

PAGE = open(os.path.join(ROOT, "doc/mistakes.md")).read()
TABLE = re.findall(r"^\| ([A-Z]\d+a?) \|", PAGE, re.M)
BEGINNING = re.search(r"^```\n(.*?)^```$", PAGE, re.M | re.S).group(1)
SECTIONS = {}
for part in PAGE.split("\n## ")[1:]:
    name, lines, said = re.match(r"(\w+)\n\n```\n(.*?)```\n\n> ([^\n]*)", part, re.S).groups()
    SECTIONS[name] = (lines, said)


def test_every_row_is_written_out():
    assert TABLE == list(SECTIONS) and len(TABLE) >= 33
    assert {f"T{number}" for number in range(12)} <= set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_mistake_is_answered_as_the_page_says(tmp_path, name):
    lines, said = SECTIONS[name]
    file = tmp_path / "postern.conf"
    file.write_text(BEGINNING + lines)
    ran = subprocess.run([POSTERN, "check", str(file), "--json"], capture_output=True, text=True, timeout=120)
    told = json.loads(ran.stdout)
    errors = [one for one in told["complaints"] if one["severity"] == "error"]
    if said == "good":
        assert ran.returncode == 0 and not errors, ran.stdout
        networks = re.findall(r"^network \w+ (198\S+|::1)", lines, re.M)
        assert [piece["addresses"] for piece in told["proof"]["pieces"]] == networks
        return
    first = errors[0]
    shown = f"line {first['line'] - BEGINNING.count(chr(10))}, column {first['column']}: {first['what']}"
    shown += f"; {first['right']}" if first["right"] else ""
    assert ran.returncode == 1 and (shown == said or said.endswith(" …") and shown.startswith(said[:-2])), shown
    if "open relay" in said:
        assert "C: RCPT TO:<" in first["transcript"]
