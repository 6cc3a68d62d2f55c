# SPDX-License-Identifier: GPL-2.0-or-later
"""A real etcd and a real kube-apiserver on the loopback of a network namespace."""

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile

from api import HOST, PORT, Api
from lab import netns
from lab.daemon import ROOT
from lab.tap import Failure, wait_for

ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
START_TIMEOUT = 90.0
SERVICE_CIDR = "172.20.0.0/16"
BUILDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "build-kubernetes")
RBAC = os.path.join(ROOT, "packaging", "kubernetes", "rbac.yaml")
DEFINITIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "definitions.yaml")
ACCOUNT = ("kube-system", "podsg-nft-sync")
# What the daemon asks for, however it has logged in: everybody but the administrator.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "userGroups": ["system:masters"]}, {"level": "Metadata"}],
}


def binary(name):
    """Of a program of Kubernetes; None where it has not been built."""
    done = subprocess.run([BUILDER, "--where", name], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def missing(*more):
    """more: programs of Kubernetes that are needed beside the server."""
    for tool in ("etcd", "openssl"):
        if not shutil.which(tool):
            return f"the command {tool} is not installed"
    for name in ("kube-apiserver", *more):
        if not binary(name):
            return f"{name} is not built: run tests/cluster/build-kubernetes"
    return None


def write_kubeconfig(path, authority, user):
    """A file as kubectl writes it; user is what stands under users[].user."""
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test", "preferences": {},
        "clusters": [{"name": "test", "cluster": {
            "server": f"https://{HOST}:{PORT}",
            "certificate-authority": authority.path("ca.crt")}}],
        "users": [{"name": "podsg", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "podsg"}}],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
    return path


class Authority:
    """A certificate authority of its own, and what it has signed, as files."""

    def __init__(self, directory):
        self.directory = directory
        self._openssl("req", "-x509", *self._new_key("ca"), "-subj", "/CN=podsg-test-ca",
                      "-out", self.path("ca.crt"))
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                      "-out", self.path("accounts.key"))
        self.sign("server", "/CN=kube-apiserver", "-addext", f"subjectAltName=IP:{HOST}")

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _openssl(*arguments):
        netns.run(["openssl", *arguments])

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-keyout", self.path(name + ".key")]

    def sign(self, name, subject, *more):
        self._openssl("req", "-x509", "-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"),
                      *self._new_key(name), "-subj", subject, "-out", self.path(name + ".crt"),
                      *more)
        return self.path(name + ".crt"), self.path(name + ".key")


class ControlPlane:
    """
    Context manager. The cluster begins with the custom resource definitions of the VPC resource
    controller, podsg's own RBAC objects, and nothing else.
    """

    def __init__(self, namespace):
        self.namespace = namespace
        self.etcd = self.server = None
        self.admin_token = secrets.token_hex(16)
        self.api = None

    def __enter__(self):
        # etcd syncs every write: on a disk that alone would take most of the time.
        shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.directory = tempfile.mkdtemp(prefix="podsg-cluster-", dir=shared)
        try:
            self.authority = Authority(self.directory)
            with open(self.path("tokens.csv"), "w", encoding="ascii") as file:
                file.write(f"{self.admin_token},admin,admin,system:masters\n")
            with open(self.path("audit.json"), "w", encoding="ascii") as file:
                json.dump(AUDIT_POLICY, file)
            self.api = self.client()
            self._start_etcd()
            self.start()
            self._furnish()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.api:
            self.api.close()
        self._end(self.server)
        self._end(self.etcd)
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def client(self, token=None):
        return Api(self.namespace, self.authority.path("ca.crt"), token or self.admin_token)

    def spawn(self, name, argv):
        with open(self.path(name + ".log"), "ab") as log:
            return subprocess.Popen(netns.command_in(self.namespace, argv), stdout=log, stderr=log,
                                    cwd=self.directory, preexec_fn=netns.die_with_parent)

    @staticmethod
    def _end(process, how=signal.SIGTERM):
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        # The API server would wait a minute for watches to end by themselves.
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start_etcd(self):
        url, peer = f"http://{HOST}:{ETCD_PORT}", f"http://{HOST}:{ETCD_PEER_PORT}"
        self.etcd = self.spawn("etcd", [
            "etcd", "--data-dir", self.path("etcd"), "--listen-client-urls", url,
            "--advertise-client-urls", url, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"])

    def start(self, *more):
        accounts = self.authority.path("accounts.key")
        self.server = self.spawn("apiserver", [
            binary("kube-apiserver"), f"--etcd-servers=http://{HOST}:{ETCD_PORT}",
            f"--bind-address={HOST}", f"--secure-port={PORT}", "--insecure-port=0",
            f"--cert-dir={self.directory}", f"--client-ca-file={self.authority.path('ca.crt')}",
            f"--tls-cert-file={self.authority.path('server.crt')}",
            f"--tls-private-key-file={self.authority.path('server.key')}",
            f"--token-auth-file={self.path('tokens.csv')}",
            "--service-account-issuer=https://cluster.test",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}", "--authorization-mode=RBAC",
            # There is no controller that would give namespaces their accounts.
            "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
            f"--audit-policy-file={self.path('audit.json')}",
            f"--audit-log-path={self.path('requests.log')}", "--audit-log-mode=blocking-strict",
            f"--service-cluster-ip-range={SERVICE_CIDR}", *more])
        wait_for(self._ready, "the API server is ready", START_TIMEOUT, 0.1)

    def _ready(self):
        for name, process in (("etcd", self.etcd), ("apiserver", self.server)):
            if process.poll() is not None:
                raise Failure(f"{name} ended:\n{self.log_tail(name)}")
        return self.api.answers()

    def log_tail(self, name, lines=20):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def stop(self, how=signal.SIGTERM):
        self._end(self.server, how)
        self.server = None

    def restart(self, *more, how=signal.SIGTERM):
        self.stop(how)
        self.start(*more)

    def _apply(self, path):
        with open(path, encoding="utf-8") as file:
            self.api.apply_yaml(file.read())

    def _furnish(self):
        self._apply(RBAC)
        self.define()

    def define(self):
        """Returns once the server knows the custom resources."""
        self._apply(DEFINITIONS)
        for kind in ("SecurityGroupPolicy", "CNINode"):
            wait_for(lambda kind=kind: self._serves(kind), f"the server knows {kind}", 30.0, 0.05)

    def _serves(self, kind):
        try:
            self.api.list(kind)
        except Exception:  # whatever it says while it does not know the kind
            return False
        return True

    def requests(self):
        """
        What users have asked for so far: verb, URI, status. A watch stands here once it has ended.
        """
        found = {}
        with open(self.path("requests.log"), encoding="utf-8") as file:
            for line in file:
                event = json.loads(line)
                found.setdefault(event["auditID"], (event["verb"], event["requestURI"],
                                                    event["responseStatus"]["code"]))
        return list(found.values())

    def compact(self):
        """etcd forgets every revision but the last: whoever asks for an older one gets 410."""
        revision = int(self._etcd_request("/v3/kv/range", {"key": base64.b64encode(
            b"x").decode()})["header"]["revision"])
        self._etcd_request("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _etcd_request(self, path, body):
        with netns.entered(self.namespace):
            connection = http.client.HTTPConnection(HOST, ETCD_PORT, timeout=10)
            connection.connect()
        connection.request("POST", path, json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def kubeconfig(self, name, user):
        return write_kubeconfig(self.path(name), self.authority, user)
