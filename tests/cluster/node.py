# SPDX-License-Identifier: GPL-2.0-or-later
"""
A cluster of one real node: etcd, kube-apiserver, scheduler and controllers; kubelet, containerd and
runc; a stand-in for the VPC CNI and one for the controller that gives pods their branch ENIs; and
podsg. Nothing else is pretended.
"""

import contextlib
import json
import os
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("netns", "hooks")]

import control_plane  # noqa: E402
import runtime  # noqa: E402
from api import ApiError, path_of  # noqa: E402
from busybox_image import IMAGE  # noqa: E402
from control_plane import ACCOUNT, ControlPlane, binary  # noqa: E402
from lab import documents, netns  # noqa: E402
from lab.daemon import BUILD, NODE_NAME, Daemon  # noqa: E402
from lab.node import Node  # noqa: E402
from lab.streams import Listener  # noqa: E402
from lab.tap import Failure, wait_for  # noqa: E402
from node_state import NodeState  # noqa: E402
from pods import AWS_CNI, Ipamd  # noqa: E402
from resources import ORDINARY, ResourceController  # noqa: E402
from runtime import Containerd, Machine, Service  # noqa: E402

NAMESPACE = "shop"
WEB = f"sg-0{0xa1:016x}"
OPEN_PORT, CLOSED_PORT = 8080, 2222
EVERYBODY = ["0.0.0.0/0", "::/0"]
START_TIMEOUT = 90.0
CONFLIST = "10-aws.conflist"

# What a kubelet sets for its whole machine. Mounted over the files themselves, in its own mount
# namespace, it finds them set.
KERNEL_TUNABLES = {
    "vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000,
}
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs", "failSwapOn": False, "makeIPTablesUtilChains": False,
    "protectKernelDefaults": True, "maxPods": 110,
    "evictionHard": {name: "0%" for name in ("memory.available", "nodefs.available",
                                             "nodefs.inodesFree", "imagefs.available")},
    "imageGCHighThresholdPercent": 100, "eventRecordQPS": 0, "kubeAPIQPS": 100, "kubeAPIBurst": 200,
    "nodeStatusUpdateFrequency": "5s", "syncFrequency": "10s",
}


def missing():
    return runtime.need("containerd", "runc", "ctr")() or control_plane.missing(
        "kubelet", "kube-scheduler", "kube-controller-manager")


class Cluster:
    """Context manager; everything runs inside of it. mode: the VPC CNI's."""

    def __init__(self, mode="standard"):
        self.mode = mode
        self.node = Node([])
        self.plane = ControlPlane(self.node.name("node"))
        self.machine = Machine(self.node.name("node"))
        self.containerd = Containerd(self.machine, cri=True)
        self.daemon = Daemon(self.node)
        self.controllers = []
        self.resources = None
        self.kubelet = None

    def __enter__(self):
        self.node.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.resources:
            self.resources.stop()
        if self.kubelet:
            self.kubelet.kill()
        if self.daemon.log:
            self.daemon.__exit__(kind)
        if self.machine.process:
            self.machine.__exit__()
        for process in self.controllers:
            process.kill()
            process.wait()
        if self.plane.api:
            self.plane.__exit__()
        self.node.__exit__()

    def _start(self):
        self._start_fabric()
        self.plane.__enter__()
        self.api = self.plane.api
        self.machine.__enter__()
        self._start_runtime()
        self._start_daemon()
        self._start_controllers()
        self._furnish()
        self.state = NodeState(self)
        self._start_resources()
        self._start_kubelet()

    def _start_fabric(self):
        """The gateway of the branch ENIs' subnet, and ordinary pods' addresses on the node."""
        netns.ip_batch([f"address add {self.node.network.branch_gateway}/32 dev lo",
                        f"route add {ORDINARY} via {self.node.network.node[0]} dev node0 onlink"],
                       self.node.name("fabric"))
        self.node.nft(runtime.NOT_BACK)

    def _start_runtime(self):
        self.machine.install(AWS_CNI, "aws-cni")
        self.machine.install(runtime.OWN_PLUGIN)
        self.containerd.start()
        self.containerd.import_image()

    # podsg

    @property
    def journal(self):
        return self.daemon.path("journal")

    def _start_daemon(self):
        self.daemon.__enter__()
        permitted = [documents.permission("tcp", OPEN_PORT, OPEN_PORT, EVERYBODY)]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(WEB, permitted, permitted)]))
        self.machine.run(["mkdir", "-p", "/etc/podsg"])
        self.configure()
        self.write_conflist()
        self.daemon.start(START_TIMEOUT)

    def configure(self, **hooks):
        user = {"token": self.api.bound_token(*ACCOUNT)}
        self.daemon.configure(
            enforcingMode=self.mode, hooks={"journal": self.journal, **hooks},
            sources={"kubernetes": {"kubeconfig": self.plane.kubeconfig("podsg", user)}})
        self.write_config()

    def write_config(self):
        """For the daemon, and for who looks where an administrator has put it."""
        self.daemon.write_config()
        shutil.copy(self.daemon.path("podsg.yaml"), self.machine.inside("/etc/podsg/podsg.yaml"))

    def conflist(self, ours=True):
        plugins = [{"type": "aws-cni", "name": "aws-cni", "vethPrefix": "eni", "mtu": "9001",
                    "podSGEnforcingMode": self.mode, "ipamd": self.daemon.path("ipamd.json"),
                    "capabilities": {"io.kubernetes.cri.pod-annotations": True}}]
        if ours:
            plugins.append({"type": "podsg-cni"})
        return {**runtime.conflist(*plugins, name="aws-cni", version="0.4.0"), "disableCheck": True}

    def write_conflist(self, ours=True):
        """As aws-node does it at every start."""
        self.machine.write_conflist(self.conflist(ours), CONFLIST)

    def active_plugins(self):
        return json.loads(self.machine.read(os.path.join(runtime.CONFLISTS, CONFLIST)))["plugins"]

    def start_guardian(self):
        guardian = Service(self.machine, "podsg-conflist",
                           [os.path.join(BUILD, "podsg-conflist"), "--watch"])
        guardian.start()
        return guardian

    def collect(self):
        """What the timer does."""
        return self.machine.run([os.path.join(BUILD, "podsg-eni-gc"), "host"])

    # The control plane's other half

    def kubeconfig(self, name):
        return self.plane.kubeconfig(name, {"token": self.plane.admin_token})

    def _start_controllers(self):
        config = self.kubeconfig("controllers")
        key = self.plane.authority.path("accounts.key")
        for name, more in (("kube-scheduler", []),
                           ("kube-controller-manager",
                            [f"--service-account-private-key-file={key}",
                             "--concurrent-statefulset-syncs=10"])):
            self.controllers.append(self.plane.spawn(name, [
                binary(name), f"--kubeconfig={config}", "--leader-elect=false", "--port=0",
                "--kube-api-qps=200", "--kube-api-burst=400", *more]))

    def _furnish(self):
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.api.create(documents.policy(NAMESPACE, "web", [WEB], {"matchLabels": {"app": "web"}}))

    def _start_resources(self):
        self.ipamd = Ipamd(self.daemon.path("ipamd.json"))
        self.ipamd.state["fabric"] = self.machine.outside_netns(self.node.name("fabric"))
        self.resources = ResourceController(self.plane.client(), self.ipamd, self.node,
                                            NAMESPACE)

    def _start_kubelet(self):
        self._prepare_kubelet()
        self.kubelet = Service(self.machine, "kubelet", [
            binary("kubelet"), f"--kubeconfig={self.kubeconfig('kubelet.conf')}",
            "--config=/var/lib/kubelet.json", f"--hostname-override={NODE_NAME}",
            f"--node-ip={self.node.network.node[0]}", "--container-runtime=remote",
            "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            f"--pod-infra-container-image={IMAGE}", "--volume-plugin-dir=/var/lib/kubelet/plugins",
            "--cert-dir=/var/lib/kubelet/pki"])
        self.kubelet.start()
        wait_for(self.ready, "the node is ready", START_TIMEOUT, 0.1)

    def _prepare_kubelet(self):
        self.machine.make_cgroups()
        self.machine.write("/var/lib/kubelet.json",
                           json.dumps({**KUBELET, "cgroupRoot": "/" + self.machine.cgroup}))
        for name, value in KERNEL_TUNABLES.items():
            path = self.machine.path(name.replace("/", "."))
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{value}\n")
            self.machine.run(["mount", "--bind", path, f"/proc/sys/{name}"])

    def ready(self):
        self.kubelet.check_alive()
        try:
            node = self.api.get("Node", None, NODE_NAME)
        except ApiError:
            return False
        return any(condition["type"] == "Ready" and condition["status"] == "True"
                   for condition in node["status"].get("conditions", []))

    # Pods

    @staticmethod
    def template(eni=True, policy=True, command=None, grace=1, restart="Always"):
        labels = {**({"eni": "yes"} if eni else {}), **({"app": "web"} if policy else {})}
        script = command or "; ".join(f"nc -ll -p {port} -e cat & :" for port in
                                      (OPEN_PORT, CLOSED_PORT)) + "; trap exit TERM; wait"
        return {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "main", "image": IMAGE, "imagePullPolicy": "Never",
                            "command": ["sh", "-c", script]}],
            "terminationGracePeriodSeconds": grace, "restartPolicy": restart,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False}}

    def create(self, name, **how):
        template = self.template(**how)
        template["metadata"]["name"] = name
        template["metadata"]["namespace"] = NAMESPACE
        return self.api.request("POST", path_of("Pod", NAMESPACE),
                                {"apiVersion": "v1", "kind": "Pod", **template})

    def create_set(self, name, replicas, **how):
        template = self.template(**how)
        template["metadata"]["labels"]["set"] = name
        return self.api.request("POST", path_of("StatefulSet", NAMESPACE), {
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"serviceName": name, "replicas": replicas, "podManagementPolicy": "Parallel",
                     "selector": {"matchLabels": {"set": name}}, "template": template}})

    def delete(self, name, grace=None, kind="Pod"):
        query = "" if grace is None else f"?gracePeriodSeconds={grace}"
        self.api.request("DELETE", path_of(kind, NAMESPACE, name) + query)

    def pods(self):
        return {pod["metadata"]["name"]: pod for pod in self.api.list("Pod", NAMESPACE)}

    def phase(self, name):
        pod = self.pods().get(name)
        return pod and pod["status"]["phase"]

    def running(self, *names):
        pods = self.pods()
        return all(name in pods and not pods[name]["metadata"].get("deletionTimestamp")
                   and pods[name]["status"]["phase"] == "Running" for name in names)

    def wait_running(self, *names, timeout=60.0):
        self._wait(lambda: self.running(*names), "run", names, timeout)

    def describe(self, *names):
        said = [f"{event['involvedObject'].get('name')}: {event['reason']}: {event['message']}"
                for event in self.api.list("Event", NAMESPACE)
                if event["involvedObject"].get("name") in names and event["type"] != "Normal"]
        phases = [f"{name}: {pod['status']['phase']}" for name, pod in self.pods().items()]
        return "\n".join(phases + said[-10:])

    def wait_gone(self, *names, timeout=120.0):
        self._wait(lambda: not set(names) & set(self.pods()), "are gone", names, timeout)

    def _wait(self, condition, what, names, timeout):
        try:
            wait_for(condition, f"{', '.join(names)} {what}", timeout, 0.1)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.describe(*names)}\n"
                          f"{self.kubelet.log_tail(8)}") from None

    def address(self, name):
        return self.pods()[name]["status"].get("podIP")

    def sandboxes(self):
        """Ids of what containerd calls a sandbox, whatever its state is."""
        said = self.containerd.ctr("containers", "list",
                                   "labels.\"io.cri-containerd.kind\"==sandbox", "-q").stdout
        return set(said.split())

    @contextlib.contextmanager
    def listeners(self):
        """Elsewhere in the VPC somebody answers on both ports."""
        with contextlib.ExitStack() as stack:
            yield {port: stack.enter_context(contextlib.closing(Listener(self.node, "db", port)))
                   for port in (OPEN_PORT, CLOSED_PORT)}

    def running_sandboxes(self):
        tasks = self.containerd.ctr("tasks", "list").stdout.splitlines()[1:]
        running = {line.split()[0] for line in tasks if line.split()[2] == "RUNNING"}
        return self.sandboxes() & running

    def wait_no_sandbox(self, timeout=90.0):
        """What kubelet has stopped stays in containerd's books for a minute."""
        wait_for(lambda: not self.running_sandboxes(), "no sandbox runs", timeout, 0.2)

    def restart_containerd(self, how=signal.SIGTERM):
        self.containerd.service.stop(how)
        self.containerd.service.start()
        self.containerd.wait()

    def restart_kubelet(self, how=signal.SIGTERM):
        self.kubelet.stop(how)
        self.kubelet.start()

    def clear(self):
        """No pod of a case meets the next one."""
        for kind in ("StatefulSet", "Pod"):
            for item in self.api.list(kind, NAMESPACE):
                try:
                    self.delete(item["metadata"]["name"], 0, kind)
                except ApiError as error:
                    if error.status != 404:
                        raise
        wait_for(lambda: not self.pods(), "the pods are gone", 90.0, 0.2)
        self.wait_no_sandbox()
