# SPDX-License-Identifier: Apache-2.0
"""Dovecot, unpacked below the build folder (scripts/peer) and laid over /usr for itself alone: what its services for LMTP,
for POP3 and for accounts have in common."""
import grp
import os
import pwd
import socket
import subprocess
import time

from conftest import free_port

COMMON = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Server:
    """`settings` go behind COMMON, with {folder}, {user}, {group} and {port} put in. It is up when it answers at its
    port, or at the Unix socket `at` in its folder."""

    def __init__(self, root, folder, settings, at=None):
        self.root, self.folder, self.port, self.process = root, str(folder), free_port(), None
        self.at = f"{folder}/{at}" if at else ("127.0.0.1", self.port)
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.makedirs(f"{folder}/run")
        os.makedirs(f"{folder}/mail")
        os.chmod(folder, 0o755)
        if os.geteuid() == 0:
            os.chown(f"{folder}/mail", self.user.pw_uid, self.user.pw_gid)
        with open(f"{folder}/dovecot.conf", "w") as file:
            file.write((COMMON + settings).format(folder=folder, user=self.user.pw_name, port=self.port,
                                                  group=grp.getgrgid(self.user.pw_gid).gr_name))

    def start(self):
        # Its programs look for each other where they would be installed.
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount -t overlay overlay -o lowerdir="$1":/usr /usr && shift && exec "$@"', "sh",
             f"{self.root}/usr", "/usr/sbin/dovecot", "-F", "-c", f"{self.folder}/dovecot.conf"], stdin=subprocess.DEVNULL,
            stdout=open(f"{self.folder}/out", "ab"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, "dovecot ended: " + self.words()
            assert time.monotonic() < end, "dovecot is not up: " + self.words()
            time.sleep(0.05)

    def answers(self):
        with socket.socket(socket.AF_UNIX if isinstance(self.at, str) else socket.AF_INET) as client:
            client.settimeout(5)
            try:
                client.connect(self.at)
                return True
            except OSError:
                return False

    def words(self):
        texts = [open(f"{self.folder}/{name}", errors="replace").read()[-3000:]
                 for name in ("out", "dovecot.log") if os.path.exists(f"{self.folder}/{name}")]
        return "\n".join(texts)

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
