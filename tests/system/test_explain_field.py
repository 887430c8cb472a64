# SPDX-License-Identifier: Apache-2.0
"""`postern explain` over bounces and replies of our own composition, in the forms and words that servers, providers and
their help pages use (tests/system/bounces/README.md): recipient and status right on 98 of 100, cause on 97, and every
mail rightly called a bounce or none. The misses are printed."""
import glob
import os
import re
import zlib

import pytest

from test_explain_corpora import SISIMAI, Score, addresses, causes, explain, same_recipients, says_as_much

PLACE = os.path.join(os.path.dirname(__file__), "bounces")
GONE_THROUGH = ("delivered", "relayed", "expanded")


def words_of(column):
    return [word for word in column.replace(" ", "").split(",") if word and word != "-"]


def original_head(sender, recipient, subject="test"):
    mark = zlib.crc32((sender + recipient).encode())
    home, day, hour = sender.split("@")[1], mark % 27 + 1, mark % 9
    return (f"Received: from pc{mark % 97} (unknown [192.0.2.{mark % 250}]) by mail.{home} (Postfix) with ESMTP id {mark:08X}\n"
            f"\tfor <{recipient}>; Mon, {day} Jan 2018 0{hour}:1{mark % 10}:00 +0100\n"
            f"From: {sender}\nTo: {recipient}\nSubject: {subject}\nDate: Mon, {day} Jan 2018 0{hour}:10:00 +0100\n"
            f"Message-ID: <{mark}@{home}>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n")


def original(sender, recipient, subject="test"):
    return original_head(sender, recipient, subject) + "\nHello,\n\nplease find it below.\n"


def received(server):
    return (f"Return-Path: <>\nReceived: from {server} ({server} [192.0.2.25]) by mx.example.com (8.15.2/8.15.2) with ESMTPS "
            f"id x5KA1b2C\n\tfor <in@example.com>; Tue, 18 Jul 2023 09:12:00 +0200\n"
            f"Message-Id: <20230718071200.9F@{server}>\nDate: Tue, 18 Jul 2023 09:11:59 +0200")


SHORTHANDS = {"orig": original, "orighead": original_head, "recv": received}


def written_out(text):
    def line(found):
        return SHORTHANDS[found[1]](*found[2].split(" ", 2))
    return re.sub(r"(?m)^%(\w+) (.*)$", line, text)


class Case:
    def __init__(self, name, recipients, bounce, kind):
        self.name, self.recipients, self.bounce, self.kind = name, recipients, bounce, kind

    def wanted(self):
        return {r["address"].lower() for r in self.recipients} - {""}


def recipient(address, status, code, reason, cause):
    return {"address": address.strip(), "status": words_of(status), "code": words_of(code),
            "reason": words_of(reason), "cause": words_of(cause)}


def mails(folder):
    """Every mail, written out as a file of its own: (case, path)."""
    found = []
    for file in sorted(glob.glob(f"{PLACE}/*.mails")):
        for part in re.split(r"(?m)^#### (?=\S+ \|)", open(file, encoding="utf-8").read())[1:]:
            head, text = part.split("\n", 1)
            name, _, bounce = (column.strip() for column in head.split("|"))
            recipients = []
            while text.startswith("> "):
                line, text = text.split("\n", 1)
                recipients.append(recipient(*line[2:].rsplit("|", 4)))
            path = folder / f"{name}.eml"
            path.write_text(written_out(text), encoding="utf-8")
            found.append((Case(name, recipients, bounce == "bounce", "mail"), str(path)))
    return found


def replies():
    """Every reply: (case, text). Its code and enhanced code are right there."""
    found = []
    for line in open(f"{PLACE}/replies", encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            reason, cause, text = line.strip().split(" | ", 2)
            text = text.replace(r"\n", "\n")
            status = re.search(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])", text)
            code = re.match(r"[245]\d\d(?=[- ])", text)
            told = recipient("", status[0] if status else "-", code[0] if code else "-", reason, cause)
            found.append((Case(text[:150], [told], True, "reply"), text))
    return found


def mine(answer, wanted):
    """The answer's rows about one recipient; all where the address does not tell."""
    rows = [r for r in answer["recipients"] if wanted["address"].lower() in
            (r["address"].lower(), r.get("original_address", "").lower())]
    return rows or answer["recipients"]


def is_delay_or_success(answer):
    actions = {r["action"] for r in answer["recipients"]}
    return bool(actions) and actions <= {"delayed", *GONE_THROUGH}


def judge_recipients(score, case, answer):
    failed = [r for r in answer["recipients"] if r["action"] not in GONE_THROUGH]
    good = same_recipients(answer, case.wanted()) or same_recipients({"recipients": failed}, case.wanted())
    score.of("recipient", good, case.name, sorted(case.wanted()), sorted(addresses(answer)))


def judge_recipient(score, case, answer, wanted):
    rows = mine(answer, wanted)
    told = [r["words"][:140] for r in rows][:2]
    if wanted["status"]:
        got = [r["status"] for r in rows]
        good = any(says_as_much(g, w) for g in got for w in wanted["status"])
        score.of("status", good, case.name, wanted["address"], wanted["status"], got, told)
    if wanted["code"]:
        got = [str(r["reply_code"]) for r in rows]
        score.of("reply code", set(got) & set(wanted["code"]), case.name, wanted["address"], wanted["code"], got, told)
    if wanted["cause"] and case.bounce:
        got = {r["cause"] for r in rows} | (causes(answer) if len(case.recipients) == 1 else set())
        means = set().union(set(wanted["cause"]), *(SISIMAI.get(reason, set()) for reason in wanted["reason"]))
        known = (case.name, wanted["address"], wanted["reason"], wanted["cause"], "got", sorted(got), answer.get("rule"), told)
        score.of("cause", got & means, *known)
        score.of("cause, of our words the very one", got & set(wanted["cause"]), *known)


def judge(score, case, answer):
    passes = answer["cause"] == "not-a-bounce" or (case.kind == "mail" and is_delay_or_success(answer))
    score.of("bounce or not", case.bounce != passes, case.name, answer["cause"])
    if case.wanted() and (case.bounce or is_delay_or_success(answer)):
        judge_recipients(score, case, answer)
    if case.bounce or is_delay_or_success(answer):
        for wanted in case.recipients:
            judge_recipient(score, case, answer, wanted)


BARS = {"cause": .97, "recipient": .98, "status": .98, "reply code": .98, "bounce or not": .98}


@pytest.mark.parametrize("kind", ["mails", "replies"])
def test_bounces_and_replies_as_they_come_in_the_field(kind, tmp_path):
    cases = mails(tmp_path) if kind == "mails" else replies()
    score = Score()
    for (case, _), answer in zip(cases, explain([input for _, input in cases])):
        judge(score, case, answer)
    score.at_least(**BARS)


WRITTEN = {
    "CR LF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "CR": lambda raw: raw.replace(b"\n", b"\r"),
    "an mbox": lambda raw: b"From MAILER-DAEMON Mon Jan  1 10:00:00 2018\n" + raw + b"\n",
    "an empty line first": lambda raw: b"\n" + raw,
    "no line end at the end": lambda raw: raw.rstrip(b"\n"),
}


def gist(answer):
    rows = [(r["address"], r["status"], r["reply_code"], r["cause"]) for r in answer["recipients"]]
    return answer["cause"], sorted(rows, key=str)


@pytest.mark.parametrize("way", WRITTEN)
def test_how_a_mail_is_stored_changes_nothing(way, tmp_path):
    paths = [path for _, path in mails(tmp_path)]
    plain = [gist(answer) for answer in explain(paths)]
    for path in paths:
        raw = open(path, "rb").read()
        open(path, "wb").write(WRITTEN[way](raw))
    for path, before, answer in zip(paths, plain, explain(paths)):
        assert gist(answer) == before, os.path.basename(path)


def test_the_cases_are_many_and_each_has_its_own_name(tmp_path):
    names = [case.name for case, _ in mails(tmp_path)]
    assert len(names) == len(set(names)) and len(names) > 150 and len(replies()) > 300
