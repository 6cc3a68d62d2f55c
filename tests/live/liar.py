# SPDX-License-Identifier: GPL-2.0-or-later
"""A server on loopback that answers by path, rightly or not; every byte is written by hand."""

import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time

PIECE = b"x" * 65536
FOREVER = 3600


def quiet_port():
    """For a program that will bind it: the kernel gives it to nobody meanwhile."""
    for port in range(2000 + os.getpid() % 1000, 4000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


class Liar:
    def __init__(self, context=None):
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.requests = []  # (method, path, headers, body)
        self.answers = {}  # path -> bytes of a whole answer, or a function of the connection
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="", host="127.0.0.1"):
        return f"{'https' if self.context else 'http'}://{host}:{self.port}{path}"

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True,
                                                      do_handshake_on_connect=False)
                connection.do_handshake()
            elif connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS handshake
                connection.sendall(whole("", "400 Bad Request"))
                return
            stream = connection.makefile("rb")
            while self.answer(connection, stream):
                pass
        except ssl.SSLError:
            time.sleep(0.2)  # or the alert would be lost with what the client still sends
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def answer(self, connection, stream):
        line = stream.readline(65536).decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while (header := stream.readline(65536)) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.requests.append((line[0], line[1], headers, body))
        path, _, argument = line[1].partition("?")
        handler = self.answers.get(path) or PATHS.get(path) or not_found
        if isinstance(handler, bytes):
            connection.sendall(handler)
            return True
        return handler(connection, argument, self.requests[-1])


class Forwarder:
    """Carries bytes to a server. The first connection goes mute after a while, if so told: it
    stays open, and nothing passes any more."""

    def __init__(self, port, first_mute_after=None):
        self.target = port
        self.first_mute_after = first_mute_after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            self.connections += 1
            first = self.connections == 1 and self.first_mute_after is not None
            end = time.monotonic() + self.first_mute_after if first else None
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, sink, end), daemon=True).start()

    @staticmethod
    def carry(source, sink, end):
        try:
            while data := source.recv(65536):
                if not end or time.monotonic() < end:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def head(status="200 OK", **headers):
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body, status="200 OK", **headers):
    body = body.encode() if isinstance(body, str) else body
    return head(status, Content_Length=len(body), **headers) + body


def not_found(connection, _argument, _request):
    connection.sendall(whole("nothing here", "404 Not Found"))
    return True


def hello(connection, _argument, _request):
    connection.sendall(whole("hello"))
    return True


def length(connection, argument, _request):
    left = int(argument)
    connection.sendall(head(Content_Length=left))
    while left > 0:
        connection.sendall(PIECE[:left])
        left -= len(PIECE[:left])
    return True


def endless_chunks(connection, _argument, _request):
    connection.sendall(head(Transfer_Encoding="chunked"))
    while True:
        connection.sendall(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))


def endless_chunk_size(connection, _argument, _request):
    connection.sendall(head(Transfer_Encoding="chunked"))
    while True:
        connection.sendall(b"0" * 65536)


def endless_head(connection, _argument, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Header: " + b"y" * 1000 + b"\r\n")


def endless_line(connection, _argument, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Header: ")
    while True:
        connection.sendall(PIECE)


def endless_error(connection, _argument, _request):
    connection.sendall(head("500 Internal Server Error", Transfer_Encoding="chunked"))
    while True:
        connection.sendall(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))


def drip(connection, text):
    for i in range(len(text)):
        connection.sendall(text[i:i + 1])
        time.sleep(0.05)


def slow_head(connection, _argument, _request):
    drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)


def slow_body(connection, _argument, _request):
    connection.sendall(head(Content_Length=100000))
    drip(connection, b"z" * 100000)


def silent(_connection, _argument, _request):
    time.sleep(FOREVER)


def stalled(connection, _argument, _request):
    connection.sendall(head(Content_Length=100) + b"some")
    time.sleep(FOREVER)


def cut_head(connection, _argument, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")
    return False


def cut_body(connection, _argument, _request):
    connection.sendall(head(Content_Length=100) + b"some")
    return False


def cut_chunk(connection, _argument, _request):
    connection.sendall(head(Transfer_Encoding="chunked") + b"64\r\nsome")
    return False


def nothing(_connection, _argument, _request):
    return False


def garbage(connection, _argument, _request):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    return False


def redirect(connection, argument, _request):
    connection.sendall(whole("elsewhere", "302 Found", Location=argument))
    return True


def retry_after(connection, argument, _request):
    value = argument.replace("%20", " ")
    connection.sendall(whole("busy", "429 Too Many Requests", Retry_After=value))
    return True


def begun(connection, _argument, _request):
    connection.sendall(head(Transfer_Encoding="chunked"))
    time.sleep(FOREVER)


def echo(connection, _argument, request):
    method, path, headers, body = request
    connection.sendall(whole(json.dumps({"method": method, "path": path, "headers": headers,
                                         "body": body.decode("latin-1")})))
    return True


PATHS = {
    "/hello": hello, "/length": length, "/endless-chunks": endless_chunks,
    "/endless-chunk-size": endless_chunk_size, "/endless-head": endless_head,
    "/endless-line": endless_line, "/endless-error": endless_error, "/slow-head": slow_head,
    "/slow-body": slow_body, "/silent": silent, "/stalled": stalled, "/cut-head": cut_head,
    "/cut-body": cut_body, "/cut-chunk": cut_chunk, "/nothing": nothing, "/garbage": garbage,
    "/redirect": redirect, "/retry-after": retry_after, "/begun": begun, "/echo": echo,
}


def tls(pair, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.crt, pair.key)
    if client_authority:
        context.load_verify_locations(client_authority.crt)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def main():
    """As a process of its own, which a test can stop: prints its port."""
    print(Liar().port, flush=True)
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
