# SPDX-License-Identifier: GPL-2.0-or-later
"""The instance metadata service, behind whatever server answers its requests."""

import datetime
import json
import time


def utc(seconds=0):
    return datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)


class Metadata:
    """IMDSv2. mode: None, or how it fails: "silent" (the hop limit), "403", "401" (no token is
    good)."""

    def __init__(self):
        self.mode = None
        self.role = None      # name
        self.keys = {}        # as IMDS writes them
        self.values = {}      # path below latest/ -> text
        self.tokens = set()
        self.asked = []

    def put(self, handler):
        self.asked.append(handler.path)
        if self.mode == "silent":
            time.sleep(8)
            handler.close_connection = True
        elif self.mode == "403":
            handler.send(403)
        elif "X-aws-ec2-metadata-token-ttl-seconds" not in handler.headers:
            handler.send(400)
        else:
            token = f"token-{len(self.tokens)}=="
            self.tokens.add(token)
            handler.send(200, token.encode())

    def text(self, path):
        roles = "meta-data/iam/security-credentials/"
        if path == roles and self.role:
            return self.role
        if self.role and path == roles + self.role:
            return json.dumps(self.keys)
        return self.values.get(path)

    def get(self, handler):
        self.asked.append(handler.path)
        if handler.headers.get("X-aws-ec2-metadata-token") not in self.tokens:
            handler.send(401)
            return
        text = self.text(handler.path.removeprefix("/latest/"))
        handler.send(404) if text is None else handler.send(200, text.encode())

    def give_role(self, name, access, secret, token, seconds):
        self.role = name
        self.keys = {"Code": "Success", "LastUpdated": utc().strftime("%Y-%m-%dT%H:%M:%SZ"),
                     "Type": "AWS-HMAC", "AccessKeyId": access, "SecretAccessKey": secret,
                     "Token": token,
                     "Expiration": utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")}
