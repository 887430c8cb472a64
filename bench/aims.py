# SPDX-License-Identifier: Apache-2.0
"""What Postern is to reach, and whether it does: a table below the figures. Most aims are ratios to another server in the
same run, or hold anywhere. The others were set on a faster machine (SET_ON) and are scaled by what the generator and the
sink reach alone, there and here."""
import dataclasses

from rounds import CROWD
from table import shown

SET_ON = {"many": 105861, "each": 36003}  # messages/s from 100 sessions, generator and sink alone
MANY, EACH = "relay, {} sessions, many a connection", "relay, {} sessions, a connection each"
REFUSALS, BIG = "refusals, 20 sessions, {}", "messages of {} MB, 10 sessions"
SLOW = "a flush of 2 ms, one at a time; {} sessions"


@dataclasses.dataclass
class Aim:
    round: str
    figure: str
    at: str  # "least" or "most"
    value: float
    beside: str = ""  # the server of which `value` is a multiple
    scaled: str = ""  # by what of SET_ON; where the aim is no ratio and a slower machine misses it
    which: int = 0  # of a pair of figures


AIMS = [
    Aim(MANY.format(100), "delivered/s", "least", 20, "Postfix"),
    Aim(MANY.format(20), "delivered/s", "least", 15, "Postfix"),
    Aim(EACH.format(100), "delivered/s", "least", 10, "Postfix"),
    Aim(EACH.format(20), "delivered/s", "least", 8, "Postfix"),
    Aim(MANY.format(100), "CPU µs a message", "most", 30, scaled="many"),
    Aim(EACH.format(100), "CPU µs a message", "most", 55, scaled="each"),
    Aim(REFUSALS.format("pipelined"), "refused/s", "least", 4, "Postfix"),
    Aim(REFUSALS.format("pipelined"), "refused/s", "least", 2, "Exim"),
    Aim(CROWD, "refused/s", "least", 4, "Postfix"),
    Aim(CROWD, "CPU µs a refusal", "most", 1 / 5, "Postfix"),
    Aim(BIG.format(1), "delivered MB/s", "least", 5, "Postfix"),
    Aim(BIG.format(10), "delivered MB/s", "least", 5, "Postfix"),
    Aim("idle connections", "KiB (PSS) a connection", "most", 6),
    Aim("idle connections", "a new client greeted meanwhile, slowest of 20, ms", "most", 100),
    Aim("beside 500 slow clients", "connect to 250, p50 / p99 ms", "most", 2000, which=1),
    Aim(SLOW.format(1), "accepted/s", "least", 350),
    Aim(SLOW.format(20), "accepted/s", "least", 3500),
    Aim(SLOW.format(100), "accepted/s", "least", 12000),
    Aim(SLOW.format("1,000"), "accepted/s", "least", 25000, scaled="many"),
]


def value_of(row, server, which):
    value = row["values"].get(server)
    if isinstance(value, (tuple, list)):
        return value[which]
    return value


def limit_of(aim, row, alone):
    """The aim as a figure of this run, or None where that cannot be said."""
    if aim.beside:
        other = value_of(row, aim.beside, aim.which)
        return other * aim.value if other else None
    if not aim.scaled:
        return aim.value
    speed = alone.get(aim.scaled, 0) / SET_ON[aim.scaled]
    if not speed:
        return None
    return aim.value * speed if aim.at == "least" else aim.value / speed


def words_of(aim):
    if aim.beside and aim.value < 1:
        return f"at {aim.at} 1/{1 / aim.value:.0f} of {aim.beside}'s"
    if aim.beside:
        return f"at {aim.at} {aim.value:g} × {aim.beside}'s"
    return f"at {aim.at} {shown(aim.value)}" + (" there" if aim.scaled else "")


def line_of(aim, row, alone):
    limit, ours = limit_of(aim, row, alone), value_of(row, "Postern", aim.which)
    if limit is None or ours is None:
        return None
    reached = ours >= limit if aim.at == "least" else ours <= limit
    cells = [aim.round, aim.figure, words_of(aim), shown(limit), shown(ours), "yes" if reached else "**no**"]
    return "| " + " | ".join(cells) + " |"


def markdown(rows, alone):
    """The aims that this run can judge; empty where there are none."""
    by_name = {(row["round"], row["figure"]): row for row in rows}
    lines = [line_of(aim, by_name[aim.round, aim.figure], alone) for aim in AIMS if (aim.round, aim.figure) in by_name]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    speeds = " and ".join(f"{alone[key] / SET_ON[key]:.2f}" for key in SET_ON if alone.get(key))
    return "\n".join(["", f"*there*: on the machine the aims were set on; this one is {speeds} times as fast (open connections, a connection each).",
                      "", "| round | figure | aim | that is | Postern | reached |", "|---|---|---|---:|---:|---|", *lines]) + "\n"
