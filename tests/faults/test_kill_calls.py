# SPDX-License-Identifier: Apache-2.0
"""kill -9 before each call of a transaction, of everything at once or of the one role that makes it; and
before each call of a start. The calls are those that change a disk or tell somebody something.

A place is (role, name of the call, which of them). Roles and threads take turns as they like, so a place may not
come in a round; then it is tried again."""
import collections
import itertools

import pytest

from calls import CHANGES, KILL_ALL, KILL_ONE, Calls
from house import TORTURE
from rig import BOTH, Ledger, judge, kill_and_wait, send_at_last, try_to_send, until
from rounds import Progress, mine

SAMPLE = 4  # in the short form
TRIES = 4


class Bench:
    """One daemon after the other over one state folder, one message each."""

    def __init__(self, watched, sink, options=()):
        self.sink, self.calls, self.ledger = sink(), Calls(CHANGES), Ledger()
        self.numbers = itertools.count(1)  # of messages, so that each has a name of its own
        # Each message makes all folders of its Maildir: none of those calls is the first message's alone.
        config = BOTH.replace("{port}", str(self.sink.port)).replace("%d/%l", "%l/%l")
        self.server = watched(config, self.calls, options=options)

    def one_message(self, token, decide=None, size=None):
        """From the greeting to both deliveries and an empty queue; the reply to the dot."""
        self.calls.arm(decide)
        reply = try_to_send(self.server, self.ledger, token, size=size)
        return reply

    def start(self):
        """And waits until the spare segments are written."""
        self.server.start()
        self.calls.arm()
        self.calls.quiet(0.25)

    def count(self, size=None):
        """The calls of a whole transaction with its deliveries."""
        self.start()
        reply = self.one_message("count", size=size)
        assert reply.startswith("250"), reply
        self.calls.quiet()
        seen = self.calls.disarm()
        assert self.server.stop() == 0
        return seen


def places(seen, sample=SAMPLE):
    """Every place; in the short form so many of them, evenly spread."""
    found, counts = [], collections.Counter()
    for call in seen:
        counts[call.role, call.name] += 1
        found.append((call.role, call.name, counts[call.role, call.name]))
    return mine(found) if TORTURE else found[::max(1, -(-len(found) // sample))]


class Killer:
    """Kills before the call at `place`, once."""

    def __init__(self, place, how):
        self.place, self.how, self.before, self.killed = place, how, 0, False

    def __call__(self, call):
        if self.killed or (call.role, call.name) != self.place[:2]:
            return None
        self.before += 1
        self.killed = self.before == self.place[2]
        return self.how if self.killed else None


class Tried:
    """Each place until a round came by it; says how far."""

    def __init__(self, what, rounds, ledger, every=10):
        self.progress, self.rounds, self.ledger = Progress(what, len(rounds), every), rounds, ledger
        self.deaths, self.missed = 0, []

    def each(self, try_one):
        for number, place in enumerate(self.rounds, 1):
            reached = any(try_one(place) for _ in range(TRIES))
            self.missed += [] if reached else [place]
            self.say(number)

    def say(self, number, words=""):
        self.progress.say(number, f"{self.deaths} deaths, {len(self.ledger.promised)} acknowledged, "
                                  f"{len(self.missed)} places missed{words}")

    def end(self, least):
        self.say(len(self.rounds), ", 0 lost, 0 damaged")
        if self.missed:
            print("places that no round came by:", *self.missed, flush=True)
        assert self.deaths >= len(self.rounds) * least


@pytest.mark.parametrize("size", [300, 600_000], ids=["small", "big"])
def test_killing_everything_before_any_call_of_a_transaction_loses_nothing(watched, sink, size):
    bench = Bench(watched, sink)
    seen = bench.count(size)
    tried = Tried(f"kills in a transaction of {len(seen)} calls", places(seen), bench.ledger)

    def try_one(place):
        killer = Killer(place, KILL_ALL)
        bench.start()
        bench.one_message(f"all{next(bench.numbers)}", killer, size)
        bench.calls.quiet()
        until(lambda: bench.server.process.poll() is not None, 0 if bench.calls.armed else 60)
        tried.deaths += bench.server.process.poll() is not None
        bench.calls.disarm()
        kill_and_wait(bench.server)
        bench.server.start_plain()
        judge(bench.server, bench.sink, bench.ledger, twice=2 * tried.deaths)
        bench.server.stop()
        return killer.killed
    tried.each(try_one)
    tried.end(0.7)


@pytest.mark.parametrize("role", ["edge", "queue", "out", "control", "supervisor"])
def test_killing_one_role_before_any_of_its_calls_loses_nothing(watched, sink, role):
    bench = Bench(watched, sink)
    rounds = places([call for call in bench.count() if call.role == role], 2)
    tried = Tried(f"kills of {role}", rounds, bench.ledger)

    def try_one(place):
        killer, name = Killer(place, KILL_ONE), f"{role}{next(bench.numbers)}"
        bench.start()
        bench.one_message(name, killer)
        until(lambda: killer.killed or bench.calls.quiet(), 0)
        tried.deaths += killer.killed
        bench.calls.disarm()
        if role == "supervisor" and killer.killed:
            kill_and_wait(bench.server)
            bench.server.start_plain()
        send_at_last(bench.server, bench.ledger, f"{name}after")
        judge(bench.server, bench.sink, bench.ledger, twice=3 * tried.deaths)
        bench.server.stop()
        return killer.killed
    tried.each(try_one)
    tried.end(0.5)  # some are made in company with others, or not at all


def test_killing_everything_before_any_call_of_a_start_loses_nothing(watched, sink):
    bench = Bench(watched, sink)
    bench.sink.answers["banner"] = "421 4.3.2 away"
    bench.server.start_plain()
    for number in range(3):
        send_at_last(bench.server, bench.ledger, f"waits{number}", local=False)
    kill_and_wait(bench.server)
    bench.calls.arm()
    bench.server.start()
    seen = bench.calls.disarm()
    kill_and_wait(bench.server)
    tried = Tried(f"kills in a start of {len(seen)} calls", places(seen), bench.ledger, 20)

    def try_one(place):
        killer = Killer(place, KILL_ALL)
        bench.calls.arm(killer)
        try:
            bench.server.start()
        except AssertionError:
            tried.deaths += 1
        bench.calls.disarm()
        kill_and_wait(bench.server)
        return killer.killed
    tried.each(try_one)
    bench.sink.answers.clear()
    bench.server.start_plain()
    judge(bench.server, bench.sink, bench.ledger)
    tried.end(0.7)
