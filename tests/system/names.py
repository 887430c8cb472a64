# SPDX-License-Identifier: Apache-2.0
"""A name server on loopback that answers from a table, fails and falls silent where it is told to."""
import collections
import socket
import threading

import dnslib

SERVFAIL, SILENT = "SERVFAIL", "SILENT"
TEST_ENTRIES = ["2.0.0.127", "test"]


class Names:
    """`table` maps a name to {type: [data]}, or to SERVFAIL or SILENT; a name that is not there does not exist.
    A key that begins with `*.` holds for all names below it."""

    def __init__(self, table=None):
        self.table, self.asked = dict(table or {}), collections.Counter()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port = self.udp.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def resolver(self):
        return f'resolver "127.0.0.1@{self.port}"\n'

    def serve(self):
        while True:
            try:
                packet, client = self.udp.recvfrom(4096)
                reply = self.answer(packet)
                if reply:
                    self.udp.sendto(reply, client)
            except (OSError, dnslib.DNSError):
                if self.udp.fileno() < 0:
                    return

    def find(self, name):
        if name in self.table:
            return self.table[name]
        for key in self.table:
            if key.startswith("*.") and name.endswith(key[1:]):
                return self.table[key]
        return {} if any(key.endswith("." + name) for key in self.table) else None

    def answer(self, packet):
        query = dnslib.DNSRecord.parse(packet)
        name, kind = str(query.q.qname).rstrip(".").lower(), dnslib.QTYPE[query.q.qtype]
        self.asked[name, kind] += 1
        found, reply = self.find(name), query.reply()
        if found == SILENT:
            return None
        if found == SERVFAIL:
            reply.header.rcode = dnslib.RCODE.SERVFAIL
        elif found is None:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        else:
            for data in found.get(kind, []):
                reply.add_answer(*dnslib.RR.fromZone(f"{query.q.qname} 60 IN {kind} {data}"))
        return reply.pack()

    def add_list(self, zone, entries=None):
        """A list with its test entries and others: {"5.0.0.127": "127.0.0.4"}."""
        for entry, address in {**{entry: "127.0.0.2" for entry in TEST_ENTRIES}, **(entries or {})}.items():
            self.table[f"{entry}.{zone}"] = {"A": [address]}

    def close(self):
        self.udp.close()
