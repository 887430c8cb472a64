# SPDX-License-Identifier: Apache-2.0
"""Reasons that no session hears: each is said by the rooms behind the edge, and asserted in a test of theirs.

The test of scenarios (src/smtpin/scenario_test.c) holds the others: reply and trace of each.
"""
import os
import re

import pytest

from shape import tracked

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)

BEHIND = ("src/queue/", "src/smtpout/", "src/deliver/", "src/accounts/")
# A clause says it, of what accounts counted: the daemon as a whole is needed for it.
BY_A_CLAUSE = {"LIMIT_REACHED": "src/policy/clauses.c", "ACCOUNT_LIMIT_REACHED": "src/policy/account_limits.c"}


def elsewhere():
    table = open("src/smtpin/asserted.c").read().split("elsewhere[] = {")[1].split("};")[0]
    return re.findall(r"REASON_(\w+)", table)


def rows():
    """Name and words of each row, by id."""
    text = open("src/reason/reasons.def").read()
    found = re.findall(r'^REASON\((\w+), "([^"]+)", RANK_\w+, \d+,\s+E\([\d, ]+\),\s+"([^"]*)"', text, re.M)
    assert len(found) == len(re.findall(r"^REASON\(", text, re.M))
    return {row[0]: row[1:] for row in found}


def is_test(file):
    return file.endswith("_test.c") or file.startswith("tests/")


SOURCES = {file: open(file).read() for file in tracked("src/*.c", "tests/system/*.py")}
ROWS = rows()


@pytest.mark.parametrize("reason", elsewhere())
def test_it_is_said_behind_the_edge(reason):
    homes = BY_A_CLAUSE.get(reason, BEHIND)
    assert any(re.search(rf"\bREASON_{reason}\b", text) for file, text in SOURCES.items()
               if file.startswith(homes) and not is_test(file) and not file.endswith("/fake.c"))


@pytest.mark.parametrize("reason", elsewhere())
def test_it_is_asserted_there(reason):
    name, words = ROWS[reason]
    piece = max(re.split(r"\$\d", words), key=len)
    signs = [rf"REASON_{reason}\b", rf"\"{re.escape(name)}\""] + ([re.escape(piece)] if len(piece) > 12 else [])
    asserted = [file for file, text in SOURCES.items() if is_test(file) and file.startswith((*BEHIND, "tests/system/"))
                and any(re.search(sign, text) for sign in signs)]
    assert asserted, f"no test of queue, smtpout or the whole daemon asserts {name} by its name or its words"


def test_the_table_names_each_once():
    assert len(set(elsewhere())) == len(elsewhere()) > 10
