# SPDX-License-Identifier: Apache-2.0
"""A disk that remembers every write and flush in order: one file served by FUSE in a process of its own, a
loop device over it. From the log come the disks that a power cut might have left: all writes up to a flush,
and of those after it any, in any order of sectors torn off."""
import ctypes
import errno
import os
import signal
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, INTERRUPT, BATCH_FORGET, \
    ACCESS = 1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26, 36, 42, 34
IN, OUT = struct.Struct("=IIQQIIIHH"), struct.Struct("=IiQ")
HEAD = struct.Struct("=QI")  # of an entry of the log: where, how long; a flush is FLUSHED long
FLUSHED, WRITE_MOST, SECTOR = 0xFFFFFFFF, 1 << 20, 512


class Server:
    """Answers the kernel until it is unmounted. `shared` (8 bytes, a file) counts the log's entries."""

    def __init__(self, place, image, log, counter):
        self.fuse = os.open("/dev/fuse", os.O_RDWR)
        self.image, self.log = os.open(image, os.O_RDWR), open(log, "wb", buffering=1 << 20)
        self.counter, self.entries = os.open(counter, os.O_RDWR | os.O_CREAT, 0o600), 0
        self.size = os.fstat(self.image).st_size
        options = f"fd={self.fuse},rootmode=100600,user_id=0,group_id=0,max_read={WRITE_MOST}"
        if LIBC.mount(b"blocklog", place.encode(), b"fuse.blocklog", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount of fuse")

    def note(self, head, body=b""):
        self.log.write(head + body)
        self.entries += 1
        os.pwrite(self.counter, struct.pack("=Q", self.entries), 0)

    def attributes(self):
        """struct fuse_attr of the only file."""
        return struct.pack("=QQQQQQIIIIIIIIII", 1, self.size, self.size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0,
                           0, 4096, 0)

    def serve(self):
        while True:
            try:
                request = os.read(self.fuse, WRITE_MOST + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    break
                continue
            _, opcode, unique, *_ = IN.unpack_from(request)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            answer = self.answer(opcode, request[IN.size:])
            body, error = (answer, 0) if isinstance(answer, bytes) else (b"", -answer)
            os.write(self.fuse, OUT.pack(OUT.size + len(body), error, unique) + body)
        self.log.close()

    def answer(self, opcode, body):
        if opcode == INIT:
            major, minor, readahead, _ = struct.unpack_from("=IIII", body)
            return struct.pack("=IIIIHHIIHHIIII20x", 7, min(minor, 31), readahead, 1 << 5 | 1 << 22, 16, 12, WRITE_MOST,
                               1, WRITE_MOST // 4096, 0, 0, 0, 0, 0)[:64]
        if opcode == GETATTR or opcode == SETATTR:
            return struct.pack("=QII", 3600, 0, 0) + self.attributes()
        if opcode == OPEN:
            return struct.pack("=QII", 1, 0, 0)
        if opcode == READ:
            _, at, size = struct.unpack_from("=QQI", body)
            return os.pread(self.image, size, at)
        if opcode == WRITE:
            _, at, size = struct.unpack_from("=QQI", body)
            data = body[40:40 + size]
            os.pwrite(self.image, data, at)
            self.note(HEAD.pack(at, size), data)
            return struct.pack("=II", size, 0)
        if opcode == FSYNC:
            self.note(HEAD.pack(0, FLUSHED))
            return b""
        if opcode == STATFS:
            return struct.pack("=QQQQQIIII24x", self.size // 4096, 0, 0, 1, 0, 4096, 255, 4096, 0)
        if opcode in (FLUSH, RELEASE, ACCESS):
            return b""
        return errno.ENOSYS


class BlockLog:
    """The server in a process of its own, so that our own writes never wait for ourselves."""

    def __init__(self, folder):
        self.image, self.log = os.path.join(folder, "served"), os.path.join(folder, "log")
        self.place, self.counter = os.path.join(folder, "device"), os.path.join(folder, "count")
        self.process = None

    def start(self, base):
        subprocess.run(["cp", "--sparse=always", base, self.image], check=True)
        for path in (self.place, self.counter):
            with open(path, "wb") as file:
                file.write(bytes(8))
        self.process = subprocess.Popen(["/usr/bin/python3", "-B", os.path.abspath(__file__), self.place, self.image,
                                         self.log, self.counter], stdin=subprocess.DEVNULL)
        for _ in range(6000):
            if os.path.ismount(self.place) or os.stat(self.place).st_size > 8:
                return self.place
            if self.process.poll() is not None:
                raise OSError("the FUSE server ended at once")
            time.sleep(0.01)
        raise OSError("nothing is served")

    def count(self):
        with open(self.counter, "rb") as file:
            return struct.unpack("=Q", file.read(8))[0]

    def stop(self):
        if self.process:
            for _ in range(1200):
                made = subprocess.run(["umount", self.place], capture_output=True, text=True)
                if made.returncode == 0 or "not mounted" in made.stderr:
                    break
                time.sleep(0.05)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
            self.process = None

    def entries(self):
        """[(at, data)], data None for a flush."""
        found = []
        with open(self.log, "rb") as file:
            while head := file.read(HEAD.size):
                at, size = HEAD.unpack(head)
                found.append((at, None if size == FLUSHED else file.read(size)))
        return found


class Replay:
    """The base image with the log applied up to a point that only grows; images of cuts are copies of it."""

    def __init__(self, base, entries, folder):
        self.entries, self.applied = entries, 0
        self.image = os.path.join(folder, "durable")
        subprocess.run(["cp", "--sparse=always", base, self.image], check=True)
        self.flushes = [number for number, (_, data) in enumerate(entries) if data is None]

    def last_flush(self, upto):
        return max([number for number in self.flushes if number < upto], default=-1)

    def cut(self, upto, path, rng=None):
        """`path` becomes what a cut after entry `upto` might leave; `rng`: what was not flushed since may be lost,
        or torn at a sector, and is written in any order. Without it, all of it is there."""
        durable = self.last_flush(upto) + 1
        with open(self.image, "r+b") as file:
            for at, data in self.entries[self.applied:durable]:
                if data is not None:
                    file.seek(at)
                    file.write(data)
        self.applied = max(self.applied, durable)
        subprocess.run(["cp", "--sparse=always", self.image, path], check=True)
        late = [(at, data) for at, data in self.entries[durable:upto] if data is not None]
        if rng:
            late = [torn(at, data, rng) for at, data in late if rng.random() < 0.5]
            rng.shuffle(late)
        with open(path, "r+b") as file:
            for at, data in late:
                file.seek(at)
                file.write(data)


def torn(at, data, rng):
    """One in four: only some of its sectors from the front, or from the back."""
    if len(data) <= SECTOR or rng.random() < 0.75:
        return at, data
    cut = SECTOR * rng.randrange(1, len(data) // SECTOR)
    return (at, data[:cut]) if rng.random() < 0.5 else (at + cut, data[cut:])


def main(place, image, log, counter):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Server(place, image, log, counter).serve()


if __name__ == "__main__":
    import sys
    main(*sys.argv[1:])
