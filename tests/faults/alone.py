# SPDX-License-Identifier: Apache-2.0
"""A network of our own, where we may have one: nobody else's client finds a port of ours that is used again, and none
of ours another's. Done once, before the first thread; threads and children inherit it."""
import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET, GET_FLAGS, SET_FLAGS, UP = 0x40000000, 0x8913, 0x8914, 1


def leave():
    """Whether it worked."""
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(CLONE_NEWNET):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack_from("h", fcntl.ioctl(any_socket, GET_FLAGS, name), 16)[0]
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", flags | UP))
    return True


ALONE = leave()
