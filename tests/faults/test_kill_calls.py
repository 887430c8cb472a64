# SPDX-License-Identifier: Apache-2.0
"""kill -9 before each call of a transaction, of everything at once or of the one role that makes it; and
before each call of a start. The calls are those that change a disk or tell somebody something."""
import pytest

from calls import CHANGES, KILL_ALL, KILL_ONE, Calls
from house import TORTURE
from rig import BOTH, Ledger, Progress, judge, kill_and_wait, send_at_last, try_to_send, until

SAMPLE = 4  # in the short form


class Bench:
    """One daemon after the other over one state folder, one message each."""

    def __init__(self, watched, sink, options=()):
        self.sink, self.calls, self.ledger = sink(), Calls(CHANGES), Ledger()
        self.server = watched(BOTH.replace("{port}", str(self.sink.port)), self.calls, options=options)

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
    """All places but the middle of long runs of one call; in the short form so many of them, evenly spread."""
    names = [None, *((call.role, call.name) for call in seen), None]
    edges = [at for at in range(1, len(names) - 1) if not names[at - 1] == names[at] == names[at + 1]]
    return edges if TORTURE else edges[::max(1, -(-len(edges) // sample))]


@pytest.mark.parametrize("size", [300, 600_000], ids=["small", "big"])
def test_killing_everything_before_any_call_of_a_transaction_loses_nothing(watched, sink, size):
    bench = Bench(watched, sink)
    seen, deaths = bench.count(size), 0
    rounds = places(seen)
    progress = Progress(f"kills in a transaction of {len(seen)} calls", len(rounds), 10)
    for number, at in enumerate(rounds, 1):
        bench.start()
        bench.one_message(f"all{at}", lambda call: KILL_ALL if call.at == at else None, size)
        bench.calls.quiet()
        until(lambda: bench.server.process.poll() is not None, 0 if bench.calls.armed else 5)
        deaths += bench.server.process.poll() is not None
        bench.calls.disarm()
        kill_and_wait(bench.server)
        bench.server.start_plain()
        judge(bench.server, bench.sink, bench.ledger, twice=2 * deaths)
        bench.server.stop()
        progress.say(number, f"{deaths} deaths, {len(bench.ledger.promised)} acknowledged, 0 lost")
    assert deaths >= len(rounds) * 0.7
    print(f"{len(seen)} calls, {deaths} deaths, {len(bench.ledger.promised)} acknowledged, 0 lost, 0 damaged")


@pytest.mark.parametrize("role", ["edge", "queue", "out", "control", "supervisor"])
def test_killing_one_role_before_any_of_its_calls_loses_nothing(watched, sink, role):
    bench = Bench(watched, sink)
    mine = [call for call in bench.count() if call.role == role]
    rounds, deaths = places(mine, 2), 0
    progress = Progress(f"kills of {role}", len(rounds), 10)
    for number, at in enumerate(rounds, 1):
        bench.start()
        killed = []

        def decide(call):
            if call.role == role and not killed and len([c for c in bench.calls.seen if c.role == role]) == at:
                killed.append(call)
                return KILL_ONE
            return None
        bench.one_message(f"{role}{at}", decide)
        until(lambda: killed or bench.calls.quiet(), 0)
        deaths += bool(killed)
        bench.calls.disarm()
        if role == "supervisor" and killed:
            kill_and_wait(bench.server)
            bench.server.start_plain()
        send_at_last(bench.server, bench.ledger, f"{role}{at}after")
        judge(bench.server, bench.sink, bench.ledger, twice=3 * deaths)
        bench.server.stop()
        progress.say(number, f"{deaths} deaths, {len(bench.ledger.promised)} acknowledged, 0 lost")
    assert deaths >= len(rounds) * 0.5  # the calls of one role come in no fixed order
    print(f"{role}: {len(mine)} calls, {deaths} deaths, {len(bench.ledger.promised)} acknowledged, 0 lost, 0 damaged")


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
    deaths, rounds = 0, places(seen)
    progress = Progress(f"kills in a start of {len(seen)} calls", len(rounds), 20)
    for number, at in enumerate(rounds, 1):
        bench.calls.arm(lambda call: KILL_ALL if call.at == at else None)
        try:
            bench.server.start()
        except AssertionError:
            deaths += 1
        bench.calls.disarm()
        kill_and_wait(bench.server)
        progress.say(number, f"{deaths} deaths")
    assert deaths >= len(rounds) * 0.7
    bench.sink.answers.clear()
    bench.server.start_plain()
    judge(bench.server, bench.sink, bench.ledger)
    print(f"{len(seen)} calls of a start, {deaths} deaths, 0 lost")
