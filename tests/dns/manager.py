# SPDX-License-Identifier: GPL-2.0-or-later
"""
What systemd does for a unit with Type=notify, Restart=always and an fd store: it hears
sd_notify(3), keeps the descriptors, passes them on to the next process, and starts that one when
the one before is gone.
"""

import os
import resource
import select
import signal
import socket
import threading
import time

import place  # noqa: F401: where lab is
from lab import netns
from lab.tap import Failure, wait_for

FIRST_PASSED = 3
MESSAGE_MAX = 4096
FDS_A_MESSAGE = 64


class Life:
    """One process of the unit."""

    def __init__(self, pid):
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.began = time.monotonic()
        self.ready = None
        self.ended = None
        self.status = None  # as subprocess has it: negative for a signal
        self.heard = []     # (time, line)


class Manager:
    """
    Context manager. argv: of the unit; where: a namespace's name, or None; pause: RestartSec;
    store_max: FileDescriptorStoreMax; watchdog: WatchdogSec, after which it sends SIGABRT.
    """

    def __init__(self, directory, argv, where=None, pause=0.05, store_max=512, watchdog=None):
        self.path = os.path.join(directory, "notify")
        self.log = os.path.join(directory, "log")
        self.argv = list(argv)
        self.where = where
        self.pause = pause
        self.store_max = store_max
        self.watchdog = watchdog
        self.environment = {}
        self.before_exec = lambda: None
        self.store = []  # (name, descriptor)
        self.polled = set()
        self.lives = []
        self.stopping = False
        self.restarting = False
        self.lock = threading.RLock()

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(self.path)
        self.wake, self.waker = os.pipe()
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        self.running = False
        os.write(self.waker, b"x")
        self.thread.join()
        self.socket.close()
        os.close(self.wake)
        os.close(self.waker)
        for life in self.lives:
            os.close(life.pidfd)
        self.empty_store()

    # The process

    def _environment(self, names):
        environment = {**os.environ, **self.environment, "NOTIFY_SOCKET": self.path}
        if names:
            environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)),
                               LISTEN_FDNAMES=":".join(names))
        if self.watchdog:
            environment.update(WATCHDOG_PID=str(os.getpid()),
                               WATCHDOG_USEC=str(int(self.watchdog * 1e6)))
        return environment

    def _become(self, store):
        """In the child. Descriptors move out of the way first: some may sit where others go."""
        netns.die_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open("/dev/null", os.O_RDONLY)
        if self.where:
            there = os.open(netns.path(self.where), os.O_RDONLY)
            netns.setns(there)
        moved = [os.dup2(fd, 1000 + i) for i, (_, fd) in enumerate(store)]
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for i, fd in enumerate(moved):
            os.dup2(fd, FIRST_PASSED + i)
        os.closerange(FIRST_PASSED + len(moved), 1000 + len(moved) + 1)
        self.before_exec()
        os.execve(self.argv[0], self.argv, self._environment([name for name, _ in store]))

    def launch(self):
        with self.lock:
            store = list(self.store)
            pid = os.fork()
            if pid == 0:
                try:
                    self._become(store)
                finally:
                    os._exit(127)
            self.lives.append(Life(pid))
            os.write(self.waker, b"x")
        return self.lives[-1]

    @property
    def life(self):
        return self.lives[-1]

    def start(self, timeout=10.0):
        self.stopping = False
        return self.wait_ready(self.launch(), timeout)

    def wait_ready(self, life=None, timeout=10.0):
        life = life or self.life
        wait_for(lambda: life.ready or life.ended, "READY=1 or the end", timeout)
        if not life.ready:
            raise Failure(f"ended with {life.status} before it was ready:\n{self.log_tail()}")
        return life

    def wait_successor(self, life, timeout=10.0):
        wait_for(lambda: self.lives[-1] is not life, "another process", timeout)
        return self.wait_ready(self.lives[-1], timeout)

    def wait_end(self, life=None, timeout=10.0):
        life = life or self.life
        wait_for(lambda: life.ended, "the process ends", timeout)
        return life

    def send(self, number, life=None):
        life = life or self.life
        with self.lock:
            if not life.ended:
                signal.pidfd_send_signal(life.pidfd, number)

    def restart(self, number=signal.SIGUSR2):
        """As systemctl restart, without a pause; returns the next process, ready."""
        life = self.life
        self.restarting = True
        try:
            self.send(number)
            return self.wait_successor(life)
        finally:
            self.restarting = False

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """As systemctl stop; returns how long it took. The store is forgotten."""
        began = time.monotonic()
        self.stopping = True
        if self.lives:
            self.send(number)
            self.wait_end(timeout=timeout)
        self.empty_store()
        return time.monotonic() - began

    # What it hears

    def _run(self):
        restart_at = None
        while self.running:
            watched = [self.socket, self.wake]
            life = self.lives[-1] if self.lives else None
            if life and not life.ended:
                watched.append(life.pidfd)
            readable, _, _ = select.select(watched, [], [], self._patience(life, restart_at))
            if self.wake in readable:
                os.read(self.wake, 64)
            self._hear()
            if life and life.pidfd in readable:
                self._reap(life)
                pause = 0 if self.restarting else self.pause
                restart_at = None if self.stopping else life.ended + pause
            if restart_at and time.monotonic() >= restart_at:
                restart_at = None
                if not self.stopping:
                    self.launch()
            self._watch(life)

    @staticmethod
    def _patience(life, restart_at):
        if restart_at:
            return max(0.0, restart_at - time.monotonic())
        return 0.2

    def _reap(self, life):
        with self.lock:
            _, status = os.waitpid(life.pid, 0)
            self._hear()
            life.status = os.waitstatus_to_exitcode(status)
            life.ended = time.monotonic()

    def _watch(self, life):
        if not self.watchdog or not life or not life.ready or life.ended:
            return
        last = max([life.ready] + [when for when, line in life.heard if line == "WATCHDOG=1"])
        if time.monotonic() - last > self.watchdog:
            self.send(signal.SIGABRT, life)

    def _hear(self):
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self.socket, MESSAGE_MAX, FDS_A_MESSAGE)
            except BlockingIOError:
                return
            self._obey(message.decode().split("\n"), fds)

    def _obey(self, lines, fds):
        life = self.lives[-1]
        life.heard += [(time.monotonic(), line) for line in lines]
        values = dict(line.partition("=")[::2] for line in lines)
        if values.get("READY") == "1":
            life.ready = life.ready or time.monotonic()
        with self.lock:
            if values.get("FDSTORE") == "1":
                self._keep(values.get("FDNAME", "stored"), fds, values.get("FDPOLL") != "0")
                fds = []
            if values.get("FDSTOREREMOVE") == "1":
                self._forget(values["FDNAME"])
        for fd in fds:
            os.close(fd)

    def _keep(self, name, fds, polled):
        for fd in fds:
            if len(self.store) >= self.store_max:
                os.close(fd)
                continue
            self.store.append((name, fd))
            if polled:
                self.polled.add(name)

    def _forget(self, name):
        for stored, fd in self.store:
            if stored == name:
                os.close(fd)
        self.store = [(stored, fd) for stored, fd in self.store if stored != name]

    def empty_store(self):
        with self.lock:
            for _, fd in self.store:
                os.close(fd)
            self.store = []

    # What there is to see

    def names(self):
        with self.lock:
            return sorted(name for name, _ in self.store)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=20):
        return "\n".join(self.log_text().splitlines()[-lines:])
