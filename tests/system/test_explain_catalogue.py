# SPDX-License-Identifier: Apache-2.0
"""The refusals of relaying that people quote in the field, bare as they type them: the cause, who must act, and that each who has
something to do is told a step; and the codes and error numbers that come without words."""
import json
import subprocess

import pytest

from conftest import POSTERN

EVERYBODY = {"sender", "sender-admin", "recipient-admin"}
SENDERS = {"sender", "sender-admin"}
CATALOGUE = [
    ("550 5.7.1 Unable to relay", "relay-denied", "sender-admin", EVERYBODY),
    ("554 5.7.1 Relay access denied", "relay-denied", "sender-admin", EVERYBODY),
    ("554 5.7.1 <ann@example.org>: Relay access denied", "relay-denied", "sender-admin", EVERYBODY),
    ("553 #5.7.1 rcpthosts", "relay-denied", "sender-admin", EVERYBODY),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "relay-denied", "sender-admin", EVERYBODY),
    ("550 Forwarding Denied", "relay-denied", "sender-admin", EVERYBODY),
    ("550 relay not permitted", "relay-denied", "sender-admin", EVERYBODY),
    ("550 Authentication is required for relay", "relay-denied", "sender-admin", EVERYBODY),
    ("550 5.7.367", "relay-denied", "sender-admin", EVERYBODY),
    ("550 5.7.367 Remote server returned not permitted to relay -> 550 relay not permitted", "relay-denied", "sender-admin", EVERYBODY),
    ("550 5.7.64 TenantAttribution; Relay Access Denied", "relay-denied", "sender-admin", EVERYBODY),
    ("550 5.4.1", "unknown-recipient", "sender", EVERYBODY),
    ("550 5.4.1 Recipient address rejected: Access denied", "unknown-recipient", "sender", EVERYBODY),
    ("550 5.7.520", "forwarding-forbidden", "sender-admin", SENDERS),
    ("550 5.7.520 Access denied, Your organization does not allow external forwarding.", "forwarding-forbidden", "sender-admin", SENDERS),
    ("550 header-based", "policy", "recipient-admin", EVERYBODY),
    ("550 Rejected by header-based Anti-Spoofing policy: ann@example.org", "policy", "recipient-admin", EVERYBODY),
    ("550 permanent failure", "policy", "recipient-admin", EVERYBODY),
    ("550 permanent failure for one or more recipients (ann@example.org:blocked)", "policy", "recipient-admin", EVERYBODY),
]
WORDLESS = [
    ("Server Error: 550, Error Number: 0x800CCC79", "relay-denied", "sender"),
    ("Sending reported error (0x80042109) : Outlook cannot connect to your outgoing (SMTP) e-mail server", "network", "sender"),
    ("550 SC-001", "address-blocklisted", "sender-admin"),
    ("421 RP-001", "rate-limited", "sender-admin"),
    ("550 5.7.133", "restricted-recipient", "recipient-admin"),
    ("550 5.7.57", "authentication-required", "sender"),
    ("550 5.2.2", "mailbox-full", "recipient"),
    ("550 5.7.26", "dmarc-fail", "sender-admin"),
]


def explain(text):
    made = subprocess.run([POSTERN, "explain", "--json", "--", text], capture_output=True, timeout=120, check=True)
    return json.loads(made.stdout.decode().splitlines()[0])


@pytest.mark.parametrize("text, cause, actor, stepping", CATALOGUE, ids=[row[0][:40] for row in CATALOGUE])
def test_a_refusal_people_quote_is_explained_to_each_who_can_act(text, cause, actor, stepping):
    answer = explain(text)
    assert (answer["cause"], answer["actor"]) == (cause, actor), answer["rule"]
    assert {person for person, steps in answer["steps_by"].items() if steps} >= stepping
    assert answer["evidence"] and answer["evidence"] in text


@pytest.mark.parametrize("text, cause, actor", WORDLESS, ids=[row[0][:40] for row in WORDLESS])
def test_a_code_without_words_is_explained(text, cause, actor):
    answer = explain(text)
    assert (answer["cause"], answer["actor"]) == (cause, actor), answer["rule"]
    assert answer["steps"]
