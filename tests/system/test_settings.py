# SPDX-License-Identifier: Apache-2.0
"""postern settings: what a mail program must be told, in the forms in which it looks for it."""
import json
import subprocess
import xml.etree.ElementTree as xml

import pytest

from conftest import POSTERN

CONFIGURATION = """
hostname mx.ours.example
state "state"
listen smtp "*:25"
listen submission "*:587"
listen submissions "*:465"
listen pop3s "*:995"
domain ours.example any recipient deliver maildir "mail/%d/%l"
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "postern.conf").write_text(CONFIGURATION)

    def run(*words, status=0):
        done = subprocess.run([POSTERN, "-c", "postern.conf", "settings", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status, done.stderr + done.stdout
        return done
    return run


def test_people_are_told_the_best_first(settings):
    told = settings("alice@ours.example").stdout
    assert told.index("465") < told.index("587") and "mx.ours.example" in told and "STARTTLS, required" in told


def test_thunderbird_reads_autoconfig(settings):
    root = xml.fromstring(settings("ours.example", "--autoconfig").stdout)
    provider = root.find("emailProvider")
    assert root.tag == "clientConfig" and provider.get("id") == "ours.example"
    first = provider.find("outgoingServer")
    assert (first.find("hostname").text, first.find("port").text, first.find("socketType").text) == ("mx.ours.example", "465", "SSL")
    assert first.find("username").text == "%EMAILADDRESS%"
    assert provider.find("incomingServer").get("type") == "pop3" and provider.find("incomingServer/port").text == "995"


def test_outlook_reads_autodiscover(settings):
    root = xml.fromstring(settings('"<&>"@ours.example', "--autodiscover").stdout)
    space = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
    protocols = root.findall(f"{space}Response/{space}Account/{space}Protocol")
    assert [p.find(f"{space}Type").text for p in protocols] == ["SMTP", "SMTP", "POP3"]
    assert [p.find(f"{space}Port").text for p in protocols] == ["465", "587", "995"]
    assert {p.find(f"{space}LoginName").text for p in protocols} == {'"<&>"@ours.example'}


def test_srv_records_are_those_of_rfc_6186_and_8314(settings):
    lines = settings("ours.example", "--srv").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["_submissions._tcp.ours.example.", "3600", "IN", "SRV", "0", "1", "465", "mx.ours.example."],
        ["_submission._tcp.ours.example.", "3600", "IN", "SRV", "1", "1", "587", "mx.ours.example."],
        ["_pop3s._tcp.ours.example.", "3600", "IN", "SRV", "0", "1", "995", "mx.ours.example."]]


def test_json_says_the_same(settings):
    told = json.loads(settings("alice@ours.example", "--json").stdout)
    assert told["ours"] and [s["port"] for s in told["services"]] == [465, 587, 995]
    assert {s["username"] for s in told["services"]} == {"alice@ours.example"}


def test_a_domain_that_is_not_ours_is_remarked(settings):
    assert "declared by no `domain` line" in settings("alice@other.example").stderr
    assert settings("alice@ours.example").stderr.count("declared by no") == 0


def test_what_is_no_name_is_refused_and_two_forms_too(settings):
    for words in (["a@b@c"], ["x..y"], [], ["a@ours.example", "b@ours.example"], ["ours.example", "--srv", "--autoconfig"]):
        settings(*words, status=2)


def test_without_submission_nobody_can_send(settings, tmp_path):
    (tmp_path / "postern.conf").write_text(CONFIGURATION.replace("listen submission", "# listen submission"))
    assert "nobody can sign in" in settings("ours.example", status=1).stdout
