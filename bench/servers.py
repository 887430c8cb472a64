# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: ours, and Debian's Postfix in a chroot below the build folder."""
import json
import os
import re
import shutil
import subprocess
import time

from measure import Account, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Absent(Exception):
    """A server that cannot be measured here; its words say why."""


def wait_for(what, seconds, ended=lambda: None):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        why = ended()
        if why:
            raise Absent(why)
        time.sleep(0.02)
    raise Absent(f"it was not ready after {seconds} seconds")


def find_program(build, name):
    for place in ["src/cmd", "cmd"]:
        path = os.path.join(build, "release", place, name)
        if os.path.exists(path):
            return path
    raise Absent(f"{name} is not built in {build}/release")


class Postern:
    name = "Postern"
    settings = """\
hostname relay.bench.example
postmaster "root@relay.bench.example"
state "{state}"
listen smtp "127.0.0.1:{port}"
network bench 127.0.0.1/32
relay for network bench
deliver * via "127.0.0.1:{sink}" tls off
limits connections unlimited, unlimited per address, unlimited per minute per address
limits errors unlimited, unknown recipients unlimited, no-ops unlimited
"""

    def __init__(self, build, folder, disk, more=""):
        self.program = find_program(build, "posternd")
        self.folder, self.port = os.path.join(folder, "postern"), free_port()
        self.state, self.more = os.path.join(disk, "postern-state"), more
        self.account = None

    def version(self):
        return subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout.splitlines()[0]

    def start(self, sink, connections=0):
        shutil.rmtree(self.state, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        config, self.log = os.path.join(self.folder, "postern.conf"), os.path.join(self.folder, "log")
        with open(config, "w") as file:
            file.write(self.settings.format(state=self.state, port=self.port, sink=sink) + self.more)
        self.account = Account("postern")
        with open(self.log, "w") as log:
            process = self.account.start([self.program, "-c", config], stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.is_ready, 20, lambda: process.poll() is not None and f"posternd ended: {self.last_words()}")

    def is_ready(self):
        with open(self.log, errors="replace") as file:
            for line in file:
                try:
                    if json.loads(line).get("event") == "ready":
                        return True
                except ValueError:
                    pass
        return False

    def last_words(self):
        with open(self.log, errors="replace") as file:
            return file.read().strip()[-300:]

    def stop(self):
        if not self.account:
            return
        self.account.process.terminate()
        try:
            self.account.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        self.account.end()
        self.account = None
        shutil.rmtree(self.state, ignore_errors=True)


class Postfix:
    """Unpacked by scripts/peer into the upper layer of an overlay over this machine's own tree: its
    users, its files and its processes are seen nowhere else. The queue is a folder of the disk under
    test, bound into it: an overlay under the queue would be its handicap."""
    name = "Postfix"
    main = """\
compatibility_level = 3.6
myhostname = relay.bench.example
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{sink}
alias_maps =
local_recipient_maps =
maillog_file = /var/log/postfix.log
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
default_process_limit = {processes}
default_destination_concurrency_limit = 100
initial_destination_concurrency = 20
qmgr_message_active_limit = 40000
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000000
smtpd_hard_error_limit = 1000000
smtpd_junk_command_limit = 1000000
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/postfix/cert.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtp_tls_security_level = none
"""
    steps = """set -ex
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=relay.bench.example \\
	-keyout /etc/postfix/key.pem -out /etc/postfix/cert.pem
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf.proto
cp /usr/share/postfix/main.cf.dist /etc/postfix/main.cf.proto
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/dynamicmaps.cf
ln -sf /usr/share/postfix/makedefs.out /etc/postfix/makedefs.out
getent group postfix >/dev/null || groupadd --system postfix
getent group postdrop >/dev/null || groupadd --system postdrop
getent passwd postfix >/dev/null || useradd --system -g postfix -M -d /var/spool/postfix -s /usr/sbin/nologin postfix
postconf -F '*/*/chroot=n'
postconf -MX smtp/inet
postconf -M "{port}/inet={port} inet n - n - - smtpd"
postfix set-permissions >/dev/null
"""

    def __init__(self, build, folder, disk):
        if os.geteuid() != 0:
            raise Absent("needs root (chroot, overlay)")
        if os.path.exists("/etc/postfix/main.cf"):
            raise Absent("a Postfix is installed here, whose settings would shine through")
        if os.environ.get("POSTERN_BENCH_UNFETCHED"):
            raise Absent(os.environ["POSTERN_BENCH_UNFETCHED"])
        self.peer = os.path.join(build, "peers", "postfix")
        self.root, self.queue = os.path.join(folder, "postfix", "root"), os.path.join(disk, "postfix-queue")
        self.layers = {name: os.path.join(folder, "postfix", name) for name in ["upper", "work"]}
        self.port, self.account, self.mounts, self.sink = free_port(), None, [], None

    @staticmethod
    def fetch(build):
        """Before this process leaves the network; what went wrong is told when the server is wanted."""
        fetched = subprocess.run([os.path.join(ROOT, "scripts/peer"), "postfix", os.path.join(build, "peers", "postfix")],
                                 capture_output=True, text=True)
        if fetched.returncode:
            os.environ["POSTERN_BENCH_UNFETCHED"] = (fetched.stderr.strip() or "it cannot be fetched").splitlines()[-1]

    def mount(self, *words):
        done = subprocess.run(["mount", *words], capture_output=True, text=True)
        if done.returncode:
            raise Absent(f"mount {' '.join(words)}: {done.stderr.strip().splitlines()[0]}")
        self.mounts.append(words[-1])

    def inside(self, *command):
        done = subprocess.run(["chroot", self.root, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Absent(f"{command[0]}: {(done.stderr + done.stdout).strip()[-300:]}")
        return done.stdout

    def version(self):
        return "Postfix " + self.inside("postconf", "-d", "-h", "mail_version").strip()

    def prepare(self, connections):
        shutil.rmtree(os.path.dirname(self.root), ignore_errors=True)
        shutil.rmtree(self.queue, ignore_errors=True)
        shutil.copytree(os.path.join(self.peer, "root"), self.layers["upper"], symlinks=True)
        shutil.copytree(os.path.join(self.peer, "root/var/spool/postfix"), self.queue)
        os.makedirs(self.root)
        os.makedirs(self.layers["work"])
        self.mount("-t", "overlay", "overlay", "-o",
                   f"lowerdir=/,upperdir={self.layers['upper']},workdir={self.layers['work']}", self.root)
        self.mount("--bind", self.queue, os.path.join(self.root, "var/spool/postfix"))
        for name in ["dev", "proc"]:
            self.mount("--bind", "/" + name, os.path.join(self.root, name))
        with open(os.path.join(self.root, "etc/postfix/main.cf"), "w") as file:
            file.write(self.main.format(sink=self.sink, processes=max(300, connections + 200)))
        self.inside("sh", "-c", self.steps.format(port=f"127.0.0.1:{self.port}"))

    def start(self, sink, connections=0):
        self.sink = sink
        self.prepare(connections)
        self.account = Account("postfix")
        started = self.account.start(["chroot", self.root, "postfix", "start"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        if started.wait():
            raise Absent(f"postfix start failed: {self.last_words()}")
        wait_for(lambda: "daemon started" in self.last_words(), 20)
        with open(os.path.join(self.queue, "pid/master.pid")) as file:
            self.account.first = int(file.read())

    def last_words(self):
        path = os.path.join(self.root, "var/log/postfix.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return re.sub(r"\s+", " ", file.read()[-600:])

    def stop(self):
        if self.account:
            subprocess.run(["chroot", self.root, "postfix", "stop"], capture_output=True)
            self.account.end()
            self.account = None
        for place in reversed(self.mounts):
            subprocess.run(["umount", place], capture_output=True)
        self.mounts = []
        for folder in [os.path.dirname(self.root), self.queue]:
            if not os.path.ismount(self.root):
                shutil.rmtree(folder, ignore_errors=True)
