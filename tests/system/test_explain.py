# SPDX-License-Identifier: Apache-2.0
"""`postern explain` as a person uses it: words, files, standard input, folders, an mbox, a log that grows, hostile bytes."""
import json
import os
import resource
import subprocess
import time

import pytest

from conftest import POSTERN, Client, need
from test_queue import relay_to, send

TOP = "From: MAILER-DAEMON@mx.example\nTo: ann@example.org\nSubject: Undelivered Mail Returned to Sender\n" \
      "Date: Sat, 21 Nov 2026 09:30:00 +0000\nMIME-Version: 1.0\n"
UNKNOWN = TOP + "\n<bob@far.example>: host mx.far.example[192.0.2.9] said: 550 5.1.1 No such user (in reply to RCPT TO command)\n"
FULL = UNKNOWN.replace("bob@", "eve@").replace("550 5.1.1 No such user", "552 5.2.2 Mailbox full").replace("21 Nov", "22 Nov")
AWAY = "From: bob@far.example\nTo: ann@example.org\nAuto-Submitted: auto-replied\nSubject: away\n\nBack on Monday.\n"
REJECT = "Nov 22 10:00:01 mx postfix/smtpd[13]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <b@c.example>: " \
         "Relay access denied; from=<a@b.example> to=<b@c.example> proto=ESMTP helo=<h>\n"


def explain(*words, given=None, status=0, **more):
    made = subprocess.run([POSTERN, "explain", *words], input=given, capture_output=True, timeout=120, **more)
    assert made.returncode == status, made.stdout + made.stderr
    return made.stdout


def lines(out):
    return [json.loads(line) for line in out.decode().splitlines()]


def test_a_reply_is_explained_with_its_fields():
    answer = lines(explain("--json", "550 5.7.1 <b@c.example>: Relay access denied"))[0]
    for field in ("cause", "actor", "permanent", "reply_code", "enhanced_code", "summary", "steps", "confidence", "evidence",
                  "recipients", "reporting_mta", "remote_mta"):
        assert field in answer, field
    assert answer["cause"] == "relay-denied" and answer["permanent"] is True
    assert answer["reply_code"] == 550 and answer["enhanced_code"] == "5.7.1"
    assert answer["steps"] and "Relay access denied" in answer["evidence"]
    assert answer["recipients"][0].items() >= {"address": "b@c.example", "action": "failed", "status": "5.7.1",
                                               "cause": "relay-denied"}.items()


def test_words_without_quotation_marks_are_one_text():
    assert lines(explain("--json", "550", "5.7.1", "Relaying", "denied"))[0]["reply_code"] == 550


def test_a_code_alone_is_explained_and_nothing_is_not():
    full, nothing = lines(explain("--json", "5.2.2", "asdf qwer", status=1))
    assert full["cause"] == "mailbox-full" and full["recipients"][0]["status"] == "5.2.2"
    assert nothing["cause"] == "unclear" and nothing["permanent"] is None
    assert "not known whether for good" in explain("asdf qwer", status=1).decode()


def test_what_is_no_bounce_is_called_by_its_name():
    challenge = "From: bob@far.example\nTo: ann@example.org\nSubject: verify\nDate: Sat, 21 Nov 2026 09:30:00 +0000\n\n" \
                "To release your message, please confirm that you are a human.\n"
    receipt = TOP.replace("MAILER-DAEMON", "bob") + "Content-Type: multipart/report; boundary=b\n\n--b\n" \
        "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; bob@far.example\n" \
        "Disposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n"
    for given, kind in ((AWAY, "vacation"), (challenge, "challenge"), (receipt, "receipt")):
        answer = lines(explain("--json", "-", given=given.encode()))[0]
        assert (answer["cause"], answer["input"], answer["recipients"]) == ("not-a-bounce", kind, [])
        assert answer["summary"] and answer["evidence"]


def test_one_recipient_s_words_are_not_told_of_another(tmp_path):
    (tmp_path / "b").write_text(TOP + "\nDelivery failed for these recipients:\nbob@far.example\n   550 5.1.1 no such user\n"
                                "carl@other.example\n   connection timed out\n")
    bob, carl = lines(explain("--json", str(tmp_path / "b")))[0]["recipients"]
    assert (bob["status"], bob["reply_code"], bob["cause"]) == ("5.1.1", 550, "unknown-recipient")
    assert (carl["status"], carl["reply_code"], carl["words"]) == (None, None, "connection timed out")


def test_people_are_told_the_cause_and_the_steps():
    out = explain("550 5.1.1 No such user").decode()
    for words in ("unknown-recipient", "who acts", "What the sender can do", "What the sender's administrator can do",
                  "What the recipient's administrator can do", "No such user"):
        assert words in out


def test_standard_input_files_and_texts_come_together(tmp_path):
    (tmp_path / "bounce.eml").write_text(UNKNOWN)
    out = lines(explain("--json", str(tmp_path / "bounce.eml"), "-", "552 5.2.2 Mailbox full", given=AWAY.encode()))
    assert [answer["cause"] for answer in out] == ["unknown-recipient", "not-a-bounce", "mailbox-full"]
    assert out[0]["file"].endswith("bounce.eml") and out[1]["input"] == "vacation"


def test_several_recipients_have_each_its_fate(tmp_path):
    (tmp_path / "b").write_text(
        TOP + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n\n--b\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; a@x.example\nAction: delayed\nStatus: 4.4.1\n\n"
        "Final-Recipient: rfc822; b@x.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No such user\n\n--b--\n")
    answer = lines(explain("--json", str(tmp_path / "b")))[0]
    assert [(r["address"], r["action"]) for r in answer["recipients"]] == [("a@x.example", "delayed"), ("b@x.example", "failed")]
    assert answer["cause"] == "unknown-recipient" and answer["reporting_mta"] == "mx.example"


def test_exit_statuses(tmp_path):
    explain("zzzz qqqq", status=1)
    explain("no/such/file.eml", status=3)
    explain("--no-such-option", status=2)
    explain("-f", status=2)
    explain(given=b"", status=1)
    (tmp_path / "empty").mkdir()
    explain(str(tmp_path / "empty"), status=3)


def test_folders_maildirs_and_mbox_files_give_a_summary(tmp_path):
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    (tmp_path / "Maildir/cur/1:2,S").write_text(UNKNOWN)
    (tmp_path / "Maildir/new/2").write_text(FULL)
    (tmp_path / "Maildir/new/3").write_text(AWAY)
    (tmp_path / "mbox").write_text("".join(f"From x Sat Nov 21 09:30:00 2026\n{m}\n" for m in (UNKNOWN, FULL, AWAY)))
    for place in ("Maildir", "mbox"):
        *answers, last = lines(explain("--json", str(tmp_path / place)))
        assert sorted(a["cause"] for a in answers) == ["mailbox-full", "not-a-bounce", "unknown-recipient"]
        assert last["summary"]["read"] == 3 and last["summary"]["failures"] == 2 and last["summary"]["no_bounces"] == 1
        assert last["summary"]["domains"] == {"far.example": 2}
        assert last["summary"]["days"] == {"2026-11-21": 1, "2026-11-22": 1}
        out = explain(str(tmp_path / place)).decode()
        assert "Causes" in out and "Who must act" in out and "2026-11-22" in out and "#" in out


def test_a_log_is_summed_up(tmp_path):
    (tmp_path / "mail.log").write_text("Nov 22 10:00:00 mx postfix/qmgr[9]: 4A: removed\n" * 5 + REJECT * 50)
    *answers, last = lines(explain("--json", str(tmp_path / "mail.log")))
    assert len(answers) == 50 and {a["cause"] for a in answers} == {"relay-denied"}
    assert last["summary"]["failures"] == 50


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(.05)


def is_read_to_its_end(path, pid):
    """Whether the process has this very file open, and stands where it ends."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.path.samefile(f"/proc/{pid}/fd/{number}", path):
                with open(f"/proc/{pid}/fdinfo/{number}") as about:
                    return int(about.readline().split()[1]) == os.path.getsize(path)
        except FileNotFoundError:
            pass
    return False


def test_a_log_is_followed_through_rotation_and_cutting(tmp_path):
    log, out = tmp_path / "mail.log", tmp_path / "out"
    log.write_text(REJECT * 3)
    with open(out, "wb") as to:
        follower = subprocess.Popen([POSTERN, "explain", "--json", "-f", str(log)], stdout=to)
    try:
        def read():
            return [json.loads(line) for line in out.read_text().splitlines(True) if line.endswith("\n")]
        wait_for(lambda: is_read_to_its_end(log, follower.pid))
        with open(log, "a") as more:
            more.write("Nov 22 10:00:00 mx postfix/qmgr[9]: 4A: removed\n" + REJECT[:30])
            more.flush()
            wait_for(lambda: is_read_to_its_end(log, follower.pid))
            more.write(REJECT[30:])
        wait_for(lambda: len(read()) == 1)
        log.rename(tmp_path / "mail.log.1")
        log.write_text(REJECT.replace("c.example", "d.example"))
        wait_for(lambda: len(read()) == 2)
        log.write_text("")
        wait_for(lambda: is_read_to_its_end(log, follower.pid))
        with open(log, "a") as more:
            more.write(REJECT.replace("c.example", "e.example"))
        wait_for(lambda: len(read()) == 3)
        told = read()
        assert [a["recipients"][0]["address"] for a in told] == ["b@c.example", "b@d.example", "b@e.example"]
    finally:
        follower.terminate()
        follower.wait()


def test_the_report_to_send_on_says_nothing_of_the_mail(tmp_path):
    (tmp_path / "b").write_text(UNKNOWN + "\n------ This is a copy of the message. ------\n\nReceived: by mx.example\n"
                                "Message-ID: <m1@example.org>\nFrom: ann@example.org\nTo: bob@far.example\n"
                                "Subject: our secret plan\nDate: Sat, 21 Nov 2026 09:00:00 +0000\n\nthe secret itself\n")
    out = explain("--report", str(tmp_path / "b")).decode()
    for words in ("<m1@example.org>", "ann@example.org", "bob@far.example", "mx.far.example", "550 5.1.1", "RCPT TO",
                  "No such user", "21 Nov 2026"):
        assert words in out, words
    assert "secret" not in out


def test_the_window_s_settings_are_in_the_report():
    out = explain("--report", "The message could not be sent. Subject 'private', Account: 'work', Server: 'smtp.example.org', "
                  "Protocol: SMTP, Server Response: '550 5.7.1 Unable to relay', Port: 25, Secure(SSL): No, "
                  "Server Error: 550, Error Number: 0x800CCC79").decode()
    for words in ("work", "smtp.example.org", "25", "0x800CCC79", "relay-denied", "Unable to relay"):
        assert words in out
    assert "private" not in out


def test_an_id_of_ours_leads_to_the_journal_of_this_host(relay):
    need("second-loopback")
    client = Client(relay.port, "127.0.0.2")
    client.say("EHLO stranger.example")
    client.say("MAIL FROM:<a@b.example>")
    reply = client.say("RCPT TO:<x@elsewhere.example>")
    told = relay.postern("explain", reply, status=0).stdout
    for words in ("relay-denied", "What this host's journal knows", "relay for network office", "127.0.0.2"):
        assert words in told, told


def test_a_bounce_of_ours_carries_the_explanation_and_its_facts(daemon, sink, tmp_path):
    server = relay_to(daemon, sink({"RCPT": "552 5.2.2 The mailbox is over its quota"}))
    send(server, ["full@elsewhere.example"])
    raw = server.mails("alice@ours.example", 1)[0]
    assert b"What happened:" in raw and b"X-Postern-Cause: mailbox-full; actor=recipient" in raw
    (tmp_path / "bounce").write_bytes(raw)
    answer = lines(explain("--json", str(tmp_path / "bounce")))[0]
    assert answer["cause"] == "mailbox-full" and answer["actor"] == "recipient"
    one = answer["recipients"][0]
    assert one["address"] == "full@elsewhere.example" and one["status"] == "5.2.2" and one["id"].encode() in raw
    told = server.postern("explain", str(tmp_path / "bounce"), status=0).stdout
    assert "What became of it" in told and "bounced" in told


HOSTILE = {
    "nested reports": b"".join(b"From: MAILER-DAEMON@x.example\nSubject: failure notice\nTo: a@b.example\n"
                               b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\nContent-Type: message/rfc822\n\n" % (i, i)
                               for i in range(1000)),
    "one long line": b"550 5.7.1 " + b"x" * (100 << 20),
    "a mail of one long line": TOP.encode() + b"\n<bob@far.example>: 550 " + b"y@z.example " * (2 << 20),
    "many parts": TOP.encode() + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000000,
    "many fields": b"a:b\n" * 2000000,
    "many recipients": TOP.encode() + b"Content-Type: message/delivery-status\n\n" +
    b"".join(b"Final-Recipient: rfc822; u%d@x.example\nAction: failed\nStatus: 5.1.1\n\n" % i for i in range(100000)),
    "NULs and escapes": TOP.encode() + b"\n<bob@far.example>: 550 5.1.1 \x00\x1b[2J\x1b]0;owned\x07 \xc2\x9b31m \xe2\x80\xae no\n",
    "broken MIME": TOP.encode() + b"Content-Type: multipart/report; boundary=\n\n--\n--\n=?utf-8?B?\n\xff\xfe\n--",
    "angle brackets": TOP.encode() + b"Content-Type: text/html\n\n" + b"<a<!--<style>&#" * 300000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_costs_little_and_never_reaches_the_terminal(tmp_path, name):
    (tmp_path / "x").write_bytes(HOSTILE[name])
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for form in ([], ["--json"], ["--report"]):
        made = subprocess.run([POSTERN, "explain", *form, str(tmp_path / "x")], capture_output=True, timeout=200)
        assert made.returncode in (0, 1), made.stderr
        out = made.stdout.decode()
        assert not any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 or c == "\u202e" for c in out)
        assert len(out) < 3 << 20
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after < max(before, 500 << 10), f"{after >> 10} MiB"
