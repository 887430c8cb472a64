#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a TLS server offers, asked of it by `openssl s_client`: the table of doc/tls.md.

    tests/system/tls_matrix.py 127.0.0.1:465
    tests/system/tls_matrix.py 127.0.0.1:587 -starttls smtp
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import threading

OLD = ["-ssl3", "-tls1", "-tls1_1"]
GROUPS = ["X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072"]
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
          "TLS_AES_128_CCM_8_SHA256"]
SIGNATURES = ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "rsa_pkcs1_sha256", "ECDSA+SHA1", "RSA+SHA1", "RSA+MD5"]


def all_ciphers():
    """Every cipher of TLS 1.2 and before that this openssl can speak."""
    told = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True)
    return told.stdout.strip().split(":")


class Server:
    def __init__(self, place, *starttls):
        self.place, self.starttls = place, list(starttls)

    def ask(self, *options, said=""):
        ran = subprocess.run(["openssl", "s_client", "-connect", self.place, *self.starttls, *options], input=said,
                             capture_output=True, text=True, errors="replace", timeout=120)
        return ran.stdout + ran.stderr

    def takes(self, *options):
        answer = self.ask(*options)
        return "Cipher is (NONE)" not in answer and "Cipher is " in answer

    def accepted(self, option, values, *more):
        """Which of the values of one option lead to a session."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return [value for value, taken in zip(values, pool.map(lambda value: self.takes(option, value, *more), values)) if taken]

    def session_goes_on(self, version):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "session")
            # -ign_eof: the server ends it, and so its ticket has come
            self.ask(version, "-ign_eof", "-sess_out", file, said="QUIT\r\n")
            return "Reused, " in self.ask(version, "-ign_eof", "-sess_in", file, said="QUIT\r\n")

    def renegotiation(self):
        """s_client's command R, and what becomes of it; it would go on after that for ever. "" if nothing does."""
        with subprocess.Popen(["openssl", "s_client", "-connect", self.place, *self.starttls, "-tls1_2"], text=True, errors="replace",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            end = threading.Timer(60, client.kill)
            end.start()
            client.stdin.write("R\n")
            client.stdin.flush()
            asked, outcome = False, ""
            for line in client.stdout:
                asked = asked or "RENEGOTIATING" in line
                outcome = asked and next((words for words in ("no renegotiation", "alert", "verify return") if words in line), "")
                if outcome:
                    break
            end.cancel()
            client.kill()
        return outcome

    def matrix(self):
        """Rows of (what, outcome)."""
        loose = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
        yield "old versions", self.accepted("-cipher", [loose], "-tls1") + self.accepted("-cipher", [loose], "-tls1_1")
        yield "TLS 1.2", self.takes("-tls1_2")
        yield "TLS 1.3", self.takes("-tls1_3")
        names = all_ciphers()
        yield f"ciphers of TLS 1.2, of {len(names)}", self.accepted("-cipher", [f"{name}:@SECLEVEL=0" for name in names], "-tls1_2")
        yield "suites of TLS 1.3", self.accepted("-ciphersuites", SUITES, "-tls1_3")
        yield "groups", self.accepted("-groups", GROUPS)
        yield "signatures", self.accepted("-sigalgs", SIGNATURES, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0")
        answer = self.ask("-tls1_2", "-tlsextdebug")
        yield "compression", "Compression: NONE" not in answer
        yield "heartbeat", "heartbeat" in answer.lower()
        yield "secure renegotiation is told of", "Secure Renegotiation IS supported" in answer
        yield "extended master secret", "Extended master secret: yes" in answer
        yield "renegotiation by the client", self.renegotiation() not in ("no renegotiation", "alert")
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"NOOP\r\n")
            file.flush()
            yield "early data", "Early data was accepted" in self.ask("-tls1_3", "-early_data", file.name)
        yield "a session goes on in TLS 1.2", self.session_goes_on("-tls1_2")
        yield "a session goes on in TLS 1.3", self.session_goes_on("-tls1_3")
        yield "a fallback is refused (RFC 7507)", not self.takes("-fallback_scsv", "-tls1_2")


def told(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(one.removesuffix(":@SECLEVEL=0") for one in value) or "none"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for what, outcome in Server(*sys.argv[1:]).matrix():
        print(f"{what:40} {told(outcome)}")
