# SPDX-License-Identifier: Apache-2.0
"""Accounts at Dovecot's auth socket and in an LDAP directory: found, not found, and killed in the middle."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import conftest
from conftest import end_listening, free_port, freeze, need
from dovecot import Server
from test_accounts import HOUSE, recipients, sign_in, user, wait

AUTH = """
protocols =
auth_username_format = %Lu
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service auth {{
  user = {user}
  unix_listener {folder}/auth-client {{
    mode = 0666
  }}
  unix_listener {folder}/auth-userdb {{
    mode = 0666
  }}
}}
"""


@pytest.fixture
def folder():
    made = tempfile.mkdtemp(prefix="postern-stores-")
    os.chmod(made, 0o755)
    yield pathlib.Path(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def dovecot(peers, folder):
    """Dovecot's auth service."""
    need("root")
    server = Server(peers("dovecot-lmtpd"), folder, AUTH, at="auth-client")
    (folder / "users").write_text(
        "alice@ours.example:secret:65534:65534::/nonexistent::userdb_postern_owns=sales@ours.example "
        "userdb_postern_groups=staff\nbob@ours.example:secret:65534:65534::/nonexistent::\n")
    server.start()
    yield server
    server.stop()


def test_dovecot_says_who_there_is_and_tests_passwords(daemon, dovecot, folder):
    server = daemon(HOUSE + f'accounts dovecot "{folder}/auth-client"\n')
    assert [r[:3] for r in recipients(server, "alice@ours.example", "Alice+tag@ours.example", "carol@ours.example")] == \
        ["250", "250", "550"]
    code, client = sign_in(server, "alice@ours.example", "secret")
    assert code == 235
    for sender, wanted in [("alice@ours.example", 250), ("sales@ours.example", 250), ("bob@ours.example", 550)]:
        client.rset()
        client.mail(sender)
        assert client.rcpt("bob@ours.example")[0] == wanted, sender
    assert sign_in(server, "alice@ours.example", "wrong")[0] == 535
    assert sign_in(server, "carol@ours.example", "secret")[0] == 535
    assert "accounts are kept in dovecot" in user(server, "list", status=1)
    dovecot.stop()
    assert recipients(server, "dave@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "bob@ours.example", "secret")[0] == 454
    dovecot.start()
    wait(lambda: recipients(server, "bob@ours.example")[0].startswith("250"))
    assert sign_in(server, "bob@ours.example", "secret")[0] == 235


def test_a_dovecot_that_stops_in_the_middle_of_a_word_cannot_tell(daemon, folder):
    """A socket that breaks off, speaks another protocol, or never ends."""
    said = {"auth-userdb": b"VERSION\t1\t2\nSPID\t1\nUSER\t1\tali", "auth-client": b"VERSION\t2\t0\nDONE\n"}
    listeners = []
    for name in said:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / name))
        os.chmod(folder / name, 0o666)
        listener.listen(16)
        listeners.append((listener, said[name]))
    import threading

    def serve(listener, words):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.recv(1)
            client.sendall(words)
            client.close()
    for listener, words in listeners:
        threading.Thread(target=serve, args=(listener, words), daemon=True).start()
    server = daemon(HOUSE + f'accounts dovecot "{folder}/auth-client"\n')
    assert recipients(server, "alice@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "alice@ours.example", "secret")[0] == 454
    for listener, _ in listeners:
        end_listening(listener)


SLAPD = """
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
{tls}
modulepath {root}/usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=ours,dc=example"
rootdn "cn=admin,dc=ours,dc=example"
rootpw admin
directory {folder}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=admin,dc=ours,dc=example" read by * none
"""
PEOPLE = """dn: dc=ours,dc=example
objectClass: dcObject
objectClass: organization
dc: ours
o: ours

dn: uid=alice,dc=ours,dc=example
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
description: as many as she likes
mail: alice@ours.example
mail: sales@ours.example
ou: cn=staff,dc=ours,dc=example
userPassword: secret

dn: uid=bob,dc=ours,dc=example
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
description: 1 recipients per day
mail: bob@ours.example
userPassword: secret

dn: uid=nopass,dc=ours,dc=example
objectClass: inetOrgPerson
uid: nopass
cn: N
sn: N
"""


class Slapd:
    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        (folder / "db").mkdir()
        self.port, self.secure = free_port(), None
        self.configure()
        (folder / "people.ldif").write_text(PEOPLE)
        self.env = dict(os.environ, LD_LIBRARY_PATH=":".join(f"{root}/usr/lib/{part}" for part in ("x86_64-linux-gnu", "ldap", "")))
        self.run("-T", "add", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")).wait()
        self.start()

    def configure(self, tls=""):
        (self.folder / "slapd.conf").write_text(SLAPD.format(root=self.root, folder=self.folder, tls=tls))

    def restart_with_tls(self, certificate):
        """Also at a port for ldaps://, with this certificate and its key."""
        self.stop()
        self.secure = self.secure or free_port()
        self.configure(f"TLSCertificateFile {certificate}.pem\nTLSCertificateKeyFile {certificate}.key")
        self.start()

    def run(self, *words):
        return subprocess.Popen([f"{self.root}/usr/sbin/slapd", *words], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=open(self.folder / "out", "ab"), stderr=subprocess.STDOUT)

    def start(self):
        urls = f"ldap://127.0.0.1:{self.port}" + (f" ldaps://127.0.0.1:{self.secure}" if self.secure else "")
        self.process = self.run("-h", urls, "-f", str(self.folder / "slapd.conf"), "-d", "0")
        end = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=60).close()
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, (self.folder / "out").read_text()
                time.sleep(0.05)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()


@pytest.fixture
def slapd(peers, folder):
    started = Slapd(peers("slapd"), folder)
    (folder / "password").write_text("admin\n")
    os.chmod(folder / "password", 0o644)
    yield started
    started.stop()


def configuration(slapd, url="uid,mail,ou"):
    return HOUSE + f'accounts ldap "ldap://127.0.0.1:{slapd.port}/dc=ours,dc=example?{url}"\n' \
                   f'  bind "cn=admin,dc=ours,dc=example" password-file "{slapd.folder}/password"\n'


def test_an_ldap_directory_says_who_there_is_and_tests_passwords(daemon, slapd):
    server = daemon(configuration(slapd))
    assert [r[:3] for r in recipients(server, "alice@ours.example", "Sales+x@ours.example", "carol@ours.example",
                                      "*@ours.example")] == ["250", "250", "550", "550"]
    code, client = sign_in(server, "alice", "secret")
    assert code == 235
    for sender, wanted in [("alice@ours.example", 250), ("sales@ours.example", 250), ("bob@ours.example", 550)]:
        client.rset()
        client.mail(sender)
        assert client.rcpt("bob@ours.example")[0] == wanted, sender
    for name, secret in [("alice", "wrong"), ("nopass", "secret"), ("*", "secret"), ("alice)(uid=bob", "secret")]:
        assert sign_in(server, name, secret)[0] in (501, 535), name
    freeze(slapd.process.pid)  # connected, and silent
    assert recipients(server, "dave@ours.example")[0].startswith("451 4.3.0")
    slapd.stop(signal.SIGKILL)
    time.sleep(2.1)  # then it is tried anew
    assert recipients(server, "erin@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "bob", "secret")[0] == 454
    slapd.start()
    wait(lambda: recipients(server, "frank@ours.example")[0].startswith("550"))
    assert sign_in(server, "bob", "secret")[0] == 235, server.output()[-1500:]


def test_a_directory_that_does_not_take_our_own_password_cannot_tell(daemon, slapd):
    (slapd.folder / "password").write_text("wrong\n")
    server = daemon(configuration(slapd))
    assert recipients(server, "alice@ours.example")[0].startswith("451 4.3.0")


def test_limits_are_an_attribute_and_what_is_none_cannot_be_told(daemon, slapd):
    server = daemon(configuration(slapd, url="uid,mail,ou,description"))
    code, client = sign_in(server, "bob", "secret")
    assert code == 235
    client.mail("bob@ours.example")
    assert [client.rcpt(to)[0] for to in ("bob@ours.example", "alice@ours.example")] == [250, 450]
    code, client = sign_in(server, "alice", "secret")
    assert code == 454, "her limit is none, and was meant as one"
    assert "description is no limit like" in server.postern("status").stdout, server.postern("status").stdout
    assert sign_in(server, "bob", "secret")[0] == 235  # and others do not wait for it


# ---- LDAP over TLS ----

# No name of this host by the letter, so that StartTLS is asked for; and 127.0.0.1 to every resolver.
NAME = "127.1"


def issue(folder, name, authority=None, subject="DNS:127.1,IP:127.0.0.1", days=2):
    """folder/name.pem and .key, by another such certificate or by itself."""
    made = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key",
            "-out", f"{folder}/{name}.csr"]
    subprocess.run(made, check=True, capture_output=True)
    signer = ["-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key", "-CAcreateserial"] if authority \
        else ["-signkey", f"{folder}/{name}.key"]
    with open(f"{folder}/{name}.ext", "w") as extensions:
        extensions.write(f"subjectAltName={subject}\n" if authority else "basicConstraints=critical,CA:TRUE\n")
    subprocess.run(["openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", *signer, "-days", str(days), "-extfile",
                    f"{folder}/{name}.ext", "-out", f"{folder}/{name}.pem"], check=True, capture_output=True)
    for end in ("key", "pem"):
        os.chmod(f"{folder}/{name}.{end}", 0o644)
    return f"{folder}/{name}"


@pytest.mark.parametrize("scheme", ["ldaps", "starttls"])
def test_a_directory_is_asked_over_tls_with_a_certificate_that_is_good(daemon, slapd, folder, scheme):
    authority = issue(folder, "authority")
    good, other = issue(folder, "good", "authority"), issue(folder, "other", "authority", subject="DNS:elsewhere.example")
    issue(folder, "stranger")
    unknown = issue(folder, "unknown", "stranger")
    slapd.restart_with_tls(good)
    url = f"ldaps://127.0.0.1:{slapd.secure}" if scheme == "ldaps" else f"ldap://{NAME}:{slapd.port}"
    text = HOUSE + f'accounts ldap "{url}/dc=ours,dc=example?uid,mail,ou"\n' \
                   f'  bind "cn=admin,dc=ours,dc=example" password-file "{folder}/password"\n'
    server = daemon(text, env={"LDAPTLS_CACERT": authority + ".pem"})
    told = recipients(server, "alice@ours.example", "carol@ours.example")
    assert [reply[:3] for reply in told] == ["250", "550"], server.postern("status").stdout
    assert sign_in(server, "alice", "secret")[0] == 235
    assert sign_in(server, "alice", "wrong")[0] == 535
    # another's certificate, and one by an authority that nobody named: it cannot be told, of those that are there and those not
    for number, wrong in enumerate((other, unknown)):
        slapd.restart_with_tls(wrong)
        time.sleep(2.1)  # then it is tried anew
        for name in (f"x{number}@ours.example", ("bob", "sales")[number] + "@ours.example"):
            assert recipients(server, name)[0].startswith("451 4.3.0"), wrong
        assert sign_in(server, "bob", "secret")[0] == 454, wrong
    slapd.restart_with_tls(good)
    wait(lambda: recipients(server, "late@ours.example")[0].startswith("550"))
    assert sign_in(server, "bob", "secret")[0] == 235, server.output()[-1500:]


def test_a_directory_abroad_that_does_not_speak_tls_is_told_no_password(daemon, slapd, folder):
    server = daemon(HOUSE + f'accounts ldap "ldap://{NAME}:{slapd.port}/dc=ours,dc=example?uid,mail,ou"\n'
                            f'  bind "cn=admin,dc=ours,dc=example" password-file "{folder}/password"\n')
    assert recipients(server, "alice@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "alice", "secret")[0] == 454
    assert "StartTLS: " in server.postern("status").stdout, server.postern("status").stdout


@pytest.mark.parametrize("url,words", [("http://ldap.example.org/", "this is no LDAP URL"),
                                       ("ldaps://ldap.example.org/", "names no base")])
def test_a_url_that_is_none_is_a_clear_error(daemon, url, words):
    with pytest.raises(AssertionError, match=words):
        daemon(HOUSE + f'accounts ldap "{url}"\n')


def test_pam_knows_the_users_of_this_host(daemon):
    server = daemon(HOUSE + 'accounts pam "postern-test-none" domain ours.example\n')
    assert [r[:3] for r in recipients(server, "nobody@ours.example", "no-such-user@ours.example")] == ["250", "550"]
    assert sign_in(server, "nobody", "secret")[0] in (454, 535)  # by what /etc/pam.d/other says


# ---- PAM, with a stack that answers ----

STACK = """auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {folder}/check
auth requisite pam_deny.so
auth required pam_permit.so
account [success=1 default=ignore] pam_exec.so quiet {folder}/check
account requisite pam_deny.so
account required pam_permit.so
"""
CHECK = """#!/bin/sh
[ "$PAM_TYPE" = account ] && exec test "$PAM_USER" != games
read -r given
echo "$PAM_SERVICE $PAM_USER" >> {folder}/asked
[ "$given" = "secret of $PAM_USER" ]
"""


@pytest.fixture
def pam(folder, monkeypatch):
    """Starts daemons that see a folder of ours in place of /etc/pam.d; gives the file of the service."""
    need("root")
    for module in ("exec", "deny", "permit"):
        if not any(pathlib.Path("/").glob(f"usr/lib/*/security/pam_{module}.so")):
            pytest.skip(f"pam_{module} is not here")
    service = folder / "pam.d/postern-test"
    service.parent.mkdir()
    service.write_text(STACK.format(folder=folder))
    for name, text in (("check", CHECK.format(folder=folder)), ("asked", ""), ("start", "#!/bin/sh\n"
            f'exec unshare -m sh -c \'mount --bind {folder}/pam.d /etc/pam.d && exec "$@"\' sh {conftest.POSTERND} "$@"\n')):
        (folder / name).write_text(text)
        os.chmod(folder / name, 0o777)
    monkeypatch.setattr(conftest, "POSTERND", str(folder / "start"))
    return service


def test_pam_tests_passwords_and_cannot_tell_when_it_breaks(daemon, pam, folder):
    server = daemon(HOUSE + 'accounts pam "postern-test" domain ours.example\n')
    code, client = sign_in(server, "nobody", "secret of nobody")
    assert code == 235, server.output()[-2000:]
    for sender, wanted in [("nobody@ours.example", 250), ("games@ours.example", 550)]:
        client.rset()
        client.mail(sender)
        assert client.rcpt("daemon@ours.example")[0] == wanted, sender
    assert sign_in(server, "daemon@ours.example", "secret of daemon")[0] == 235
    assert (folder / "asked").read_text().splitlines() == ["postern-test nobody", "postern-test daemon"]
    assert sign_in(server, "nobody", "secret of daemon")[0] == 535
    assert sign_in(server, "games", "secret of games")[0] == 535  # its account phase says no
    assert sign_in(server, "no-such-user", "secret of no-such-user")[0] == 535
    # a module that is not there; then all is as before
    before = pam.read_text()
    pam.write_text("auth required pam_postern_gone.so\naccount required pam_postern_gone.so\n")
    assert sign_in(server, "nobody", "secret of nobody")[0] == 454
    assert [r[:3] for r in recipients(server, "nobody@ours.example")] == ["250"]  # the name service knows
    pam.write_text(before)
    assert sign_in(server, "nobody", "secret of nobody")[0] == 235
