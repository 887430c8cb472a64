# SPDX-License-Identifier: Apache-2.0
"""Tricks by which a client that may use addresses of tenant-a.example sends as tenant-b.example.

Each is (name, sender, header): the path of MAIL as written between its brackets (OWN: one that the client
may use), and the header as it is sent, without its last empty line. None of them may be accepted."""
import base64

OWN = "alice@tenant-a.example"
VICTIM = "ceo@tenant-b.example"
IDN = "ceo@bücher.example"  # a third tenant


def word(text, charset="utf-8", how="b"):
    if how == "b":
        return f"=?{charset}?b?{base64.b64encode(text.encode(charset)).decode()}?="
    return f"=?{charset}?q?" + "".join(f"={byte:02X}" for byte in text.encode(charset)) + "?="


OWN_FROM = f"From: <{OWN}>\r\n"
SUBJECT = "Subject: trust me\r\n"

SENDERS = [
    ("the victim", VICTIM),
    ("in capitals", VICTIM.upper()),
    ("with a tag", "ceo+x@tenant-b.example"),
    ("quoted without need", '"ceo"@tenant-b.example'),
    ("with a quoted pair", r'"\c\e\o"@tenant-b.example'),
    ("behind a source route", f"@tenant-a.example:{VICTIM}"),
    ("behind two hops", f"@tenant-a.example,@relay.example:{VICTIM}"),
    ("with a last dot", VICTIM + "."),
    ("two paths", f"{OWN}><{VICTIM}"),
    ("two addresses", f"{OWN},{VICTIM}"),
    ("blanks inside", f"{VICTIM} "),
    ("two at signs", f"{VICTIM}@tenant-a.example"),
    ("a sub-domain of ours", "alice@x.tenant-a.example"),
    ("A-labels", "ceo@xn--bcher-kva.example"),
    ("U-labels", IDN),
    ("a Cyrillic letter", "alice@tenant-а.example"),
    ("full-width letters", "ceo@ｔenant-b.example"),
    ("postmaster of another", "postmaster@tenant-b.example"),
    ("a NUL behind ours", f"{VICTIM}\0{OWN}"),
    ("a literal", "ceo@[127.0.0.1]"),
]

HEADERS = [
    ("another's From", f"From: <{VICTIM}>\r\n"),
    ("bare From", f"From: {VICTIM}\r\n"),
    ("no blank", f"From:{VICTIM}\r\n"),
    ("blank before the colon", f"From : {VICTIM}\r\n"),
    ("capitals", f"FROM: <{VICTIM.upper()}>\r\n"),
    ("a tag", "From: <ceo+x@tenant-b.example>\r\n"),
    ("quoted local part", 'From: <"ceo"@tenant-b.example>\r\n'),
    ("quoted pairs", 'From: <"\\c\\e\\o"@tenant-b.example>\r\n'),
    ("folded", f"From:\r\n <{VICTIM}>\r\n"),
    ("folded inside", "From: Ann\r\n\t<ceo@tenant-b.example\r\n >\r\n"),
    ("comments", f"From: (alice@tenant-a.example) {VICTIM} (<{OWN}>)\r\n"),
    ("comments inside", f"From: ({OWN}) <{VICTIM}>\r\n"),
    ("nested comments", f"From: (a (b) {OWN}) {VICTIM}\r\n"),
    ("source route", f"From: <@tenant-a.example:{VICTIM}>\r\n"),
    ("last dot", f"From: <{VICTIM}.>\r\n"),
    ("two From, ours first", OWN_FROM + f"From: <{VICTIM}>\r\n"),
    ("two From, ours last", f"From: <{VICTIM}>\r\n" + OWN_FROM),
    ("two From, in another case", OWN_FROM + f"from: <{VICTIM}>\r\n"),
    ("two From, the same twice", OWN_FROM + OWN_FROM),
    ("a list, ours first", f"From: <{OWN}>, <{VICTIM}>\r\n"),
    ("a list, ours last", f"From: <{VICTIM}>, <{OWN}>\r\n"),
    ("a list without brackets", f"From: {VICTIM},<{OWN}>\r\n"),
    ("a list with empty members", f"From: ,{VICTIM},,<{OWN}>,\r\n"),
    ("a list by semicolon", f"From: <{OWN}>; <{VICTIM}>\r\n"),
    ("a backslash before the comma", f"From: <{VICTIM}>\\,<{OWN}>\r\n"),
    ("a group", f"From: Board: {VICTIM};\r\n"),
    ("a group and ours", f"From: Board: {VICTIM};, <{OWN}>\r\n"),
    ("an empty group", "From: undisclosed:;\r\n"),
    ("an address as name", f"From: {VICTIM} <{OWN}>\r\n"),
    ("two angles", f"From: <{VICTIM}> <{OWN}>\r\n"),
    ("an angle in an angle", f"From: <<{VICTIM}>{OWN}>\r\n"),
    ("words behind", f"From: <{VICTIM}> {OWN}\r\n"),
    ("open angle", f"From: <{VICTIM}\r\n"),
    ("open quote", f'From: "{OWN} <{VICTIM}>\r\n'),
    ("open comment", f"From: {VICTIM} ({OWN}\r\n"),
    ("encoded address", f"From: {word(VICTIM)}\r\n"),
    ("encoded address in brackets", f"From: <{word(VICTIM)}>\r\n"),
    ("encoded local part of ours", f"From: <{word(VICTIM, how='q')}@tenant-a.example>\r\n"),
    ("encoded brackets before ours", f"From: {word(f'<{VICTIM}>,')} <{OWN}>\r\n"),
    ("encoded in Latin-1 before ours", f"From: {word(f'Boss <{VICTIM}>', 'iso-8859-1', 'q')} <{OWN}>\r\n"),
    ("A-labels", "From: <ceo@xn--bcher-kva.example>\r\n"),
    ("U-labels", f"From: <{IDN}>\r\n"),
    ("U-labels in capitals", "From: <ceo@BÜCHER.example>\r\n"),
    ("a Cyrillic letter", "From: <alice@tenant-а.example>\r\n"),
    ("full-width letters", "From: <ceo@ｔｅｎａｎｔ-b.example>\r\n"),
    ("8-bit that is no UTF-8", b"From: <ceo\xff@tenant-b.example>\r\n"),
    ("zero-width blank", f"From: <\u200b{VICTIM}>\r\n"),
    ("a sub-domain of ours", "From: <alice@x.tenant-a.example>\r\n"),
    ("ours as suffix", "From: <alice@eviltenant-a.example>\r\n"),
    ("a literal", "From: <ceo@[127.0.0.1]>\r\n"),
    ("empty", "From:\r\n"),
    ("null", "From: <>\r\n"),
    ("a name alone", "From: postmaster\r\n"),
    ("a NUL", f"From: <{VICTIM}\0@tenant-a.example>\r\n"),
    ("folded name", f"From\r\n : <{VICTIM}>\r\n" + OWN_FROM),
    ("behind a line that is no field", OWN_FROM + f"no field here\r\nFrom: <{VICTIM}>\r\n"),
    ("behind a line, ours missing", f"no field here\r\nFrom: <{VICTIM}>\r\n"),
    ("first line indented", f" From: <{VICTIM}>\r\n"),
    ("first line indented, then another", f" X: y\r\nFrom: <{VICTIM}>\r\n"),
    ("a byte order mark", OWN_FROM + f"\ufeffFrom: <{VICTIM}>\r\n"),
    ("a control character in the name", OWN_FROM + f"From\x01: <{VICTIM}>\r\n"),
    ("a blank that is none", OWN_FROM + f"From\xa0: <{VICTIM}>\r\n"),
    ("Sender", OWN_FROM + f"Sender: <{VICTIM}>\r\n"),
    ("Sender in capitals", OWN_FROM + f"SENDER : {VICTIM}\r\n"),
    ("two Sender", OWN_FROM + f"Sender: <{OWN}>\r\nSender: <{VICTIM}>\r\n"),
    ("Sender with a list", OWN_FROM + f"Sender: <{OWN}>, <{VICTIM}>\r\n"),
    ("Sender before From", f"Sender: <{VICTIM}>\r\n" + OWN_FROM),
    ("Resent-From", OWN_FROM + f"Resent-From: <{VICTIM}>\r\n"),
    ("Resent-Sender", OWN_FROM + f"Resent-From: <{OWN}>\r\nResent-Sender: <{VICTIM}>\r\n"),
    ("a second Resent-From", OWN_FROM + f"Resent-From: <{OWN}>\r\nResent-From: <{VICTIM}>\r\n"),
    ("Resent-From with a group", OWN_FROM + f"Resent-From: B: {VICTIM};\r\n"),
    ("only Sender", f"Sender: <{VICTIM}>\r\n"),
]


def tricks():
    """(name, sender, header as bytes) of all of them."""
    for name, sender in SENDERS:
        yield f"sender: {name}", sender, OWN_FROM.encode()
    for name, header in HEADERS:
        yield f"header: {name}", OWN, header if isinstance(header, bytes) else header.encode()
    yield "header: another's From, null sender", "", f"From: <{VICTIM}>\r\n".encode()
    yield "header: no From, null sender", "", b"Subject: x\r\n"
