# SPDX-License-Identifier: Apache-2.0
"""What it costs that every role has a process of its own, beside all of them in one."""
import os

import rounds
from servers import Absent, Postern

NAME = "roles apart, and all in one process"


def both(bench):
    """Two of ours, with everything of their own."""
    apart = Postern(bench.asked.build, bench.folder, bench.disk)
    together = Postern(bench.asked.build, os.path.join(bench.folder, "together"), os.path.join(bench.disk, "together"),
                       options=["--one-process"])
    os.makedirs(os.path.join(bench.disk, "together"), exist_ok=True)
    return {"apart": apart, "together": together}


def isolation(bench):
    servers = both(bench)
    try:
        for server in servers.values():
            server.start(bench.sink.port)
    except Absent as why:
        bench.note(f"{NAME}: {why}")
    else:
        measured(bench, servers)
    finally:
        for server in servers.values():
            server.stop()


def measured(bench, servers):
    for what, each in [("many a connection", 0), ("a connection each", 1)]:
        cpu, calls = {}, {}
        for _ in range(1 if bench.asked.quick else 3):
            for name, server in servers.items():
                got = bench.guarded(server, NAME, lambda server: rounds.relay(bench, server, 100, each))
                if got:
                    cpu[name] = min(cpu.get(name, got["cpu"]), got["cpu"])
        bench.add(f"{NAME}; {what}", "CPU µs a message, apart / in one", pair(cpu), "both", False)
        for name, server in servers.items() if not each else []:
            calls[name], kind = rounds.calls(bench, server, bench.count(server, "messages") // 2)
            if calls[name]:
                bench.add(f"{NAME}; {what}", f"{kind} a message, apart / in one", pair(calls), "both", False, of_machine=False)


def pair(values):
    whole = values.get("apart") and values.get("together")
    return {"Postern": {"both": (values["apart"], values["together"])}} if whole else {}
