# SPDX-License-Identifier: Apache-2.0
"""What TLS is offered, all of it: the table of doc/tls.md, asked by openssl and by nmap."""
import re
import shutil
import subprocess

import pytest

from test_tls import make_certificate
from tls_matrix import Server, all_ciphers

HOUSE = 'listen submissions "127.0.0.1:0"\nlisten smtp "127.0.0.1:0"\naccounts sqlite "{mail}/accounts.db"\n' \
        'limits connections unlimited, unlimited per address, unlimited per minute per address\n' \
        'domain ours.example any recipient deliver maildir "{mail}/%d/%l"\n'
GOOD = [f"ECDHE-{kind}-{cipher}" for kind in ("ECDSA", "RSA")
        for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")]


@pytest.fixture
def house(daemon, tmp_path):
    """With a certificate of each kind; gives the daemon, the port where TLS begins at once, and that of STARTTLS."""
    lines = [f'tls certificate "{pem}" key "{key}"\n' for pem, key in (make_certificate(tmp_path, kind, kind) for kind in ("ec", "rsa"))]
    started = daemon("".join(lines) + HOUSE)
    ports = dict(re.findall(r"(\w+) 127\.0\.0\.1:(\d+)", started.ready["text"]))
    return started, ports["submissions"], ports["smtp"]


def check(found):
    ciphers = next(value for what, value in found.items() if what.startswith("ciphers of TLS 1.2"))
    assert sorted(cipher.split(":")[0] for cipher in ciphers) == sorted(set(GOOD) & set(all_ciphers()))
    assert found["old versions"] == [] and found["TLS 1.2"] and found["TLS 1.3"]
    assert found["suites of TLS 1.3"] == ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    assert found["groups"] == ["X25519", "P-256", "P-384"]
    assert found["signatures"] == ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"]
    for what in ("compression", "heartbeat", "renegotiation by the client", "early data"):
        assert found[what] is False, what
    for what in ("secure renegotiation is told of", "extended master secret", "a session goes on in TLS 1.2",
                 "a session goes on in TLS 1.3", "a fallback is refused (RFC 7507)"):
        assert found[what] is True, what


def test_the_whole_matrix_is_as_the_manual_says(house):
    _, implicit, _ = house
    check(dict(Server(f"127.0.0.1:{implicit}").matrix()))


def test_starttls_leads_to_the_same(house):
    _, _, port = house
    server = Server(f"127.0.0.1:{port}", "-starttls", "smtp")
    assert server.accepted("-cipher", ["ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0", "AES256-SHA:@SECLEVEL=0"], "-tls1_2") == \
        ["ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"]
    assert server.accepted("-groups", ["X25519", "P-521"]) == ["X25519"]
    assert not server.takes("-tls1_1", "-cipher", "ALL:@SECLEVEL=0") and server.session_goes_on("-tls1_3")


def test_nmap_finds_nothing_weak(house):
    if not shutil.which("nmap"):
        pytest.skip("nmap is missing")
    _, implicit, _ = house
    told = subprocess.run(["nmap", "-Pn", "-n", "-p", implicit, "--script", "+ssl-enum-ciphers", "127.0.0.1"], capture_output=True,
                          text=True, timeout=400).stdout
    if "ssl-enum-ciphers" not in told:
        pytest.skip("this nmap has no ssl-enum-ciphers")
    assert set(re.findall(r"(TLSv1\.\d|SSLv\d):", told)) == {"TLSv1.2", "TLSv1.3"}, told
    assert "least strength: A" in told and "warnings" not in told, told
