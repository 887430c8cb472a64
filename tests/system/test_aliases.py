# SPDX-License-Identifier: Apache-2.0
"""Aliases: what an address stands for is decided, kept and delivered; what leads abroad needs `forward for`."""
import os
import re
import time

import pytest

from conftest import Client, need
from test_facts import why

FILES = {
    "boxes": "alice\nbob\ncarol\nguard\n",
    "aliases": "info: alice, bob\n"
               "sales: info, carol\n"
               "lost: alice, nobody\n"
               "guard: guard, alice\n",
}
HOUSE = 'listen smtp "127.0.0.1:0"\nlimits errors unlimited\n' \
        'domain ours.example mailboxes "boxes" aliases "aliases" deliver maildir "{mail}/%d/%l"\n'


@pytest.fixture
def house(daemon):
    """A daemon whose configuration names files; `aliases` are lines more."""
    def start(text=HOUSE, aliases="", run=True):
        server = daemon(text, wait=False)
        for name, content in FILES.items():
            with open(os.path.join(server.folder, name), "w") as file:
                file.write(content + (aliases if name == "aliases" else ""))
        if run:
            server.start()
        return server
    return start


def begin(server, *recipients, sender="a@b.example", source="127.0.0.1"):
    client = Client(server.port, source)
    client.say("EHLO client.example")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
    return client, [client.say(f"RCPT TO:{to if '<' in to else f'<{to}@ours.example>'}") for to in recipients]


def finish(client, subject="x"):
    client.say("DATA")
    return client.say(f"From: <a@b.example>\r\nSubject: {subject}\r\n\r\nbody\r\n.")


def journal(server, stage):
    return [line for line in server.json("log") if line.get("stage") == stage]


def test_an_alias_of_two_mailboxes_reaches_both_and_is_recorded_as_written(house):
    server = house()
    client, replies = begin(server, "info")
    assert replies[0].startswith("250 2.1.5 ")
    assert finish(client).startswith("250 2.0.0 ")
    for name in ("alice", "bob"):
        mail = server.mails(f"{name}@ours.example", 1)
        assert len(mail) == 1 and b"for <info@ours.example>" in mail[0], mail
    rcpt, end = journal(server, "rcpt"), journal(server, "end of data")
    assert [line["recipient"] for line in rcpt] == ["info@ours.example"], rcpt
    assert rcpt[0]["facts"]["recipient_ours"] == {"value": True}
    assert end[0]["facts"]["recipients"] == {"value": 2}, end
    assert server.postern("audit").returncode == 0


def test_an_alias_of_an_alias_ends_at_mailboxes_and_each_gets_one_copy(house):
    server = house()
    client, replies = begin(server, "sales", "alice", "info", "SALES", "guard")
    assert [reply[:3] for reply in replies] == ["250"] * 5
    assert finish(client).startswith("250 2.0.0 ")
    for name in ("alice", "bob", "carol", "guard"):
        assert len(server.mails(f"{name}@ours.example", 1)) == 1, name
    assert server.postern("audit").returncode == 0
    assert len(server.mails("alice@ours.example")) == 1


def test_an_unknown_target_refuses_the_alias_and_is_told_to_the_administrator(house):
    server = house()
    client, replies = begin(server, "lost", "alice")
    assert replies[0].startswith("550 5.1.1 ") and replies[1].startswith("250"), replies
    line = why(server, replies[0])
    assert line["recipient"] == "lost@ours.example" and line["target"] == "nobody@ours.example", line


def test_the_strictest_of_what_is_decided_speaks(house):
    server = house(HOUSE + 'refuse if recipient "bob@ours.example" and sender "spam@b.example"\n'
                           'defer if recipient "carol@ours.example" and sender "spam@b.example"\n')
    _, replies = begin(server, "sales", "carol", "alice", sender="spam@b.example")
    assert [reply[0] for reply in replies] == ["5", "4", "2"], replies
    _, replies = begin(server, "sales")
    assert replies[0].startswith("250")


def test_a_limit_counts_an_alias_once_and_limits_recipients_too(house):
    need("second-loopback")
    server = house(HOUSE + "limits recipients 100\nlimit client 3 recipients per day\n")
    client, replies = begin(server, "sales", "guard", source="127.0.0.5")
    assert [reply[:3] for reply in replies] == ["250"] * 2
    assert finish(client).startswith("250")
    client, replies = begin(server, "sales", "info", source="127.0.0.5")
    assert [reply[:3] for reply in replies] == ["250", "450"], replies


def test_a_target_abroad_without_a_grant_is_an_error_of_the_file(house):
    server = house(HOUSE, "away: someone@elsewhere.example\n", run=False)
    made = server.postern("check")
    assert made.returncode != 0 and "forward for" in made.stdout + made.stderr, made.stdout + made.stderr


def test_a_target_abroad_with_a_grant_leaves(house, sink):
    to = sink()
    text = HOUSE + f'forward for "away@ours.example"\ndeliver * via "127.0.0.1:{to.port}"\n'
    server = house(text, "away: someone@elsewhere.example, alice\n")
    client, replies = begin(server, "away", "<someone@elsewhere.example>")
    assert replies[0].startswith("250") and replies[1].startswith("550 5.7.1 "), replies
    assert finish(client).startswith("250")
    assert [message[1] for message in to.wait(1)] == [[b"someone@elsewhere.example"]]
    assert len(server.mails("alice@ours.example", 1)) == 1
    line = [line for line in journal(server, "rcpt") if line["decision"] == "accept"][0]
    assert line["recipient"] == "away@ours.example" and line["facts"]["recipient_ours"] == {"value": True}, line
    assert server.postern("audit").returncode == 0


def test_a_report_names_the_address_written(house, sink):
    to = sink({"RCPT": "550 5.1.1 no such user"})
    text = HOUSE + 'network office 127.0.0.1/32\nrelay for network office\n' \
                   f'forward for domain ours.example\ndeliver * via "127.0.0.1:{to.port}"\n'
    server = house(text, "away: someone@elsewhere.example\n")
    client, replies = begin(server, "away", sender="bob@ours.example")
    assert finish(client).startswith("250")
    report = server.mails("bob@ours.example", 1)[0]
    assert b"Original-Recipient: rfc822; away@ours.example" in report or \
        b"Original-Recipient: rfc822;away@ours.example" in report, report
    assert b"someone@elsewhere.example" in report


FORWARDING = HOUSE + 'network office 127.0.0.1/32\nrelay for network office\nforward for domain ours.example\n' \
                     'deliver * via "127.0.0.1:{port}"\n'
ABROAD = "away: someone@elsewhere.example\n"


def mail_from(message):
    return re.search(rb"<([^>]*)>", message[0]).group(1).decode()


def forwarded(house, to, sender="a@b.example"):
    """A daemon that has forwarded one message, and the return path it left with."""
    server = house(FORWARDING.replace("{port}", str(to.port)), ABROAD)
    client, replies = begin(server, "away", sender=sender)
    assert replies[0].startswith("250") and finish(client).startswith("250")
    return server, mail_from(to.wait(1)[0])


def test_forwarded_mail_leaves_with_a_return_path_of_ours_and_reports_come_back(house, sink):
    to = sink()
    server, path = forwarded(house, to)
    assert re.fullmatch(r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=b\.example=a@ours\.example", path), path
    server.stop()
    server.start()  # the secret is kept
    client, replies = begin(server, f"<{path}>", f"<{path.lower()}>", sender="", source="127.0.0.1")
    assert [reply[:3] for reply in replies] == ["250"] * 2, replies
    assert finish(client).startswith("250")
    back = to.wait(2)[1]
    assert mail_from(back) == "" and back[1] == [b"a@b.example"], back
    accepted = [line for line in journal(server, "rcpt") if line.get("returned")]
    assert accepted and accepted[0]["recipient"] == path and accepted[0]["target"] == "a@b.example", accepted
    assert server.postern("audit").returncode == 0
    assert os.stat(os.path.join(server.state, "return-path.key")).st_mode & 0o777 == 0o600


def test_a_return_path_needs_no_grant_but_a_right_hash(house, sink):
    need("second-loopback")
    to = sink()
    server, path = forwarded(house, to)
    wrong = [path.replace("=b.example=a@", "=b.example=x@"), path.replace("SRS0=", "SRS0=A", 1),
             re.sub("=[A-Z2-7]{8}=", "=AAAAAAAA=", path), "SRS0=x@ours.example", "SRS1=x=y==z@ours.example"]
    client, replies = begin(server, f"<{path}>", *[f"<{each}>" for each in wrong], sender="", source="127.0.0.5")
    assert replies[0].startswith("250 "), replies
    assert all(reply.startswith("550 5.1.1 ") for reply in replies[1:]), replies


def test_what_was_forwarded_before_is_rewritten_once_more_and_comes_back_there(house, sink):
    to = sink()
    server, path = forwarded(house, to, sender="SRS0=AAAA=BB=c.example=z@b.example")
    assert re.fullmatch(r"SRS1=[A-Z2-7]{8}=b\.example==AAAA=BB=c\.example=z@ours\.example", path), path
    client, replies = begin(server, f"<{path}>", sender="")
    assert replies[0].startswith("250") and finish(client).startswith("250")
    assert to.wait(2)[1][1] == [b"SRS0=AAAA=BB=c.example=z@b.example"]


def test_the_null_sender_and_our_own_stay_what_they_are(house, sink):
    to = sink()
    for sender in ("", "bob@ours.example"):
        to.messages.clear()
        _, path = forwarded(house, to, sender=sender)
        assert path == sender


def test_only_the_forwarded_recipient_leaves_with_another_sender(house, sink):
    to = sink()
    server = house(FORWARDING.replace("{port}", str(to.port)), ABROAD)
    client, replies = begin(server, "<one@elsewhere.example>", "away", "<two@elsewhere.example>")
    assert [reply[:3] for reply in replies] == ["250"] * 3 and finish(client).startswith("250")
    to.wait(2)
    end = time.monotonic() + 60
    while sum(len(message[1]) for message in to.messages) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    for message in to.messages:
        for recipient in message[1]:
            assert mail_from(message).startswith("SRS0=") == (recipient == b"someone@elsewhere.example"), to.messages


def test_a_forwarding_that_fails_is_reported_to_the_sender(house, sink):
    to = sink({"RCPT": lambda line, number: "550 5.1.1 no such user" if b"someone" in line else "250 ok"})
    server = house(FORWARDING.replace("{port}", str(to.port)), ABROAD)
    client, replies = begin(server, "away")
    assert finish(client).startswith("250")
    report = to.wait(1)[0]
    assert mail_from(report) == "" and report[1] == [b"a@b.example"] and b"away@ours.example" in report[2], report
