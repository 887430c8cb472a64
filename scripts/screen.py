# SPDX-License-Identifier: Apache-2.0
"""What ./check says while it works: lines, and what runs now; on a terminal as a last line that moves,
elsewhere (CI's log) once a minute."""
import re
import shutil
import sys
import threading
import time

EVERY = 60  # seconds, without a terminal
# How far, as Ninja, Meson and pytest say it, and what is at work.
FAR = [
    (re.compile(r"^\[(\d+/\d+)\] (?:.* )?(\S+)$"), "{0}"),
    (re.compile(r"^ *(\d+/\d+) .*?(\S+ / .*?)  +\S"), "{0} {1}"),
    (re.compile(r"^(?:\[gw\d+\] )?\[ *(\d+%)\] \S+ \S*?(\w+\.py::[^\[ ]+)"), "{0} {1}"),
    (re.compile(r"^\S*?(\w+\.py::[^\[ ]+).* \S+ +\[ *(\d+%)\]"), "{1} {0}"),
]


def how_far(line):
    """None where the line says nothing of it."""
    for pattern, words in FAR:
        found = pattern.match(line)
        if found:
            return words.format(*found.groups())
    return None


class Screen:
    def __init__(self, out=sys.stdout):
        self.out, self.moves, self.lock = out, out.isatty(), threading.RLock()
        self.now, self.said, self.failed, self.began = {}, time.monotonic(), 0, time.monotonic()

    def say(self, text):
        with self.lock:
            self.wipe()
            print(text, file=self.out, flush=True)
            self.draw()

    def step(self, text):
        self.say(f"== {time.strftime('%H:%M:%S')} {text}")

    def failure(self, text):
        with self.lock:
            self.failed += 1
            self.say(text)

    def show(self, part, far):
        """What `part` is at; None: it has ended."""
        with self.lock:
            if far is None:
                self.now.pop(part, None)
            else:
                self.now[part] = far
            self.wipe()
            self.draw()

    def wipe(self):
        if self.moves:
            self.out.write("\r\033[K")

    def draw(self):
        if self.now and self.moves:
            self.out.write(self.line()[:shutil.get_terminal_size().columns - 1])
            self.out.flush()
        elif self.now and time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            print(self.line(), file=self.out, flush=True)

    def line(self):
        return " | ".join([self.clock(), *(f"{part} {far}" for part, far in self.now.items()),
                           *([f"{self.failed} FAILED"] if self.failed else [])])

    def clock(self):
        """Since the start, in minutes and seconds."""
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        return f"{minutes}:{seconds:02}"
