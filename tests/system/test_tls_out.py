# SPDX-License-Identifier: Apache-2.0
"""TLS and signing in on the way out: what is wished, what is reached, and that nothing leaves otherwise."""
import glob
import os
import re
import smtplib
import shutil
import socket
import tempfile
import threading
import time

import pytest

from conftest import corpus, end_listening
from hops import Authority, Postfix, Smarthost
from names import Names

CONFIG = """
listen smtp "127.0.0.1:0"
network office 127.0.0.1/32
relay for network office
deliver * via "{host}:{port}" {options}
{more}
retry for 1 hour first after 1 s at most 1 s
"""


@pytest.fixture(scope="module")
def authority():
    folder = tempfile.mkdtemp(prefix="postern-tls-")
    os.chmod(folder, 0o755)
    yield Authority(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def smarthost():
    made = []

    def start(*args, **kwargs):
        made.append(Smarthost(*args, **kwargs))
        return made[-1]
    yield start
    for one in made:
        one.close()


@pytest.fixture
def send(daemon):
    def send(to, options, more="", host="localhost"):
        started = daemon(CONFIG.replace("{port}", str(to.port)).replace("{options}", options).replace("{more}", more)
                         .replace("{host}", host))
        with smtplib.SMTP("127.0.0.1", started.port) as client:
            client.sendmail("a@office.example", ["b@elsewhere.example"], b"From: a@office.example\r\n\r\nhello\r\n")
        return started
    return send


def event(daemon, name, seconds=90):
    end = time.monotonic() + seconds
    while True:
        lines = [line for line in daemon.json("log") if line.get("event") in ("delivered", "deferred", "bounced")]
        found = [line for line in lines if line["event"] == name]
        if found:
            return found[0]
        assert time.monotonic() < end, lines
        time.sleep(0.1)


def test_may_takes_any_certificate_and_says_what_it_was(send, smarthost, authority):
    to = smarthost(authority.certificate("may", "DNS:localhost"))
    started = send(to, "tls may")
    told = event(started, "delivered")
    assert told["tls"]["wanted"] == "may" and told["tls"]["reached"].startswith("TLSv1.3 ") and not told["tls"]["verified"]
    assert to.messages[0][0] is True
    shown = started.postern("why", told["message"]).stdout
    assert "over TLSv1.3 " in shown and "certificate not verified" in shown


def test_may_is_what_holds_where_nothing_is_written(send, smarthost, authority):
    to = smarthost(authority.certificate("default", "DNS:localhost"))
    told = event(send(to, "", f'tls trust "{authority.root}"'), "delivered")
    assert told["tls"]["wanted"] == "may" and told["tls"]["verified"] and to.messages[0][0]


def test_off_is_off(send, smarthost, authority):
    to = smarthost(authority.certificate("off", "DNS:localhost"))
    told = event(send(to, "tls off"), "delivered")
    assert told["tls"] == {"wanted": "off"} and not to.secured


@pytest.mark.parametrize("fault, why", [("strip", "not offered"), ("refuse", "454"), ("inject", "before the handshake"), ("hang", "too long")])
def test_may_goes_on_in_plain_where_tls_fails_and_verified_never_does(send, smarthost, authority, fault, why):
    certificate = authority.certificate(fault, "DNS:localhost")
    to = smarthost(certificate, fault=fault)
    told = event(send(to, "tls may", f'tls trust "{authority.root}"'), "delivered")
    assert "reached" not in told["tls"] and why in told["tls"]["why"] and to.messages[0][0] is False
    to = smarthost(certificate, fault=fault)
    started = send(to, "tls verified", f'tls trust "{authority.root}"')
    told = event(started, "deferred")
    assert told["tls"]["wanted"] == "verified" and "reached" not in told["tls"] and why in told["tls"]["why"]
    assert why in started.postern("queue", "show", told["message"]).stdout and not to.messages


def test_a_certificate_that_is_right_is_verified(send, smarthost, authority):
    to = smarthost(authority.certificate("right", "DNS:localhost"))
    told = event(send(to, "tls verified", f'tls trust "{authority.root}"'), "delivered")
    assert told["tls"]["verified"] is True and to.messages[0][0] is True


def test_an_address_as_written_is_looked_for_in_the_certificate(send, smarthost, authority):
    to = smarthost(authority.certificate("address", "IP:127.0.0.1"))
    told = event(send(to, "tls verified", f'tls trust "{authority.root}"', host="127.0.0.1"), "delivered")
    assert told["tls"]["verified"] is True
    to = smarthost(authority.certificate("name", "DNS:localhost"))
    told = event(send(to, "tls verified", f'tls trust "{authority.root}"', host="127.0.0.1"), "deferred")
    assert "IP address mismatch" in told["reply"] and not to.messages


@pytest.mark.parametrize("names, times, trusted, words", [
    ("DNS:other.example", {}, True, "hostname mismatch"),
    ("DNS:*.localhost", {}, True, "hostname mismatch"),
    ("DNS:localhost", {"start": "20200101000000Z", "end": "20210101000000Z"}, True, "certificate has expired"),
    ("DNS:localhost", {"start": "20980101000000Z", "end": "20990101000000Z"}, True, "certificate is not yet valid"),
    ("DNS:localhost", {}, False, "unable to get local issuer certificate"),
])
def test_a_certificate_that_is_not_right_keeps_the_mail(send, smarthost, authority, names, times, trusted, words):
    to = smarthost(authority.certificate("wrong", names, **times))
    started = send(to, "tls verified", f'tls trust "{authority.root}"' if trusted else "")
    told = event(started, "deferred")
    assert words in told["reply"] and told["reason"] == "tls-failed" and not to.messages
    assert told["tls"]["why"].startswith(words)


@pytest.mark.parametrize("names, event_name", [("DNS:mx.elsewhere.example", "delivered"), ("DNS:elsewhere.example", "deferred")])
def test_by_mx_the_certificate_must_have_the_name_in_the_record(daemon, smarthost, authority, names, event_name):
    to = smarthost(authority.certificate("mx", names))
    dns = Names({"elsewhere.example": {"MX": ["10 mx.elsewhere.example."]}, "mx.elsewhere.example": {"A": ["127.0.0.1"]}})
    started = daemon(dns.resolver + f"""
listen smtp "127.0.0.1:0"
network office 127.0.0.1/32
relay for network office
deliver elsewhere.example via mx port {to.port} tls verified
tls trust "{authority.root}"
""")
    with smtplib.SMTP("127.0.0.1", started.port) as client:
        client.sendmail("a@office.example", ["b@elsewhere.example"], b"From: a@office.example\r\n\r\nhello\r\n")
    told = event(started, event_name)
    assert told["tls"].get("verified", False) == (event_name == "delivered")
    assert bool(to.messages) == (event_name == "delivered")
    dns.udp.close()


def test_a_root_that_is_missing_is_said_at_start(daemon, tmp_path):
    text = CONFIG.replace("{host}:{port}", "h.example").replace("{options}", "").replace("{more}", f'tls trust "{tmp_path}/none.pem"')
    with pytest.raises(AssertionError) as failed:
        daemon(text)
    assert "none.pem" in str(failed.value)


@pytest.mark.parametrize("mechanisms, used", [
    (("LOGIN", "PLAIN", "SCRAM-SHA-256"), "SCRAM-SHA-256"), (("LOGIN", "PLAIN", "CRAM-MD5"), "PLAIN"), (("LOGIN",), "LOGIN")])
def test_the_best_way_to_sign_in_that_is_offered_is_used(send, smarthost, authority, tmp_path, mechanisms, used):
    password = tmp_path / "pw"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    to = smarthost(authority.certificate("login", "DNS:localhost"), users={"us": "open sesame"}, mechanisms=mechanisms)
    started = send(to, f'tls verified login "us" password-file "{password}"', f'tls trust "{authority.root}"')
    assert event(started, "delivered")["tls"]["verified"]
    assert to.signed_in == [(used, "us")] and to.messages[0][:2] == (True, True)
    assert "open sesame" not in started.output() and "password-file" not in started.output()


def test_a_refused_login_defers_until_the_file_is_right(send, smarthost, authority, tmp_path):
    password = tmp_path / "pw"
    password.write_text("wrong\n")
    password.chmod(0o644)
    to = smarthost(authority.certificate("refused", "DNS:localhost"), users={"us": "open sesame"}, mechanisms=("SCRAM-SHA-256", "PLAIN"))
    started = send(to, f'tls verified login "us" password-file "{password}"', f'tls trust "{authority.root}"')
    told = event(started, "deferred")
    assert told["reason"] == "login-failed" and "535 5.7.8 that is not the password" in told["reply"] and not to.messages
    assert any(line["event"] == "password-file" and "chmod 600" in line["text"] for line in started.lines())
    shown = started.postern("queue", "show", told["message"]).stdout
    assert "535" in shown
    password.write_text("open sesame\n")
    started.postern("reload", status=0)
    assert event(started, "delivered")["tls"]["verified"] and len(to.messages) == 1
    for root, _, files in os.walk(started.state):
        for path in (os.path.join(root, name) for name in files):
            assert not os.path.isfile(path) or b"open sesame" not in open(path, "rb").read(), path


def test_a_password_that_cannot_be_had_is_said_and_the_mail_waits(send, smarthost, authority, tmp_path):
    to = smarthost(authority.certificate("missing", "DNS:localhost"), users={"us": "open sesame"})
    started = send(to, f'tls verified login "us" password-file "{tmp_path}/none"', f'tls trust "{authority.root}"')
    told = event(started, "deferred")
    assert f"{tmp_path}/none: No such file or directory" in told["reply"]
    assert any(line["event"] == "password-file" and line["level"] == "error" for line in started.lines())


def test_mail_that_wishes_verified_never_rides_on_another_connection(daemon, smarthost, authority):
    to = smarthost(authority.certificate("reuse", "DNS:other.example"))
    started = daemon(f"""
listen smtp "127.0.0.1:0"
network office 127.0.0.1/32
relay for network office
deliver may.example via "localhost:{to.port}" tls may
deliver sure.example via "localhost:{to.port}" tls verified
tls trust "{authority.root}"
""")
    with smtplib.SMTP("127.0.0.1", started.port) as client:
        for _ in range(3):
            client.sendmail("a@office.example", ["b@may.example"], b"From: a@office.example\r\n\r\nmay\r\n")
            client.sendmail("a@office.example", ["b@sure.example"], b"From: a@office.example\r\n\r\nsure\r\n")
    event(started, "delivered")
    event(started, "deferred")
    to.wait(3)
    time.sleep(0.5)  # no more comes
    assert [b"may" in body for _, _, body in to.messages] == [True] * 3


@pytest.mark.parametrize("names, event_name", [("DNS:localhost", "delivered"), ("DNS:other.example", "deferred")])
def test_postfix_takes_mail_over_verified_tls(daemon, peers, authority, names, event_name):
    if os.geteuid() != 0:
        pytest.skip("lays a file system over this machine's: needs root")
    folder = tempfile.mkdtemp(prefix="postern-postfix-")
    os.chmod(folder, 0o755)
    server = Postfix(peers("postfix"), os.path.join(folder, "it"), authority.certificate("postfix", names))
    try:
        started = daemon(CONFIG.replace("{host}", "localhost").replace("{port}", str(server.port)).replace("{options}", "tls verified")
                         .replace("{more}", f'tls trust "{authority.root}"'))
        with smtplib.SMTP("127.0.0.1", started.port) as client:
            for _ in range(20):
                client.sendmail("a@office.example", ["b@elsewhere.example", "c@elsewhere.example"],
                                b"From: a@office.example\r\n\r\n.\r\nhello\r\n")
            client.sendmail("a@office.example", ["b@elsewhere.example"], b"From: a@office.example\r\n\r\n" + b".x" * 30 + b"\r\n"
                            + (b"." * 60 + b"\r\n") * 50000)
        told = event(started, event_name)
        if event_name == "delivered":
            assert told["tls"]["verified"] and told["reply"].startswith("250 2.0.0 Ok: queued as ")
            end = time.monotonic() + 60
            while "TLS connection established from localhost" not in server.words() or not any(int(size) > 3100000 for size in re.findall(r"size=(\d+)", server.words())):
                assert time.monotonic() < end, server.words()[-3000:]
                time.sleep(0.2)
            assert len([line for line in started.json("log") if line.get("event") == "deferred"]) == 0
        else:
            assert "hostname mismatch" in told["reply"] and "queued as" not in server.words()
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


class Scripted:
    """A fake server of the corpus: what it answers to each command, all of it in plain; keeps what it hears."""

    def __init__(self, text):
        self.heard = b""
        self.answers = {verb.upper(): answer.encode().decode("unicode_escape")
                        for verb, answer in re.findall(r'"(\w+)": *"((?:[^"\\]|\\.)*)"', text)}
        for field, verb in (("greeting", "GREETING"), ("stls_response", "STARTTLS")):
            for answer in re.findall(field + r': *"((?:[^"\\]|\\.)*)"', text):
                self.answers[verb] = answer.encode().decode("unicode_escape")
        offered = re.search(r"capabilities: *\[(.*?)\],\s*capabilities_tls", re.sub(r"//.*", "", text), re.S)
        if '"ehlo"' in "".join(re.findall(r"hide_commands: *\[.*?\]", text)):
            self.answers["EHLO"] = "502 not implemented\r\n"
        words = (["STARTTLS"] if "StartTLS" in offered.group(1) else []) + \
            (["AUTH PLAIN LOGIN SCRAM-SHA-256"] if "Auth" in offered.group(1) else [])
        self.answers.setdefault("EHLO", "".join(f"250-{word}\r\n" for word in ["fake", *words]) + "250 HELP\r\n")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
                with client, client.makefile("rb") as lines:
                    client.sendall(self.answers.get("GREETING", "220 fake\r\n").encode())
                    for line in lines:
                        self.heard += line
                        verb = (line.split() or [b"?"])[0].upper().decode("latin-1")
                        usual = {"DATA": "354 go\r\n", "AUTH": "235 in\r\n", "STARTTLS": "220 go\r\n"}.get(verb, "250 ok\r\n")
                        client.sendall(self.answers.get(verb, usual).encode())
            except OSError:
                if self.listener.fileno() < 0:
                    return


def test_no_fake_server_of_the_corpus_gets_a_password_or_a_message_in_plain(daemon, authority, tmp_path):
    files = sorted(glob.glob(os.path.join(corpus("starttls-injection", "open", "client-side-ron"), "*.ron")))
    fakes = {f"d{number}.example": Scripted(open(name).read()) for number, name in enumerate(files)}
    (tmp_path / "pw").write_text("open sesame\n")
    started = daemon(f"""
listen smtp "127.0.0.1:0"
network office 127.0.0.1/32
relay for network office
tls trust "{authority.root}"
postmaster "postmaster@d0.example"
""" + "".join(
        f'deliver {domain} via "127.0.0.1:{fake.port}" tls verified login "us" password-file "{tmp_path}/pw"\n'
        for domain, fake in fakes.items()))
    with smtplib.SMTP("127.0.0.1", started.port) as client:
        for domain in fakes:
            client.sendmail("a@office.example", [f"b@{domain}"], b"From: a@office.example\r\n\r\nhello\r\n")
    wanted, end = {f"b@{domain}" for domain in fakes}, time.monotonic() + 120
    while True:
        lines = [line for line in started.json("log") if line.get("event") in ("deferred", "bounced", "delivered")]
        if wanted <= {line["recipient"] for line in lines}:
            break
        assert time.monotonic() < end, wanted - {line["recipient"] for line in lines}
        time.sleep(0.2)
    assert len(fakes) >= 20 and not [line for line in lines if line["event"] == "delivered"]
    for domain, fake in fakes.items():
        said = fake.heard.upper()
        assert b"AUTH" not in said and b"MAIL FROM" not in said and b"HELLO\r\n" not in said, (domain, fake.heard)
        end_listening(fake.listener)
    assert any(b"STARTTLS" in fake.heard for fake in fakes.values())
