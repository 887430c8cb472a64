# SPDX-License-Identifier: Apache-2.0
"""One piece of the long tests: a process with a folder and, where the machine lets us, a network, mounts and process
numbers of its own. What it leaves behind goes with it."""
import glob
import os
import shutil
import signal
import subprocess
import time

from screen import how_far
from tally import Tally

GRACE = 90  # seconds that a test may take to put away what it made
# A shell is the first process there: it buries orphans. With it goes every process, with the last one every mount.
OWN_PLACE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
OWN_NETWORK = ["sh", "-c", 'ip link set lo up; "$@"; exit $?', "sh"]
OWN_NUMBERS = ["sh", "-c", '"$@"; exit $?', "sh"]


def surroundings(network):
    """The words before a command that give it a place of its own; none where this machine lacks that."""
    words = [*OWN_PLACE, "--net", *OWN_NETWORK] if network else [*OWN_PLACE, *OWN_NUMBERS]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else []
    except OSError:
        return []


def heed_ctrl_c():
    """A shell lets what it starts in the background ignore it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Piece:
    """`split` of `splits` of a part, both from 1."""

    def __init__(self, part, command, env, minutes, build, split=1, splits=1):
        self.part, self.name = part, part if splits == 1 else f"{part}-{split}"
        self.command, self.env, self.minutes, self.build = command, env, minutes / splits, build
        self.split, self.splits = split, splits
        self.log = os.path.join(build, "logs", f"torture-{self.name}.log")
        self.folder = os.path.join(build, "t", self.name)  # short: sockets lie below it
        self.tally, self.state, self.far, self.rest, self.process = Tally(), "waits", "", b"", None
        self.began = self.ended = 0

    @property
    def minutes_gone(self):
        return ((self.ended or time.monotonic()) - self.began) / 60 if self.began else 0

    def start(self, before):
        self.make_folder()
        self.began, self.state = time.monotonic(), "runs"
        env = {**os.environ, **self.env, "TMPDIR": os.path.join(self.folder, "tmp"),
               "POSTERN_BUILD": os.path.join(self.folder, "build"), "POSTERN_SPLIT": f"{self.split}/{self.splits}"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*before, *self.command], env=env, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            preexec_fn=heed_ctrl_c)
        self.said = open(self.log, "rb")

    def make_folder(self):
        """With a build folder to its mind: the programs are the real ones, disks are made in our own."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("", "tmp", "build"):
            os.makedirs(os.path.join(self.folder, name), mode=0o755, exist_ok=True)
            os.chmod(os.path.join(self.folder, name), 0o755)  # as root, the roles run as nobody
        for name in ("gcc", "peers"):
            os.makedirs(os.path.join(self.build, name), exist_ok=True)
            os.symlink(os.path.join(self.build, name), os.path.join(self.folder, "build", name))

    def read(self):
        """Whether it is still at work. Reads what it has said since."""
        over = self.process.poll() is not None
        *lines, self.rest = (self.rest + self.said.read()).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            self.far = self.tally.read(text) or how_far(text) or self.far
        if over:
            self.put_away("passed" if self.process.returncode == 0 else "FAILED")
        return not over

    def break_off(self):
        """As Ctrl-C in a terminal of its own; end() waits for what follows."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, until):
        """What is still there then is killed."""
        try:
            self.process.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.read()
        self.state = "broken off"

    def put_away(self, state):
        """Also what a test that was killed had no time for. Images of a failure are kept."""
        self.ended, self.state = time.monotonic(), state
        self.said.close()
        for kept in glob.glob(os.path.join(self.folder, "build", "faults-*")):
            shutil.move(kept, os.path.join(self.build, f"{self.name}-{os.path.basename(kept)}"))
        detach_below(self.folder)
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder], check=False)


def detach_below(folder):
    for backing in glob.glob("/sys/block/loop*/loop/backing_file"):
        try:
            with open(backing) as file:
                path = file.read().strip()
        except OSError:
            continue  # just detached
        if path.startswith(folder + "/"):
            subprocess.run(["losetup", "-d", f"/dev/{backing.split('/')[3]}"], capture_output=True)
