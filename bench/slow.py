# SPDX-License-Identifier: Apache-2.0
"""Slow clients that keep places, and what other clients notice of them."""
import socket
import threading
import time

CLIENTS = 500
TOO_LONG = 10  # seconds; a client that waits longer counts with so many
DRIP_EVERY = 2  # seconds between two octets of one slow client


class Slow:
    """So many strangers, each sending a command that never ends, an octet at a time. Who is thrown
    out comes again."""

    def __init__(self, port, count, source="127.0.0.2"):
        self.port, self.source, self.count, self.thrown_out = port, source, count, 0
        self.ending = threading.Event()
        self.clients = [self.connect() for _ in range(count)]
        self.thread = threading.Thread(target=self.drip)
        self.thread.start()

    def connect(self):
        one = socket.socket()
        one.setblocking(False)
        one.bind((self.source, 0))
        one.connect_ex(("127.0.0.1", self.port))
        return one

    def is_over(self, one):
        try:
            return one.recv(1000) == b""  # the greeting, or what was said last
        except BlockingIOError:
            return False
        except OSError:
            return True

    def drip(self):
        while not self.ending.is_set():
            for at, one in enumerate(self.clients):
                try:
                    one.send(b"E")
                except BlockingIOError:
                    pass
                except OSError:
                    pass
                if self.is_over(one):
                    one.close()
                    self.thrown_out += 1
                    self.clients[at] = self.connect()
                if at % 50 == 0 and self.ending.wait(50 * DRIP_EVERY / self.count):
                    return

    def end(self):
        self.ending.set()
        self.thread.join()
        for one in self.clients:
            one.close()


def one_message(port, to):
    """Seconds from the connect to the answer to the message; None where it was not taken."""
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), TOO_LONG) as client:
            replies = client.makefile("rb")

            def hear():
                line = b"250-"
                while line[3:4] == b"-":
                    line = replies.readline()
                return line[:1]
            taken = hear() == b"2"
            for line in ["HELO a.example", "MAIL FROM:<a@sender.example>", f"RCPT TO:<{to}>", "DATA"]:
                client.sendall(line.encode() + b"\r\n")
                taken = taken and hear() in b"23"
            client.sendall(b"From: a@sender.example\r\n\r\n" + 100 * b"some text, and a bit more of it here\r\n" + b".\r\n")
            taken = taken and hear() == b"2"
            client.sendall(b"QUIT\r\n")
    except OSError:
        return None
    return time.monotonic() - began if taken else None


def messages(port, to, count, at_once=4):
    """p50 and p99 in ms of so many messages, a connection each; and how many were not taken."""
    took = []

    def send():
        for _ in range(count // at_once):
            took.append(one_message(port, to))
    threads = [threading.Thread(target=send) for _ in range(at_once)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    lost = took.count(None)
    sorted_ = sorted(TOO_LONG if one is None else one for one in took)
    return sorted_[len(sorted_) // 2] * 1000, sorted_[int(len(sorted_) * 0.99)] * 1000, lost


def clients(bench):
    """Other clients' mail while slow ones keep places. Comes behind the idle ones: who has a process for each
    connection may have a thousand."""
    found = {}
    for server in bench.servers if "idle" in bench.asked.only else bench.restart(connections=2 * CLIENTS):
        them = Slow(server.port, CLIENTS)
        try:
            time.sleep(1)
            p50, p99, lost = messages(server.port, "b@far.example", 40 if bench.asked.quick else 200)
        except OSError as why:
            bench.note(f"{server.name}, slow clients: {why}")
            continue
        finally:
            them.end()
        if lost:
            bench.note(f"{server.name} did not take {lost} of the messages sent beside slow clients")
        found[server.name] = {"whole": (p50, p99)}
    bench.add(f"beside {CLIENTS} slow clients", "connect to 250, p50 / p99 ms", found, "whole", False)
