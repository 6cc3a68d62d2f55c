# SPDX-License-Identifier: GPL-2.0-or-later
"""
The CRI as far as the tests need it: a client of a real runtime, and a runtime that lies. HTTP/2 and
gRPC are written here frame by frame, because who lies cannot use a library that keeps the rules.
"""

import contextlib
import os
import socket
import struct
import subprocess
import threading

SERVICE = "runtime.v1.RuntimeService"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HOST_NETWORK = 2  # NamespaceMode NODE
UNIMPLEMENTED = 12


# Protobuf

def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def strings(message, number):
    """The fields of that number, one level deep."""
    at, found = 0, []

    def read():
        nonlocal at
        shift = value = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = read()
        if key & 7 == 0:
            read()
            continue
        length = read()
        if key >> 3 == number:
            found.append(message[at:at + length])
        at += length
    return found


def sandbox(name, ready=True):
    """An item of a ListPodSandboxResponse, as containerd writes it."""
    metadata = field(1, "web-0") + field(2, "uid-1") + field(3, "default")
    state = b"" if ready else field(3, 1)
    return field(1, field(1, name) + field(2, metadata) + state + field(4, 1_790_000_000_000))


# A client

class Runtime:
    """One that is real, behind a socket."""

    def __init__(self, path, cgroup):
        self.path = path
        self.cgroup = cgroup

    def call(self, method, message=b""):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "60",
             "--unix-socket", self.path, "--header", "content-type: application/grpc",
             "--header", "te: trailers", "--data-binary", "@-", "--dump-header", "/dev/stderr",
             f"http://localhost/{SERVICE}/{method}"],
            input=frame(message), capture_output=True)
        if b"grpc-status: 0" not in done.stderr:
            raise RuntimeError(f"{method}: {done.stderr.decode(errors='replace')}")
        return done.stdout[5:]

    def config(self, name, network):
        metadata = field(1, name) + field(2, "uid-" + name) + field(3, "default")
        spaces = field(1, network) if network else b""
        linux = field(1, self.cgroup) + field(2, field(1, spaces))
        return field(1, metadata) + field(3, "/var/log") + field(8, linux)

    def run(self, name, network=0):
        """The id of the new sandbox."""
        answer = self.call("RunPodSandbox", field(1, self.config(name, network)))
        return strings(answer, 1)[0].decode()

    def stop(self, name):
        self.call("StopPodSandbox", field(1, name))

    def remove(self, name):
        self.call("RemovePodSandbox", field(1, name))


# A server

def frame(message, compressed=0, length=None):
    return struct.pack(">BI", compressed, len(message) if length is None else length) + message


def http2(kind, flags=0, payload=b"", stream=0):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def header(name, value):
    """A literal without indexing, as HPACK has it."""
    return b"".join([b"\0", bytes([len(name)]), name.encode(), bytes([len(value)]), value.encode()])


def head(status=200, **more):
    names = {":status": str(status), "content-type": "application/grpc", **more}
    return http2(HEADERS, END_HEADERS,
                 b"".join(header(name, value) for name, value in names.items()), 1)


def data(body):
    return b"".join(http2(DATA, 0, body[at:at + 16384], 1) for at in range(0, len(body), 16384))


def trailers(status=0, message=""):
    lines = header("grpc-status", str(status))
    if message:
        lines += header("grpc-message", message)
    return http2(HEADERS, END_HEADERS | END_STREAM, lines, 1)


def answer(message, **how):
    return head() + data(frame(message, **how)) + trailers()


def refusal(status, message=""):
    """What gRPC calls trailers only."""
    lines = header(":status", "200") + header("content-type", "application/grpc") + \
        header("grpc-status", str(status))
    if message:
        lines += header("grpc-message", message)
    return http2(HEADERS, END_HEADERS | END_STREAM, lines, 1)


UNKNOWN_SERVICE = refusal(UNIMPLEMENTED, "unknown service " + SERVICE)


class Liar:
    """Context manager. answers: the bytes that each connection gets, the last for all that follow;
    None: nothing, and it is kept waiting."""

    def __init__(self, path, *answers):
        self.path = path
        self.answers = list(answers)
        self.asked = 0

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.asked += 1
            threading.Thread(target=self.talk, args=(connection, said), daemon=True).start()

    @staticmethod
    def read_request(stream):
        stream.read(len(PREFACE))
        while True:
            start = stream.read(9)
            if len(start) < 9:
                return
            stream.read(int.from_bytes(start[:3], "big"))
            if start[3] in (DATA, HEADERS) and start[4] & END_STREAM:
                return

    def talk(self, connection, said):
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            self.read_request(stream)
            if said is not None:
                connection.sendall(http2(SETTINGS) + http2(SETTINGS, ACK) + said)
                if said.endswith(b"cut"):
                    return
            while stream.read(1):
                pass
