#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
What podsgctl check says of the node it runs on: real links, rules and sysctls of a network
namespace, and an /etc of its own. Each check is clean first, and then finds what was broken.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import daemon as daemons  # noqa: E402
from lab import documents, netns, tap  # noqa: E402
from lab.bare import Bare  # noqa: E402
from lab.daemon import NODE_NAME, Daemon  # noqa: E402
from lab.node import Node, Pod  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402

BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PODSGCTL = os.path.abspath(os.path.join(BUILD, "asan", "podsgctl"))
GROUP = "sg-0a1b2c3d4e5f60718"
STRICT = Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "strict", 3, "shop")
STANDARD = Pod("api", ("10.0.1.6",), "standard", 4, "shop")
OLD_KERNEL = ["setarch", "--uname-2.6", "--"]
PLUGINS = ("aws-cni", "egress-cni", "portmap", "podsg-cni")
KERNEL = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
# The machine's own /etc is nobody's business here.
IN_ETC = 'mount --make-rprivate / && mount --bind "$0" /etc && exec "$@"'


class Place:
    """A node with a strict and a standard pod, of which everything is in order."""

    def __init__(self, node, daemon):
        self.node, self.daemon, self.directory = node, daemon, daemon.directory
        self.before = []
        self.make("etc/systemd/system/multi-user.target.wants", "etc/cni/net.d", "bin", "tools",
                  "journal")
        for plugin in PLUGINS:
            self.write_program(f"bin/{plugin}", "#!/bin/sh\n")
        self.write_chain("10-aws.conflist", PLUGINS)
        self.write_nft("1.0.6")
        self.sysctl("ipv4.ip_forward", 1)
        self.sysctl("ipv6.conf.all.forwarding", 1)
        self.sysctl("ipv4.tcp_early_demux", 0)
        for name in ("all", "eth0"):
            self.sysctl(f"ipv4.conf.{name}.rp_filter", 0)
        self.write_documents([STRICT, STANDARD])
        daemon.configure(hooks={"journal": self.path("journal")})
        daemon.write_config()

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, *names):
        for name in names:
            os.makedirs(self.path(name))

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def write_program(self, name, text):
        self.write(name, text)
        os.chmod(self.path(name), 0o755)

    def write_chain(self, name, plugins):
        self.write(f"etc/cni/net.d/{name}", json.dumps({
            "cniVersion": "0.4.0", "name": "aws-cni",
            "plugins": [{"name": plugin, "type": plugin} for plugin in plugins]}))

    def write_nft(self, version):
        self.write_program("tools/nft", f"#!/bin/sh\necho 'nftables v{version} (Lester Gooch #5)'\n")

    def write_documents(self, pods, node=NODE_NAME, phase="Running"):
        documents.write(self.daemon.documents, "pods.json", documents.listed(
            documents.pod(pod, node, {"app": "web"}, phase=phase) for pod in pods))
        documents.write(self.daemon.documents, "policies.json", documents.listed(
            [documents.policy("shop", "web", [GROUP], {"matchLabels": {"app": "web"}})]))

    def write_cni(self, **variables):
        env = [{"name": name, "value": value} for name, value in variables.items()]
        containers = [{"name": "aws-node", "image": "registry.example/amazon-k8s-cni:v1.19.0",
                       "env": env}]
        documents.write(self.daemon.documents, "aws-node.json", {
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "aws-node", "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": containers}}}})

    def sysctl(self, name, value):
        """A dot inside of a name is written as a slash."""
        path = name.replace(".", "\0").replace("/", ".").replace("\0", "/")
        with netns.entered(self.node.name()):
            with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
                file.write(str(value))

    def enable(self, unit):
        os.symlink(f"/lib/systemd/system/{unit}",
                   self.path(f"etc/systemd/system/multi-user.target.wants/{unit}"))

    def ip(self, *words):
        self.node.run("ip", *words)

    def judge(self, *options, tools=None):
        command = netns.command_in(self.node.name(), [
            "unshare", "--mount", "sh", "-c", IN_ETC, self.path("etc"), *self.before, PODSGCTL,
            "check", "--config", self.path("podsg.yaml"), "--cni-binaries", self.path("bin"),
            "-o", "json", *options])
        environment = {**os.environ, "PATH": f"{tools or self.path('tools')}:{os.environ['PATH']}"}
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                                env=environment)
        check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
        return json.loads(result.stdout)

    def outcome(self, identity, **more):
        answer = self.judge("--only", identity, **more)
        entry = answer["checks"][0]
        check(all(finding.get("fix") and finding.get("file") for finding in answer["findings"]),
              f"without fix or file: {answer['findings']}")
        return entry, [f"{one['object']['name']}: {one['what']}" for one in answer["findings"]]

    def is_clean(self, identity):
        entry, said = self.outcome(identity)
        equal((entry["state"], said, entry["needs"]), ("clean", [], []), identity)

    def finds(self, identity, *expected):
        _, said = self.outcome(identity)
        equal(said, list(expected), identity)

    def is_idle(self, identity):
        equal(self.outcome(identity)[0]["state"], "nothing to judge", identity)


@contextlib.contextmanager
def a_place():
    with Bare([STRICT, STANDARD], "chk") as node, Daemon(node) as daemon:
        yield Place(node, daemon)


def of_node(text):
    return f"{NODE_NAME}: {text}"


def podsg_cni_is_last(place):
    place.is_clean("node-plugin-last")
    place.write_chain("10-aws.conflist", ("aws-cni", "podsg-cni", "portmap"))
    place.finds("node-plugin-last", of_node("portmap comes behind podsg-cni"))
    place.write_chain("10-aws.conflist", ("aws-cni", "portmap"))
    place.finds("node-plugin-last", of_node("podsg-cni is installed, but not in its network"))


def only_the_first_network_counts(place):
    """As libcni sorts and chooses; what it cannot read is passed over."""
    place.write_chain("99-other.conflist", ("bridge",))
    place.write_chain("00-ignored.yaml", ("bridge",))
    place.write("etc/cni/net.d/05-broken.conflist", "{")
    place.is_clean("node-plugin-last")
    place.write_chain("05-broken.conflist", ("bridge",))
    place.finds("node-plugin-last", of_node("podsg-cni is installed, but not in its network"))


def without_hooks_no_chain_is_judged(place):
    os.unlink(place.path("bin/podsg-cni"))
    place.write_chain("10-aws.conflist", ("aws-cni", "portmap"))
    place.is_idle("node-plugin-last")
    shutil.rmtree(place.path("etc/cni"))
    place.is_idle("node-plugin-last")


def plugins_are_installed(place):
    place.is_clean("node-plugin-missing")
    os.chmod(place.path("bin/portmap"), 0o644)
    place.finds("node-plugin-missing", of_node(
        f"its network names the plugin portmap, which is not in {place.path('bin')}"))


def names_draw_nothing_on_a_terminal(place):
    place.write_chain("10-aws.conflist", ("aws-cni", "podsg-cni", "\033[31m../evil"))
    place.finds("node-plugin-last", of_node("?[31m../evil comes behind podsg-cni"))
    place.finds("node-plugin-missing", of_node(
        f"its network names the plugin ?[31m../evil, which is not in {place.path('bin')}"))
    place.write_nft("1.1.2\\033]0;x")
    place.finds("node-nft-ifname", of_node("has nft 1.1.2?]0;x"))


def rp_filter_of_the_primary_interface(place):
    place.is_clean("node-rp-filter")
    text = of_node("rp_filter of eth0 is 1, and 1 pods are standard")
    for name, value, expected in (("eth0", 1, [text]), ("eth0", 2, []), ("eth0", 0, []),
                                  ("all", 1, [text]), ("all", 2, []), ("all", 0, []),
                                  ("vlan/eth/3", 1, []), (STRICT.interface, 1, [])):
        place.sysctl(f"ipv4.conf.{name}.rp_filter", value)
        equal(place.outcome("node-rp-filter")[1], expected, f"{name} {value}")
    place.write_documents([STRICT])
    place.is_idle("node-rp-filter")


def ping(node, origin, destination):
    return node.run("ping", "-c", "1", "-W", "1", destination, who=origin,
                    check=False).returncode == 0


def what_is_said_of_rp_filter_is_true():
    """With real packets: the primary interface's matters to standard pods, no other one does."""
    with Node([STRICT, STANDARD], tag="chkrp") as node:
        inet = node.network.internet[0]
        for interface, pod, arrives in (("eth0", STANDARD, False), ("eth0", STRICT, True),
                                        (STANDARD.device, STANDARD, True),
                                        (STANDARD.interface, STANDARD, True),
                                        (STRICT.device, STRICT, True),
                                        (STRICT.interface, STRICT, True)):
            for value, expected in ((1, arrives), (2, True)):
                with netns.entered(node.name("node")):
                    with open(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter", "w",
                              encoding="ascii") as file:
                        file.write(str(value))
                equal(ping(node, pod.name, inet), expected,
                      f"{pod.name} with rp_filter {value} of {interface}: answered")


def early_demux_with_strict_pods(place):
    place.is_clean("node-early-demux")
    place.sysctl("ipv4.tcp_early_demux", 1)
    place.finds("node-early-demux", of_node(
        "net.ipv4.tcp_early_demux is 1, and shop/web and 0 more pods are strict"))
    place.write_documents([STANDARD])
    place.is_idle("node-early-demux")


def the_node_forwards(place):
    place.is_clean("node-forwarding")
    place.sysctl("ipv6.conf.all.forwarding", 0)
    place.finds("node-forwarding", of_node("net.ipv6.conf.all.forwarding is 0"))
    place.write_documents([STANDARD])
    place.is_clean("node-forwarding")
    place.sysctl("ipv4.ip_forward", 0)
    place.finds("node-forwarding", of_node("net.ipv4.ip_forward is 0"))


def the_kernel_is_new_enough(place):
    place.is_clean("node-kernel")
    place.before = OLD_KERNEL
    entry, said = place.outcome("node-kernel")
    check(entry["found"] == 1 and said[0].startswith(of_node("runs Linux 2.6.")), f"{said}")


def the_kernel_keeps_others_off_the_table(place):
    place.before = OLD_KERNEL
    entry, said = place.outcome("node-table-owner")
    check(entry["found"] == 1 and said[0].startswith(of_node("runs Linux 2.6.")), f"{said}")
    place.before = []
    equal(len(place.outcome("node-table-owner")[1]), int(KERNEL < (6, 9)), f"Linux {KERNEL}")
    place.daemon.configure(nftSync={"ownTable": False})
    place.daemon.write_config()
    place.is_idle("node-table-owner")


def the_nft_command(place):
    for version, old, poisons in (("1.0.6", False, False), ("0.9.8", True, False),
                                  ("1.0.6.1", False, True), ("1.0.9", False, False),
                                  ("1.1.1", False, False), ("1.1.2", False, True),
                                  ("2.0", False, True)):
        place.write_nft(version)
        for identity, expected in (("node-nft-old", old), ("node-nft-ifname", poisons)):
            _, said = place.outcome(identity)
            equal(said, [of_node(f"has nft {version}")] if expected else [],
                  f"{identity} of {version}")


def an_nft_that_says_nothing_is_not_judged(place):
    for text in ("#!/bin/sh\n", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho nftables vX\n"):
        place.write_program("tools/nft", text)
        check(place.outcome("node-nft-ifname")[0]["found"] == 0, text)


def the_real_nft_is_understood(place):
    version = netns.run(["nft", "--version"]).stdout.split()[1].lstrip("v")
    old = tuple(int(part) for part in version.split(".")[:3]) < (1, 0, 6)
    entry, said = place.outcome("node-nft-old", tools="/usr/sbin")
    equal((entry["judged"], said), (1, [of_node(f"has nft {version}")] if old else []), version)


def nftables_service_flushes(place):
    place.is_clean("node-flush-ruleset")
    place.write("etc/nftables.conf", "# flush ruleset\ntable inet filter {\n}\n")
    place.is_clean("node-flush-ruleset")
    place.enable("nftables.service")
    place.finds("node-flush-ruleset", of_node(
        "nftables.service is enabled, and says flush ruleset when it stops"))
    place.write("etc/nftables.conf", "flush rulesets\n")
    place.finds("node-flush-ruleset", of_node(
        "nftables.service is enabled, and says flush ruleset when it stops"))
    place.write("etc/nftables.conf", "#!/usr/sbin/nft -f\n\n flush ruleset\n\ntable inet filter {\n}\n")
    place.finds("node-flush-ruleset", of_node(
        "nftables.service is enabled, and says flush ruleset when it starts, reloads and stops"))


def firewalld_is_enabled(place):
    place.is_clean("node-firewalld")
    place.enable("firewalld.service")
    place.finds("node-firewalld", of_node("firewalld.service is enabled"))


def a_pod_keeps_its_mode(place):
    place.write_documents([STRICT])
    place.is_clean("node-mode-pinned")
    place.write_documents([STRICT, STANDARD])
    place.finds("node-mode-pinned", "api: it is standard, and the node is strict")
    place.daemon.configure(enforcingMode="standard")
    place.daemon.write_config()
    place.finds("node-mode-pinned", "web: it is strict, and the node is standard")
    place.write_documents([Pod("gone", ("10.0.1.7",), "strict", 5, "shop")])
    place.is_idle("node-mode-pinned")


def the_cni_names_interfaces_as_podsg_does(place):
    place.is_idle("node-veth-prefix")
    place.write_cni()
    place.is_clean("node-veth-prefix")
    place.write_cni(AWS_VPC_K8S_CNI_VETHPREFIX="pod")
    place.finds("node-veth-prefix", "aws-node: AWS_VPC_K8S_CNI_VETHPREFIX is pod, and vethPrefix "
                "of podsg.yaml eni")
    place.write_documents([STANDARD])
    place.is_idle("node-mode-pinned")
    place.daemon.configure(vethPrefix="pod")
    place.daemon.write_config()
    place.is_clean("node-veth-prefix")


def the_mode_is_what_the_cni_says(place):
    place.write_documents([STANDARD])
    place.write_cni()
    place.finds("node-mode-pinned", "api: it is standard, and the node is strict")
    place.write_cni(POD_SECURITY_GROUP_ENFORCING_MODE="standard")
    place.is_clean("node-mode-pinned")


def repairs_are_told(place):
    place.is_idle("node-repairs")
    place.daemon.configure(nftSync={"ownTable": False})  # else the flush passes it over
    place.daemon.start()
    place.is_clean("node-repairs")
    place.node.run("nft", "flush", "ruleset")
    wait_for(lambda: place.daemon.control("status")["kernel"]["repairs"]["count"] == 1,
             "the daemon has put its table back")
    _, said = place.outcome("node-repairs")
    check(said[0].startswith(of_node("repaired 1 times")) and "by nft" in said[0], f"{said}")


def ipvs_with_strict_pods(place):
    place.is_clean("node-ipvs-strict")
    place.ip("link", "add", "kube-ipvs0", "type", "veth")
    place.finds("node-ipvs-strict", of_node(
        "has the device kube-ipvs0, and shop/web and 0 more pods are strict"))
    place.write_documents([STANDARD])
    place.is_idle("node-ipvs-strict")


def resolvers_of_strict_pods_are_led(place):
    """By the rules that stand on this node: what podsg.yaml alone says is no proof of them."""
    identity, listed = "dns-node-local-resolver", ["169.254.20.10", "fd00:20::10"]
    missing = ("web: its dnsConfig names {}, and podsg-nft-sync knows no DNS server of the cluster "
               "to lead its queries to")

    def asks(address):
        pod = documents.pod(STRICT, NODE_NAME, {"app": "web"})
        pod["spec"] = {**pod["spec"], "dnsPolicy": "None", "dnsConfig": {"nameservers": [address]}}
        documents.write(place.daemon.documents, "pods.json", documents.listed([pod]))

    def restart(*servers):
        place.daemon.stop()
        place.daemon.configure(dns={"listen": listed, "clusterServers": list(servers)})
        place.daemon.start()
        wait_for(lambda: os.path.exists(place.path("branches.json")), "it has written branches.json")

    place.write_cni(ENABLE_POD_ENI="true", POD_SECURITY_GROUP_ENFORCING_MODE="strict")
    asks(listed[0])
    needs = place.outcome(identity)[0]["needs"]
    check(len(needs) == 1 and needs[0].startswith("podsg-nft-sync on the pods' nodes"), f"{needs}")
    restart()
    place.finds(identity, missing.format(listed[0]))
    restart("10.0.1.53")
    place.is_clean(identity)
    asks(listed[1])
    place.finds(identity, missing.format(listed[1]))
    asks(listed[0])
    place.daemon.stop()
    place.is_clean(identity)
    for broken in ("{", "[]", '{"dnsServers": 7}', '{"version": 1}'):
        place.write("branches.json", broken)
        equal(place.outcome(identity)[0]["needs"], needs, f"needs, where branches.json is {broken}")
    equal(place.judge("--only", identity, "--all-nodes")["checks"][0]["needs"], needs,
          "needs of all nodes")


def leftovers_of_pods_that_are_gone(place):
    place.ip("rule", "add", "priority", "10", "iif", "vlan.eth.3", "lookup", "103")
    place.ip("rule", "add", "priority", "1536", "from", "10.0.1.6", "lookup", "104")
    place.ip("rule", "add", "priority", "512", "to", "10.0.1.6", "lookup", "main")
    place.is_clean("node-leftovers")
    place.ip("rule", "add", "priority", "10", "iif", "vlan.eth.7", "lookup", "107")
    place.write_documents([STRICT])
    place.finds("node-leftovers",
                "vlan.eth.4: no pod of this node has VLAN 4, but there are the device and 1 ip "
                "rules to table 104",
                "vlan.eth.7: no pod of this node has VLAN 7, but there is no device and are 1 ip "
                "rules to table 107")


def only_living_pods_of_this_node_have_their_devices(place):
    here = [f"vlan.eth.{vlan}: no pod of this node has VLAN {vlan}, but there are the device and "
            f"0 ip rules to table 10{vlan}" for vlan in (3, 4)]
    for more in ({"phase": "Succeeded"}, {"node": "another"}):
        place.write_documents([STRICT, STANDARD], **more)
        place.finds("node-leftovers", *here)


def what_the_journal_knows_is_no_leftover(place):
    place.write_documents([STRICT])
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    place.write("journal/0123abcd:eth0.json", json.dumps({
        "version": 1, "sandbox": "0123abcd", "ifname": "eth0", "boot": boot, "state": "ready",
        "namespace": "shop", "pod": "api", "mode": "standard", "vlan": 4, "created": 1,
        "device": "vlan.eth.4"}))
    place.is_clean("node-leftovers")


def without_pods_nothing_is_called_left_over(place):
    for name in ("pods.json", "policies.json"):
        os.unlink(os.path.join(place.daemon.documents, name))
    place.write("documents/none.json", json.dumps({"SecurityGroups": []}))
    entry, said = place.outcome("node-leftovers")
    equal((said, entry["needs"]), ([], ["kubectl get pods -A -o json"]), "leftovers")


def this_node_is_judged_unless_another_is_asked_for(place):
    def node_checks(*options):
        answer = place.judge("--partial", *options)
        return answer.get("node"), any(entry["group"] == "Node" for entry in answer["checks"])
    equal(node_checks(), (NODE_NAME, True), "without options")
    equal(node_checks("--node", NODE_NAME), (NODE_NAME, True), "its own name")
    equal(node_checks("--node", "other"), ("other", False), "another node")
    equal(node_checks("--all-nodes"), (None, False), "all nodes")
    equal(node_checks(place.daemon.documents), (None, False), "documents")
    asked = place.judge("--only", "node-kernel", place.daemon.documents)["checks"][0]
    equal(asked["needs"], ["podsgctl check without DOCUMENTS, on the node"], "asked for by name")


CASES = (
    podsg_cni_is_last,
    only_the_first_network_counts,
    without_hooks_no_chain_is_judged,
    plugins_are_installed,
    names_draw_nothing_on_a_terminal,
    rp_filter_of_the_primary_interface,
    early_demux_with_strict_pods,
    the_node_forwards,
    the_kernel_is_new_enough,
    the_kernel_keeps_others_off_the_table,
    the_nft_command,
    an_nft_that_says_nothing_is_not_judged,
    the_real_nft_is_understood,
    nftables_service_flushes,
    firewalld_is_enabled,
    a_pod_keeps_its_mode,
    the_cni_names_interfaces_as_podsg_does,
    the_mode_is_what_the_cni_says,
    repairs_are_told,
    ipvs_with_strict_pods,
    resolvers_of_strict_pods_are_led,
    leftovers_of_pods_that_are_gone,
    only_living_pods_of_this_node_have_their_devices,
    what_the_journal_knows_is_no_leftover,
    without_pods_nothing_is_called_left_over,
    this_node_is_judged_unless_another_is_asked_for,
)


def every_check_of_the_node_has_a_case():
    with open(os.path.abspath(__file__), encoding="utf-8") as file:
        text = file.read()
    listed = json.loads(subprocess.run([PODSGCTL, "check", "--list", "-o", "json"], check=True,
                                       capture_output=True, text=True).stdout)
    equal([entry["id"] for entry in listed
           if entry["group"] == "Node" and f'"{entry["id"]}"' not in text], [], "without a case")


def in_a_place(case):
    with a_place() as place:
        case(place)


def main():
    daemons.need()
    program = tap.Program()
    program.case("every check of the node has a case", every_check_of_the_node_has_a_case)
    program.case("what is said of rp filter is true", what_is_said_of_rp_filter_is_true)
    for case in CASES:
        if not sys.argv[1:] or any(word in case.__name__ for word in sys.argv[1:]):
            program.case(case.__name__.replace("_", " "), in_a_place, case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
