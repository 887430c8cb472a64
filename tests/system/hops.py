# SPDX-License-Identifier: Apache-2.0
"""Next hops that tests deliver to: a server with TLS and AUTH, an LMTP server that misbehaves as told, Dovecot's."""
import base64
import hashlib
import hmac
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from conftest import Sink, end_listening, free_port, unstuff
from dovecot import Server


class Authority:
    """Certificates: a root of our own, and what it or the host itself signs."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=root",
                     "-keyout", self.path("root.key"), "-out", self.path("root.pem"))
        os.chmod(self.path("root.pem"), 0o644)
        self.root = self.path("root.pem")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        ran = subprocess.run(["openssl", *words], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    def certificate(self, name, names, days=10, start=None, end=None):
        """The file with certificate and key for `names` ("DNS:a.example,IP:127.0.0.1")."""
        with open(self.path(name + ".ext"), "w") as file:
            file.write(f"subjectAltName={names}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server",
                     "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        if start:
            os.makedirs(self.path(name + ".ca"), exist_ok=True)
            with open(self.path(name + ".cnf"), "w") as file:
                file.write(f"[ca]\ndefault_ca=c\n[c]\nnew_certs_dir={self.path(name + '.ca')}\ndatabase={self.path(name + '.db')}\n"
                           f"default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
            open(self.path(name + ".db"), "w").close()
            self.openssl("ca", "-batch", "-config", self.path(name + ".cnf"), "-cert", self.root, "-keyfile", self.path("root.key"),
                         "-in", self.path(name + ".csr"), "-out", self.path(name + ".crt"), "-extfile", self.path(name + ".ext"),
                         "-startdate", start, "-enddate", end, "-notext")
        else:
            self.openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.root, "-CAkey", self.path("root.key"),
                         "-CAcreateserial", "-days", str(days), "-extfile", self.path(name + ".ext"), "-out", self.path(name + ".crt"))
        with open(self.path(name + ".pem"), "w") as file:
            file.write(open(self.path(name + ".key")).read() + open(self.path(name + ".crt")).read())
        return self.path(name + ".pem")


class Smarthost(Sink):
    """A sink with STARTTLS (or TLS from the first byte) and AUTH; `fault` is one of strip, hang, inject, refuse."""

    def __init__(self, certificate=None, users=None, mechanisms=("PLAIN",), fault=None, at_once=False, **more):
        self.certificate, self.users, self.mechanisms, self.fault, self.at_once = certificate, users or {}, mechanisms, fault, at_once
        self.secured, self.signed_in, self.plain = [], [], []
        super().__init__(**more)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context

    def serve(self, client, number):
        try:
            with client:
                if self.at_once:
                    client = self.context().wrap_socket(client, server_side=True)
                    self.secured.append(client.version())
                client.sendall(b"220 smarthost.example ESMTP\r\n")
                self.talk(client, number, self.at_once)
        except (OSError, ValueError, ssl.SSLError):
            pass

    def talk(self, client, number, secure):
        lines, signed_in = client.makefile("rb", buffering=0), False

        def say(reply):
            client.sendall(reply.encode() + b"\r\n")
        for line in iter(lines.readline, b""):
            verb = line[:8].upper().split()[0] if line.split() else b""
            if verb == b"EHLO":
                words = ["smarthost.example", "PIPELINING", "8BITMIME"]
                words += ["STARTTLS"] if self.certificate and not secure and self.fault != "strip" else []
                words += ["AUTH " + " ".join(self.mechanisms)] if self.users and secure else []
                say("\r\n".join(f"250{' ' if i == len(words) - 1 else '-'}{word}" for i, word in enumerate(words)))
            elif verb == b"STARTTLS":
                if self.fault == "refuse":
                    say("454 4.7.0 not now")
                    continue
                say("220 go" + ("\r\n250 2.0.0 injected" if self.fault == "inject" else ""))
                if self.fault == "hang":
                    time.sleep(30)
                secured = self.context().wrap_socket(client, server_side=True)
                self.secured.append(secured.version())
                return self.talk(secured, number, True)
            elif verb == b"AUTH":
                signed_in = self.auth(line.decode().split()[1:], lines, say)
                say("235 2.7.0 in" if signed_in else "535 5.7.8 that is not the password")
            elif verb == b"QUIT":
                return say("221 2.0.0 bye")
            elif verb == b"MAIL" and self.users and not signed_in:
                say("530 5.7.0 sign in first")
            elif verb == b"DATA":
                say("354 go on")
                raw = b""
                while not (raw == b".\r\n" or raw.endswith(b"\r\n.\r\n")):
                    piece = lines.readline()
                    if not piece:
                        return None
                    raw += piece
                with self.lock:
                    self.messages.append((secure, signed_in, unstuff(raw[:-3])))
                say("250 2.0.0 kept")
            else:
                say("250 2.0.0 ok")
        return None

    def auth(self, words, lines, say):
        def ask(challenge):
            say("334 " + base64.b64encode(challenge).decode())
            return base64.b64decode(lines.readline().strip())
        mechanism = words[0].upper()
        first = base64.b64decode(words[1]) if len(words) > 1 and words[1] != "=" else None
        if mechanism == "PLAIN":
            _, name, password = (first if first is not None else ask(b"")).split(b"\0")
            right = self.users.get(name.decode()) == password.decode()
        elif mechanism == "LOGIN":
            name, password = ask(b"Username:"), ask(b"Password:")
            right = self.users.get(name.decode()) == password.decode()
        else:
            name, right = self.scram(first, ask)
        if right:
            self.signed_in.append((mechanism, name.decode()))
        return right

    def scram(self, first, ask):
        """RFC 5802 as a server, with SHA-256."""
        bare = first.split(b",", 2)[2]
        fields = dict(field.split(b"=", 1) for field in bare.split(b","))
        name, salt, count = fields[b"n"], b"some salt", 4096
        server_first = b"r=" + fields[b"r"] + b"SERVER" + b",s=" + base64.b64encode(salt) + b",i=" + str(count).encode()
        final = ask(server_first)
        without, proof = final.rsplit(b",p=", 1)
        salted = hashlib.pbkdf2_hmac("sha256", self.users.get(name.decode(), "?").encode(), salt, count)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        message = bare + b"," + server_first + b"," + without
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        if bytes(a ^ b for a, b in zip(client_key, signature)) != base64.b64decode(proof):
            return name, False
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return name, ask(b"v=" + base64.b64encode(hmac.digest(server_key, message, "sha256"))) == b""


class Lmtp:
    """An LMTP server over a socket's path or TCP. `after` maps a recipient to the reply after the data (None: the
    connection ends there), `rcpt` one to the reply to RCPT."""

    def __init__(self, path=None, after=None, rcpt=None, extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")):
        self.after, self.rcpt, self.extensions = after or {}, rcpt or {}, extensions
        self.kept, self.said, self.connections, self.open = [], [], 0, True
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(path or ("127.0.0.1", 0))
        if path:
            os.chmod(path, 0o777)
        self.port = None if path else self.listener.getsockname()[1]
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client, client.makefile("rb") as lines:
                self.converse(client, lines)
        except (OSError, EOFError):
            pass

    def converse(self, client, lines):
        def say(reply):
            if reply is None:
                raise EOFError
            client.sendall(reply.encode() + b"\r\n")
        recipients = []
        say("220 lmtp.example LMTP")
        for line in lines:
            self.said.append(line.rstrip(b"\r\n").decode())
            verb = line[:4].upper()
            if verb == b"LHLO":
                words = ["lmtp.example", *self.extensions]
                say("\r\n".join(f"250{' ' if i == len(words) - 1 else '-'}{word}" for i, word in enumerate(words)))
            elif verb == b"RCPT":
                address = re.search(r"<(.*?)>", line.decode()).group(1)
                reply = self.rcpt.get(address, "250 2.1.5 ok")
                if reply.startswith("2"):
                    recipients.append(address)
                say(reply)
            elif verb == b"DATA":
                if not recipients:
                    say("503 5.5.1 nobody to deliver to")
                    continue
                say("354 go on")
                raw = b""
                while not (raw == b".\r\n" or raw.endswith(b"\r\n.\r\n")):
                    raw += lines.readline()
                for address in recipients:
                    reply = self.after.get(address, "250 2.0.0 saved")
                    say(reply(address) if callable(reply) else reply)
                    if not callable(reply) and reply.startswith("2"):
                        self.kept.append((address, unstuff(raw[:-3])))
                recipients = []
            elif verb == b"QUIT":
                say("221 2.0.0 bye")
                return
            else:
                recipients = []
                say("250 2.0.0 ok")

    def close(self):
        self.open = False
        end_listening(self.listener)


LMTP = """
protocols = lmtp
passdb {{
  driver = static
  args = nopassword
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
service lmtp {{
  chroot =
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Dovecot(Server):
    """Dovecot's LMTP server: users alice, bob, and shut, whose mail folder cannot be made."""

    def __init__(self, root, folder):
        super().__init__(root, folder, LMTP)
        with open(f"{folder}/users", "w") as users:
            for name in ("alice", "bob", "shut"):
                users.write(f"{name}::{self.user.pw_uid}:{self.user.pw_gid}::{folder}/mail/{name}::\n")
        open(f"{folder}/mail/shut", "w").close()
        self.start()

    def mails(self, user):
        folder = f"{self.folder}/mail/{user}/new"
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [open(os.path.join(folder, name), "rb").read() for name in names]

    def close(self):
        self.stop()


POSTFIX = """set -e
for part in usr etc var; do
	mkdir -p "$2/$part.up" "$2/$part.work"
	mount -t overlay overlay -o "lowerdir=$1/$part:/$part,upperdir=$2/$part.up,workdir=$2/$part.work" "/$part"
done
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /usr/share/postfix/main.cf.dist /etc/postfix/main.cf.proto
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf.proto
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/dynamicmaps.cf
ln -sf /usr/share/postfix/makedefs.out /etc/postfix/makedefs.out
cp "$2/main.cf" /etc/postfix/main.cf
getent group postfix >/dev/null || groupadd --system postfix
getent group postdrop >/dev/null || groupadd --system postdrop
getent passwd postfix >/dev/null || useradd --system -g postfix -M -d /var/spool/postfix -s /usr/sbin/nologin postfix
postconf -F '*/*/chroot=n'
postconf -MX smtp/inet
postconf -M "$3/inet=$3 inet n - n - - smtpd"
postfix set-permissions >/dev/null
exec postfix start-fg
"""
MAIN_CF = """compatibility_level = 3.6
myhostname = localhost
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
default_transport = discard
alias_maps =
maillog_file = /var/log/postfix.log
smtpd_tls_chain_files = {certificate}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_relay_restrictions = permit_mynetworks, reject
"""


class Postfix:
    """Postfix as a next hop that offers STARTTLS and throws away what it takes. It sees an /etc, a /usr and a /var of its
    own, laid over this machine's."""

    def __init__(self, root, folder, certificate, more=""):
        self.port = free_port()
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.folder = folder
        with open(f"{folder}/main.cf", "w") as file:
            file.write(MAIN_CF.format(certificate=certificate) + more)
        self.process = subprocess.Popen(["unshare", "-mpf", "--mount-proc", "sh", "-c", POSTFIX, "sh", root, folder, str(self.port)],
                                        stdin=subprocess.DEVNULL, stdout=open(f"{folder}/out", "ab"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=60).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.words()
                time.sleep(0.1)

    def words(self):
        texts = [open(name, errors="replace").read()
                 for name in (f"{self.folder}/out", f"{self.folder}/var.up/log/postfix.log") if os.path.exists(name)]
        return "\n".join(texts)

    def close(self):
        # The first process of its name space: with it go all others.
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            for child in children.read().split():
                os.kill(int(child), signal.SIGKILL)
        self.process.wait(60)
