#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
answers.py NAMESPACE ADDRESS...: the cluster's DNS server, until standard input ends. It is alone in
its process, and fast: for seconds all pods ask it what they ask the cache otherwise. Says "begun".
"""

import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(HERE)), "netns"))
sys.dont_write_bytecode = True

from lab import dns  # noqa: E402

SO_RCVBUFFORCE = 33
QUEUE = 4 << 20  # bytes; the usual one takes 250 questions


class Fast(dns.ClusterServer):
    """Without a thread for each question."""

    def _serve_udp(self, found):
        found.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
        while True:
            message, peer = found.recvfrom(4096)
            found.sendto(self.answer(message, peer[0], "udp"), peer)


def main():
    Fast(sys.argv[1], sys.argv[2:])
    print("begun", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
