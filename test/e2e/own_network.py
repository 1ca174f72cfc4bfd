"""own_network.py COMMAND…: runs it in a network with nothing but a loopback; exits with 77 where that is not allowed.

It is a program, not a function that a test calls after fork: a process with threads may not go on as its own copy.
"""
import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
NOT_ALLOWED = 77

if __name__ == "__main__":
    if ctypes.CDLL(None).unshare(CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET) != 0:
        sys.exit(NOT_ALLOWED)
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    os.execvp(sys.argv[1], sys.argv[1:])
