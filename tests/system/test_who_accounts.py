# SPDX-License-Identifier: Apache-2.0
"""trial and who know accounts: from the running daemon, or from the database where none runs."""
import json

import pytest

from test_accounts import SQLITE, add, user

ALICE = "alice@ours.example"


@pytest.fixture
def server(daemon):
    started = daemon(SQLITE + "relay for group staff\nrefuse if from not owned\n")
    add(started, ALICE, "--owns", "*@shop.example", "--group", "staff")
    add(started, "bob@ours.example", "--owns", "info@ours.example")
    return started


def decided(server, *words):
    return json.loads(server.postern("trial", "--client", "203.0.113.9", "--no-dns", "--json", *words).stdout)[0]


def check(server):
    taken = decided(server, "--as", ALICE, "--from", "x@shop.example", "--to", "y@elsewhere.example")
    assert taken["decision"] == "accept" and taken["possible"] == ["accept"], taken
    assert taken["facts"]["owned"][ALICE]["value"] == ["*@shop.example"]
    refused = decided(server, "--as", ALICE, "--from", "bob@ours.example", "--to", "y@elsewhere.example")
    assert refused["possible"] == ["refuse"] and refused["reason"] == "sender-not-owned"
    assert decided(server, "--from", "x@b.example", "--to", "Info+x@ours.example")["possible"] == ["accept"]
    assert decided(server, "--from", "x@b.example", "--to", "nobody@ours.example")["reason"] == "unknown-recipient"
    told = json.loads(server.postern("who", "--sends-as", "sales@shop.example", "--json", status=0).stdout)
    assert told["accounts_known"] and [owner["name"] for owner in told["owners"]] == [ALICE]
    assert ALICE in server.postern("who", "--sends-as", "sales@shop.example", status=0).stdout
    assert "bob@ours.example" in server.postern("who", "--sends-as", "INFO@ours.example", status=0).stdout
    assert "no account" in server.postern("who", "--sends-as", "ceo@other.example", status=1).stdout


def test_the_running_daemon_is_asked(server):
    check(server)
    user(server, "disown", ALICE, "*@shop.example")
    assert decided(server, "--as", ALICE, "--from", "x@shop.example", "--to", "y@elsewhere.example")["decision"] == "refuse"


def test_without_a_daemon_the_database_is_read(server):
    assert server.stop() == 0
    check(server)


def test_what_cannot_be_read_is_unknown(daemon):
    started = daemon(SQLITE.replace("{mail}", "/nowhere") + "refuse if from not owned\n", wait=False)
    undecided = decided(started, "--as", ALICE, "--from", "x@shop.example", "--to", "y@elsewhere.example")
    assert "refuse" in undecided["possible"] and "accept" in undecided["possible"] and undecided["facts"]["owned"][ALICE]["unknown"]
    assert "cannot be told" in started.postern("who", "--sends-as", "x@shop.example", status=3).stdout


def test_a_header_given_to_trial_is_read_as_the_edge_reads_it(server, tmp_path):
    message = tmp_path / "m.eml"
    message.write_text(f"From: {ALICE}\r\nSender: bob@ours.example\r\n\r\nx\r\n")
    refused = decided(server, "--as", ALICE, "--from", ALICE, "--to", "y@elsewhere.example", "--message", str(message))
    assert refused["reason"] == "from-not-owned" and refused["claims"] == ["bob@ours.example"]
