# SPDX-License-Identifier: Apache-2.0
"""TLS with real clients: openssl s_client, swaks, smtplib, msmtp; keys killed; certificates replaced; injection."""
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

from conftest import POSTERN, POSTERND, corpus
from memory import memory_of, role_pid, secrets_of
from tls_matrix import Server

POLICY = """listen smtp "127.0.0.1:0"
{tls}
domain example.org any recipient deliver via "127.0.0.1:{sink}"
{more}
"""


def openssl(*arguments, **kwargs):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, **kwargs)


def make_certificate(folder, name, kind="ec", hosts=("mx.test.example",), issuer=None, days=90):
    """NAME.pem and NAME.key; signed by `issuer` (another name) or by itself."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    how = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
           "ed25519": ["-algorithm", "ED25519"]}[kind]
    openssl("genpkey", *how, "-out", key)
    names = ",".join(f"DNS:{host}" for host in hosts)
    new = ["req", "-new", "-x509", "-key", key, "-subj", f"/CN={hosts[0]}", "-days", days, "-out", pem,
           "-addext", f"subjectAltName={names}"]
    if issuer:
        openssl("req", "-new", "-key", key, "-subj", f"/CN={hosts[0]}", "-out", folder / f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{issuer}.pem", "-CAkey",
                folder / f"{issuer}.key", "-CAcreateserial", "-days", days, "-extfile", folder / f"{name}.ext",
                "-out", pem)
    else:
        openssl(*new)
    os.chmod(key, 0o600)
    return pem, key


@pytest.fixture
def relay(daemon, sink, tmp_path):
    """A daemon with these `tls` lines; `.sink` gets its mail."""
    def start(tls="", more="", **kwargs):
        target = sink()
        made = daemon(POLICY.format(tls=tls, sink=target.port, more=more), **kwargs)
        made.sink = target
        return made
    return start


def s_client(port, *arguments):
    """What s_client prints of a handshake. It is told to quit, by a command of its own, which it takes after that; with
    -ign_eof the server is, and ends the session."""
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", "smtp", *map(str, arguments)],
                          input="QUIT\r\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120).stdout


def session_of(port):
    client = smtplib.SMTP("127.0.0.1", port, timeout=60)
    client.ehlo("client.example")
    return client


def wait_for(question, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError("it never came")


def edge_tls(made):
    status = json.loads(subprocess.run([POSTERN, "-c", made.config, "status", "--json"], capture_output=True,
                                       text=True).stdout)
    return [one["status"]["tls"] for one in status["roles"] if one["role"] == "edge" and "status" in one]


def journal_events(made, event):
    lines = []
    folder = os.path.join(made.state, "journal")
    for name in os.listdir(folder):
        if name.endswith(".jsonl") or "." not in name:
            with open(os.path.join(folder, name)) as file:
                lines += [json.loads(line) for line in file if f'"event":"{event}"' in line]
    return lines


def test_starttls_works_without_any_certificate_written(relay):
    made = relay()
    answer = s_client(made.port, "-brief")
    assert "TLSv1.3" in answer and "CN = mx.test.example" in answer
    mode = os.stat(os.path.join(made.state, "tls", "self-signed.key")).st_mode & 0o777
    assert mode == 0o600


@pytest.mark.parametrize("version,cipher", [("-tls1_2", "ECDHE-"), ("-tls1_3", "TLS_")])
@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_each_kind_of_key_signs_in_each_version(relay, tmp_path, version, cipher, kind):
    pem, key = make_certificate(tmp_path, "mx", kind)
    made = relay(f'tls certificate "{pem}" key "{key}"')
    answer = s_client(made.port, version, "-brief", "-CAfile", pem, "-verify_return_error")
    assert "CONNECTION ESTABLISHED" in answer and cipher in answer and "Verification: OK" in answer


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused_and_written_down(relay, version):
    made = relay()
    answer = s_client(made.port, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in answer
    wait_for(lambda: journal_events(made, "tls"))
    line = journal_events(made, "tls")[0]
    assert line["because"] == "unsupported protocol" and line["client"]["ip"] == "127.0.0.1"
    wait_for(lambda: any(entry.get("event") == "tls-failed" for entry in made.lines()))
    assert sum(tls["failed"] for tls in edge_tls(made)) == 1
    said = subprocess.run([POSTERN, "-c", made.config, "why", line["id"]], capture_output=True, text=True).stdout
    assert "127.0.0.1: failed, unsupported protocol" in said


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-SHA",
                                    "aNULL", "eNULL"])
def test_weak_ciphers_are_refused(relay, cipher):
    made = relay()
    assert "Cipher is (NONE)" in s_client(made.port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")


def test_renegotiation_and_compression_are_refused(relay):
    made = relay()
    assert "Compression: NONE" in s_client(made.port, "-tls1_2")
    assert Server(f"127.0.0.1:{made.port}", "-starttls", "smtp").renegotiation() in ("no renegotiation", "alert")


def test_the_certificate_follows_the_name_asked_for(relay, tmp_path):
    lines = []
    for name, kind, hosts in [("a", "ec", ["a.example"]), ("b", "ec", ["b.example", "*.b.example"]),
                              ("r", "rsa", ["a.example"])]:
        pem, key = make_certificate(tmp_path, name, kind, hosts)
        lines.append(f'tls certificate "{pem}" key "{key}"')
    made = relay("\n".join(lines))

    def shown(*arguments):
        answer = s_client(made.port, *arguments)
        return re.search(r"subject=CN = (\S+)", answer).group(1), re.search(r"signature type: (\S+)", answer).group(1)
    assert shown("-servername", "a.example") == ("a.example", "ECDSA")
    assert shown("-servername", "B.EXAMPLE") == ("b.example", "ECDSA")
    assert shown("-servername", "mx.b.example") == ("b.example", "ECDSA")
    assert shown("-servername", "unknown.example") == ("a.example", "ECDSA")
    assert shown("-noservername") == ("a.example", "ECDSA")
    # Who has no ECDSA gets the RSA certificate beside it.
    assert shown("-servername", "a.example", "-sigalgs", "rsa_pss_rsae_sha256")[1] == "RSA-PSS"
    assert shown("-tls1_2", "-servername", "a.example", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")[1].startswith("RSA")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_begun_at_one_edge_goes_on_at_any(relay, tmp_path, version):
    made = relay(more="edges 3")
    kept = tmp_path / "session"
    wait_for(lambda: "New, " in s_client(made.port, version, "-ign_eof", "-sess_out", kept) and kept.exists())
    for _ in range(8):
        assert "Reused, " in s_client(made.port, version, "-sess_in", kept)
    wait_for(lambda: sum(tls["resumed"] for tls in edge_tls(made)) == 8)  # the last of them may have gone before the edge


def test_clients_send_over_tls_and_it_is_told(relay):
    made = relay()
    client = session_of(made.port)
    assert client.has_extn("starttls")
    client.starttls(context=ssl._create_unverified_context())
    client.ehlo("client.example")
    assert not client.has_extn("starttls")
    client.sendmail("a@sender.example", ["b@example.org"], b"From: a@sender.example\r\nSubject: one\r\n\r\nhello\r\n")
    client.quit()
    assert subprocess.run(["swaks", "--server", f"127.0.0.1:{made.port}", "--tls", "--from", "a@sender.example",
                           "--to", "b@example.org"], capture_output=True, timeout=60).returncode == 0
    if shutil.which("msmtp"):
        msmtp = subprocess.run(["msmtp", "--host=127.0.0.1", f"--port={made.port}", "--tls=on", "--tls-starttls=on",
                                "--tls-certcheck=off", "--from=a@sender.example", "b@example.org"],
                               input=b"From: a@sender.example\r\nSubject: three\r\n\r\nhello\r\n", capture_output=True, timeout=60)
        assert msmtp.returncode == 0, msmtp.stderr
    messages = made.sink.wait(2)
    assert len(messages) >= 2
    for _, _, raw in messages:
        received = re.sub(rb"\r\n\s+", b" ", raw.split(b"\r\n\r\n")[0])
        assert b"with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)" in received


def test_big_messages_pass_in_both_directions_of_tls(relay):
    made = relay()
    client = session_of(made.port)
    client.starttls(context=ssl._create_unverified_context())
    client.ehlo("client.example")
    body = b"From: a@sender.example\r\nSubject: big\r\n\r\n" + b"".join(b"%06d %s\r\n" % (i, b"x" * 60) for i in range(60000))
    client.sendmail("a@sender.example", ["b@example.org"], body)
    client.quit()
    assert made.sink.wait(1)[0][2].endswith(body)


def test_client_certificates_are_facts(relay, tmp_path):
    make_certificate(tmp_path, "ca", hosts=["our ca"])
    make_certificate(tmp_path, "known", hosts=["ci.example"], issuer="ca")
    make_certificate(tmp_path, "lone", hosts=["lone.example"])
    print_of = {name: openssl("x509", "-in", tmp_path / f"{name}.pem", "-noout", "-fingerprint", "-sha256").stdout
                .split("=")[1].strip().replace(":", "") for name in ("known", "lone")}
    made = relay(f'tls client-ca "{tmp_path}/ca.pem"', more=f"""certificate lone "SHA256:{print_of['lone']}"
relay for certificate lone
refuse unless tls verified or certificate lone
deliver * via "127.0.0.1:1"
""")

    def answer(name, recipient):
        context = ssl._create_unverified_context()
        if name:
            context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        client = session_of(made.port)
        client.starttls(context=context)
        client.ehlo("client.example")
        client.mail("a@sender.example")
        code = client.rcpt(recipient)[0]
        client.close()
        return code
    assert answer("known", "b@example.org") == 250
    assert answer("lone", "b@example.org") == 250
    assert answer("lone", "x@elsewhere.example") == 250
    assert answer("known", "x@elsewhere.example") == 550
    assert answer(None, "b@example.org") // 100 == 5


def test_keys_killed_is_454_and_back_at_once(relay):
    made = relay()
    open_one = session_of(made.port)
    under_tls = session_of(made.port)
    under_tls.starttls(context=ssl._create_unverified_context())
    under_tls.ehlo("client.example")
    pid = role_pid(made, "keys")
    os.kill(pid, signal.SIGSTOP)  # so that the gap can be looked into
    os.kill(pid, signal.SIGKILL)
    code, end = None, time.monotonic() + 60
    while time.monotonic() < end:
        code, words = open_one.docmd("STARTTLS")
        if code == 220:
            break
        assert code == 454 and b"4.7.0" in words
        time.sleep(0.01)
    assert code == 220
    died = wait_for(lambda: [line["text"] for line in made.lines() if line["event"] == "died"])  # an edge may see it later still
    assert len(died) == 1 and died[0].startswith("keys") and died[0].endswith("; it is started again"), died  # not "later"
    # Who speaks TLS already notices nothing.
    under_tls.sendmail("a@sender.example", ["b@example.org"], b"From: a@sender.example\r\nSubject: x\r\n\r\nhello\r\n")
    assert len(made.sink.wait(1)) == 1
    wait_for(lambda: "TLSv1.3" in s_client(made.port, "-brief"))


def test_keys_killed_again_and_again_loses_nothing(relay):
    made = relay()
    kept = unknown = 0
    for round_ in range(20):
        try:
            client = session_of(made.port)
            if round_ % 4 == 1:
                pid = role_pid(made, "keys")
                if pid:
                    os.kill(pid, signal.SIGKILL)
            client.starttls(context=ssl._create_unverified_context())
            client.ehlo("client.example")
            client.sendmail("a@sender.example", ["b@example.org"], b"From: a@sender.example\r\nSubject: x\r\n\r\nhello\r\n")
            kept += 1
            client.quit()
        except smtplib.SMTPResponseException as answer:
            assert answer.smtp_code in (421, 454)
        except (ssl.SSLError, smtplib.SMTPServerDisconnected, ConnectionError):
            unknown += 1  # perhaps it was kept, and its 250 got lost
    assert kept > 0
    assert kept <= len(made.sink.wait(kept)) <= kept + unknown


def test_a_certificate_replaced_on_disk_is_served_without_a_restart(relay, tmp_path):
    pem, key = make_certificate(tmp_path, "mx", hosts=["old.example"])
    made = relay(f'tls certificate "{pem}" key "{key}"')
    assert "CN = old.example" in s_client(made.port, "-brief")
    waiting = session_of(made.port)
    new_pem, new_key = make_certificate(tmp_path, "new", hosts=["new.example"])
    os.replace(new_key, key)
    os.replace(new_pem, pem)
    wait_for(lambda: "CN = new.example" in s_client(made.port, "-brief"))
    waiting.starttls(context=ssl._create_unverified_context())
    waiting.ehlo("client.example")
    assert waiting.noop()[0] == 250


def test_a_key_of_another_certificate_changes_nothing(relay, tmp_path):
    pem, key = make_certificate(tmp_path, "mx", hosts=["old.example"])
    _, other = make_certificate(tmp_path, "other", hosts=["other.example"])
    made = relay(f'tls certificate "{pem}" key "{key}"')
    checked = subprocess.run([POSTERN, "-c", made.config, "check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    shutil.copy(other, key)
    checked = subprocess.run([POSTERN, "-c", made.config, "check"], capture_output=True, text=True)
    assert checked.returncode != 0 and "this is not the key of that certificate" in checked.stdout + checked.stderr
    asked = subprocess.run([POSTERN, "-c", made.config, "reload"], capture_output=True, text=True)
    assert asked.returncode != 0 and "is not the key of its certificate" in asked.stdout + asked.stderr
    assert "CN = old.example" in s_client(made.port, "-brief")


def test_check_says_how_long_a_certificate_lasts(relay, tmp_path):
    pem, key = make_certificate(tmp_path, "mx", days=9)
    made = relay(f'tls certificate "{pem}" key "{key}"')
    os.chmod(key, 0o644)
    said = subprocess.run([POSTERN, "-c", made.config, "check"], capture_output=True, text=True).stdout
    assert re.search(r"the certificate ends in [89] days", said)
    assert "others can read or change this key" in said
    status = subprocess.run([POSTERN, "-c", made.config, "status"], capture_output=True, text=True).stdout
    assert re.search(r"certificate \S*mx.pem \(EC\) for mx.test.example: ends \S+, in [89] days", status)


def test_missing_files_are_complaints_with_their_place(daemon, tmp_path):
    made = daemon(POLICY.format(tls='tls certificate "/nowhere/c.pem" key "/nowhere/c.key"', sink=1, more=""),
                  wait=False)
    left = subprocess.run([POSTERND, "-n", "-c", made.config], capture_output=True, text=True)
    assert left.returncode == 78
    assert re.search(r'postern.conf:\d+:17: error: "/nowhere/c.pem" cannot be read: No such file', left.stderr)


def converse(port, pre_tls, cut=None):
    """Says each of `pre_tls` (the last cut in two at `cut`), then begins TLS where that is offered. What comes
    under TLS without having been asked for; None: there is no TLS."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.recv(4096)
    answer = b""
    for words in pre_tls:
        words = words.encode("latin-1")
        if cut is not None and b"STARTTLS" in words:
            client.sendall(words[:cut])
            time.sleep(0.02)
            words = words[cut:]
        client.sendall(words)
        time.sleep(0.05)
        answer = client.recv(8192)
    if not answer.startswith(b"220"):
        client.close()
        return None
    assert answer.count(b"\r\n") == 1, answer
    try:
        secure = ssl._create_unverified_context().wrap_socket(client)
    except (ssl.SSLError, OSError):
        return None
    secure.settimeout(0.3)
    try:
        return secure.recv(8192)
    except TimeoutError:
        return b""
    finally:
        secure.close()


def test_what_is_sent_with_starttls_never_comes_true(relay):
    made = relay()
    with open(corpus("starttls-injection", "open", "server-command-injection.json")) as file:
        cases = [case for case in json.load(file) if case["protocol"] == "smtp"]
    assert cases
    for case in cases:
        heard = converse(made.port, case["pre_tls"])
        assert not heard, case
        assert "vulnerable_if" in case or heard == b"", "a plain STARTTLS does not work"


@pytest.mark.parametrize("more", ["EHLO b.example\r\n", "RSET\r\n", "MAIL FROM:<a@b.example>\r\n", "\r\n", "\n", "x",
                                  "NOOP\r\nNOOP\r\n", "QUIT\r\n", "STARTTLS\r\n"])
def test_nothing_survives_the_handshake_wherever_it_is_cut(relay, more):
    made = relay()
    whole = "STARTTLS\r\n" + more
    for cut in (None, 1, 9, 10, 11, len(whole) - 1):
        assert not converse(made.port, ["EHLO a.example\r\n", whole], cut), cut


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_no_private_key_is_in_an_edges_memory(relay, tmp_path, kind):
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of others")
    pem, key = make_certificate(tmp_path, "mx", kind)
    made = relay(f'tls certificate "{pem}" key "{key}"')
    clients = []
    for _ in range(20):
        client = session_of(made.port)
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo("client.example")
        clients.append(client)
    secrets = secrets_of(key)
    keys = memory_of(role_pid(made, "keys"))
    assert any(secret in keys for secret in secrets), "the test looks for the wrong bytes"
    for role in ("edge", "queue", "out", "control", "accounts"):
        memory = memory_of(role_pid(made, role))
        assert pem.read_text().split("\n")[1].encode() in memory or role != "edge"
        for secret in secrets:
            assert secret not in memory, role
    supervisor = memory_of(made.process.pid)
    for secret in secrets:
        assert secret not in supervisor
