# SPDX-License-Identifier: Apache-2.0
"""What the long tests say, added up: tests/system/rounds.py writes the lines, src/spool/crash_test.c two more."""
import collections
import re

ROUNDS = re.compile(r"^[.sFE]*(\S.*?): (\d+) of (\d+)\b([^;]*)")
# Of pytest: the first line of why a test failed.
FAILURE = re.compile(r"^E {2,}(?:\w*Error: )?(.+)")
FAILED_CASE = re.compile(r"^\[ +(?:FAILED|ERROR) +\] (.+)")  # of cmocka
LOST = re.compile(r"^(\d+) of \d+ lost")
COUNTED = "lives crashes acknowledged deaths arrived checked repeats lost damaged".split()
COUNT = re.compile(rf"(\d+) (?:messages )?({'|'.join(COUNTED)})\b")
# Of a part: the first that one of its pieces is in.
STATES = ["FAILED", "broken off", "not run", "runs", "waits", "passed"]
HEAD = f"{'part':11} {'pieces':>8} {'rounds':>17} {'acknowledged':>12} {'lost':>5} {'damaged':>7}  "


class Tally:
    """Of one piece. A line counts instead of the last one about the same."""

    def __init__(self):
        self.lines, self.failures = {}, []

    def read(self, line):
        """What is to be shown of it, "" where it says nothing of how far."""
        why = FAILURE.match(line) or FAILED_CASE.match(line)
        if why:
            self.failures.append(why[1])
            return ""
        rounds = ROUNDS.match(line)
        if rounds:
            what, done, most, words = rounds.groups()
            self.lines[what] = collections.Counter({"done": int(done), "of": int(most)}) + counts(words)
            return f"{done} of {most}{words}"
        found = counts(line) if re.match(r"\d", line) else None
        if found:
            self.lines[" ".join(found)] = found
        return ""

    def sums(self):
        whole = sum(self.lines.values(), collections.Counter())
        for why in self.failures:
            whole["lost"] += int(LOST.match(why)[1]) if LOST.match(why) else 0
        return whole


def counts(words):
    return collections.Counter({name: int(number) for number, name in COUNT.findall(words)})


def row(part, pieces):
    """Of one part, with all its pieces."""
    sums = sum((piece.tally.sums() for piece in pieces), collections.Counter())
    ended = sum(piece.state in ("passed", "FAILED") for piece in pieces)
    rounds = f"{sums['done']:,} of {sums['of']:,}" if sums["of"] else ""
    more = [f"{sums[name]:,} {name}" for name in COUNTED if sums[name] and name not in ("acknowledged", "lost", "damaged")]
    state = next(one for one in STATES if one in {piece.state for piece in pieces})
    minutes = f"{sum(piece.minutes_gone for piece in pieces):.1f} min"
    return f"{part:11} {f'{ended} of {len(pieces)}':>8} {rounds:>17} {sums['acknowledged']:12,} {sums['lost']:5,} " \
           f"{sums['damaged']:7,}  {', '.join([state, minutes, *more])}"


def table(pieces):
    """Lines: a row for each part, then what failed."""
    parts = {}
    for piece in pieces:
        parts.setdefault(piece.part, []).append(piece)
    lines = [HEAD.rstrip(), *(row(part, of) for part, of in parts.items())]
    for piece in pieces:
        if piece.state == "FAILED":
            lines += [f"FAILED {piece.name}: {piece.log}", *(f"    {why}" for why in piece.tally.failures[:5])]
    return lines
