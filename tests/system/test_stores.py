# SPDX-License-Identifier: Apache-2.0
"""Accounts at Dovecot's auth socket and in an LDAP directory: found, not found, and killed in the middle."""
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import need
from test_accounts import HOUSE, recipients, sign_in, user, wait

DOVECOT = """
protocols =
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
auth_username_format = %Lu
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
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
    """Dovecot's auth service, over /usr for itself alone; gives the process."""
    need("root")
    root = peers("dovecot-lmtpd")
    someone = pwd.getpwnam("nobody")
    (folder / "run").mkdir()
    (folder / "users").write_text(
        "alice@ours.example:secret:65534:65534::/nonexistent::userdb_postern_owns=sales@ours.example "
        "userdb_postern_groups=staff\nbob@ours.example:secret:65534:65534::/nonexistent::\n")
    (folder / "dovecot.conf").write_text(DOVECOT.format(folder=folder, user="nobody", group=grp.getgrgid(someone.pw_gid).gr_name))

    def start():
        process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount -t overlay overlay -o lowerdir="$1":/usr /usr && shift && exec "$@"', "sh",
             f"{root}/usr", "/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL, stdout=open(folder / "out", "ab"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 20
        while not answers(folder / "auth-client"):
            assert process.poll() is None and time.monotonic() < end, (folder / "out").read_text()
            time.sleep(0.05)
        return process
    running = [start()]
    yield lambda: running.append(start()) or running[-1], running
    for process in running:
        process.terminate()
        process.wait()


def answers(path):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            return True
        except OSError:
            return False


def test_dovecot_says_who_there_is_and_tests_passwords(daemon, dovecot, folder):
    restart, running = dovecot
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
    running[0].send_signal(signal.SIGTERM)
    running[0].wait()
    assert recipients(server, "dave@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "bob@ours.example", "secret")[0] == 454
    restart()
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
        listener.close()


SLAPD = """
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
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
mail: alice@ours.example
mail: sales@ours.example
ou: cn=staff,dc=ours,dc=example
userPassword: secret

dn: uid=bob,dc=ours,dc=example
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "slapd.conf").write_text(SLAPD.format(root=root, folder=folder))
        (folder / "people.ldif").write_text(PEOPLE)
        self.env = dict(os.environ, LD_LIBRARY_PATH=":".join(f"{root}/usr/lib/{part}" for part in ("x86_64-linux-gnu", "ldap", "")))
        self.run("-T", "add", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")).wait()
        self.start()

    def run(self, *words):
        return subprocess.Popen([f"{self.root}/usr/sbin/slapd", *words], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=open(self.folder / "out", "ab"), stderr=subprocess.STDOUT)

    def start(self):
        self.process = self.run("-h", f"ldap://127.0.0.1:{self.port}", "-f", str(self.folder / "slapd.conf"), "-d", "0")
        end = time.monotonic() + 20
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
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
    slapd.process.send_signal(signal.SIGSTOP)  # connected, and silent
    assert recipients(server, "dave@ours.example")[0].startswith("451 4.3.0")
    slapd.stop(signal.SIGKILL)
    time.sleep(2.1)
    assert recipients(server, "erin@ours.example")[0].startswith("451 4.3.0")
    assert sign_in(server, "bob", "secret")[0] == 454
    slapd.start()
    wait(lambda: recipients(server, "frank@ours.example")[0].startswith("550"))
    assert sign_in(server, "bob", "secret")[0] == 235, server.output()[-1500:]


def test_a_directory_that_does_not_take_our_own_password_cannot_tell(daemon, slapd):
    (slapd.folder / "password").write_text("wrong\n")
    server = daemon(configuration(slapd))
    assert recipients(server, "alice@ours.example")[0].startswith("451 4.3.0")


@pytest.mark.parametrize("url,words", [("http://ldap.example.org/", "this is no LDAP URL"),
                                       ("ldaps://ldap.example.org/", "names no base")])
def test_a_url_that_is_none_is_a_clear_error(daemon, url, words):
    with pytest.raises(AssertionError, match=words):
        daemon(HOUSE + f'accounts ldap "{url}"\n')


def test_pam_knows_the_users_of_this_host(daemon):
    server = daemon(HOUSE + 'accounts pam "postern-test-none" domain ours.example\n')
    assert [r[:3] for r in recipients(server, "nobody@ours.example", "no-such-user@ours.example")] == ["250", "550"]
    assert sign_in(server, "nobody", "secret")[0] in (454, 535)  # by what /etc/pam.d/other says
