# SPDX-License-Identifier: Apache-2.0
"""trial and who know accounts: from the running daemon, or from the database where none runs."""
import json

import pytest

from test_accounts import HOUSE, SQLITE, add, user

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


def owners(server, address):
    return json.loads(server.postern("who", "--sends-as", address, "--json", status=0).stdout)["owners"]


def test_the_running_daemon_is_asked(server):
    check(server)
    user(server, "disown", ALICE, "*@shop.example")
    assert decided(server, "--as", ALICE, "--from", "x@shop.example", "--to", "y@elsewhere.example")["decision"] == "refuse"


def test_without_a_daemon_the_database_is_read(server):
    assert server.stop() == 0
    check(server)


@pytest.mark.parametrize("running", [True, False])
def test_who_tells_the_limits_that_an_account_has_of_its_own(server, running):
    user(server, "limit", ALICE, "500 recipients per 1 days", "60 messages per 600 seconds")
    user(server, "disable", "bob@ours.example")
    if not running:
        assert server.stop() == 0
    assert owners(server, ALICE) == [{"kind": "account", "name": ALICE, "sender": "yes", "author": "yes", "disabled": False,
        "limits": ["60 messages per 10 minutes", "500 recipients per day"]}]
    assert [(owner["disabled"], owner["limits"]) for owner in owners(server, "info@ours.example")] == [(True, [])]
    told = server.postern("who", "--sends-as", ALICE, status=0).stdout
    assert f"  account     {ALICE}  at most 60 messages per 10 minutes, 500 recipients per day\n" in told
    told = server.postern("who", "--sends-as", "info@ours.example", status=0).stdout
    assert "  account     bob@ours.example  disabled\n" in told


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


USERS = """bob:* owns=info@ours.example
alice@ours.example:* owns=*@shop.example groups=staff limits=1-recipients-per-day
"""


@pytest.mark.parametrize("running", [True, False])
def test_a_plain_file_is_read_with_a_daemon_and_without(daemon, tmp_path, running):
    file = tmp_path / "users"
    file.write_text(USERS)
    for folder in (tmp_path, *tmp_path.parents):  # the daemon's user must come through
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    started = daemon(HOUSE + f'accounts file "{file}" domain ours.example\nrelay for group staff\nrefuse if from not owned\n')
    if not running:
        assert started.stop() == 0
    taken = decided(started, "--as", ALICE, "--from", "x@shop.example", "--to", "y@elsewhere.example", "--fresh-limits")
    assert taken["possible"] == ["accept"] and taken["facts"]["limits"]["value"] == ["1 recipients per day"], taken
    assert taken["facts"]["limits"]["because"] == "accounts file"
    taken = decided(started, "--as", "bob@ours.example", "--from", "bob@ours.example", "--to", "info@ours.example")
    assert taken["possible"] == ["accept"] and "limits" not in taken["facts"], taken
    told = json.loads(started.postern("who", "--sends-as", "bob@ours.example", "--json", status=0).stdout)
    assert told["accounts_known"] and [owner["name"] for owner in told["owners"]] == ["bob"]
    assert owners(started, "x@shop.example")[0]["limits"] == ["1 recipients per day"]
    listed = [json.loads(line) for line in user(started, "list", "--json").splitlines()]
    assert [account["login"] for account in listed] == [ALICE, "bob"] and listed[0]["limits"] == ["1 recipients per day"]
    assert json.loads(user(started, "show", "bob", "--json"))["owns"] == ["info@ours.example"]
    assert "change them where they are kept" in user(started, "own", "bob", "x@ours.example", status=1)


def test_users_of_the_host_are_asked_for_one_by_one_by_the_daemon_alone(daemon):
    started = daemon(HOUSE + 'accounts pam "postern-test-none" domain ours.example\n')
    words = ("--as", "nobody@ours.example", "--from", "nobody@ours.example", "--to", "daemon@ours.example")
    assert decided(started, *words)["possible"] == ["accept"]
    assert decided(started, "--from", "a@b.example", "--to", "no-such-user@ours.example")["reason"] == "unknown-recipient"
    refused = decided(started, "--as", "nobody", "--from", "daemon@ours.example", "--to", "daemon@ours.example")
    assert refused["reason"] == "sender-not-owned", refused
    assert "accounts are kept in pam, which cannot list them" in \
        started.postern("who", "--sends-as", "x@ours.example", status=3).stdout
    assert started.stop() == 0
    undecided = decided(started, *words)
    assert undecided["possible"] != ["accept"] and undecided["facts"]["recipient_known"]["unknown"], undecided
    assert undecided["facts"]["recipient_known"]["because"] == "accounts are kept in pam, which only the daemon can ask"
