# SPDX-License-Identifier: Apache-2.0
"""A clause that refuses one of several recipients after the data: the others get the message, and the sender of a
client that is trusted or known as someone is told of the rest in one report. Nothing is lost, nothing comes twice."""
import email
import email.policy
import json
import re
import time

from conftest import Client, need
from test_audit import audit, wait_for

HOUSE = 'listen smtp "127.0.0.1:0"\npostmaster "admin@ours.example"\n' \
        'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n' \
        'network office 127.0.0.1\nrelay for network office\n' \
        'deliver elsewhere.example via "127.0.0.1:{port}"\n' \
        'refuse if recipient "board@ours.example" and header "Subject" "*offer*" say "The board takes no offers"\n' \
        'refuse if recipient "carol@elsewhere.example" and size > 1 KB code 552 5.3.4 say "Carol has little room"\n' \
        'limit client 100 recipients per day\n'


def house(daemon, to, more=""):
    return daemon(HOUSE.replace("{port}", str(to.port)) + more)


def submit(server, recipients, sender="alice@ours.example", options="", subject="an offer", size=0, source="127.0.0.1"):
    client = Client(server.port, source)
    client.say("EHLO client.example")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
    replies = [client.say(f"RCPT TO:<{to}>{options}") for to in recipients]
    client.say("DATA")
    reply = client.say(f"From: <alice@ours.example>\r\nSubject: {subject}\r\n\r\n" + "x" * 70 + "\r\n" +
                       ("y" * 70 + "\r\n") * (size // 72) + ".")
    client.close()
    return replies, reply


def id_of(reply):
    return re.search(r"kept \[([0-9A-Z-]+)\]", reply).group(1)


def lines_of(server, message):
    return json.loads(server.postern("why", "--json", message).stdout)


def test_the_others_get_it_and_the_sender_is_told_once(daemon, sink):
    to = sink()
    server = house(daemon, to)
    _, reply = submit(server, ["bob@ours.example", "board@ours.example", "x@elsewhere.example", "carol@elsewhere.example"],
                      size=4000)
    assert reply.startswith("250 2.0.0 kept ["), reply
    assert to.wait(1)[0][1] == [b"x@elsewhere.example"]
    assert len(server.mails("bob@ours.example", 1)) == 1
    report = server.mails("alice@ours.example", 1)
    bounce = email.message_from_bytes(report[0], policy=email.policy.default)
    fields = bounce.get_payload(1).as_string()
    assert bounce.get_content_type() == "multipart/report"
    assert re.findall(r"Final-Recipient: rfc822; (\S+)", fields) == ["board@ours.example", "carol@elsewhere.example"]
    assert re.findall(r"Status: (\S+)", fields) == ["5.7.1", "5.3.4"]
    words = bounce.get_payload(0).get_content()
    assert "This server said:" in words and "The board takes no offers" in words and "Carol has little room" in words
    assert "What to do:" in words
    # Each refusal has its own id in the report, under which `why` tells the clause.
    for why, clause in zip(re.findall(r"\[why ([0-9A-Z-]+)\]", words), ("board@ours.example", "carol@elsewhere.example")):
        told = server.postern("why", why)
        assert told.returncode == 0 and f'recipient "{clause}"' in told.stdout, told.stdout
    wait_for(lambda: audit(server)["bounced"] == 2 and audit(server)["delivered"] == 2)
    found = audit(server)
    assert {key: found[key] for key in ("messages", "recipients", "delivered", "bounced", "unaccounted", "twice")} == \
        {"messages": 1, "recipients": 4, "delivered": 2, "bounced": 2, "unaccounted": 0, "twice": 0}
    assert not server.mails("board@ours.example", 0) and len(to.messages) == 1


def test_the_journal_has_a_decision_and_an_event_for_each(daemon, sink):
    server = house(daemon, sink())
    _, reply = submit(server, ["bob@ours.example", "board@ours.example"])
    message = id_of(reply)
    wait_for(lambda: any(line.get("event") == "bounced" for line in lines_of(server, message)))
    lines = lines_of(server, message)
    refused = [line for line in lines if line.get("decision") == "refuse"]
    assert len(refused) == 1 and refused[0]["recipient"] == "board@ours.example"
    assert refused[0]["stage"] == "end of data" and refused[0]["message"] == message
    assert refused[0]["reply"].endswith(f"[why {refused[0]['id']}]")
    event = [line for line in lines if line.get("event") == "bounced"][0]
    assert event["recipient"] == "board@ours.example" and event["reply"] == refused[0]["reply"]
    assert event["reason"] == refused[0]["reason"]
    told = server.postern("why", message).stdout
    assert "The board takes no offers" in told and "bounced" in told, told


def test_no_report_where_notify_or_the_null_sender_says_so(daemon, sink):
    server = house(daemon, sink())
    for options, sender in ((" NOTIFY=NEVER", "alice@ours.example"), ("", "")):
        _, reply = submit(server, ["bob@ours.example", "board@ours.example"], sender=sender, options=options)
        assert reply.startswith("250"), reply
    wait_for(lambda: audit(server)["bounced"] == 2 and audit(server)["delivered"] == 2)
    assert len(server.mails("bob@ours.example", 2)) == 2
    for nobody in ("alice@ours.example", "admin@ours.example", "board@ours.example"):
        assert not server.mails(nobody, 0)


def test_all_refused_is_a_refusal_and_leaves_nothing(daemon, sink):
    server = house(daemon, sink())
    _, reply = submit(server, ["board@ours.example"])
    assert reply.startswith("554 5.7.1 The board takes no offers"), reply
    _, reply = submit(server, ["board@ours.example", "carol@elsewhere.example"], size=4000)
    assert reply.startswith("5"), reply
    assert audit(server)["messages"] == 0
    assert server.json("queue") == []


def test_a_stranger_is_asked_to_come_apart_and_nothing_is_reported(daemon, sink):
    need("second-loopback")
    server = house(daemon, sink())
    replies, reply = submit(server, ["bob@ours.example", "board@ours.example"], source="127.0.0.5")
    assert [one[:3] for one in replies] == ["250", "452"] and reply.startswith("250"), (replies, reply)
    _, reply = submit(server, ["board@ours.example"], source="127.0.0.5")
    assert reply.startswith("554"), reply
    assert len(server.mails("bob@ours.example", 1)) == 1
    assert not server.mails("alice@ours.example", 0)


def test_places_of_the_refused_are_given_back(daemon, sink):
    server = house(daemon, sink())
    _, reply = submit(server, ["bob@ours.example", "board@ours.example", "carl@ours.example"])
    assert reply.startswith("250"), reply
    wait_for(lambda: [(c["used"], c["reserved"]) for c in server.ask("limits")] == [(2, 0)])


def test_a_kill_before_the_report_loses_nothing(daemon, sink):
    to = sink({"RCPT": "450 4.2.1 later"})
    server = house(daemon, to, "retry for 1 days first after 1 seconds at most 2 seconds\n")
    for number in range(5):
        _, reply = submit(server, ["x@elsewhere.example", "board@ours.example"], sender=f"s{number}@ours.example")
        assert reply.startswith("250"), reply
        server.kill()
        server.start()
    to.answers["RCPT"] = "250 2.1.5 ok"
    assert len(to.wait(5)) == 5
    for number in range(5):  # a kill between the report and its result may make it come twice, never not at all
        assert len(server.mails(f"s{number}@ours.example", 1)) >= 1
    wait_for(lambda: server.json("queue") == [])
    assert audit(server)["unaccounted"] == 0
    assert not server.mails("board@ours.example", 0)


def test_equal_refusals_share_a_line_and_every_id_finds_it(daemon, sink):
    need("second-loopback")
    server = house(daemon, sink(), "limits errors unlimited\n")
    client = Client(server.port, "127.0.0.5")
    client.say("EHLO client.example")
    client.say("MAIL FROM:<alice@elsewhere.example>")
    began = time.monotonic()
    ids = [re.search(r"\[why ([0-9A-Z-]+)\]", client.say("RCPT TO:<x@far.example>")).group(1) for _ in range(60)]
    took = time.monotonic() - began
    client.close()

    def lines():
        return [line for line in server.json("log") if line.get("recipient") == "x@far.example"]
    wait_for(lambda: sum(line.get("repeats", 1) for line in lines()) == 60)
    shared = [line for line in lines() if line.get("repeats")]
    assert len(lines()) <= 8 + 2 * took and shared, lines()  # two a second
    for line in shared:
        assert line["ids"][0] == line["id"] and ids.index(line["ids"][1]) - ids.index(line["id"]) + 1 == line["repeats"]
    for one in (ids[0], ids[1], ids[30], ids[59]):
        told = json.loads(server.postern("why", "--json", one, status=0).stdout)
        assert len(told) == 1 and told[0]["recipient"] == "x@far.example", told
    inside = ids[ids.index(shared[0]["id"]) + 1]
    assert "equal refusals" in server.postern("why", inside).stdout
