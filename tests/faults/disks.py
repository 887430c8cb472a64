# SPDX-License-Identifier: Apache-2.0
"""File systems in files: made, mounted, cut off as by a power failure, full, taken away again."""
import fcntl
import os
import struct
import subprocess
import time

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: _IOR('X', 125, u32)
WITHOUT_LOG = 2        # what the journal has not on disk yet is gone


def run(*words):
    made = subprocess.run(words, capture_output=True, text=True)
    if made.returncode:
        raise OSError(f"{' '.join(words)}: {made.stderr.strip()}")
    return made.stdout.strip()


class LoopDisk:
    def __init__(self, folder, kind="ext4", size=320 << 20, options=()):
        os.makedirs(folder, exist_ok=True)
        self.folder = os.path.join(folder, f"disk-{os.getpid()}-{time.monotonic_ns()}")
        os.mkdir(self.folder)
        os.chmod(folder, 0o755)
        os.chmod(self.folder, 0o755)
        self.image, self.place = os.path.join(self.folder, "image"), os.path.join(self.folder, "at")
        self.kind, self.size, self.options, self.device = kind, size, list(options), None

    def make(self):
        with open(self.image, "wb") as file:
            file.truncate(self.size)
        os.mkdir(self.place)
        quiet = ["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-m", "0"] if self.kind == "ext4" else ["-q"]
        run(f"mkfs.{self.kind}", *quiet, *self.options, self.image)
        self.mount()

    def mount(self):
        """The device is asked for in two steps, so that it is known even where the mount fails."""
        if not self.device:
            self.device = run("losetup", "-f", "--show", self.image)
        run("mount", "-t", self.kind, self.device, self.place)
        os.chmod(self.place, 0o755)

    def cut(self):
        """Power off: nothing that is not on the disk yet will be."""
        folder = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(folder)

    def unmount(self):
        """A process that was killed a moment ago may still hold it."""
        for _ in range(1200):
            made = subprocess.run(["umount", self.place], capture_output=True, text=True)
            if made.returncode == 0 or "not mounted" in made.stderr:
                return
            time.sleep(0.05)
        subprocess.run(["umount", "-l", self.place], capture_output=True)

    def detach(self):
        if self.device:
            subprocess.run(["losetup", "-d", self.device], capture_output=True)
            self.device = None

    def remove(self):
        if os.path.ismount(self.place):
            self.unmount()
        self.detach()
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder], check=False)
