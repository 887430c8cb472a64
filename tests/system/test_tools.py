# SPDX-License-Identifier: Apache-2.0
"""The policy as a tool: trial, who, diff, replay, shadow, policy, limits, the nearest miss."""
import json
import os
import select
import signal
import subprocess
import time

import pytest

from conftest import POSTERN, RELAY, Client, need
from test_audit import session, submit, wait_for

POLICY = """hostname mx.test.example
state "{folder}/state"
listen smtp "127.0.0.1:0"
domain ours.example any recipient deliver maildir "{folder}/mail/%d/%l"
network office 192.0.2.0/28 owns domain ours.example
network guests 198.51.100.0/28
relay for network office
relay for authenticated if group staff
refuse if sender not owned
refuse if listed "bl.example" unless trusted
refuse if spf fail unless trusted
limit network office 2 messages per hour
deliver * via mx
"""


@pytest.fixture
def ask(tmp_path):
    def run(*words, status=None, more="", text=POLICY, name="postern.conf"):
        path = tmp_path / name
        path.write_text(text.replace("{folder}", str(tmp_path)) + more)
        ran = subprocess.run([POSTERN, "-c", str(path), *words], capture_output=True, text=True, timeout=120, cwd=tmp_path,
                             stdin=subprocess.DEVNULL)
        if status is not None:
            assert ran.returncode == status, f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran
    run.folder = tmp_path
    return run


CONTENT = 'refuse if size > 1 MB\nrefuse if header "X-Bad" "yes*"\n'
ABROAD = ["trial", "--no-dns", "--to", "b@adatum.com"]
HARMLESS = ["--fact", 'not listed "bl.example"', "--fact", "not spf fail"]


@pytest.mark.parametrize("words, status, told", [
    (["--client", "192.0.2.3", "--from", "a@ours.example", "--fresh-limits"], 0, "granted by"),
    (["--client", "192.0.2.3", "--from", "a@ours.example"], 3, "the counter"),
    (["--client", "192.0.2.3", "--from", "x@other.example"], 1, "somebody@ours.example"),
    (["--client", "203.0.113.9", "--from", "a@a.example", *HARMLESS], 1, "It would have been accepted with"),
    (["--client", "203.0.113.9", "--from", "a@a.example"], 1, "SPF"),
    (["--as", "a@ours.example", "--client", "203.0.113.9", "--from", "a@ours.example", "--fact", "group staff", *HARMLESS], 0, "group staff"),
    (["--as", "a@ours.example", "--client", "203.0.113.9", "--from", "a@ours.example", "--fact", "not group staff", *HARMLESS], 1, "relay"),
    (["--client", "203.0.113.9", "--from", "a@a.example", "--fact", "spf fail"], 1, "550 5.7.23"),
    (["--client", "203.0.113.9", "--from", "a@a.example", "--fact", "spf pas"], 2, "pass"),
    (["--client", "203.0.113.9", "--cert", "nobody"], 2, "--cert nobody"),
    (["--client", "x"], 2, "not an IP address"),
])
def test_trial_takes_every_kind_of_fact(ask, words, status, told):
    ran = ask(*ABROAD, *words, status=status)
    assert told in ran.stdout + ran.stderr, ran.stdout + ran.stderr


def test_trial_reads_a_message(ask):
    (ask.folder / "m.eml").write_bytes(b"From: A <a@ours.example>\r\nX-Bad: yes, very\r\n\r\nbody\r\n")
    words = ["trial", "--no-dns", "--client", "192.0.2.3", "--from", "a@ours.example", "--to", "x@ours.example",
             "--fresh-limits", "--message", str(ask.folder / "m.eml")]
    assert "X-Bad" in ask(*words, status=1, more=CONTENT).stdout
    (ask.folder / "m.eml").write_bytes(b"From: A <a@ours.example>\r\n\r\n" + b"x" * 1_100_000)
    assert "5.3.4" in ask(*words, status=1, more=CONTENT).stdout
    [found] = json.loads(ask(*words, "--json", status=1, more=CONTENT).stdout)
    assert found["decision"] == "refuse" and found["from"] == "a@ours.example" and found["possible"] == ["refuse"]
    assert 'if not: size > 1000000' in found["nearest"]


def test_who_answers_backwards(ask):
    told = ask("who", "--relay", status=0).stdout
    assert "relay for network office" in told and "in office" in told and "IPv4" in told
    assert "office" in ask("who", "--sends-as", "anyone@ours.example", status=0).stdout
    assert json.loads(ask("who", "--sends-as", "x@nobodys.example", "--json").stdout)["owners"][0]["name"] == "guests"
    assert json.loads(ask("who", "--client", "192.0.2.3", "--json", status=0).stdout)["networks"] == "office"
    assert "may not relay" in ask("who", "--client", "203.0.113.1", status=1).stdout
    assert ask("who").returncode == 2


def other(ask, old, new):
    path = ask.folder / "other.conf"
    path.write_text(POLICY.replace("{folder}", str(ask.folder)).replace(old, new))
    return str(path)


@pytest.mark.parametrize("old, new, client, target, change", [
    ("192.0.2.0/28", "192.0.2.0/29", "office", "foreign", "loses"),
    ("relay for network office\n", "relay for network office\nrelay for network guests\n", "guests", "foreign", "gains"),
    ("if group staff", "", "signed in", "foreign", "gains"),
    ('refuse if listed "bl.example" unless trusted\n', "", "a stranger", "ours", "gains"),
    ("refuse if spf fail unless trusted", "defer if spf fail unless trusted", "a stranger", "ours", "may"),
    ("deliver * via mx", "deliver * via mx\nrefuse if size > 2 MB", "a stranger", "ours", "loses"),
])
def test_diff_finds_each_change_of_meaning(ask, old, new, client, target, change):
    ran = ask("diff", other(ask, old, new), "--json", status=1)
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert any(client in f["client"] and f["recipients"] == target and f["change"] == change for f in found), ran.stdout
    assert all(f["example"] and f["before"] != f["after"] for f in found)


def test_diff_finds_nothing_where_only_the_writing_differs(ask):
    lines = POLICY.splitlines()
    shuffled = "\n".join(lines[:3] + sorted(lines[3:])) + "\n# a comment\n"
    path = ask.folder / "other.conf"
    path.write_text(shuffled.replace("{folder}", str(ask.folder)))
    assert "No difference was found" in ask("diff", str(path), status=0).stdout


def test_format_and_policy_print_the_usual_form(ask):
    ask("check", "--format", status=0)
    formatted = ask("check", "--format", status=0).stdout
    assert ask("check", "--format", text=formatted, name="again.conf", status=0).stdout == formatted
    assert "relay    for network office" in ask("policy", status=0).stdout
    assert ask("check", "--format", text='network "open\n', name="bad.conf").returncode == 1


def stranger(server, recipient):
    need("second-loopback")
    client = Client(server.port, "127.0.0.2")
    client.say("EHLO stranger.example")
    client.say("MAIL FROM:<a@b.example>")
    return client.say(f"RCPT TO:<{recipient}>")


def test_replay_tells_what_another_configuration_would_have_done(daemon, sink):
    server = daemon(RELAY.replace("{port}", str(sink().port)))
    stranger(server, "x@elsewhere.example")
    stranger(server, "in@ours.example")
    submit(session(server), ["y@elsewhere.example"])
    wait_for(lambda: "3 unchanged, 0 changed" in server.postern("replay").stdout)
    wider = os.path.join(server.folder, "wider.conf")
    with open(wider, "w") as file:
        file.write(open(server.config).read().replace("127.0.0.1/32", "127.0.0.0/30") + "refuse if spf fail unless trusted\n")
    ran = server.postern("replay", "--policy", wider, "--json", status=1)
    found = json.loads(ran.stdout)
    assert (found["changed"], found["unchanged"], found["cannot_tell"]) == (1, 2, 0), found
    assert found["changes"][0]["was"] == "refuse" and "relay for network office" in found["changes"][0]["because"]
    told = server.postern("replay", "--policy", wider, "--each", status=1).stdout
    assert "x@elsewhere.example" in told and "now accept" in told
    asks = os.path.join(server.folder, "asks.conf")
    with open(asks, "w") as file:
        file.write(open(server.config).read() + "refuse if spf fail\n")
    ran = server.postern("replay", "--policy", asks, "--json")
    assert ran.returncode == 1 and json.loads(ran.stdout)["missing"][0]["fact"] == "spf"
    assert server.postern("replay", "--since", "2099-01-01T00:00:00Z").stdout.startswith("0 unchanged")


def test_shadow_tells_it_live(daemon, sink):
    server = daemon(RELAY.replace("{port}", str(sink().port)))
    wider = os.path.join(server.folder, "wider.conf")
    with open(wider, "w") as file:
        file.write(open(server.config).read().replace("127.0.0.1/32", "127.0.0.0/30"))
    process = subprocess.Popen([POSTERN, "-c", server.config, "shadow", wider], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        line = ""
        while "x@elsewhere.example" not in line and time.monotonic() < end:
            stranger(server, "x@elsewhere.example")
            time.sleep(0.3)
            line += os.read(process.stdout.fileno(), 65536).decode() if select.select([process.stdout], [], [], 0)[0] else ""
        assert "x@elsewhere.example" in line and "now accept" in line
        process.send_signal(signal.SIGINT)
        assert "changed" in process.stdout.read()
        assert process.wait(60) == 1
    finally:
        process.kill()


def test_why_tells_the_nearest_miss_and_the_whole_trace(daemon, sink):
    server = daemon(RELAY.replace("{port}", str(sink().port)) + 'refuse if sender "never@x.example"\n')
    number = stranger(server, "x@elsewhere.example").split("[why ")[1].split("]")[0]
    wait_for(lambda: server.postern("why", number).returncode == 0)
    told = server.postern("why", number).stdout
    assert "a client in network office" in told and "never@x.example" in told
    [line] = json.loads(server.postern("why", number, "--json").stdout)
    assert line["nearest"] == ["a client in network office"] and len(line["trace"]) == 2


def test_limits_shows_the_counters(daemon, sink):
    server = daemon(RELAY.replace("{port}", str(sink().port)) + "limit network office 5 messages per hour\n")
    for _ in range(3):
        submit(session(server), ["y@elsewhere.example"])
    wait_for(lambda: [line["used"] for line in server.json("limits")] == [3])
    assert "3 of 5" in server.postern("limits", "127.0.0.1", status=0).stdout
    assert server.postern("limits", "192.0.2.9", status=0).stdout == "nothing is counted at the moment\n"
