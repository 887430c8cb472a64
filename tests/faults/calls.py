# SPDX-License-Identifier: Apache-2.0
"""Steps between a program and the kernel: sees each system call of posternd and all its roles before it
is made, and lets it be, fails it, or kills (seccomp user notification; no ptrace, so nothing slows down
but the calls that are watched, and each is numbered exactly, over all processes and threads)."""
import ctypes
import errno
import fcntl
import os
import queue
import select
import signal
import struct
import subprocess
import threading
import time
import traceback

NUMBERS = {  # x86_64
    "read": 0, "write": 1, "close": 3, "poll": 7, "pread64": 17, "pwrite64": 18, "readv": 19,
    "writev": 20, "dup": 32, "socket": 41, "connect": 42, "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47,
    "shutdown": 48, "bind": 49, "listen": 50, "socketpair": 53, "clone": 56, "vfork": 58, "fcntl": 72, "flock": 73, "fsync": 74,
    "fdatasync": 75, "ftruncate": 77, "rename": 82, "mkdir": 83, "unlink": 87, "fchmod": 91, "fchown": 93,
    "getdents64": 217, "epoll_wait": 232, "openat": 257, "mkdirat": 258, "fchownat": 260, "newfstatat": 262,
    "unlinkat": 263, "renameat": 264, "linkat": 265, "fchmodat": 268, "epoll_pwait": 281, "fallocate": 285,
    "timerfd_create": 283, "accept4": 288, "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "pwritev": 296,
    "renameat2": 316, "memfd_create": 319, "pidfd_open": 434, "clone3": 435,
}
NAMES = {number: name for name, number in NUMBERS.items()}
# What can change the disk or what another process or host knows.
CHANGES = ("write writev pwrite64 pwritev sendto sendmsg fsync fdatasync ftruncate fallocate openat rename renameat "
           "renameat2 linkat unlink unlinkat mkdir mkdirat close shutdown connect").split()

BY_NAME = "openat mkdirat newfstatat unlinkat renameat linkat fchownat fchmodat".split()  # (folder, name, …)

PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER, SYS_SECCOMP, AUDIT_X86_64 = 38, 1, 317, 0xC000003E
NEW_LISTENER, WAIT_KILLABLE = 1 << 3, 1 << 5
RECEIVE, SEND, STILL_VALID, CONTINUE = 0xC0502100, 0xC0182101, 0x40082102, 1
KILL_ALL, KILL_ONE = "kill all", "kill one"
LIBC = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def bpf(names):
    """ALLOW, but the named calls of this architecture ask the listener."""
    def one(code, yes, no, value):
        return struct.pack("HBBI", code, yes, no, value)
    numbers = [NUMBERS[name] for name in names]
    code = one(0x20, 0, 0, 4) + one(0x15, 0, len(numbers) + 1, AUDIT_X86_64) + one(0x20, 0, 0, 0)
    for place, number in enumerate(numbers):
        code += one(0x15, len(numbers) - place, 0, number)
    return code + one(0x06, 0, 0, 0x7FFF0000) + one(0x06, 0, 0, 0x7FC00000)


def install(names):
    """For the calling thread and all it starts; gives the listener. Called without the interpreter's lock."""
    code = bpf(names)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if os.geteuid() != 0 and LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    listener = LIBC.syscall(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, NEW_LISTENER | WAIT_KILLABLE, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


class Child:
    """Of subprocess.Popen as much as Daemon uses, for a child that was spawned with the lock released."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=None):
        end = time.monotonic() + timeout if timeout is not None else None
        while self.poll() is None:
            if end and time.monotonic() > end:
                raise subprocess.TimeoutExpired("posternd", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def spawn(words, env, folder, log):
    """posix_spawn through ctypes: what is watched in here must be answered by another thread of ours."""
    actions = ctypes.create_string_buffer(256)
    LIBC.posix_spawn_file_actions_init(actions)
    LIBC.posix_spawn_file_actions_addopen(actions, 0, b"/dev/null", os.O_RDONLY, 0)
    LIBC.posix_spawn_file_actions_addopen(actions, 1, b"/dev/null", os.O_WRONLY, 0)
    LIBC.posix_spawn_file_actions_addopen(actions, 2, log.encode(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    LIBC.posix_spawn_file_actions_addchdir_np(actions, folder.encode())
    LIBC.posix_spawn_file_actions_addclosefrom_np(actions, 3)
    arguments = (ctypes.c_char_p * (len(words) + 1))(*[word.encode() for word in words], None)
    settings = (ctypes.c_char_p * (len(env) + 1))(*[f"{name}={value}".encode() for name, value in env.items()], None)
    pid = ctypes.c_int()
    error = LIBC.posix_spawn(ctypes.byref(pid), words[0].encode(), actions, None, arguments, settings)
    LIBC.posix_spawn_file_actions_destroy(actions)
    if error:
        raise OSError(error, os.strerror(error), words[0])
    return Child(pid.value)


class Call:
    """One call that is about to be made. `at` counts from 1 since arm(), over all roles."""

    def __init__(self, name, role, pid, thread, arguments, at):
        self.name, self.role, self.pid, self.thread, self.arguments, self.at = name, role, pid, thread, arguments, at

    def path(self, fd=None):
        """What the descriptor it is about names."""
        try:
            return os.readlink(f"/proc/{self.thread}/fd/{self.arguments[0] if fd is None else fd}")
        except OSError:
            return "?"

    def target(self):
        """The path of the file it is about, whether it is named by a descriptor or by a string."""
        if self.name not in BY_NAME:
            return self.path()
        try:
            with open(f"/proc/{self.thread}/mem", "rb", buffering=0) as memory:
                memory.seek(self.arguments[1])
                name = b"".join(iter(lambda: memory.read(1), b"\0")).decode(errors="replace")
        except OSError:
            return "?"
        return name if name.startswith("/") else os.path.join(self.path(), name)

    def __repr__(self):
        return f"{self.at}: {self.role} {self.name}"


class Calls:
    """Watches the calls `names` of what start() starts. While armed, `decide(call)` says what happens: None
    (it is made), an errno, KILL_ALL or KILL_ONE. `seen` keeps what was seen while armed."""

    def __init__(self, names):
        self.names, self.decide, self.armed = list(names), None, False
        self.seen, self.roles, self.lock, self.child = [], {}, threading.Lock(), None

    def start(self, words, env, folder, log):
        ready, listeners = threading.Event(), queue.Queue()

        def launch():
            try:
                listeners.put(install(self.names))
                self.child = spawn(words, env, folder, log)
            except OSError as error:
                self.failure = error
            ready.set()
        self.child, self.failure, self.roles = None, None, {}
        # Threads inherit the filter: who answers must have been there before.
        threading.Thread(target=lambda: self.serve(listeners.get()), daemon=True).start()
        threading.Thread(target=launch, daemon=True).start()
        ready.wait()
        if self.failure:
            raise self.failure
        return self.child

    def arm(self, decide=None):
        with self.lock:
            self.seen, self.decide, self.armed = [], decide, True

    def disarm(self):
        with self.lock:
            self.armed = False
            return self.seen

    def quiet(self, seconds=1.3):
        """Waits until nothing happens any more; longer than an idle edge takes to close its block."""
        before, since = -1, time.monotonic()
        while self.armed and time.monotonic() - since < seconds:
            changes = sum(call.name in CHANGES for call in self.seen)
            if changes != before:
                before, since = changes, time.monotonic()
            time.sleep(0.02)

    def serve(self, listener):
        waiting = select.poll()
        waiting.register(listener, select.POLLIN)
        while True:
            events = waiting.poll(1000)
            if any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in events):
                os.close(listener)
                return
            if events:
                self.answer(listener)

    def answer(self, listener):
        notice = bytearray(80)
        try:
            fcntl.ioctl(listener, RECEIVE, notice)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return  # it was killed meanwhile
            raise
        ident, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", notice)
        verdict = None
        try:
            with self.lock:
                verdict = self.judge(thread, NAMES[number], arguments) if self.armed else None
        except Exception:  # whatever it is, nobody may wait for us for ever
            traceback.print_exc()
        if verdict in (KILL_ALL, KILL_ONE):
            return  # the call is never made
        try:
            if isinstance(verdict, int):
                fcntl.ioctl(listener, SEND, struct.pack("=QqiI", ident, 0, -verdict, 0))
            else:
                fcntl.ioctl(listener, SEND, struct.pack("=QqiI", ident, 0, 0, CONTINUE))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def judge(self, thread, name, arguments):
        pid, role = self.who(thread)
        if not role:
            return None  # not our program yet
        call = Call(name, role, pid, thread, arguments, len(self.seen) + 1)
        self.seen.append(call)
        verdict = self.decide(call) if self.decide else None
        if verdict == KILL_ONE:
            os.kill(call.pid, signal.SIGKILL)
        elif verdict == KILL_ALL:
            self.kill_all()
        return verdict

    def kill_all(self):
        """The supervisor first; the roles' pids are known by then."""
        self.armed = False
        while not self.child:
            time.sleep(0.001)  # it is being spawned
        for pid in [self.child.pid, *children(self.child.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def who(self, thread):
        """(process, role) of a thread."""
        if thread not in self.roles:
            try:
                with open(f"/proc/{thread}/status") as file:
                    pid = next(int(line.split()[1]) for line in file if line.startswith("Tgid:"))
                with open(f"/proc/{thread}/cmdline") as file:
                    words = file.read().split("\0")
            except (OSError, StopIteration):
                return thread, None
            if not words[0].endswith("posternd"):
                return pid, None
            if "--role" not in words:
                return pid, "supervisor"
            self.roles[thread] = pid, words[words.index("--role") + 1]
        return self.roles[thread]


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(name))
            except (OSError, IndexError):
                pass
    return found


def works():
    """Whether this kernel lets us (for scripts/probe)."""
    child = Calls(["fsync"]).start(["/bin/true"], {}, "/", "/dev/null")
    return child.wait(10) == 0


if __name__ == "__main__":
    raise SystemExit(0 if os.uname().machine == "x86_64" and works() else 1)
