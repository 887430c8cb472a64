# SPDX-License-Identifier: Apache-2.0
"""Leases of POP logins while the wall clock jumps under the daemon: they run on the monotonic one."""
import time

import pytest

from pop import pop_server
from test_recent_pop import ALICE, POLICY, pop_once, rcpt


@pytest.mark.parametrize("step", [400 * 86400, -400 * 86400, 3600, -3600], ids=lambda step: f"{step}s")
def test_a_clock_that_jumps_neither_ends_nor_lengthens_a_lease(daemon, clock, step):
    env, move = clock
    move(0)
    server = pop_server(daemon, ALICE, policy=POLICY.replace("{sink}", "1").replace("within 30 minutes", "within 6 seconds"), env=env)
    assert rcpt(server, ALICE).startswith("550")
    answers = []
    for _ in range(10):  # on a busy machine the lease may end before the first answer comes
        move(0)
        before = time.monotonic()
        pop_once(server)
        after = time.monotonic()
        move(step)
        while time.monotonic() - after < 3:
            answer = rcpt(server, ALICE)
            if time.monotonic() - before < 6:  # what came later may have been said after its end
                answers.append(answer)
            time.sleep(0.2)
        if answers:
            break
    assert answers and all(answer.startswith("250") for answer in answers), answers
    time.sleep(max(0, 8 - (time.monotonic() - after)))
    assert rcpt(server, ALICE).startswith("550")
    move(0)
