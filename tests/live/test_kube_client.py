# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""common/kube_client.h: credentials of every kind against a server that looks at them."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "netns")]

from certificates import Authority  # noqa: E402
from lab import tap  # noqa: E402
from liar import Liar, tls, whole  # noqa: E402

PROGRAM = os.path.join(ROOT, os.environ.get("B", "build"), "live", "kube_get")
PROXIES = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
V1 = "client.authentication.k8s.io/v1"
GENEROUS = 60


class Server:
    """Says yes to the tokens in a set, 401 to others."""

    def __init__(self, context=None):
        self.liar = Liar(context)
        self.tokens = set()
        self.liar.answers["/api"] = self.answer
        self.liar.answers["/base/api"] = self.answer

    def answer(self, connection, _argument, request):
        token = request[2].get("authorization", "").removeprefix("Bearer ")
        yes = token in self.tokens
        connection.sendall(whole("yes") if yes else whole("no", "401 Unauthorized"))
        return True

    @property
    def sent(self):
        return [r[2].get("authorization", "").removeprefix("Bearer ")
                for r in self.liar.requests]


class Place:
    def __init__(self, directory):
        self.directory = directory
        self.kubeconfig = self.path("kubeconfig")
        self.authority = Authority(directory, "authority")
        self.right = self.authority.sign("right")
        self.client = self.authority.sign("client")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def configure(self, server, user, **cluster):
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.liar.url(), **cluster}}],
            "users": [{"name": "u", "user": user}]}
        self.write("kubeconfig", json.dumps(config))

    def plugin(self, script):
        return {"exec": {"apiVersion": V1, "command": "/bin/sh", "args": ["-c", script]}}

    def run(self, *steps, kubeconfig=None, **more):
        environment = {k: v for k, v in os.environ.items() if k not in PROXIES}
        result = subprocess.run([PROGRAM, kubeconfig or self.kubeconfig, *steps],
                                capture_output=True, text=True, timeout=GENEROUS,
                                env=dict(environment, **more), cwd="/", check=False)
        tap.check(result.returncode == 0, f"exit status {result.returncode}:\n{result.stderr}")
        return [json.loads(line) for line in result.stdout.splitlines()]

    def statuses(self, *steps):
        return [a["status"] for a in self.run(*steps)]


def prints(token, **status):
    credential = {"kind": "ExecCredential", "apiVersion": V1,
                  "status": dict(token=token, **status)}
    return f"echo '{json.dumps(credential)}'"


def base64_of(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


def said(answer, error, *words):
    tap.equal(answer["error"], error, f"the error ({answer['text']})")
    for word in words:
        tap.check(word in answer["text"], f"{word!r} is not in {answer['text']!r}")


def a_token_is_sent(place):
    server = Server()
    server.tokens = {"good"}
    place.configure(server, {"token": "good"})
    tap.equal(place.statuses("/api"), [200], "statuses")
    method, path, headers, _ = server.liar.requests[0]
    tap.equal((method, path, headers["accept"]), ("GET", "/api", "application/json"), "request")
    tap.check(headers["user-agent"].startswith("podsg/"), headers["user-agent"])


def paths_follow_that_of_the_server(place):
    server = Server()
    server.tokens = {"good"}
    place.configure(server, {"token": "good"})
    config = place.write("kubeconfig.base", open(place.kubeconfig, encoding="utf-8").read()
                         .replace(server.liar.url(), server.liar.url("/base/")))
    tap.equal([a["status"] for a in place.run("/api", kubeconfig=config)], [200], "statuses")


def a_body_is_json(place):
    server = Server()
    server.tokens = {"good"}
    place.configure(server, {"token": "good"})
    tap.equal(place.statuses("=/api"), [200], "statuses")
    method, _, headers, body = server.liar.requests[0]
    tap.equal((method, headers["content-type"], body), ("POST", "application/json", b"{}"),
              "request")


def a_refused_token_is_said_and_not_tried_again(place):
    server = Server()
    place.configure(server, {"token": "bad"})
    said(place.run("/api")[0], "EACCES", place.kubeconfig, 'user "u"', "refuses", "401")
    tap.equal(server.sent, ["bad"], "tokens sent")


def a_token_file_is_read_when_its_link_is_swapped(place):
    server = Server()
    server.tokens = {"one", "two"}
    place.write("v1", "one\n")
    place.write("v2", "two\n")
    os.symlink("v1", place.path("token"))
    place.configure(server, {"tokenFile": "token"})
    swap = f"cd {place.directory} && ln -s v2 token.next && mv -T token.next token"
    tap.equal(place.statuses("/api", "/api", swap, "/api"), [200] * 3, "statuses")
    tap.equal(server.sent, ["one", "one", "two"], "tokens sent")


def a_refused_token_is_read_anew_once(place):
    """Same length, same second, same inode: nothing but the refusal tells."""
    server = Server()
    server.tokens = {"two"}
    path = place.write("token.old", "one")
    place.configure(server, {"tokenFile": "token.old"})
    answers = place.run("/api", f"echo -n two >{path}", "/api")
    tap.equal([a["status"] for a in answers], [401, 200], "statuses")
    place.write("token.old", "bad")
    tap.equal(place.statuses("/api"), [401], "statuses")


def a_token_file_that_is_missing_is_named(place):
    server = Server()
    server.tokens = {"late"}
    place.configure(server, {"tokenFile": "token.late"})
    answers = place.run("/api", f"echo late >{place.path('token.late')}", "/api")
    said(answers[0], "ENOENT", place.path("token.late"), 'user "u"', "No such file")
    tap.equal(answers[1]["status"], 200, "the status when it is there")


def client_certificates(place):
    server = Server(tls(place.right, place.authority))
    server.tokens = {""}
    files = {"client-certificate": "client.crt", "client-key": "client.key"}
    data = {"client-certificate-data": base64_of(place.client.crt),
            "client-key-data": base64_of(place.client.key)}
    for user in (files, data):
        place.configure(server, user, **{"certificate-authority": "authority.crt"})
        tap.equal(place.statuses("/api"), [200], "statuses")
    place.configure(server, files,
                    **{"certificate-authority-data": base64_of(place.authority.crt)})
    tap.equal(place.statuses("/api"), [200], "statuses")


def a_certificate_file_that_is_missing_is_named(place):
    server = Server(tls(place.right))
    for what, user, cluster in [
            ("certificate-authority", {}, {"certificate-authority": "absent"}),
            ("client-certificate", {"client-certificate": "absent", "client-key": "absent"}, {}),
            ("client-key", {"client-certificate": "client.crt", "client-key": "absent"}, {})]:
        place.configure(server, user, **cluster)
        said(place.run("/api")[0], "ENOENT", place.kubeconfig, what, place.path("absent"))


def a_plugin_runs_once_for_all(place):
    server = Server()
    server.tokens = {"good"}
    runs = place.path("runs")
    place.configure(server, place.plugin(f"echo run >>{runs}; sleep 0.2; {prints('good')}"))
    tap.equal(place.statuses("+/api", "+/api", "/api", "/api"), [200] * 4, "statuses")
    with open(runs, encoding="utf-8") as file:
        tap.equal(file.read().count("run"), 1, "runs of the plugin")


def a_plugin_gives_a_certificate(place):
    server = Server(tls(place.right, place.authority))
    server.tokens = {""}
    pems = {}
    for key, path in (("clientCertificateData", place.client.crt),
                      ("clientKeyData", place.client.key)):
        with open(path, encoding="utf-8") as file:
            pems[key] = file.read()
    credential = place.write("credential.json", json.dumps(
        {"kind": "ExecCredential", "apiVersion": V1, "status": pems}))
    place.configure(server, place.plugin("cat " + credential),
                    **{"certificate-authority": "authority.crt"})
    tap.equal(place.statuses("/api"), [200], "statuses")


def a_refused_credential_is_fetched_again(place):
    """Only after ten seconds: what is newer than that another run would not mend."""
    server = Server()
    server.tokens = {"two"}
    place.configure(server, place.plugin(
        f"if test -e {place.path('second')}; then {prints('two')}; else {prints('one')}; fi"))
    answers = place.run("/api", f"touch {place.path('second')}", "/api", "sleep 10.5",
                        "+/api", "/api")
    tap.equal([a["status"] for a in answers], [401, 401, 200, 200], "statuses")
    # The last two are asked at once.
    tap.equal(sorted(server.sent), ["one"] * 4 + ["two"] * 2, "tokens sent")


def an_expired_credential_is_fetched_again(place):
    server = Server()
    server.tokens = {"good"}
    runs = place.path("expiring")
    stamp = "$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)"
    script = (f"echo run >>{runs}; echo '" + json.dumps(
        {"kind": "ExecCredential", "apiVersion": V1,
         "status": {"token": "good", "expirationTimestamp": "STAMP"}})
        .replace("STAMP", "'\"" + stamp + "\"'") + "'")
    place.configure(server, place.plugin(script))
    tap.equal(place.statuses("/api", "sleep 4", "/api"), [200, 200], "statuses")
    with open(runs, encoding="utf-8") as file:
        tap.equal(file.read().count("run"), 2, "runs of the plugin")


def a_plugin_that_fails_ends_all_who_wait(place):
    server = Server()
    place.configure(server, place.plugin("sleep 0.2; echo no such profile >&2; exit 4"))
    answers = place.run("+/api", "/api", "/api")
    for answer in answers:
        said(answer, "EIO", place.kubeconfig, 'user "u"', "exit status 4: no such profile")
    tap.equal((len(answers), server.sent), (3, []), "answers, tokens sent")


def cancelling_ends_the_wait(place):
    server = Server()
    server.tokens = {"good"}
    place.configure(server, place.plugin(f"sleep 0.5; {prints('good')}"))
    tap.equal(place.statuses("!100/api", "/api"), [200], "statuses")
    place.configure(server, {"token": "good"})
    tap.equal(place.statuses("!300/silent", "!0/api", "/api"), [200], "statuses")


def closing_ends_everything(place):
    server = Server()
    start = time.monotonic()
    for user in ({"token": "t"}, place.plugin("sleep 50")):
        place.configure(server, user)
        tap.equal(place.run("+/silent", "+/silent", "close"), [], "answers")
    tap.check(time.monotonic() - start < 30, "it was waited for")


def outside_a_pod_there_is_no_service_account(place):
    said(place.run("/api", kubeconfig="-", KUBERNETES_SERVICE_HOST="")[0], "ENOENT",
         "does not run in a pod")


def main():
    program = tap.Program()
    with tempfile.TemporaryDirectory() as directory:
        place = Place(directory)
        for case in (a_token_is_sent, paths_follow_that_of_the_server, a_body_is_json,
                     a_refused_token_is_said_and_not_tried_again,
                     a_token_file_is_read_when_its_link_is_swapped,
                     a_refused_token_is_read_anew_once,
                     a_token_file_that_is_missing_is_named, client_certificates,
                     a_certificate_file_that_is_missing_is_named, a_plugin_runs_once_for_all,
                     a_plugin_gives_a_certificate, a_refused_credential_is_fetched_again,
                     an_expired_credential_is_fetched_again,
                     a_plugin_that_fails_ends_all_who_wait, cancelling_ends_the_wait,
                     closing_ends_everything, outside_a_pod_there_is_no_service_account):
            program.case(case.__name__.replace("_", " "), case, place)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
