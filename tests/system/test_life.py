# SPDX-License-Identifier: Apache-2.0
"""The daemon's life: ready, reload, orderly ends, what dies comes back, who it runs as."""
import os
import pwd
import re
import signal
import socket
import subprocess
import time

from conftest import POSTERND, RELAY, Client, need, write_anew
from test_messages import send
from test_proof import wait_event

LOCAL = 'listen smtp "127.0.0.1:0"\ndomain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
MESSAGE = b"From: <a@ours.example>\r\nSubject: x\r\n\r\nbody\r\n"


def hello(server, source="127.0.0.1"):
    client = Client(server.port, source)
    client.say("EHLO x.example")
    return client


def role_pids(server, role):
    found = []
    for pid in server.pids()[1:]:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:  # it ended between the two looks
            continue
        if role.encode() in words:
            found.append(pid)
    return found


def test_sigterm_ends_in_order_and_the_ready_line_names_the_address(daemon):
    server = daemon(LOCAL)
    assert "127.0.0.1" in str(server.ready)
    assert send(hello(server), "alice@ours.example", MESSAGE).startswith("250")
    assert server.stop() == 0
    assert server.lines()


def test_a_session_in_data_is_finished_at_sigterm(daemon):
    server = daemon(LOCAL)
    client = hello(server)
    client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@ours.example>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    server.process.send_signal(signal.SIGTERM)
    wait_event(server, "stop")
    server.settle()
    assert client.say(MESSAGE + b".").startswith("250 2.0.0 kept")
    assert server.process.wait(90) == 0
    server.start()
    assert len(server.mails("alice@ours.example", 1)) == 1


def test_a_second_daemon_on_the_same_state_ends_with_75(daemon):
    server = daemon(LOCAL)
    second = subprocess.run([POSTERND, "-c", server.config], capture_output=True, text=True, timeout=120)
    assert second.returncode == 75, second.stderr
    assert send(hello(server), "alice@ours.example", MESSAGE).startswith("250")


def test_a_refused_configuration_ends_with_78_and_shows_the_place(daemon):
    server = daemon(LOCAL + "relay for netwrok office\n", wait=False)
    for options in ([], ["-n"]):
        ran = subprocess.run([POSTERND, "-c", server.config, *options], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 78
        said = ran.stdout + ran.stderr
        assert "netwrok" in said and "network" in said and re.search(r"postern\.conf:\d+:\d+", said), said


def test_usage_errors_end_with_2_and_the_version_is_told(daemon):
    assert subprocess.run([POSTERND, "--nonsense"], capture_output=True).returncode == 2
    told = subprocess.run([POSTERND, "--version"], capture_output=True, text=True)
    assert told.returncode == 0 and "postern" in told.stdout


def test_reload_takes_a_new_policy_and_keeps_sessions(daemon, sink):
    to = sink()
    server = daemon(RELAY.replace("{port}", str(to.port)))
    client = hello(server)
    assert client.say("MAIL FROM:<a@b.example>").startswith("250")
    text = open(server.config).read()
    with open(server.config, "w") as file:
        file.write(text + 'refuse if sender "a@b.example" say "no more of this"\n')
    server.postern("reload", status=0)
    assert client.say("RCPT TO:<x@elsewhere.example>").startswith("250"), "a transaction ends on its policy"
    assert client.say("RSET").startswith("250")
    assert client.say("MAIL FROM:<a@b.example>").startswith("250")
    assert "no more of this" in client.say("RCPT TO:<x@elsewhere.example>")


def reload_by_socket(server):
    """Without the time that a program of its own takes; again where the daemon has just seen the new file itself."""
    while True:
        try:
            (said,) = server.ask("reload")
            assert said["reloaded"]
            return
        except RuntimeError as why:
            assert "ask again" in str(why)


def test_a_transaction_begun_after_the_answer_to_a_reload_is_decided_by_the_new_policy(daemon):
    text = RELAY.replace("{port}", "9") + "edges 3\n"
    server = daemon(text)
    clients = [hello(server) for _ in range(9)]
    settings = open(server.config).read()
    for turn in range(40):
        refused = turn % 2 == 0
        write_anew(server.config, settings + ('refuse if sender "a@b.example"\n' if refused else ""))
        reload_by_socket(server)
        for client in clients:
            client.socket.sendall(b"MAIL FROM:<a@b.example>\r\n")
        for client in clients:
            assert client.reply().startswith("250")
        replies = [client.say("RCPT TO:<b@elsewhere.example>") for client in clients]
        assert [reply[:1] for reply in replies] == ["5" if refused else "2"] * len(clients), (turn, replies)
        for client in clients:
            client.say("RSET")


def test_a_bad_reload_changes_nothing_and_says_why(daemon):
    server = daemon(LOCAL)
    text = open(server.config).read()
    with open(server.config, "w") as file:
        file.write(text + "refuse if nonsense\n")
    ran = server.postern("reload", status=1)
    assert "nonsense" in ran.stdout + ran.stderr
    server.process.send_signal(signal.SIGHUP)
    wait_event(server, "reload-refused")
    assert send(hello(server), "alice@ours.example", MESSAGE).startswith("250")
    assert server.process.poll() is None


def send_at_last(server, seconds=60):
    """Tries until a message is taken: 421 and 451 are what a client may meet while a role comes back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if send(hello(server), "alice@ours.example", MESSAGE).startswith("250"):
                return True
        except (OSError, AssertionError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"no mail is taken any more:\n{server.output()}")


def test_every_role_that_dies_comes_back_and_no_mail_is_lost(daemon):
    server = daemon(LOCAL)
    kept = 0
    for role in ["edge", "out", "queue", "control", "resolver"]:
        kept += send_at_last(server)
        before = role_pids(server, role)
        assert before, role
        os.kill(before[0], signal.SIGKILL)
        kept += send_at_last(server)
        end = time.monotonic() + 60
        while time.monotonic() < end and set(role_pids(server, role)) & set(before):
            time.sleep(0.05)
        while time.monotonic() < end and not role_pids(server, role):
            time.sleep(0.05)
        assert role_pids(server, role) and role_pids(server, role) != before, f"{role} did not come back"
    assert len(server.mails("alice@ours.example", kept)) >= kept


def is_alive(pid):
    """A zombie is not: who is first in a container may never ask for its end."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_when_the_supervisor_dies_all_end(daemon):
    server = daemon(LOCAL)
    pids = server.pids()
    os.kill(pids[0], signal.SIGKILL)
    server.process.wait()
    end = time.monotonic() + 60
    while time.monotonic() < end and any(map(is_alive, pids[1:])):
        time.sleep(0.05)
    assert not [pid for pid in pids[1:] if is_alive(pid)]


def test_as_root_every_role_drops_its_rights(daemon):
    need("root")
    server = daemon("user nobody\n" + LOCAL, wait=False)
    nobody = pwd.getpwnam("nobody")
    server.start()
    for pid in server.pids()[1:]:
        with open(f"/proc/{pid}/status") as file:
            uids = re.search(r"^Uid:\s+(.*)$", file.read(), re.M).group(1).split()
        assert set(uids) == {str(nobody.pw_uid)}
    assert os.stat(server.state).st_mode & 0o777 == 0o700 and os.stat(server.state).st_uid == nobody.pw_uid
    assert send(hello(server), "alice@ours.example", MESSAGE).startswith("250")
    assert len(server.mails("alice@ours.example", 1)) == 1


def test_a_written_but_unknown_user_is_an_error_of_the_configuration(daemon):
    need("root")
    server = daemon("user no-such-user-here\n" + LOCAL, wait=False)
    ran = subprocess.run([POSTERND, "-c", server.config], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 78 and "no-such-user-here" in ran.stderr + ran.stdout


def test_without_any_configuration_it_is_useful_and_safe(tmp_path):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # its last clients' may be waiting
        try:
            probe.bind(("127.0.0.1", 2525))
        except OSError:
            import pytest
            pytest.skip("port 2525 is in use here")
    if os.path.exists("/etc/postern/postern.conf"):
        import pytest
        pytest.skip("this machine has a configuration of its own")
    log = open(tmp_path / "log", "wb")
    os.chmod(tmp_path, 0o755)
    process = subprocess.Popen([POSTERND], cwd=tmp_path, stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while b'"ready"' not in open(tmp_path / "log", "rb").read() and time.monotonic() < end:
            time.sleep(0.05)
        client = Client(2525)
        client.say("EHLO x.example")
        assert send(client, "me@localhost", MESSAGE).startswith("250")
        stranger = Client(2525, "127.0.0.2")
        stranger.say("EHLO x.example")
        stranger.say("MAIL FROM:<a@b.example>")
        assert stranger.say("RCPT TO:<x@elsewhere.example>").startswith("550 5.7.1")
        end = time.monotonic() + 60
        found = []
        while not found and time.monotonic() < end:
            found = [name for folder, _, names in os.walk(tmp_path / "postern-state") for name in names
                     if os.path.basename(folder) == "new"]
            time.sleep(0.05)
        assert len(found) == 1
    finally:
        process.terminate()
        assert process.wait(90) == 0
        log.close()


def test_one_process_holds_all_roles_for_debugging(daemon):
    server = daemon(LOCAL, options=["--one-process"])
    assert send(hello(server), "alice@ours.example", MESSAGE).startswith("250")
    assert len(server.mails("alice@ours.example", 1)) == 1
    assert len(server.pids()) == 1
    assert server.stop() == 0
