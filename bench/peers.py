# SPDX-License-Identifier: Apache-2.0
"""The servers beside ours: Debian's Postfix, Exim and OpenSMTPD, npm's Haraka. Each is told to flush as
it can, to relay all mail of 127.0.0.1 to the sink, to ask no name server and to limit nobody."""
import os
import re
import shutil
import subprocess

from measure import Account, free_port
from servers import ROOT, Absent, Flushes, wait_for

CERTIFICATE = """openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=relay.bench.example \\
	-keyout {folder}/key.pem -out {folder}/cert.pem
"""
PERSON = """getent group {group} >/dev/null || groupadd --system {group}
getent passwd {user} >/dev/null || useradd --system -g {group} -M -d {home} -s /usr/sbin/nologin {user}
"""


def fetched(name, command, **more):
    """Before this process leaves the network; what went wrong is told when the server is wanted."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, **more)
        words = done.returncode and (done.stderr.strip() or "it cannot be fetched").splitlines()[-1]
    except (OSError, subprocess.TimeoutExpired) as why:
        words = f"it cannot be fetched: {why}"
    if words:
        os.environ[f"POSTERN_BENCH_UNFETCHED_{name}"] = words


def need_fetched(name):
    why = os.environ.get(f"POSTERN_BENCH_UNFETCHED_{name}")
    if why:
        raise Absent(why)


class Unpacked:
    """A Debian server, unpacked by scripts/peer into the upper layer of an overlay over this machine's
    own tree: its users, its files and its processes are seen nowhere else. The queue is a folder of the
    disk under test, bound into it: an overlay under the queue would be its handicap."""
    slow_library = "/usr/local/lib/slow_flush.so"

    def __init__(self, build, folder, disk):
        if os.geteuid() != 0:
            raise Absent("needs root (chroot, overlay)")
        if os.path.exists(self.settings_path):
            raise Absent(f"a server is installed here whose {self.settings_path} would shine through")
        need_fetched(self.name)
        self.build, self.peer = build, os.path.join(build, "peers", self.package)
        self.home, self.queue = os.path.join(folder, self.package), os.path.join(disk, f"{self.package}-queue")
        self.root = os.path.join(self.home, "root")
        self.port, self.account, self.mounts, self.flushes = free_port(), None, [], None

    @classmethod
    def fetch(cls, build):
        if os.geteuid() == 0:
            fetched(cls.name, [os.path.join(ROOT, "scripts/peer"), cls.package, os.path.join(build, "peers", cls.package)])

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

    def write(self, path, text):
        with open(self.root + path, "w") as file:
            file.write(text)

    def prepare(self, sink, connections):
        upper, work = os.path.join(self.home, "upper"), os.path.join(self.home, "work")
        for folder in [self.home, self.queue]:
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(self.peer, "root"), upper, symlinks=True)
        made = upper + self.queue_path
        if os.path.isdir(made):
            shutil.copytree(made, self.queue)
        else:
            os.makedirs(self.queue)
            os.makedirs(made)
        os.makedirs(self.root)
        os.makedirs(work)
        self.mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", self.root)
        self.mount("--bind", self.queue, self.root + self.queue_path)
        for name in ["dev", "proc"]:
            self.mount("--bind", "/" + name, os.path.join(self.root, name))
        os.makedirs(os.path.dirname(self.root + self.settings_path), exist_ok=True)
        self.write(self.settings_path, self.settings.format(port=self.port, sink=sink, processes=max(300, connections + 200)))
        self.inside("sh", "-c", "set -ex\n" + self.steps.format(port=self.port))

    def slow_flushes(self, flush_ns):
        """Every program below the root gets the slow disk, also those that clean their environment."""
        self.flushes = Flushes(self.root + "/etc/slow_flush", flush_ns)
        os.makedirs(os.path.dirname(self.root + self.slow_library), exist_ok=True)
        shutil.copy(Flushes.library(self.build), self.root + self.slow_library)
        self.write("/etc/ld.so.preload", self.slow_library + "\n")

    def start(self, sink, connections=0, flush_ns=0):
        self.flushes = None
        self.prepare(sink, connections)
        if flush_ns:
            self.slow_flushes(flush_ns)
        self.account = Account(self.package)
        with open(os.path.join(self.home, "words"), "w") as words:
            started = self.account.start(["chroot", self.root, *self.command], stdout=words, stderr=words)
        self.await_ready(started)

    def last_words(self):
        text = ""
        for path in [self.root + self.log, os.path.join(self.home, "words")]:
            if not text and os.path.exists(path):
                with open(path, errors="replace") as file:
                    text = re.sub(r"\s+", " ", file.read()[-600:])
        return text

    def await_ready(self, started):
        """The daemon stays in the foreground and is ready when it listens."""
        wait_for(lambda: listens(self.port), 20,
                 lambda: started.poll() is not None and f"{self.command[0]} ended: {self.last_words()}")

    def end(self):
        """What the server wants to be told before it ends; then its processes are ended by their ids."""

    def stop(self):
        if self.account:
            self.end()
            self.account.end()
            self.account = None
        for place in reversed(self.mounts):
            subprocess.run(["umount", place], capture_output=True)
        self.mounts = []
        for folder in [self.home, self.queue]:
            if not os.path.ismount(self.root):
                shutil.rmtree(folder, ignore_errors=True)


def listens(port):
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as lines:
        return any(wanted == line.split()[1] and line.split()[3] == "0A" for line in lines)


class Postfix(Unpacked):
    name, package = "Postfix", "postfix"
    counts = {"messages": 3000, "refusals": 4000, "held": 1000, "big": 0.25, "rounds": 5}
    queue_path, settings_path, log = "/var/spool/postfix", "/etc/postfix/main.cf", "/var/log/postfix.log"
    command = ["postfix", "start"]
    settings = """\
compatibility_level = 3.6
myhostname = relay.bench.example
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{sink}
alias_maps =
local_recipient_maps =
message_size_limit = 50000000
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
    steps = CERTIFICATE.format(folder="/etc/postfix") + """\
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf.proto
cp /usr/share/postfix/main.cf.dist /etc/postfix/main.cf.proto
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/dynamicmaps.cf
ln -sf /usr/share/postfix/makedefs.out /etc/postfix/makedefs.out
getent group postdrop >/dev/null || groupadd --system postdrop
""" + PERSON.format(user="postfix", group="postfix", home="/var/spool/postfix") + """\
postconf -F '*/*/chroot=n'
postconf -MX smtp/inet
postconf -M "127.0.0.1:{port}/inet=127.0.0.1:{port} inet n - n - - smtpd"
postfix set-permissions >/dev/null
"""

    def version(self):
        return "Postfix " + self.inside("postconf", "-d", "-h", "mail_version").strip()

    def await_ready(self, started):
        if started.wait():
            raise Absent(f"postfix start failed: {self.last_words()}")
        wait_for(lambda: "daemon started" in self.last_words(), 20)
        with open(os.path.join(self.queue, "pid/master.pid")) as file:
            self.account.first = int(file.read())

    def end(self):
        subprocess.run(["chroot", self.root, "postfix", "stop"], capture_output=True)


class Exim(Unpacked):
    """As a queue with a runner begun each second: beside a delivery process a message, its default, that
    accepts up to ten times as many and delivers as many."""
    name, package = "Exim", "exim4-daemon-light"
    counts = {"messages": 600, "refusals": 6000, "each": 300, "held": 1000, "big": 0.1, "rounds": 2}
    queue_path, settings_path, log = "/var/spool/exim4", "/etc/exim4/exim4.conf", "/var/log/exim4/mainlog"
    command = ["exim4", "-bdf", "-q1s"]
    settings = """\
primary_hostname = relay.bench.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
log_file_path = /var/log/exim4/%slog
split_spool_directory = true
message_logs = false
message_size_limit = 50M
host_lookup =
rfc1413_query_timeout = 0s
queue_only = true
queue_run_max = 50
smtp_accept_max = {processes}
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 4096
smtp_max_synprot_errors = 0
smtp_accept_max_nonmail = 1000000
tls_advertise_hosts = *
tls_certificate = /etc/exim4/cert.pem
tls_privatekey = /etc/exim4/key.pem
acl_smtp_rcpt = recipient
acl_smtp_data = taken

begin acl
recipient:
  accept hosts = 127.0.0.1
         control = dkim_disable_verify
  deny message = relay not permitted
taken:
  accept

begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = sink

begin transports
sink:
  driver = smtp
  port = {sink}
  connection_max_messages = 500
  hosts_avoid_tls = *
  hosts_try_dane =

begin retry
* * F,2h,1m
"""
    steps = CERTIFICATE.format(folder="/etc/exim4") + PERSON.format(
        user="Debian-exim", group="Debian-exim", home="/var/spool/exim4") + """\
chown Debian-exim:Debian-exim /etc/exim4/*.pem /var/spool/exim4
mkdir -p /var/log/exim4
chown Debian-exim:Debian-exim /var/log/exim4
chown root:root /etc/exim4/exim4.conf /usr/sbin/exim4
chmod 4755 /usr/sbin/exim4
"""

    def version(self):
        return "Exim " + re.search(r"Exim version (\S+)", self.inside("exim4", "-bV")).group(1)


class OpenSMTPD(Unpacked):
    """It never flushes: its 250 is a promise of the page cache. Its limits of delivery, which no manual
    names, are raised; with its own it sends 30 messages/s to one host."""
    name, package = "OpenSMTPD", "opensmtpd"
    counts = {"messages": 1000, "refusals": 4000, "each": 1000, "held": 1000, "big": 0.05, "rounds": 2}
    lacks = ["pipelining", "STARTTLS"]  # 500 "Pipelining not supported"; every handshake ends with alert 80
    queue_path, settings_path, log = "/var/spool/smtpd", "/etc/smtpd.conf", "/none"
    command = ["smtpd", "-d", "-f", "/etc/smtpd.conf"]
    settings = """\
smtp limit max-mails 1000000
smtp limit max-rcpt 1000000
smtp max-message-size "50M"
mta limit max-conn-per-host 100
mta limit max-conn-per-route 100
mta limit max-conn-per-source 100
mta limit max-conn-per-connector 100
mta limit max-conn-per-relay 100
mta limit max-conn-per-domain 100
mta limit conn-delay-host 0
mta limit conn-delay-source 0
mta limit conn-delay-connector 0
mta limit conn-delay-relay 0
mta limit conn-delay-domain 0
mta limit session-mail-max 10000
mta limit task-hiwat 500
mta limit task-lowat 300
mta limit task-release 100
scheduler limit max-inflight 50000
listen on 127.0.0.1 port {port} hostname relay.bench.example
action "sink" relay host "smtp://127.0.0.1:{sink}"
match from src 127.0.0.1 for any action "sink"
"""
    steps = PERSON.format(user="opensmtpd", group="opensmtpd", home="/var/lib/opensmtpd/empty") + PERSON.format(
        user="opensmtpq", group="opensmtpq", home="/var/lib/opensmtpd/empty") + """\
mkdir -p /var/lib/opensmtpd/empty /run
chmod 711 /var/spool/smtpd
chown root:opensmtpq /usr/sbin/smtpctl
"""

    def version(self):
        said = subprocess.run(["chroot", self.root, "smtpd", "-h"], capture_output=True, text=True)
        found = re.search(r"OpenSMTPD ([\w.]+)", said.stdout + said.stderr)
        return "OpenSMTPD " + (found.group(1) if found else "")


class Haraka:
    """npm's, as bench/haraka/package-lock.json has it, installed below the build folder; two worker
    processes. Nothing is run from its packages while they are installed."""
    name = "Haraka"
    counts = {"messages": 1500, "refusals": 300, "each": 1500, "held": 10000, "big": 0.05, "rounds": 2}
    files = {
        "smtp.ini": "listen=127.0.0.1:{port}\nnodes=2\n",
        "connection.ini": "[haproxy]\nhosts[]=\n[headers]\nmax_lines=1000\nmax_received=100\n"
                          "[max]\nbytes=50000000\nmime_parts=1000\nline_length=512\ndata_line_length=992\n"
                          "[message]\nhelo=hello\nclose=bye\n[uuid]\nbanner_chars=6\ndeny_chars=0\n",
        "outbound.ini": "concurrency_max=100\nlocal_mx_ok=true\nenable_tls=false\n",
        "plugins": "relay\ntls\n",
        "relay.ini": "[relay]\nacl=true\nforce_routing=true\n",
        "relay_acl_allow": "127.0.0.1/32\n",
        "relay_dest_domains.ini": '[domains]\nany={{"action":"continue","nexthop":"127.0.0.1:{sink}"}}\n',
        "queue_dir": "{queue}\n",
        "log.ini": "[main]\nlevel=notice\n",
        "loglevel": "NOTICE\n",
        "me": "relay.bench.example\n",
        "tls.ini": "key=tls_key.pem\ncert=tls_cert.pem\n",
    }

    def __init__(self, build, folder, disk):
        need_fetched(self.name)
        self.build, self.modules = build, os.path.join(build, "peers", "haraka", "node_modules")
        self.home, self.queue = os.path.join(folder, "haraka"), os.path.join(disk, "haraka-queue")
        self.port, self.account, self.flushes = free_port(), None, None

    @classmethod
    def fetch(cls, build):
        """`npm ci` where what is installed is not what the lock says."""
        here, there = os.path.join(ROOT, "bench", "haraka"), os.path.join(build, "peers", "haraka")
        lock = os.path.join(there, "package-lock.json")
        with open(os.path.join(here, "package-lock.json")) as file:
            wanted = file.read()
        done = os.path.join(there, "done")
        if os.path.exists(done) and open(done).read() == wanted:
            return
        os.makedirs(there, exist_ok=True)
        for name in ["package.json", "package-lock.json"]:
            shutil.copy(os.path.join(here, name), there)
        fetched(cls.name, ["npm", "ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=there)
        if os.path.exists(os.path.join(there, "node_modules", "Haraka", "package.json")) and os.path.exists(lock):
            with open(done, "w") as file:
                file.write(wanted)

    def version(self):
        with open(os.path.join(self.modules, "Haraka", "package.json")) as file:
            return "Haraka " + re.search(r'"version": "([^"]+)"', file.read()).group(1)

    def start(self, sink, connections=0, flush_ns=0):
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.queue, ignore_errors=True)
        config = os.path.join(self.home, "config")
        for folder in [config, self.queue]:
            os.makedirs(folder)
        for name, text in self.files.items():
            with open(os.path.join(config, name), "w") as file:
                file.write(text.format(port=self.port, sink=sink, queue=self.queue))
        subprocess.run(["sh", "-c", CERTIFICATE.format(folder=config)], capture_output=True, check=True)
        for name in ["key", "cert"]:
            os.rename(os.path.join(config, f"{name}.pem"), os.path.join(config, f"tls_{name}.pem"))
        self.flushes = Flushes(os.path.join(self.home, "slow_flush"), flush_ns) if flush_ns else None
        self.account, log = Account("haraka"), os.path.join(self.home, "log")
        with open(log, "w") as words:
            process = self.account.start(["node", os.path.join(self.modules, "Haraka", "bin", "haraka"), "-c", self.home],
                                         stdout=words, stderr=words, cwd=self.home,
                                         env=dict(os.environ, **(self.flushes.environment(self.build) if flush_ns else {})))

        def ended():
            return process.poll() is not None and "Haraka ended: " + open(log, errors="replace").read()[-300:]
        wait_for(lambda: listens(self.port), 20, ended)

    def stop(self):
        if self.account:
            self.account.end()
            self.account = None
        shutil.rmtree(self.queue, ignore_errors=True)


PEERS = [Postfix, Exim, OpenSMTPD, Haraka]
