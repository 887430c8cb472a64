# SPDX-License-Identifier: Apache-2.0
"""A real posternd with real clients, on loopback and port 0; everything it makes lies in tmp_path."""
import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build"))
FLAVOUR = os.environ.get("POSTERN_FLAVOUR", "gcc")
POSTERND = os.path.join(BUILD, FLAVOUR, "src", "cmd", "posternd")
POSTERN = os.path.join(BUILD, FLAVOUR, "src", "cmd", "postern")
CORPORA = os.environ.get("POSTERN_CORPORA", os.path.join(ROOT, "..", "shared", "corpora"))
CAN = set(os.environ.get("POSTERN_CAN", "").split()) or set(
    subprocess.run([os.path.join(ROOT, "scripts/probe")], cwd=ROOT, capture_output=True, text=True).stdout.split())
TORTURE = bool(os.environ.get("POSTERN_TORTURE"))


def need(word):
    """Skips by the name of what this machine lacks (scripts/probe)."""
    if word not in CAN:
        pytest.skip(f"this machine lacks {word}")


def corpus(*path):
    place = os.path.join(CORPORA, *path)
    if not os.path.exists(place):
        pytest.skip(f"the corpus {path[0]} is absent (POSTERN_CORPORA)")
    return place


@pytest.fixture(scope="session")
def peers():
    """Unpacks a Debian package with a server beside us, below the build folder; gives its root."""
    def fetch(package):
        need("packages")
        folder = os.path.join(BUILD, "peers", package)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with open(folder + ".lock", "w") as turn:  # tests run beside each other
            fcntl.flock(turn, fcntl.LOCK_EX)
            made = subprocess.run([os.path.join(ROOT, "scripts/peer"), package, folder], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"{package} cannot be fetched: {made.stderr.strip()[-200:]}")
        return os.path.join(folder, "root")
    return fetch


def is_stopped(pid):
    """Every thread; one that waits for the disk stops when it comes back: it answers nobody any more."""
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat") as file:
            states.append(file.read().rsplit(")", 1)[1].split()[0])
    return set(states) <= {"T", "D"}


def freeze(pid, seconds=60):
    """Returns when every thread stands: until one of them has taken the signal the others go on, and answer."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    while not is_stopped(pid):
        assert time.monotonic() < end, f"process {pid} goes on"
        time.sleep(0.01)


def end_listening(listener):
    """A thread that waits in accept() keeps the socket open after close(); and where its call is begun again, as after a
    signal, it takes clients of whatever has the number of the descriptor by then. shutdown() brings it back."""
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    listener.close()


def write_anew(path, text):
    """As whoever watches the file must see it: never half of it."""
    new = f"{path}.new"
    with open(new, "w") as file:
        file.write(text)
    os.chmod(new, 0o644)
    os.replace(new, path)


def free_port():
    """For a server that is started later, or again. Not one of those that the kernel gives: it would give it to another test
    meanwhile."""
    while True:
        port = random.randrange(10000, 30000)
        try:
            with socket.socket() as free:
                free.bind(("127.0.0.1", port))
            return port
        except OSError:
            pass


@contextlib.contextmanager
def dead_port():
    """One where nobody listens, and nobody else will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Sink:
    """An SMTP server that keeps every message as raw bytes. `answers` maps a verb, or "." for the final
    dot, to a reply or to a function of (line, number of the connection) that gives one; None closes."""

    def __init__(self, answers=None, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 99999999"), host="127.0.0.1"):
        self.answers, self.extensions = answers or {}, extensions
        self.messages, self.lock = [], threading.Lock()
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.listener.listen(128)
        self.port, self.connections, self.open = self.listener.getsockname()[1], 0, True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client, self.connections), daemon=True).start()

    def answer(self, verb, line, number, usual):
        given = self.answers.get(verb, usual)
        return given(line, number) if callable(given) else given

    def serve(self, client, number):
        try:
            with client, client.makefile("rb") as lines:
                self.converse(client, lines, number)
        except (OSError, ValueError):
            pass

    def converse(self, client, lines, number):
        def say(reply):
            if reply is None:
                client.close()
                raise ValueError("closed as asked")
            client.sendall(reply.encode() + b"\r\n")
        sender, recipients = None, []
        say(self.answer("banner", b"", number, "220 sink.example ESMTP"))
        for line in lines:
            verb = line[:4].upper().decode("latin-1").strip()
            if verb == "EHLO":
                replies = ["sink.example", *self.extensions]
                say("\r\n".join(f"250{'-' if i < len(replies) - 1 else ' '}{r}" for i, r in enumerate(replies)))
            elif verb == "MAIL":
                reply = self.answer("MAIL", line, number, "250 2.1.0 ok")
                sender, recipients = line if (reply or "").startswith("2") else None, []
                say(reply)
            elif verb == "RCPT":
                reply = self.answer("RCPT", line, number, "250 2.1.5 ok") if sender else "503 5.5.1 MAIL first"
                if reply and reply.startswith("2"):
                    recipients.append(re.search(rb"<([^>]*)>", line).group(1))
                say(reply)
            elif verb == "DATA":
                if not recipients:
                    say("554 5.5.1 no valid recipients")
                    continue
                say(self.answer("DATA", line, number, "354 go on"))
                raw = whole_data(lines)
                if not raw:
                    return
                reply = self.answer(".", raw, number, "250 2.0.0 kept")
                if reply and reply.startswith("2"):
                    with self.lock:
                        self.messages.append((sender, recipients, unstuff(raw[:-3])))
                say(reply)
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            else:
                say(self.answer(verb, line, number, "250 2.0.0 ok"))

    def wait(self, count, seconds=60):
        """All messages, once there are so many of them, or no more have come for so long."""
        seen, end = 0, time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < end:
            if len(self.messages) > seen:
                seen, end = len(self.messages), time.monotonic() + seconds
            time.sleep(0.01)
        return self.messages

    def close(self):
        self.open = False
        end_listening(self.listener)


def whole_data(lines):
    """All up to the final dot, with it; b"" where the connection ends before."""
    pieces = [b"\r\n"]
    while True:
        pieces.append(lines.readline())
        if not pieces[-1]:
            return b""
        if pieces[-1] == b".\r\n" and pieces[-2].endswith(b"\r\n"):
            return b"".join(pieces[1:])


def unstuff(raw):
    return b"".join(line[1:] if line.startswith(b".") else line for line in raw.splitlines(keepends=True)) \
        if b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b"") else \
        b"\r\n".join(part[1:] if part.startswith(b".") else part for part in raw.split(b"\r\n"))


@pytest.fixture
def sink():
    made = []

    def start(*args, **kwargs):
        made.append(Sink(*args, **kwargs))
        return made[-1]
    yield start
    for one in made:
        one.close()


READERS = {"why", "log", "explain", "audit", "replay"}  # of the journal


class Daemon:
    """posternd over a configuration text; `{state}` in it is the state folder."""

    def __init__(self, folder, text, options=(), env=None, wait=True):
        self.folder, self.state = str(folder), os.path.join(str(folder), "state")
        self.config = os.path.join(self.folder, "postern.conf")
        self.options, self.env = list(options), {**os.environ, **(env or {})}
        self.write(text)
        self.process, self.log = None, os.path.join(self.folder, "log")
        if wait:
            self.start()

    def write(self, text):
        if "hostname" not in text:
            text = "hostname mx.test.example\n" + text
        if "state " not in text:
            text = f'state "{self.state}"\n' + text
        with open(self.config, "w") as file:
            file.write(text)

    def start(self):
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = subprocess.Popen([POSTERND, "-c", self.config, *self.options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "ab"), env=self.env,
                                        cwd=self.folder)
        self.wait_ready()

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.lines():
                if line.get("event") == "ready":
                    self.ready = line
                    self.port = int(re.search(r"127\.0\.0\.1:(\d+)", json.dumps(line)).group(1))
                    return
            if self.process.poll() is not None:
                raise AssertionError(f"posternd ended with {self.process.returncode}:\n{self.output()}")
            time.sleep(0.01)
        raise AssertionError(f"posternd is not ready:\n{self.output()}")

    def output(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def lines(self):
        found = []
        for line in self.output()[self.mark:].splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return found

    def pids(self):
        """Every process of this daemon, the supervisor first."""
        found = [self.process.pid]
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat") as file:
                        if int(file.read().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                            found.append(int(name))
                except (OSError, IndexError):
                    pass
        return found

    def kill(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self, seconds=90):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"posternd did not end:\n{self.output()[-4000:]}")
        return self.process.returncode if self.process else None

    def ask(self, question, **more):
        """The lines of the control socket's answer. RuntimeError: the daemon's own words; ConnectionError: it is not whole."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(os.path.join(self.state, "control.sock"))
            control.sendall(json.dumps({"ask": question, **more}).encode() + b"\n")
            *lines, last = control.makefile("rb").read().splitlines() or [b""]
        if last.startswith(b'{"error":'):
            raise RuntimeError(json.loads(last)["error"])
        if last != b'{"end":true}':
            raise ConnectionError(f"an answer without its end: {lines + [last]}")
        return [json.loads(line) for line in lines]

    def settle(self, question="status"):
        """Asks the roles. What one has begun before (a line for the journal, words to forget) is done
        when it has answered: nobody else waits for that, and a reply to a client may come before it."""
        try:
            self.ask(question)
        except (OSError, RuntimeError):
            pass  # no daemon runs, or it ends

    def postern(self, *words, status=None):
        if READERS & set(words):
            self.settle("sessions")  # of those who decide
        ran = subprocess.run([POSTERN, "-c", self.config, *words], capture_output=True, text=True, timeout=120,
                             cwd=self.folder, stdin=subprocess.DEVNULL)
        if status is not None:
            assert ran.returncode == status, f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran

    def json(self, *words, status=0):
        return [json.loads(line) for line in self.postern(*words, "--json", status=status).stdout.splitlines()]

    def maildir(self, address):
        local, domain = address.rsplit("@", 1)
        return os.path.join(self.folder, "mail", domain, local)

    def mails(self, address, count=0, seconds=60):
        """The messages in a Maildir as bytes, waiting until there are `count`."""
        folder, end = os.path.join(self.maildir(address), "new"), time.monotonic() + seconds
        while True:
            names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
            if len(names) >= count or time.monotonic() > end:
                return [open(os.path.join(folder, name), "rb").read() for name in names]
            time.sleep(0.02)


@pytest.fixture
def daemon():
    made, root = [], tempfile.mkdtemp(prefix="postern-test-")
    os.chmod(root, 0o755)

    def start(text, **more):
        folder = os.path.join(root, str(len(made)))
        os.mkdir(folder)
        os.mkdir(os.path.join(folder, "mail"))
        os.chmod(os.path.join(folder, "mail"), 0o777)  # as root the roles run as nobody
        made.append(Daemon(folder, text.replace("{mail}", os.path.join(folder, "mail")), **more))
        return made[-1]
    yield start
    for one in made:
        if one.process and one.process.poll() is None:
            one.kill()
        output = one.output() if os.path.exists(one.log) else ""
        bugs = [line for line in output.splitlines() if re.search("panic at|AddressSanitizer|runtime error", line)]
        assert not bugs, "\n".join([*bugs[:20], output[-6000:]])
    shutil.rmtree(root, ignore_errors=True)


RELAY = """
listen smtp "127.0.0.1:0"
domain ours.example any recipient deliver maildir "{mail}/%d/%l"
network office 127.0.0.1/32
relay for network office
deliver * via "127.0.0.1:{port}"
limits errors unlimited, headers 200 KiB
"""


@pytest.fixture
def relay(daemon, sink):
    """A relay for 127.0.0.1 (127.0.0.2 is a stranger), its smarthost a sink."""
    to = sink()
    started = daemon(RELAY.replace("{port}", str(to.port)))
    started.sink = to
    return started


class Client:
    """Raw SMTP, for what clients that behave would not send."""

    def __init__(self, port, source="127.0.0.1", greet=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        self.lines = self.socket.makefile("rb")
        if greet:
            self.banner = self.reply()

    def send(self, raw):
        self.socket.sendall(raw if isinstance(raw, bytes) else raw.encode())

    def reply(self):
        """One whole reply, "" at the end of the connection."""
        whole = b""
        while True:
            try:
                line = self.lines.readline()
            except OSError:
                line = b""
            whole += line
            if len(line) < 4 or line[3:4] != b"-":
                return whole.decode("utf-8", "replace").rstrip("\r\n")

    def say(self, line):
        self.send(line.encode() + b"\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.reply()

    def close(self):
        self.lines.close()
        self.socket.close()
