# SPDX-License-Identifier: Apache-2.0
"""What the disk destroys is neither delivered altered nor deleted: it is shown, salvaged and discarded on demand."""
import glob
import os

from conftest import RELAY
from test_audit import session, submit, wait_for

BODY = b"the words that are destroyed " * 20 + b"\r\n"


def damaged(daemon, sink):
    """A relay with one sound and one damaged message in the queue, both held back until `to` is open."""
    to = sink(answers={"RCPT": lambda line, n: "250 2.1.5 ok" if getattr(to, "free", False) else "450 4.2.1 later"})
    server = daemon(RELAY.replace("{port}", str(to.port)) + "retry for 1 days first after 1 seconds at most 1 seconds\n")
    client = session(server)
    for name, text in (("sound", b"sound\r\n"), ("broken", BODY)):
        assert submit(client, [f"{name}@elsewhere.example"], text)[1].startswith("250")
    server.stop()
    hit = 0
    for path in glob.glob(os.path.join(server.state, "spool", "seg", "*")):
        raw = open(path, "rb").read()
        at = raw.find(b"destroyed")
        if at > 0:
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(b"DESTROYED")
            hit += 1
    assert hit == 1
    server.start()
    to.free = True
    return server, to


def test_an_altered_message_is_reported_and_salvaged(daemon, sink):
    server, to = damaged(daemon, sink)
    wait_for(lambda: server.json("queue", "damage"))
    to.wait(1)
    [damage] = [d for d in server.json("queue", "damage") if d.get("id")]
    segment = str(damage["segment"])
    assert f"segment {segment}" in server.postern("queue", "damage", status=0).stdout
    assert not any(b"DESTROYED" in raw for _, _, raw in to.messages)  # nothing altered leaves
    wait_for(lambda: server.postern("queue", "salvage", segment).returncode == 0)
    files = glob.glob(os.path.join(server.state, "spool", "damaged", "*"))
    assert any(b"DESTROYED" in open(file, "rb").read() for file in files), files
    assert server.postern("queue", "damage", status=0).stdout == "nothing in the spool is damaged\n"


def test_discard_asks_and_keeps_what_is_sound(daemon, sink):
    server, to = damaged(daemon, sink)
    wait_for(lambda: server.json("queue", "damage"))
    segment = str(server.json("queue", "damage")[0]["segment"])
    refused = server.postern("queue", "discard", segment)
    assert refused.returncode == 1 and "--yes" in refused.stderr
    assert server.postern("queue", "salvage", "99999").returncode == 1
    assert server.postern("queue", "salvage", "x").returncode == 2
    wait_for(lambda: server.postern("queue", "discard", "--yes", segment).returncode == 0)
    to.wait(1)
    wait_for(lambda: any(r == [b"sound@elsewhere.example"] for _, r, _ in to.messages))
    assert not any(b"DESTROYED" in raw for _, _, raw in to.messages)
