# SPDX-License-Identifier: GPL-2.0-or-later
"""Throw-away authorities and certificates, made by openssl."""

import os
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Pair:
    def __init__(self, directory, name):
        self.key = os.path.join(directory, name + ".key")
        self.crt = os.path.join(directory, name + ".crt")


class Authority(Pair):
    def __init__(self, directory, name):
        super().__init__(directory, name)
        self.directory = directory
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.crt, "-days", "2",
                "-subj", f"/CN={name}")

    def sign(self, name, names="DNS:localhost, IP:127.0.0.1", days=2, subject=None):
        pair = Pair(self.directory, name)
        request = os.path.join(self.directory, name + ".csr")
        extensions = os.path.join(self.directory, name + ".ext")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName = {names}\n")
        openssl("req", *KEY, "-keyout", pair.key, "-out", request,
                "-subj", f"/CN={subject or name}")
        openssl("x509", "-req", "-in", request, "-CA", self.crt, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", pair.crt)
        return pair
