#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way to log in to a real API server, and what happens where that is refused."""

import contextlib
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import control_plane  # noqa: E402
from api import ApiError  # noqa: E402
from control_plane import ACCOUNT  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402
from world import API, NAMESPACE, WEB, World, local_pod  # noqa: E402

USER_NAME = "system:serviceaccount:" + ":".join(ACCOUNT)
# The server remembers for some seconds what it has said of a token.
REVOKED_WITHIN = 30.0
PERMITTED_WITHIN = 60.0
SECRET_NAMES = ("token-a", "token-b", "token-c")

PLUGIN = """#!/bin/sh
echo run >>{runs}
cat {credential}
"""
# The place of a pod's own account is fixed; a mount namespace has one of its own.
IN_POD = """#!/bin/sh
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io
ln -s {account} /run/secrets/kubernetes.io/serviceaccount
exec "$@"
"""

numbers = iter(range(10, 120))


def follows(world, timeout=10.0):
    """A pod that comes now gets its groups."""
    pod = local_pod(next(numbers))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB], timeout)
    return pod


def started_as(world, user):
    world.use(user)
    world.start()
    world.wait_current()
    follows(world)


def errors(world):
    """What the source says is wrong, in one text."""
    return "\n".join(source.get("error", "") for source in world.following().values())


def replace(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def bound_token(world, secret):
    """Dies with the secret."""
    world.api.create({"apiVersion": "v1", "kind": "Secret",
                      "metadata": {"name": secret, "namespace": ACCOUNT[0]}})
    return world.api.bound_token(*ACCOUNT, secret)


def is_refused(world, token):
    client = world.plane.client(token)
    try:
        client.list("Pod")
    except ApiError as error:
        return error.status == 401
    finally:
        client.close()
    return False


def revoke(world, secret, token):
    world.api.delete("Secret", ACCOUNT[0], secret)
    wait_for(lambda: is_refused(world, token), "the token is refused", REVOKED_WITHIN, 0.2)


# Logging in

def token_in_kubeconfig(world):
    started_as(world, world.token_user())


def client_certificate(world):
    certificate, key = world.plane.authority.sign("user", f"/CN={USER_NAME}")
    started_as(world, {"client-certificate": certificate, "client-key": key})


def token_file(world):
    replace(world.plane.path("token"), world.api.bound_token(*ACCOUNT) + "\n")
    started_as(world, {"tokenFile": world.plane.path("token")})


def exec_plugin(world):
    """Both versions; asked once, not for every request."""
    for version in ("v1beta1", "v1"):
        user, runs = plugin_user(world, version)
        put_credential(world, version, world.api.bound_token(*ACCOUNT))
        started_as(world, user)
        equal(count_lines(runs), 1, f"runs of the plugin, {version}")
        world.stop()


def plugin_user(world, version):
    """A kubeconfig's user, and the file that gets a line each time that the plugin runs."""
    runs = world.plane.path(f"runs-{next(numbers)}")
    command = world.write_script(
        "plugin", PLUGIN.format(runs=runs, credential=world.plane.path("credential.json")))
    return {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": command,
                     "interactiveMode": "Never"}}, runs


def put_credential(world, version, token):
    """What the plugin says from now on; good for an hour."""
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    replace(world.plane.path("credential.json"), json.dumps({
        "apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": expiry}}))


def count_lines(path):
    with open(path, encoding="ascii") as file:
        return len(file.readlines())


def account_of_a_pod(world):
    account = world.plane.path("account")
    os.mkdir(account)
    replace(os.path.join(account, "token"), world.api.bound_token(*ACCOUNT))
    os.symlink(world.plane.authority.path("ca.crt"), os.path.join(account, "ca.crt"))
    replace(os.path.join(account, "namespace"), ACCOUNT[0])
    world.daemon.configure(sources={"kubernetes": {"inCluster": True}})
    script = world.write_script("in-pod", IN_POD.format(account=account))
    world.daemon.prefix = ["unshare", "--mount", "--", "env",
                           f"KUBERNETES_SERVICE_HOST={control_plane.HOST}",
                           f"KUBERNETES_SERVICE_PORT={control_plane.PORT}", script]
    world.start()
    world.wait_current()
    follows(world)


# Credentials that change

def token_file_is_rotated(world):
    """The old token is refused by then; the connection that it opened is gone, too."""
    first, second = (bound_token(world, name) for name in SECRET_NAMES[:2])
    replace(world.plane.path("token"), first)
    started_as(world, {"tokenFile": world.plane.path("token")})
    replace(world.plane.path("token"), second)
    revoke(world, SECRET_NAMES[0], first)
    world.plane.restart()
    follows(world, 60.0)
    world.wait_current()


def token_is_revoked_and_replaced(world):
    token = bound_token(world, SECRET_NAMES[0])
    replace(world.plane.path("token"), token)
    started_as(world, {"tokenFile": world.plane.path("token")})
    pod = follows(world)
    revoke(world, SECRET_NAMES[0], token)
    world.plane.restart()
    wait_for(lambda: "401" in errors(world), "the status says 401", 60.0, 0.2)
    for word in (world.plane.path("kubeconfig"), "podsg"):
        check(word in errors(world), f"the error does not name {word}:\n{errors(world)}")
    equal(world.groups_of(pod), [WEB], "groups of a pod while nothing can be asked")
    replace(world.plane.path("token"), bound_token(world, SECRET_NAMES[2]))
    follows(world, PERMITTED_WITHIN)
    world.wait_current()


def plugin_is_asked_again(world):
    """For a token that has died before its time."""
    first, second = (bound_token(world, name) for name in SECRET_NAMES[:2])
    user, runs = plugin_user(world, "v1")
    put_credential(world, "v1", first)
    started_as(world, user)
    put_credential(world, "v1", second)
    revoke(world, SECRET_NAMES[0], first)
    world.plane.restart()
    follows(world, 60.0)
    check(2 <= count_lines(runs) <= 10, f"the plugin ran {count_lines(runs)} times")


# Rights

@contextlib.contextmanager
def without(world, resource):
    """Our ClusterRole lacks the resource inside the block."""
    rules = world.api.get("ClusterRole", None, ACCOUNT[1])["rules"]
    fewer = [dict(rule, resources=[name for name in rule["resources"] if name != resource])
             for rule in rules]
    fewer = [rule for rule in fewer if rule["resources"]]
    world.api.patch("ClusterRole", None, ACCOUNT[1], {"rules": fewer})
    # The server learns of its own rules by a watch.
    time.sleep(0.5)
    try:
        yield
    finally:
        world.api.patch("ClusterRole", None, ACCOUNT[1], {"rules": rules})


def one_resource_is_forbidden(world):
    started_as(world, world.token_user())
    log = len(world.daemon.log_text())
    with without(world, "serviceaccounts"):
        world.create_policy("accounts", [API], None, {"matchLabels": {"team": "pay"}})
        wait_for(lambda: "403" in errors(world), "the status says 403", 20.0)
        check("serviceaccounts" in errors(world),
              f"the error does not say what is forbidden:\n{errors(world)}")
        follows(world)
        refused = [source for source in world.following().values() if source.get("error")]
        equal(len(refused), 1, "resources that are not followed")
        said = [line for line in world.daemon.log_text()[log:].splitlines() if "403" in line]
        equal(len(said), 1, "lines of the log about it")
    world.api.create(documents.service_account(NAMESPACE, "worker", {"team": "pay"}))
    later = local_pod(next(numbers))
    world.create_pod(later, {"app": "none"}, "worker")
    world.wait_groups(later, [API], PERMITTED_WITHIN)
    world.wait_current()


def start_waits_for_what_is_forbidden(world):
    """Without its policies a pod would have no groups: until they are read, all stays as it was."""
    started_as(world, world.token_user())
    pod = follows(world)
    world.stop()
    with without(world, "securitygrouppolicies"):
        world.daemon.launch()
        wait_for(lambda: world.daemon.control("status", check=False), "the daemon answers", 20.0)
        wait_for(lambda: "403" in errors(world), "the status says 403", 20.0)
        time.sleep(8.0)
        check(not world.daemon.in_force(), "rules without policies are in force")
        check(pod.interface in world.daemon.ruleset(), "the rules of before are gone")
    wait_for(world.daemon.in_force, "the rules are in force", PERMITTED_WITHIN)
    equal(world.groups_of(pod), [WEB], "groups of the pod")


CASES = (
    ("a token in the kubeconfig", token_in_kubeconfig),
    ("a client's certificate", client_certificate),
    ("a token in a file", token_file),
    ("an exec plugin", exec_plugin),
    ("the account of a pod", account_of_a_pod),
    ("a token's file is replaced, the old token is refused", token_file_is_rotated),
    ("a token is revoked: reported; followed again with a new one", token_is_revoked_and_replaced),
    ("a plugin is asked again when its token is refused", plugin_is_asked_again),
    ("one resource is forbidden: reported, the rest works", one_resource_is_forbidden),
    ("policies are forbidden at the start: the rules of before stay",
     start_waits_for_what_is_forbidden),
)


def with_a_fresh_daemon(function, world):
    world.create_policy("web", [WEB], {"matchLabels": {"app": "web"}})
    try:
        function(world)
    finally:
        world.stop()
        world.daemon.prefix = []
        world.clear()
        for name in SECRET_NAMES:
            world.api.delete("Secret", ACCOUNT[0], name, missing_ok=True)


def main():
    daemons.need(control_plane.missing)
    program = tap.Program()
    with World() as world:
        for name, function in CASES:
            program.case(name, with_a_fresh_daemon, function, world)
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
