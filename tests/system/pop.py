# SPDX-License-Identifier: Apache-2.0
"""Accounts, POP3 sessions and mailboxes for the tests of reading mail and of POP before SMTP."""
import os
import poplib
import re
import ssl
import subprocess

from conftest import POSTERN

PASSWORD = "correct horse"
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE

POLICY = """
listen smtp "127.0.0.1:0"
listen pop3 "127.0.0.1:0"
listen pop3s "127.0.0.1:0"
accounts sqlite "{state}/accounts.db"
domain ours.example mailboxes accounts deliver maildir "{mail}/%d/%l"
network office 127.0.0.1/32
relay for network office
"""


def port_of(server, service, host="127.0.0.1"):
    return int(re.search(rf"\b{service} {re.escape(host)}:(\d+)", server.ready["text"]).group(1))


def add_user(server, login, *words, password=PASSWORD):
    made = subprocess.run([POSTERN, "-c", server.config, "user", "add", login, *words], input=password + "\n",
                          capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stdout + made.stderr


def pop_server(daemon, *users, policy=POLICY, **more):
    """A daemon with these accounts. `{state}` is its state folder."""
    server = daemon(policy, wait=False, **more)
    with open(server.config) as file:
        text = file.read()
    with open(server.config, "w") as file:
        file.write(text.replace("{state}", server.state))
    server.start()
    for user in users:
        add_user(server, user)
    return server


def poplib_at(server, login=None, password=PASSWORD, source="127.0.0.1"):
    """Signed in as `login`, over pop3s."""
    class From(poplib.POP3_SSL):
        def _create_socket(self, timeout):
            import socket
            raw = socket.create_connection((self.host, self.port), timeout, source_address=(source, 0))
            return CONTEXT.wrap_socket(raw, server_hostname=self.host)
    client = From("127.0.0.1", port_of(server, "pop3s"), timeout=60)
    if login:
        client.user(login)
        client.pass_(password)
    return client


def fill(server, address, count, body=b"Subject: n %d\n\n.dot\nlast\n", where="new", name="17000%05d.M%dP1.host"):
    """Messages straight into a Maildir, as another program would put them; owned by who owns the mail."""
    folder = server.maildir(address)
    for part in ("new", "cur", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    for i in range(count):
        with open(os.path.join(folder, where, name % (i, i)), "wb") as file:
            file.write(body % i if b"%d" in body else body)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "nobody", os.path.join(server.folder, "mail")], check=True)
    return folder
