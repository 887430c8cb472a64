# SPDX-License-Identifier: Apache-2.0
"""The proof: an open relay never starts; its transcript does relay where nothing is proved; what changes later is proved again."""
import json
import os
import re
import subprocess
import time

import pytest

import conftest
from conftest import POSTERN, POSTERND, Client, need, write_anew

MARK = b"it proves nothing"
BEGINNING = 'listen smtp "127.0.0.1:0"\nhostname mx.test.example\n' \
            'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
OPEN = [
    "network all 0.0.0.0/0\nrelay for network all\n",
    "network low 0.0.0.0/1\nrelay for network low if sender domain partner.example\n",
    'network low 64.0.0.0/2\nrelay for network low if helo "*.partner.example"\n',
    "network all 0.0.0.0/0 ::/0\nrelay for network all if recipient domain partner.example\n",
    "network all 0.0.0.0/0\nrelay for network all unless sender null\nrefuse if client 10.0.0.0/8\n",
    "network all 0.0.0.0/0\nrelay for network all if sender null\n",
    'domain *.com any recipient deliver maildir "{mail}/%d/%l"\n',
]


def transcript_of(tmp_path, text):
    file = tmp_path / "postern.conf"
    file.write_text(text)
    ran = subprocess.run([POSTERN, "check", str(file), "--json"], capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout
    shown = [one["transcript"] for one in json.loads(ran.stdout)["complaints"] if "transcript" in one]
    assert shown, ran.stdout
    return shown[0]


def play(port, transcript, source):
    """Says every C: line and holds each reply against the S: line behind it. True if all agree."""
    client = Client(port, source)
    lines = transcript.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("C: "):
            continue
        client.send(line[3:] + "\r\n")
        if number + 1 < len(lines) and lines[number + 1].startswith("S: "):
            if not client.reply().startswith(lines[number + 1][3:6]):
                return False
    return True


@pytest.mark.parametrize("lines", OPEN)
def test_a_transcript_relays_where_nothing_is_proved(daemon, sink, tmp_path, monkeypatch, lines):
    need("second-loopback")
    to = sink()
    text = BEGINNING + lines + f'deliver * via "127.0.0.1:{to.port}"\n'
    transcript = transcript_of(tmp_path, text)
    monkeypatch.setattr(conftest, "POSTERND", POSTERND + "-without-proof")
    server = daemon(text)
    assert play(server.port, transcript, "127.0.0.2"), transcript
    recipient = re.search(r"RCPT TO:<(.*)>", transcript).group(1)
    if "domain *." in lines:
        return  # taken as one of ours
    assert to.wait(1)[0][1] == [recipient.encode()], transcript


@pytest.mark.parametrize("lines", OPEN)
def test_what_the_proof_refuses_does_not_start(tmp_path, lines):
    file = tmp_path / "postern.conf"
    file.write_text(f'state "{tmp_path}/state"\n' + BEGINNING + lines)
    for options in (["-n"], []):
        ran = subprocess.run([POSTERND, "-c", str(file), *options], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 78 and "this would be an open relay" in ran.stderr, ran.stderr
        assert "C: RCPT TO:<" in ran.stderr.replace("\\n", "\n") and '"ready"' not in ran.stderr


def test_a_posternd_for_use_cannot_leave_the_proof_out():
    assert MARK in open(POSTERND + "-without-proof", "rb").read()
    for program in (POSTERND, POSTERN):
        assert MARK not in open(program, "rb").read()
    installed = open(os.path.join(conftest.ROOT, "src/cmd/meson.build")).read().split("executable(")
    assert [part for part in installed if "without_proof.c" in part and "install : false" in part]


def test_the_proof_is_shown_at_start_and_check(daemon):
    server = daemon(BEGINNING + "network office 192.0.2.0/24\nrelay for network office\n")
    said = [line for line in server.lines() if line.get("event") == "proof"]
    assert said and "192.0.2." in json.dumps(said[0])
    told = json.loads(server.postern("check", "--json", status=0).stdout)["proof"]
    assert told["pieces"][0]["network"] == "office" and told["decisions"] > 100 and "No proof sees" in told["unseen"]


def wait_event(server, event, count=1, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [line for line in server.lines() if line.get("event") == event]
        if len(found) >= count:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError(f"no {event}:\n{server.output()}")


def test_a_file_that_changes_is_proved_before_it_is_used(daemon, tmp_path):
    names = tmp_path / "domains"
    names.write_text("first.example\n")
    os.chmod(tmp_path, 0o755)
    server = daemon(f'listen smtp "127.0.0.1:0"\ndomain in "{names}" any recipient deliver maildir "{{mail}}/%d/%l"\n')
    write_anew(names, "first.example\nsecond.example\nco.uk\n")
    refused = wait_event(server, "reload-refused")
    assert "public suffix" in json.dumps(refused)
    client = Client(server.port)
    client.say("EHLO x.example")
    client.say("MAIL FROM:<a@b.example>")
    assert client.say("RCPT TO:<u@first.example>").startswith("250")
    assert client.say("RCPT TO:<u@second.example>").startswith("550")
    assert client.say("RCPT TO:<u@co.uk>").startswith("550")
    write_anew(names, "first.example\nsecond.example\n")
    wait_event(server, "reloaded")
    server.settle()
    client = Client(server.port)
    client.say("EHLO x.example")
    client.say("MAIL FROM:<a@b.example>")
    assert client.say("RCPT TO:<u@second.example>").startswith("250")


def test_a_reload_of_an_open_relay_changes_nothing(daemon):
    server = daemon(BEGINNING + "network office 192.0.2.0/24\nrelay for network office\n")
    server.write(BEGINNING.replace("{mail}", os.path.join(server.folder, "mail")).replace("127.0.0.1:0", f"127.0.0.1:{server.port}")
                 + "network office 192.0.0.0/4\nrelay for network office\n")
    ran = subprocess.run([POSTERN, "-c", server.config, "reload"], capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0 and "open relay" in ran.stdout + ran.stderr, ran.stdout + ran.stderr
    client = Client(server.port, "127.0.0.1")
    client.say("EHLO x.example")
    client.say("MAIL FROM:<a@b.example>")
    assert client.say("RCPT TO:<u@elsewhere.example>").startswith("550")


def test_gateways_of_container_networks_are_left_out(tmp_path):
    need("root")
    need("netns")
    file = tmp_path / "postern.conf"
    file.write_text('listen smtp "*:25"\nhostname mx.test.example\ndomain ours.example any recipient deliver via mx\n'
                    "network pods 172.17.0.0/16 10.88.0.0/16 fd00:88::/64 192.168.7.0/24\nrelay for network pods\n")
    setup = ("mount -t sysfs none /sys && ip link add docker0 type bridge && ip addr add 172.17.0.1/16 dev docker0 && "
             "ip link add pods type bridge && ip link add veth1 type veth peer name veth2 && ip link set veth1 master pods && "
             "ip addr add 10.88.0.1/16 dev pods && ip -6 addr add fd00:88::1/64 dev pods nodad && ip link set pods up && "
             "ip link add idle type bridge && ip addr add 192.168.7.1/24 dev idle")
    ran = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", f"{setup} && exec {POSTERN} check {file}"],
                         capture_output=True, text=True, timeout=60)
    if ran.returncode and "Left out" not in ran.stdout:
        pytest.skip(f"no bridges can be made here: {ran.stderr.strip()[-200:]}")
    for gone in ("172.17.0.1, the container network's docker0", "10.88.0.1, the container network's pods",
                 "fd00:88::1, the container network's pods"):
        assert f"Left out of network pods: {gone}" in ran.stdout, ran.stdout
    assert "192.168.7.1," not in ran.stdout and "192.168.7.0/24" in ran.stdout
