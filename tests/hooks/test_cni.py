#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""podsg-cni as a runtime sees it: its calls, the daemon's answers, kinds of results."""

import contextlib
import json
import os
import socket
import sys
import time

import cni_setting
import pods
from cni_setting import Setting, answer, fails
from lab import netns, tap
from lab.tap import check, equal
from pods import AGAIN

LATE = 30.0  # seconds; told after 0.7 it gives up at once
UNFILTERABLE, DELETED = 101, 102


def raw(setting, environment, conf):
    """Our plugin alone; text or an object on standard input."""
    chain = setting.chain()
    text = conf.encode() if isinstance(conf, str) else conf
    return chain.call(chain.ours(), environment, text)


def previous(version, **more):
    result = {"cniVersion": version, "interfaces": [], "ips": [], **more}
    return result


# Calls.

def calls_that_make_no_sense():
    with Setting() as setting:
        conf = {"cniVersion": "1.0.0", "name": "n", **setting.ours(),
                "prevResult": previous("1.0.0")}
        good = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "abc", "CNI_NETNS": "/run/netns/none",
                "CNI_IFNAME": "eth0", "CNI_PATH": "/"}
        cases = [
            (4, {"CNI_COMMAND": "FETCH"}, conf), (4, {"CNI_CONTAINERID": ""}, conf),
            (4, {"CNI_NETNS": ""}, conf), (4, {"CNI_IFNAME": ""}, conf),
            (4, {"CNI_CONTAINERID": "../../etc"}, conf), (4, {"CNI_CONTAINERID": "a:b"}, conf),
            (4, {"CNI_IFNAME": "a/b"}, conf), (4, {"CNI_IFNAME": "sixteen-is-too-m"}, conf),
            (4, {"CNI_CONTAINERID": "a" * 129}, conf),
            (4, {"CNI_CONTAINERID": "a\x01"}, conf), (4, {"CNI_CONTAINERID": "-a"}, conf),
            (4, {"CNI_ARGS": "K8S_POD_NAME=" + "p" * 254}, conf),
            (4, {"CNI_ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b\x01"}, conf),
            (4, {"CNI_ARGS": "K8S_POD_NAMESPACE=a\n;K8S_POD_NAME=b"}, conf),
            (4, {"CNI_ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=\x7f"}, conf),
            (4, {"CNI_ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=\xff"}, conf),
            (4, {"CNI_NETNS": "/" + "n" * 255}, conf), (4, {"CNI_NETNS": "/n\x01"}, conf),
            (6, {}, "{\"cniVersion\": "), (6, {}, ""), (6, {}, "[]"), (6, {}, "{} x"),
            (1, {}, {**conf, "cniVersion": "2.0.0"}), (1, {}, {**conf, "cniVersion": 1}),
            (1, {}, {"name": "n"}), (7, {}, {**conf, "config": "/nonexistent/podsg.yaml"}),
            (7, {}, {**conf, "prevResult": None}), (6, {}, {**conf, "prevResult": []}),
            (6, {}, {**conf, "prevResult": previous("1.0.0", ips=[{"address": "10.0.0.300/8"}])}),
            (6, {}, {**conf, "prevResult": previous("1.0.0", interfaces={})}),
            (5, {}, " " * (1 << 20) + "{}"),
        ]
        for code, change, text in cases:
            error = fails(code, raw, setting, {**good, **change}, text)
            check(code != 4 or next(iter(change)) in error.msg, f"of what variable: {error.msg}")
            if code == 4:
                fails(code, raw, setting, {**good, "CNI_COMMAND": "CHECK", **change}, text)
        equal(setting.entries(), {}, "journal")


def version_is_told():
    with Setting() as setting:
        for asked in ("0.3.1", "1.1.0", "9.9.9"):
            out = json.loads(raw(setting, {"CNI_COMMAND": "VERSION"}, {"cniVersion": asked}))
            equal(out, {"cniVersion": asked,
                        "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}, "versions")
        equal(json.loads(raw(setting, {"CNI_COMMAND": "VERSION"}, ""))["cniVersion"], "1.1.0",
              "without a word")


def the_result_is_passed_on_as_it_is():
    """Numbers beyond a double, keys that nobody knows, duplicate keys, escapes, spaces."""
    text = ('{"cniVersion":"1.1.0" , "interfaces":[{"name":"x\\u00e9","mtu":18446744073709551615,'
            '"socketPath":"\\/run"}],\n"ips":[ ],"future":1.10e0000000001,"future":{},"dns":{}}')
    with Setting() as setting:
        conf = (f'{{"cniVersion":"1.1.0","name":"n","type":"podsg-cni",'
                f'"config":"{setting.config}","prevResult":{text}}}')
        environment = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "abc", "CNI_IFNAME": "eth0",
                       "CNI_NETNS": "/run/netns/none"}
        equal(raw(setting, environment, conf), text + "\n", "what is printed")


# Kinds of results.

def recorded(setting, chain, sandbox, **expected):
    chain.run(sandbox)
    entry = setting.entry(sandbox)
    link = json.loads(netns.run(["ip", "-j", "link", "show", entry["interface"]],
                                name=setting.node).stdout)[0]
    equal(entry["interfaceIndex"], link["ifindex"], "index of the interface")
    measured = {key: entry.get(key) for key in expected}
    equal(measured, expected, "entry of the journal")
    equal(entry["state"], "ready", "state")
    chain.stop(sandbox)
    equal(setting.entries(), {}, "journal after DEL")


def shapes_of_the_vpc_cni():
    with Setting() as setting:
        for version in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
            for mode, prefix in (("strict", "vlan"), ("standard", "eni")):
                chain = setting.aws(mode, version)
                setting.ipamd.put("default/nginx", vlan=7, address="10.0.1.5", egress=True)
                sandbox = pods.Sandbox("default/nginx", "1f2e")
                recorded(setting, chain, sandbox, namespace="default", pod="nginx", uid="1f2e",
                         netns=sandbox.netns, vlan=7, device="vlan.eth.7",
                         mode=mode, addresses=["10.0.1.5"],
                         interface=prefix + "c440f455693")
        setting.ipamd.put("a/six", vlan=9, address6="2001:db8::7")
        recorded(setting, setting.aws(), pods.Sandbox("a/six"), addresses=["2001:db8::7"], vlan=9)
        setting.ipamd.put("a/plain", address="10.0.0.9", table=3)
        recorded(setting, setting.aws(), pods.Sandbox("a/plain"), vlan=None, device=None,
                 addresses=["10.0.0.9"], mode="strict")


def ptp_has_no_kubernetes():
    with Setting() as setting:
        sandbox = pods.Sandbox()
        recorded(setting, setting.ptp(), sandbox, pod=None, addresses=["10.22.0.2"], vlan=None)


CALICO = """#!/usr/bin/python3
import json, os, subprocess, sys
conf = json.load(sys.stdin)
if os.environ["CNI_COMMAND"] == "ADD":
    subprocess.run(["ip", "link", "add", "cali12345678901", "type", "veth", "peer", "name",
                    os.environ["CNI_IFNAME"], "netns", os.environ["CNI_NETNS"]], check=True)
    print(json.dumps({"cniVersion": conf["cniVersion"],
                      "interfaces": [{"name": "cali12345678901"}] if conf["named"] else [],
                      "ips": [{"address": "10.9.0.4/32"}, {"address": "2001:db8::4/128"}]}))
"""


def shape_of_calico():
    """Its result does not say which interface an address is of; or names no interface at all."""
    with Setting() as setting:
        program = setting.path("calico")
        with open(program, "w", encoding="utf-8") as file:
            file.write(CALICO)
        os.chmod(program, 0o755)
        for named in (True, False):
            chain = setting.chain({"type": "calico", "named": named}, programs={"calico": program})
            recorded(setting, chain, pods.Sandbox("a/cali"), interface="cali12345678901",
                     addresses=["10.9.0.4", "2001:db8::4"], mode="strict")


def a_veth_that_leads_elsewhere():
    """Its other end is in a third namespace, and an interface of the node has the same numbers."""
    with Setting() as setting:
        sandbox, third, fourth = (pods.Sandbox("a/p").create() for _ in range(3))
        for near, name, far in ((sandbox.name, "eth0", third.name),
                                (setting.node, "others", fourth.name)):
            netns.run(["ip", "-n", near, "link", "add", name, "type", "veth", "peer", "name", "p",
                       "netns", far])
        numbers = [[link[key] for key in ("ifindex", "link_index")]
                   for node, name in ((sandbox.name, "eth0"), (setting.node, "others"))
                   for link in json.loads(netns.run(["ip", "-j", "link", "show", name],
                                                    name=node).stdout)]
        equal(numbers[0], numbers[1], "indices of both veths")
        chain = setting.chain()
        chain.call(chain.ours(), chain.environment("ADD", sandbox),
                   chain.conf(chain.ours(), previous("1.0.0")))
        equal(setting.entry(sandbox).get("interface"), None, "interface that was taken for its own")


def bridged_pods_are_refused():
    """An unmanaged pod may live on a bridge."""
    with Setting() as setting:
        chain = setting.chain({"type": "bridge", "bridge": "br0", "isGateway": True, "ipam": {
            "type": "host-local", "dataDir": setting.path("leases"), "subnet": "10.23.0.0/24"}})
        error = fails(UNFILTERABLE, chain.run, pods.Sandbox("a/b"))
        check("port of bridge br0" in error.msg and "ptp" in error.details, str(error))
        setting.daemon.attach = answer("unmanaged", "no policy selects it")
        sandbox = pods.Sandbox("a/b")
        chain.run(sandbox)
        check(setting.entry(sandbox)["interface"].startswith("veth"), "the veth, not the bridge")
        chain.stop(sandbox)
        setting.daemon.attach = answer("enforced")
        setting.configure(failurePolicy="ignore")
        chain.run(sandbox)
        equal(setting.entry(sandbox)["state"], "unfiltered", "state")
        check("port of bridge" in chain.stderr, chain.stderr)
        chain.stop(sandbox)


def rules_do_not_see_a_bridges_ports():
    """Why they are refused: in the kernel, it is the bridge that the packet came in by."""
    with Setting() as setting:
        chain = setting.chain({"type": "bridge", "bridge": "br0", "isGateway": True, "ipam": {
            "type": "host-local", "dataDir": setting.path("leases"), "subnet": "10.23.0.0/24"}})
        setting.daemon.attach = answer("unmanaged")
        sandbox = pods.Sandbox()
        chain.run(sandbox)
        veth = setting.entry(sandbox)["interface"]
        netns.nft(setting.node, f"""table inet seen {{ chain c {{ type filter hook input priority 0;
            iifname "br0" ip saddr 10.23.0.0/24 counter; iifname "{veth}" counter;
            }}
        }}""")
        sandbox.run("ping", "-c", "1", "-W", "2", "10.23.0.1", check=False)
        table = netns.run(["nft", "list", "table", "inet", "seen"], name=setting.node).stdout
        counts = [int(part.split()[0]) for part in table.split("packets ")[1:]]
        check(counts[0] > 0 and counts[1] == 0, f"packets by bridge and port: {counts}")


# What the daemon answers.

def timed(function, *arguments):
    start = time.monotonic()
    function(*arguments)
    return time.monotonic() - start


def answers_of_the_daemon():
    """Policy fail: kubelet is to try again; ignore: the pod starts, and the record says so."""
    cases = [
        ("waiting", cni_setting.waits("the pod is not known"), "the pod is not known", True),
        ("an error", {"ok": False, "error": "too many wait"}, "too many wait", False),
        ("of a later version", answer("dancing"), "another version", False),
        ("not JSON", b"hello\n", "not JSON", False),
        ("hangs", cni_setting.hangs, "no answer in time", True),
        ("trickles", cni_setting.trickles, "no answer in time", True),
        ("closes", lambda connection, _: None, "", True),
    ]
    with Setting(timeout="700ms") as setting:
        chain = setting.ptp()
        for name, said, reason, late in cases:
            setting.daemon.attach = said
            setting.configure()
            sandbox = pods.Sandbox("a/p").create()
            took = timed(fails, AGAIN, chain.add, sandbox)
            check(not late or 0.6 < took, f"{name}: gave up after {took:.1f} s")
            check(took < LATE, f"{name}: took {took:.1f} s")
            equal(setting.entry(sandbox)["state"], "adding", f"{name}: state after it failed")
            chain.stop(sandbox)
            setting.configure(failurePolicy="ignore")
            sandbox.create()
            chain.add(sandbox)
            equal(setting.entry(sandbox)["state"], "unfiltered", f"{name}: state")
            check(reason in chain.stderr and "started-without-rules" in chain.stderr, chain.stderr)
            chain.stop(sandbox)
            equal(setting.entries(), {}, "journal")


def unmanaged_pods_do_not_wait():
    with Setting() as setting:
        setting.daemon.attach = answer("unmanaged", "no policy selects it")
        sandbox = pods.Sandbox("a/p")
        chain = setting.ptp()
        check(timed(chain.run, sandbox) < 50, "waited")
        equal(setting.entry(sandbox)["state"], "ready", "state")


def a_daemon_that_restarts_is_waited_for():
    with Setting() as setting:
        setting.daemon.stop()
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p").create()
        environment = chain.environment("ADD", sandbox)
        result = json.loads(chain.call(chain.plugins[0], environment, chain.conf(chain.plugins[0])))
        process = chain.start(chain.ours(), environment, chain.conf(chain.ours(), result))
        time.sleep(0.3)
        equal(process.poll(), None, "it waits")
        seen = []
        # Dies in the middle of an answer, too.
        setting.daemon.attach = lambda connection, request: seen.append(request) or \
            (connection.sendall(b'{"ok":') if len(seen) == 1 else
             setting.daemon.say(connection, answer("enforced")))
        setting.daemon.start()
        chain.finish(chain.ours(), process)
        equal(len(seen), 2, "times asked")
        check(seen[0]["wait"] > seen[1]["wait"] > 10000, f"waits {seen}")


def a_daemon_that_is_away():
    with Setting(timeout="400ms") as setting:
        setting.daemon.stop()
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p").create()
        error = fails(AGAIN, chain.add, sandbox)
        check("is it running?" in error.msg and "pod a/p" in error.msg, str(error))
        chain.stop(sandbox)
        equal(setting.entries(), {}, "journal")


def a_daemon_that_does_not_accept():
    """It hangs, and others have filled its queue: not even a connection can be had."""
    with Setting(timeout="700ms") as setting, contextlib.ExitStack() as stack:
        setting.daemon.stop()
        os.unlink(setting.daemon.path)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(setting.daemon.path)
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(10):
                other = stack.enter_context(socket.socket(socket.AF_UNIX))
                other.setblocking(False)
                other.connect(setting.daemon.path)
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p").create()
        took = timed(fails, AGAIN, chain.add, sandbox)
        check(took < LATE, f"took {took:.1f} s")
        chain.stop(sandbox)


def deleted_while_added():
    """A runtime that gives up: its DEL comes while ADD still waits."""
    with Setting() as setting:
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p").create()

        def attach(connection, _):
            chain.delete(sandbox)
            setting.daemon.say(connection, answer("enforced"))
        setting.daemon.attach = attach
        for policy in ("fail", "ignore"):
            setting.configure(failurePolicy=policy)
            fails(DELETED, chain.add, sandbox)
            equal(setting.entries(), {}, "journal")


def deleted_in_part_while_added():
    """What DEL could not do stays noted; nor is another ADD's entry taken for the own."""
    changes = {"state": "gone", "left": "it was busy"}, {"created": 1}
    for change in changes:
        with Setting() as setting:
            chain = setting.ptp()
            sandbox = pods.Sandbox("a/p").create()

            def attach(connection, _, setting=setting, sandbox=sandbox, change=change):
                setting.change_entry(sandbox, **change)
                setting.daemon.say(connection, answer("enforced"))
            setting.daemon.attach = attach
            for policy in ("fail", "ignore"):
                setting.configure(failurePolicy=policy)
                fails(DELETED, chain.add, sandbox)
                equal({key: setting.entry(sandbox)[key] for key in change}, change, "entry")
                chain.stop(sandbox)
                sandbox.create()


CASES = [
    ("calls that make no sense are refused by their codes", calls_that_make_no_sense),
    ("VERSION", version_is_told),
    ("the result is passed on byte by byte", the_result_is_passed_on_as_it_is),
    ("the VPC CNI's results, in every version", shapes_of_the_vpc_cni),
    ("ptp, without Kubernetes", ptp_has_no_kubernetes),
    ("a result like Calico's", shape_of_calico),
    ("a veth that leads to another namespace", a_veth_that_leads_elsewhere),
    ("a managed pod on a bridge is refused", bridged_pods_are_refused),
    ("the kernel's rules see the bridge, not its port", rules_do_not_see_a_bridges_ports),
    ("what the daemon answers, by either policy", answers_of_the_daemon),
    ("an unmanaged pod does not wait", unmanaged_pods_do_not_wait),
    ("a daemon that restarts is waited for", a_daemon_that_restarts_is_waited_for),
    ("a daemon that is away", a_daemon_that_is_away),
    ("a daemon that does not accept", a_daemon_that_does_not_accept),
    ("DEL while ADD waits", deleted_while_added),
    ("DEL in part while ADD waits", deleted_in_part_while_added),
]


def main():
    tap.need_kernel()
    reason = pods.missing()
    if reason:
        tap.skip(reason)
    return tap.run(CASES)


if __name__ == "__main__":
    sys.exit(main())
