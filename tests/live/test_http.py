# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""common/http.h against servers that speak TLS rightly and wrongly, lie, stall and break off."""

import email.utils
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "netns")]

from certificates import Authority  # noqa: E402
from lab import tap  # noqa: E402
from liar import Forwarder, Liar, quiet_port, tls  # noqa: E402
from liar import whole as reply  # noqa: E402

PROGRAM = os.path.join(ROOT, os.environ.get("B", "build"), "live", "http_get")
PROXIES = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
GENEROUS = 60
MEMORY_KIB = 96 * 1024  # of a program under the sanitizers


def environment(**more):
    inherited = {k: v for k, v in os.environ.items() if k not in PROXIES}
    return dict(inherited, **more)


def run(*words, **more):
    result = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=GENEROUS,
                            env=environment(**more), check=False)
    tap.check(result.returncode == 0, f"exit status {result.returncode}:\n{result.stderr}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def get(url, *words, **more):
    answers = run("url=" + url, *words, **more)
    tap.equal(len(answers), 1, "answers")
    return answers[0]


def whole(answer, status=200):
    tap.equal((answer["error"], answer["text"]), ("0", ""), "the error")
    tap.equal(answer["status"], status, "the status")
    return answer


def failed(answer, error, *words):
    tap.equal(answer["error"], error, f"the error ({answer['text']})")
    for word in words:
        tap.check(word in answer["text"], f"{word!r} is not in {answer['text']!r}")
    return answer


class Plain:
    """Answers over plain HTTP."""

    def __init__(self):
        self.liar = Liar()

    def url(self, path):
        return self.liar.url(path)

    def whole_answer(self):
        tap.equal(whole(get(self.url("/hello")))["body"], "hello", "the body")

    def status_is_no_error(self):
        tap.equal(whole(get(self.url("/absent")), 404)["body"], "nothing here", "the body")

    def streamed(self):
        answer = whole(get(self.url("/length?5000000"), "stream=1"))
        tap.equal(answer["length"], 5000000, "the length")
        tap.check(answer["pieces"] > 10, "it came in one piece")

    def error_body_is_not_streamed(self):
        answer = whole(get(self.url("/absent"), "stream=1"), 404)
        tap.equal((answer["pieces"], answer["body"]), (0, "nothing here"), "pieces and body")

    def requests(self):
        for words, method, body in [
                ([], "GET", ""),
                (["body=a=b&c"], "POST", "a=b&c"),
                (["method=PUT", "body={}"], "PUT", "{}"),
                (["method=PUT"], "PUT", ""),
                (["method=PATCH", "body=[]"], "PATCH", "[]"),
                (["method=DELETE"], "DELETE", "")]:
            answer = whole(get(self.url("/echo?q=1"), "header=X-Test: yes", *words))
            seen = json.loads(answer["body"])
            tap.equal((seen["method"], seen["body"], seen["path"], seen["headers"]["x-test"]),
                      (method, body, "/echo?q=1", "yes"), f"what {words} sent")

    def empty_put_says_its_length(self):
        seen = json.loads(whole(get(self.url("/echo"), "method=PUT"))["body"])
        tap.equal(seen["headers"].get("content-length"), "0", "Content-Length")

    def nothing_is_sent_unasked(self):
        with tempfile.TemporaryDirectory() as home:
            for name in (".curlrc", ".netrc"):
                with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                    file.write("machine 127.0.0.1 login a password b\n" if name == ".netrc"
                               else "user-agent = curlrc\n")
            answer = whole(get(self.url("/echo"), HOME=home))
        headers = json.loads(answer["body"])["headers"]
        tap.check(not {"cookie", "authorization", "user-agent"} & set(headers),
                  f"headers: {headers}")

    def line_break_in_header(self):
        answer = get(self.url("/echo"), "header=X: a\r\nY: b")
        tap.equal(answer.get("start"), "EINVAL", "how it started")

    def bad_urls(self):
        for url in ("ftp://h/", "file:///etc/passwd", "http://", "nonsense:", "http://u:p@h/",
                    "http://h:99999/"):
            answer = get(url)
            tap.equal(answer.get("start"), "EINVAL", f"how {url} started")
            tap.check(":p@" not in answer["text"], f"a password in {answer['text']!r}")

    def errors_name_no_query(self):
        answer = failed(get("http://127.0.0.1:1/path?token=secret"), "ECONNREFUSED",
                        "GET http://127.0.0.1:1/path", "Connection refused")
        tap.check("secret" not in answer["text"], answer["text"])

    def unknown_host(self):
        failed(get("http://unknown.invalid/"), "EHOSTUNREACH", "unknown.invalid")

    def redirect_is_an_answer(self):
        answer = whole(get(self.url("/redirect?" + self.url("/hello"))), 302)
        tap.equal(answer["body"], "elsewhere", "the body")

    def retry_after(self):
        in_a_minute = email.utils.formatdate(time.time() + 60, usegmt=True)
        last_year = email.utils.formatdate(time.time() - 31536000, usegmt=True)
        for value, low, high in [("7", 7, 7), ("0", 0, 0), ("-5", 0, 0), ("soon", 0, 0),
                                 ("99999999", 3600, 3600), (in_a_minute, 50, 61),
                                 (last_year, 0, 0), ("9" * 40, 0, 3600)]:
            answer = whole(get(self.url("/retry-after?" + value.replace(" ", "%20"))), 429)
            tap.check(low <= answer["retry_after"] <= high,
                      f"{value}: {answer['retry_after']} seconds")

    def cut(self):
        for path in ("/cut-head", "/cut-body", "/cut-chunk", "/nothing"):
            failed(get(self.url(path)), "ECONNRESET", path)

    def garbage(self):
        failed(get(self.url("/garbage")), "EBADMSG", "does not speak HTTP")

    def not_tls(self):
        failed(get(self.url("/hello").replace("http:", "https:")), "EPROTO",
               "does not speak TLS")

    def too_large(self):
        for path, words in [("/length?1000000000", ["body_max=1000000"]),
                            ("/length?1000000000", []),
                            ("/length?1000000000", ["body_max=1000000", "stream=1"]),
                            ("/endless-chunks", ["body_max=1000000"]),
                            ("/endless-error", ["stream=1"]),
                            ("/endless-error", ["stream=1", "body_max=1000000"]),
                            ("/endless-head", []),
                            ("/endless-line", ["total=20000"])]:
            answer = get(self.url(path), *words)
            tap.check(answer["error"] in ("EMSGSIZE", "ENOMEM"),
                      f"{path}: {answer['error']} {answer['text']}")
            tap.check(answer["peak_kib"] < MEMORY_KIB, f"{path}: {answer['peak_kib']} KiB")

    def limit_is_exact(self):
        whole(get(self.url("/length?1000"), "body_max=1000"))
        failed(get(self.url("/length?1001"), "body_max=1000"), "EMSGSIZE", "1000 bytes")

    def endless_chunk_size(self):
        answer = get(self.url("/endless-chunk-size"), "total=20000")
        tap.check(answer["error"] != "0", "no error")

    def silence(self):
        for path in ("/silent", "/stalled", "/begun"):
            failed(get(self.url(path), "idle=300"), "ETIMEDOUT", path, "silent for 0.3 s")

    def slow_loris(self):
        for path in ("/slow-head", "/slow-body"):
            failed(get(self.url(path), "idle=5000", "total=1000"), "ETIMEDOUT", path,
                   "not done in 1 s")

    def slow_but_alive(self):
        answer = failed(get(self.url("/slow-body"), "idle=2500", "total=4000", "stream=1"),
                        "ETIMEDOUT", "not done in 4 s")
        tap.check(answer["pieces"] > 5, "nothing came")

    def begun(self):
        tap.equal(run("url=" + self.url("/begun"), "stream=1", "begun=1", "cancel=2000"),
                  [{"call": 0, "begun": True}, {"call": 0, "cancelled": True}], "events")
        tap.equal(run("url=" + self.url("/begun"), "stream=1", "begun=1", "cancel=begun"),
                  [{"call": 0, "begun": True}, {"call": 0, "cancelled": True}], "events")

    def refused_by_callback(self):
        failed(get(self.url("/length?100000"), "stream=1", "refuse=1"), "EBADMSG",
               "refused by the test", "/length")

    def cancelled(self):
        for when in ("start", "received", "0", "50"):
            path = "/length?100000000" if when == "received" else "/slow-body"
            answers = run("url=" + self.url(path), "stream=1", "cancel=" + when,
                          "+", "url=" + self.url("/hello"), "after=1")
            tap.equal([a.get("cancelled") or a["status"] for a in answers], [True, 200],
                      f"what became of two calls, the first cancelled at {when}")

    def started_by_callback(self):
        answers = run("url=" + self.url("/length?100000"), "stream=1", "again=1",
                      "+", "url=" + self.url("/hello"), "after=1")
        tap.equal(sorted(whole(a)["call"] for a in answers), [0, 1], "calls that ended")

    def closed_by_callback(self):
        for when in ("received", "done"):
            answers = run("url=" + self.url("/length?10000"), "stream=1", "close=" + when,
                          "+", "url=" + self.url("/slow-body"))
            tap.equal(len(answers), 1 if when == "done" else 0, f"calls that ended ({when})")

    def many(self):
        words = []
        for i in range(40):
            words += ["+"] if i else []
            words += ["url=" + self.url(f"/length?{i * 1000}")]
        lengths = sorted(whole(a)["length"] for a in run(*words))
        tap.equal(lengths, [i * 1000 for i in range(40)], "lengths")

    def connection_is_kept(self):
        before = self.liar.connections
        run("url=" + self.url("/hello"), "+", "url=" + self.url("/hello"), "after=1")
        tap.equal(self.liar.connections - before, 1, "connections")

    def proxy(self):
        whole(get("http://api.invalid/hello", "proxy=" + self.url("")), 404)
        tap.equal(self.liar.requests[-1][1], "http://api.invalid/hello", "what the proxy got")


class Secure:
    """TLS."""

    def __init__(self, directory):
        self.authority = Authority(directory, "authority")
        self.other = Authority(directory, "other")
        self.right = self.authority.sign("right")
        self.wrong = self.authority.sign("wrong", "DNS:api.example, DNS:*.svc")
        self.expired = self.authority.sign("expired", days=-1)
        self.client = self.authority.sign("client")
        self.stranger = self.other.sign("stranger")
        self.ca = "ca=" + self.authority.crt

    @staticmethod
    def url(pair, client_authority=None):
        return Liar(tls(pair, client_authority)).url("/hello")

    def right_certificate(self):
        whole(get(self.url(self.right), self.ca))
        whole(get(self.url(self.right), "ca_pem=" + self.authority.crt))
        whole(get(self.url(self.right).replace("127.0.0.1", "localhost"), self.ca))

    def wrong_name(self):
        failed(get(self.url(self.wrong), self.ca), "EKEYREJECTED",
               "certificate is for DNS:api.example, DNS:*.svc, not 127.0.0.1")

    def name_given(self):
        whole(get(self.url(self.wrong), self.ca, "name=api.example"))
        failed(get(self.url(self.right), self.ca, "name=api.example"), "EKEYREJECTED",
               "not api.example")

    def name_given_keeps_host(self):
        liar = Liar(tls(self.wrong))
        whole(get(liar.url("/hello"), self.ca, "name=api.example"))
        tap.equal(liar.requests[0][2]["host"], f"127.0.0.1:{liar.port}", "Host")

    def unknown_authority(self):
        failed(get(self.url(self.right), "ca=" + self.other.crt), "EKEYREJECTED",
               "the given authority did not sign it")
        failed(get(self.url(self.right)), "EKEYREJECTED", "certificate")

    def system_authorities_do_not_vouch(self):
        """Where an authority is given, SSL_CERT_DIR and the like are not looked at."""
        with tempfile.TemporaryDirectory() as directory:
            os.symlink(self.authority.crt, os.path.join(directory, "a.pem"))
            subprocess.run(["openssl", "rehash", directory], check=True, capture_output=True)
            failed(get(self.url(self.right), "ca=" + self.other.crt, SSL_CERT_DIR=directory,
                       SSL_CERT_FILE=self.authority.crt), "EKEYREJECTED")

    def authority_is_read_anew(self):
        """Whoever rotates a cluster's authority writes another file under the same name."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "ca.crt")
            shutil.copy(self.authority.crt, path)
            first = Liar(tls(self.right))

            def swap(connection, _argument, _request):
                shutil.copy(self.other.crt, path)
                connection.sendall(reply("swapped"))
                return True
            first.answers["/swap"] = swap
            answers = run("url=" + first.url("/swap"), "ca=" + path,
                          "+", "url=" + self.url(self.stranger), "ca=" + path, "after=1")
            tap.equal([whole(a)["body"] for a in answers], ["swapped", "hello"], "bodies")

    def expired_certificate(self):
        failed(get(self.url(self.expired), self.ca), "EKEYREJECTED", "expired", "clock")

    def insecure(self):
        whole(get(self.url(self.wrong), "insecure=1"))

    def no_authority_in_file(self):
        failed(get(self.url(self.right), "ca=" + self.right.key), "EKEYREJECTED")

    def client_certificate(self):
        url = self.url(self.right, self.authority)
        whole(get(url, self.ca, "cert=" + self.client.crt, "key=" + self.client.key))
        whole(get(url, self.ca, "cert_pem=" + self.client.crt, "key_pem=" + self.client.key))
        failed(get(url, self.ca), "ECONNRESET", "the server wants a client certificate")
        failed(get(url, self.ca, "cert=" + self.stranger.crt, "key=" + self.stranger.key),
               "ECONNRESET", "does not know the authority of the client certificate")
        answer = get(url, self.ca, "cert=" + self.client.crt, "key=" + self.stranger.key)
        failed(answer, "EKEYREJECTED", "key")

    def silent_handshake(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/hello"
            failed(get(url, "connect=300"), "ETIMEDOUT")


class Second:
    """HTTP/2, as nghttpd speaks it."""

    def __init__(self, secure, directory):
        self.ca = secure.ca
        self.port = quiet_port()
        with open(os.path.join(directory, "file"), "wb") as file:
            file.write(b"x" * 300000)
        self.process = subprocess.Popen(
            ["nghttpd", "--address=127.0.0.1", "--htdocs=" + directory, str(self.port),
             secure.right.key, secure.right.crt], stdout=subprocess.DEVNULL)
        tap.wait_for(self.listens, "nghttpd listens")

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True

    def call(self, forwarder, path, *words):
        return [f"url=https://127.0.0.1:{forwarder.port}{path}", self.ca, "stream=1", *words]

    def one_connection(self):
        forwarder = Forwarder(self.port)
        answers = run(*self.call(forwarder, "/file"),
                      "+", *self.call(forwarder, "/file", "after=1", "again=1"),
                      "+", *self.call(forwarder, "/file", "after=1"))
        tap.equal([whole(a)["length"] for a in answers], [300000] * len(answers), "lengths")
        tap.equal(forwarder.connections, 1, "connections")

    def status(self):
        whole(run(*self.call(Forwarder(self.port), "/absent"))[0], 404)

    def too_large(self):
        failed(run(*self.call(Forwarder(self.port), "/file", "body_max=1000"))[0], "EMSGSIZE")

    def mute_connection_is_left(self):
        forwarder = Forwarder(self.port, first_mute_after=2)
        answers = run(*self.call(forwarder, "/file"),
                      "+", *self.call(forwarder, "/file", "after=3500", "idle=500"),
                      "+", *self.call(forwarder, "/file", "after=1", "idle=10000"))
        failed(answers[1], "ETIMEDOUT", "silent for 0.5 s")
        tap.equal(whole(answers[2])["length"], 300000, "the length behind the silence")
        tap.equal(forwarder.connections, 2, "connections")

    def end(self):
        self.process.terminate()
        self.process.wait()


class Stopped:
    """A server that is stopped: the kernel goes on taking bytes and connections for it."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "liar.py")],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def half_open(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        answer = get(f"http://127.0.0.1:{self.port}/hello", "idle=500")
        failed(answer, "ETIMEDOUT", "silent for 0.5 s")

    def end(self):
        self.process.kill()
        self.process.wait()


def main():
    program = tap.Program()
    plain = Plain()
    for name in ("whole_answer", "status_is_no_error", "streamed", "error_body_is_not_streamed",
                 "requests", "empty_put_says_its_length", "nothing_is_sent_unasked",
                 "line_break_in_header", "bad_urls", "errors_name_no_query", "unknown_host",
                 "redirect_is_an_answer", "retry_after", "cut", "garbage", "not_tls",
                 "too_large", "limit_is_exact", "endless_chunk_size", "silence", "slow_loris",
                 "slow_but_alive", "begun", "refused_by_callback", "cancelled",
                 "started_by_callback", "closed_by_callback", "many", "connection_is_kept",
                 "proxy"):
        program.case("plain: " + name.replace("_", " "), getattr(plain, name))
    with tempfile.TemporaryDirectory() as directory:
        secure = Secure(directory)
        for name in ("right_certificate", "wrong_name", "name_given", "name_given_keeps_host",
                     "unknown_authority", "system_authorities_do_not_vouch",
                     "authority_is_read_anew", "expired_certificate", "insecure",
                     "no_authority_in_file", "client_certificate", "silent_handshake"):
            program.case("TLS: " + name.replace("_", " "), getattr(secure, name))
        if shutil.which("nghttpd"):
            second = Second(secure, directory)
            for name in ("one_connection", "status", "too_large", "mute_connection_is_left"):
                program.case("HTTP/2: " + name.replace("_", " "), getattr(second, name))
            second.end()
        else:
            tap.note("no nghttpd: HTTP/2 is not tested")
    stopped = Stopped()
    program.case("a stopped server is noticed by the idle time-out", stopped.half_open)
    stopped.end()
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
