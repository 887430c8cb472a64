# SPDX-License-Identifier: Apache-2.0
"""`limit`: places reserved at RCPT, kept with the message, given back with the transaction, kept over restarts."""
import json
import os
import signal
import threading
import time

from conftest import Client, freeze, need
from test_audit import wait_for as wait_until
from test_facts import wait_for, why

HOUSE = 'listen smtp "127.0.0.1:0"\nlimits errors unlimited\n' \
        'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'


def greeted(server, source="127.0.0.5"):
    need("second-loopback")
    client = Client(server.port, source)
    client.say("HELO client.example")
    return client


def begin(client, *recipients, sender="a@b.example"):
    client.say("RSET")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
    return [client.say(f"RCPT TO:<{to}@ours.example>") for to in recipients]


def finish(client):
    client.say("DATA")
    return client.say("From: <a@b.example>\r\n\r\nbody\r\n.")


def test_recipients_are_counted_exactly_and_say_when_the_next_is_free(daemon):
    server = daemon(HOUSE + "limit client 3 recipients per day\n")
    client = greeted(server)
    replies = begin(client, "a", "b", "c", "d")
    assert [reply[:3] for reply in replies] == ["250", "250", "250", "450"]
    assert finish(client).startswith("250")
    reply = begin(client, "e")[0]
    assert reply.startswith("450 4.7.28 ") and "3 of 3" in reply and "next free" in reply, reply
    line = why(server, reply)
    assert line["reason"] == "limit-reached" and line["decision"] == "defer"
    assert line["facts"]["counter"][0]["full"] is True and line["facts"]["counter"][0]["value"] == 3
    other = greeted(server, "127.0.0.6")
    assert begin(other, "a")[0].startswith("250")  # for each address
    told = server.ask("limits", of="127.0.0.5")
    assert len(told) == 1 and told[0]["used"] == told[0]["most"] == 3 and told[0]["period"] == 86400, told
    assert len(server.ask("limits")) == 2


def test_a_clause_that_did_not_apply_after_all_has_counted_nothing(daemon):
    server = daemon(HOUSE + 'limit client 1 messages per day unless header "Subject" "free"\n')
    client = greeted(server)
    for _ in range(3):
        assert begin(client, "a")[0].startswith("250")
        client.say("DATA")
        assert client.say("From: <a@b.example>\r\nSubject: free\r\n\r\nx\r\n.").startswith("250")
    wait_until(lambda: server.ask("limits") == [])  # given back after the reply
    assert begin(client, "a")[0].startswith("250") and finish(client).startswith("250")
    assert begin(client, "a")[0].startswith("250")
    assert finish(client).startswith("450 4.7.28 ")


def test_the_same_recipient_again_takes_no_second_place(daemon):
    server = daemon(HOUSE + "limit client 2 recipients per day\n")
    client = greeted(server)
    assert [reply[:3] for reply in begin(client, "a", "a", "a")] == ["250"] * 3
    assert finish(client).startswith("250")
    assert [reply[:3] for reply in begin(client, "a", "b")] == ["250", "450"]


def test_messages_are_counted_once_however_many_recipients(daemon):
    server = daemon(HOUSE + "limit client 2 messages per hour\n")
    client = greeted(server)
    for _ in range(2):
        assert [reply[:3] for reply in begin(client, "a", "b", "c")] == ["250"] * 3
        assert finish(client).startswith("250")
    assert begin(client, "a")[0].startswith("450 4.7.28 ")


def test_places_are_given_back_when_nothing_comes_of_them(daemon):
    server = daemon(HOUSE + "limit client 1 recipients per day\n"
                            'refuse if header "Subject" "bad"\nrefuse if recipient "nobody@ours.example"\n')
    client = greeted(server)
    assert begin(client, "a")[0].startswith("250")
    assert begin(client, "a")[0].startswith("250")  # RSET gave it back
    assert begin(client, "nobody", "a")[1].startswith("250")  # a refused one took none
    client.say("DATA")
    assert client.say("From: <a@b.example>\r\nSubject: bad\r\n\r\nx\r\n.").startswith("5")
    assert begin(client, "a")[0].startswith("250")
    client.close()  # in the middle of a transaction
    end = time.monotonic() + 60
    while time.monotonic() < end:
        client = greeted(server)
        reply = begin(client, "a")[0]
        if reply.startswith("250"):
            break
    assert reply.startswith("250"), reply
    assert finish(client).startswith("250")
    assert begin(client, "a")[0].startswith("450 4.7.28 ")


def test_two_sessions_cannot_both_take_the_last_place(daemon):
    server = daemon(HOUSE + "limit client 10 recipients per day together\n")
    taken, lock = [], threading.Lock()

    def send():
        client = greeted(server)
        for _ in range(5):
            if begin(client, "a")[0].startswith("250") and finish(client).startswith("250"):
                with lock:
                    taken.append(1)
    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A place reserved by one while another asks may be given back: never more than ten, and in the end ten.
    client = greeted(server)

    def all_taken():
        while len(taken) < 10 and begin(client, "a")[0].startswith("250") and finish(client).startswith("250"):
            taken.append(1)
        return len(taken) == 10
    wait_until(all_taken)
    assert begin(client, "a")[0].startswith("450 ")


def test_counters_survive_a_restart_and_a_kill(daemon):
    server = daemon(HOUSE + "limit client 2 recipients per day\n")
    client = greeted(server)
    assert begin(client, "a")[0].startswith("250") and finish(client).startswith("250")
    client.close()
    server.stop()
    server.start()
    client = greeted(server)
    assert begin(client, "a")[0].startswith("250") and finish(client).startswith("250")
    client.close()
    # What the edge had not handed over when everything died is not counted: the 250 does not wait for it.
    end = time.monotonic() + 60
    while [(c["used"], c["reserved"]) for c in server.ask("limits")] != [(2, 0)] and time.monotonic() < end:
        time.sleep(0.02)
    server.ask("limits")  # another turn of accounts: it writes at the end of each
    server.kill()
    server.start()
    assert begin(greeted(server), "a")[0].startswith("450 4.7.28 ")


def test_accounts_away_is_an_unknown_counter(daemon):
    server = daemon(HOUSE + "limit client 5 recipients per day\n")
    client = greeted(server)
    assert begin(client, "a", "b")[1].startswith("250")
    pid = [p["pid"] for r in server.json("status")[0]["roles"] if r["role"] == "supervisor"
           for p in r["status"]["processes"] if p["role"] == "accounts"][0]
    freeze(pid)
    other = greeted(server)
    reply = begin(other, "a")[0]
    assert reply.startswith("451 4.3.0 "), reply
    line = why(server, reply)
    assert line["reason"] == "store-unknown" and line["facts"]["counter"][0]["unknown"] is True
    os.kill(pid, signal.SIGKILL)
    wait_for(server, "died", "accounts")
    # What was reserved of its former life is counted when the message is accepted.
    assert finish(client).startswith("250")
    wait_until(lambda: begin(other, "a")[0].startswith("250"))
    wait_until(lambda: [c.get("used", 0) - c.get("reserved", 0) for c in server.ask("limits")] == [2])  # by another edge, perhaps
    replies = begin(other, "a", "b", "c", "d")
    assert [reply[:3] for reply in replies] == ["250", "250", "250", "450"], replies


def test_a_changed_number_keeps_its_past(daemon):
    server = daemon(HOUSE + "limit client 1 recipients per day\n")
    client = greeted(server)
    assert begin(client, "a")[0].startswith("250") and finish(client).startswith("250")
    with open(server.config) as file:
        text = file.read()
    with open(server.config, "w") as file:
        file.write(text.replace("limit client 1 ", "limit client 2 "))
    assert server.postern("reload").returncode == 0
    replies = begin(client, "a", "b")
    assert [reply[:3] for reply in replies] == ["250", "450"], replies
    assert "of 2" in replies[1]


def test_senders_are_counted_for_each(daemon):
    server = daemon(HOUSE + "limit sender 1 messages per hour\nlimit sender domain 2 messages per hour\n")
    client = greeted(server)
    for sender, code in [("x@one.example", "250"), ("x@one.example", "450"), ("y@one.example", "250"),
                         ("z@one.example", "450"), ("x@two.example", "250")]:
        reply = begin(client, "a", sender=sender)[0]
        assert reply.startswith(code), (sender, reply)
        if code == "250":
            assert finish(client).startswith("250")


def tried(server, *recipients, more=()):
    words = [word for to in recipients for word in ("--to", f"{to}@ours.example")]
    ran = server.postern("trial", "--json", "--no-dns", "--client", "127.0.0.5", "--from", "a@b.example", *words, *more)
    return [line["possible"] for line in json.loads(ran.stdout)]


def test_a_trial_knows_how_the_counters_stand_and_takes_no_place(daemon):
    server = daemon(HOUSE + "limit client 3 recipients per day\nlimit sender 1 messages per day\n")
    assert tried(server, "a", "b", "c", "d") == [["accept"]] * 3 + [["defer"]]  # one message has one place
    client = greeted(server)
    assert begin(client, "a", "b")[1].startswith("250") and finish(client).startswith("250")
    assert tried(server, "a") == [["defer"]]  # the sender's
    assert tried(server, "a", more=("--fresh-limits",)) == [["accept"]]
    other = ("--from", "c@b.example")
    ran = server.postern("trial", "--json", "--no-dns", "--client", "127.0.0.5", *other, "--to", "a@ours.example",
                         "--to", "b@ours.example")
    first, second = json.loads(ran.stdout)
    assert first["decision"] == "accept" and second["decision"] == "defer"
    assert "3 of 3" in second["reply"] and "next free" in second["reply"], second["reply"]
    wait_until(lambda: [c["used"] for c in server.ask("limits", of="127.0.0.5")] == [2])
    client.close()
    server.stop()  # then what it left behind is read
    assert tried(server, "a") == [["defer"]]
    os.rename(os.path.join(server.state, "accounts", "limits"), os.path.join(server.state, "accounts", "gone"))
    assert tried(server, "a") == [["accept", "defer"]]
