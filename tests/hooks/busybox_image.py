# SPDX-License-Identifier: GPL-2.0-or-later
"""The only image that the tests' containers are made of: a static busybox, as an OCI archive."""

import hashlib
import io
import json
import os
import subprocess
import tarfile

IMAGE = "docker.io/library/busybox:podsg"
BUSYBOX = "/bin/busybox"


def _add(archive, name, data=b"", **attributes):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    for key, value in attributes.items():
        setattr(entry, key, value)
    archive.addfile(entry, io.BytesIO(data) if data else None)


def _layer():
    with open(BUSYBOX, "rb") as file:
        busybox = file.read()
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            _add(archive, name, type=tarfile.DIRTYPE, mode=0o755)
        _add(archive, "bin/busybox", busybox, mode=0o755)
        for applet in sorted(set(applets.stdout.split()) - {"busybox"}):
            _add(archive, f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
        _add(archive, "etc/passwd", b"root:x:0:0::/:/bin/sh\n", mode=0o644)
        _add(archive, "etc/group", b"root:x:0:\n", mode=0o644)
    return out.getvalue()


class _Blobs:
    """The content of an OCI image layout, by digest."""

    def __init__(self, archive):
        self.archive = archive

    def add(self, media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        _add(self.archive, f"blobs/sha256/{digest}", data, mode=0o644)
        return {"mediaType": f"application/vnd.oci.image.{media_type}",
                "digest": f"sha256:{digest}", "size": len(data)}

    def add_json(self, media_type, value):
        return self.add(media_type, json.dumps(value).encode())


def write_image(path, name=IMAGE):
    """
    An OCI archive. Without words of its own a container of it sleeps until it is told to end, as
    the sandbox image of a pod does.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    layer = _layer()
    with tarfile.open(path, "w") as archive:
        blobs = _Blobs(archive)
        config = blobs.add_json("config.v1+json", {
            "architecture": machine, "os": "linux",
            "config": {"Env": ["PATH=/bin"],
                       "Cmd": ["sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]},
            "rootfs": {"type": "layers",
                       "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created_by": "tests/hooks/busybox_image.py"}]})
        manifest = blobs.add_json("manifest.v1+json", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": [blobs.add("layer.v1.tar", layer)]})
        manifest["annotations"] = {"io.containerd.image.name": name,
                                   "org.opencontainers.image.ref.name": name}
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', mode=0o644)
        _add(archive, "index.json", json.dumps(
            {"schemaVersion": 2, "manifests": [manifest]}).encode(), mode=0o644)
