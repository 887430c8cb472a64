# SPDX-License-Identifier: Apache-2.0
"""The configuration as the daemon takes it: what it cannot serve, what must stay true, files that change."""
import json
import subprocess
import time

from conftest import POSTERND, Client, write_anew
from test_proof import wait_event

LOCAL = 'listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
UNSERVED = ['listen lmtp "127.0.0.1:0"',
            'deliver * via "h.example:587" tls dane login "a" password-file "/p"']


def start(server, *options):
    return subprocess.run([POSTERND, "-c", server.config, *options], capture_output=True, text=True, timeout=120)


def rcpt(server, recipient):
    client = Client(server.port)
    client.say("EHLO x.example")
    client.say("MAIL FROM:<a@b.example>")
    return client.say(f"RCPT TO:<{recipient}>")


def comes_to(ask, wanted, seconds=60):
    end = time.monotonic() + seconds
    while not ask().startswith(wanted):
        assert time.monotonic() < end, ask()
        time.sleep(0.2)


def test_what_cannot_be_served_yet_is_refused_by_the_daemon_alone(daemon):
    for line in UNSERVED:
        server = daemon(LOCAL + line + "\n", wait=False)
        for options in ([], ["-n"]):
            ran = start(server, *options)
            assert ran.returncode == 78, line
            assert "error: this version does not serve" in ran.stderr + ran.stdout, ran.stderr
        checked = server.postern("check", status=0)
        assert "warning: this version does not serve" in checked.stdout, checked.stdout


def test_a_reload_to_what_cannot_be_served_changes_nothing(daemon):
    server = daemon(LOCAL)
    text = open(server.config).read()
    with open(server.config, "w") as file:
        file.write(text + UNSERVED[0] + "\n")
    ran = server.postern("reload", status=1)
    assert "does not serve `listen lmtp`" in ran.stdout + ran.stderr
    assert rcpt(server, "alice@ours.example").startswith("250")


def test_a_fact_that_nobody_finds_is_said_at_start(daemon):
    server = daemon(LOCAL + "refuse if virus\n")
    assert "this version does not find whether a virus was found yet" in server.output()


def test_a_false_expectation_is_refused_with_the_reason(daemon):
    server = daemon(LOCAL + 'expect accept from "a@a.example" to "b@elsewhere.example"\n', wait=False)
    for ran in (start(server), start(server, "-n"), server.postern("check", status=1)):
        said = ran.stdout + ran.stderr
        assert "this `expect` is false" in said and "relay-denied" in said, said
    assert start(server).returncode == 78


def test_a_reload_that_breaks_an_expectation_changes_nothing(daemon):
    expect = 'expect accept from "a@a.example" to "alice@ours.example"\n'
    server = daemon(LOCAL + expect)
    text = open(server.config).read()
    with open(server.config, "w") as file:
        file.write(text + 'refuse if recipient "alice@ours.example"\n')
    ran = server.postern("reload", status=1)
    assert "this `expect` is false" in ran.stdout + ran.stderr
    assert rcpt(server, "alice@ours.example").startswith("250")


def test_files_of_domains_are_read_again_when_they_change(daemon, tmp_path):
    (tmp_path / "domains").write_text("one.example\n")
    server = daemon(LOCAL + f'domain in "{tmp_path}/domains" any recipient deliver maildir "{{mail}}/%d/%l"\n')
    assert rcpt(server, "a@one.example").startswith("250")
    assert rcpt(server, "a@two.example").startswith("550 5.7.1")
    write_anew(tmp_path / "domains", "one.example\ntwo.example\n")
    comes_to(lambda: rcpt(server, "a@two.example"), "250")
    # what is wrong is not taken
    write_anew(tmp_path / "domains", "one.example\nno domain\n")
    assert "no domain" in wait_event(server, "reload-refused")["text"]
    assert rcpt(server, "a@two.example").startswith("250")


def test_check_says_where_in_a_named_file_the_fault_is(daemon, tmp_path):
    (tmp_path / "aliases").write_text("info: alice@ours.example\nloop: loop2\nloop2: loop\n")
    server = daemon(f'listen smtp "127.0.0.1:0"\ndomain ours.example any recipient aliases "{tmp_path}/aliases" deliver via mx\n',
                    wait=False)
    found = json.loads(server.postern("check", "--json", status=1).stdout)
    errors = [complaint for complaint in found["complaints"] if complaint["severity"] == "error"]
    assert errors[0]["file"].endswith("aliases") and errors[0]["line"] == 2, errors
