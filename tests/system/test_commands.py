# SPDX-License-Identifier: Apache-2.0
"""The commands: check, trial, why, log, status, completion; text for people and JSON for programs."""
import json
import re
import select
import subprocess
import time

from conftest import POSTERN, RELAY, Client, need
from test_audit import wait_for
from test_messages import send

MESSAGE = b"From: <a@ours.example>\r\nSubject: x\r\n\r\nbody\r\n"


def refuse_one(relay):
    need("second-loopback")
    client = Client(relay.port, "127.0.0.2")
    client.say("EHLO stranger.example")
    client.say("MAIL FROM:<a@b.example>")
    reply = client.say("RCPT TO:<x@elsewhere.example>")
    return reply, re.search(r"\[why ([0-9A-Z-]+)\]", reply).group(1)


def test_why_tells_a_refusal_with_its_trace(relay):
    reply, number = refuse_one(relay)
    told = relay.postern("why", number, status=0).stdout
    for words in [number, "127.0.0.2", "<x@elsewhere.example>", "<a@b.example>", "refused", "Who can act",
                  "relay for network office", reply[:20]]:
        assert words in told, told
    lines = json.loads(relay.postern("why", number, "--json", status=0).stdout)
    assert lines[0]["decision"] == "refuse" and lines[0]["reason"] == "relay-denied" and lines[0]["client"]["ip"] == "127.0.0.2"
    assert {"schema", "id", "time", "policy", "stage", "listener", "sender", "recipient", "reply", "trace", "facts", "us"} <= set(lines[0])


def test_why_finds_by_recipient_sender_client_and_time(relay):
    refuse_one(relay)
    for words in (["--to", "x@elsewhere.example"], ["--from", "*@b.example"], ["--client", "127.0.0.0/8"],
                  ["--to", "*", "--since", "1h"]):
        assert "refused" in relay.postern("why", *words, status=0).stdout
    assert relay.postern("why", "--to", "nobody@nowhere.example").returncode == 1
    assert relay.postern("why").returncode == 2
    assert relay.postern("why", "not-an-id").returncode == 2


def test_why_survives_the_daemon(relay):
    _, number = refuse_one(relay)
    assert relay.stop() == 0
    assert "relay for network office" in relay.postern("why", number, status=0).stdout


def test_why_of_accepted_mail_says_what_became_of_it(relay):
    client = Client(relay.port)
    client.say("EHLO x.example")
    number = re.search(r"\[([0-9A-Z-]+)\]", send(client, "x@elsewhere.example", MESSAGE)).group(1)
    relay.sink.wait(1)
    wait_for(lambda: "delivered" in relay.postern("why", number, status=0).stdout)
    told = relay.postern("why", number, status=0).stdout
    assert "delivered" in told and f"127.0.0.1]:{relay.sink.port}" in told.replace("127.0.0.1:", "127.0.0.1]:") and "accepted" in told


def test_trial_agrees_with_the_gate(relay):
    _, number = refuse_one(relay)
    past = json.loads(relay.postern("why", number, "--json", status=0).stdout)[0]
    words = ["trial", "--client", "127.0.0.2", "--from", "a@b.example", "--to", "x@elsewhere.example", "--helo", "stranger.example"]
    tried = json.loads(relay.postern(*words, "--json", status=1).stdout)[0]
    for key in ("decision", "reason", "policy", "trace"):
        assert tried[key] == past[key], key
    assert tried["possible"] == ["refuse"]
    assert relay.postern("trial", "--client", "127.0.0.1", "--from", "a@b.example", "--to", "x@elsewhere.example").returncode == 0
    assert "relay for network office" in relay.postern(*words, status=1).stdout


def test_trial_without_a_client_says_what_is_possible(relay):
    tried = relay.postern("trial", "--from", "a@b.example", "--to", "x@elsewhere.example", "--json", status=3)
    assert set(json.loads(tried.stdout)[0]["possible"]) >= {"accept", "refuse"}


def test_what_is_not_built_is_refused_by_name(relay):
    for words in (["doctor", "example.org"], ["probe", "mx.example"], ["send", "--to", "a@b.example"],
                  ["hold", "account", "a"], ["dkim", "key", "example.org", "s1"], ["top"], ["import", "postfix", "/"]):
        ran = relay.postern(*words, status=2)
        assert f'"{words[0]}" is not built yet: it comes with' in ran.stderr
    assert "there is no option --no-such" in relay.postern("trial", "--no-such", status=2).stderr


def test_check_shows_place_caret_and_the_near_word(relay, tmp_path):
    bad = tmp_path / "bad.conf"
    bad.write_text('hostname mx.example.org\nnetwork office 192.0.2.1/24\nrelay for netwrok office\n'
                   'refuse if sendr "a@b.example"\njournal size 10 GB\n')
    ran = relay.postern("check", str(bad), status=1)
    said = ran.stdout
    for words in ["bad.conf:2:", "bad.conf:3:", "bad.conf:4:", "^", 'did you mean "network"', 'did you mean "sender"',
                  "bad.conf:5:1: warning: `journal size` has no effect in this version: the journal is kept by `journal keep` alone", "3 errors, 1 warning\n"]:
        assert words in said, said
    found = json.loads(relay.postern("check", str(bad), "--json", status=1).stdout)
    assert found["ok"] is False and len(found["complaints"]) >= 3 and found["complaints"][0]["line"] == 2
    assert json.loads(relay.postern("check", "--json", status=0).stdout)["ok"] is True


def test_status_names_processes_listeners_and_policy(relay):
    told = relay.postern("status", status=0).stdout
    for words in ["edge", "queue", "out", "control", "resolver", "127.0.0.1:"]:
        assert words in told, told
    status = json.loads(relay.postern("status", "--json", status=0).stdout)
    assert str(relay.port) in json.dumps(status)


def test_log_lists_decisions_and_follows(relay):
    refuse_one(relay)
    listed = relay.postern("log", status=0).stdout
    assert "refused" in listed and "127.0.0.2" in listed
    following = subprocess.Popen([POSTERN, "-c", relay.config, "--json", "log", "-f"], stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 60
        while not select.select([following.stdout], [], [], 0.3)[0]:  # it may not follow yet
            assert time.monotonic() < end
            refuse_one(relay)
        line = json.loads(following.stdout.readline())
        assert line["decision"] == "refuse"
    finally:
        following.kill()
        following.wait()
        following.stdout.close()


def test_sessions_shows_who_is_connected(relay):
    client = Client(relay.port)
    client.say("EHLO connected.example")
    told = relay.postern("sessions", status=0).stdout
    assert "127.0.0.1" in told


def test_commands_without_a_daemon_end_with_3(relay):
    assert relay.stop() == 0
    for words in (["status"], ["queue"], ["reload"], ["sessions"]):
        ran = relay.postern(*words, status=3)
        assert "daemon" in ran.stderr


def test_why_finds_an_error_of_form_too(relay):
    client = Client(relay.port)
    client.say("EHLO x.example")
    client.say("MAIL FROM:<a@b.example>")
    number = re.search(r"\[why ([0-9A-Z-]+)\]", client.say("RCPT TO:<broken")).group(1)
    told = relay.postern("why", number, status=0).stdout
    assert "refused" in told and "501" in told


def test_completion_knows_every_command():
    for shell in ("bash", "zsh", "fish"):
        ran = subprocess.run([POSTERN, "completion", shell], capture_output=True, text=True)
        assert ran.returncode == 0 and all(word in ran.stdout for word in ("check", "trial", "why", "client"))
    assert subprocess.run(["bash", "-n", "-c", subprocess.run([POSTERN, "completion", "bash"], capture_output=True, text=True).stdout]).returncode == 0


def test_nothing_from_outside_reaches_the_terminal_raw(relay):
    need("second-loopback")
    client = Client(relay.port, "127.0.0.2")
    client.say(b"EHLO x\x1b[31mred.example")
    client.say("EHLO x.example")
    client.say("MAIL FROM:<\"\x1b]0;x\x07\"@b.example>".encode())
    client.say("MAIL FROM:<a@b.example>")
    client.say(b"RCPT TO:<x\x9b31m@elsewhere.example>")
    told = relay.postern("log", status=0).stdout + relay.output()
    assert "\x1b" not in told and "\x07" not in told and "\x9b" not in told
