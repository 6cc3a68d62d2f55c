# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples, what is said of them, and the table."""

import dataclasses
import math
import os

MET, MISSED, INFORMATION = "met", "MISSED", ""
CLOCK_TICK = os.sysconf("SC_CLK_TCK")


def percentile(samples, share):
    """Nearest rank: a value that was measured."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[int(rank) - 1]


def median(samples):
    ordered = sorted(samples)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def interval(samples, digits=3):
    """Where the median lies with 95 % confidence, by the order of the samples."""
    ordered = sorted(samples)
    half = 0.98 * math.sqrt(len(ordered))
    low = ordered[max(0, int(len(ordered) / 2 - half))]
    high = ordered[min(len(ordered) - 1, int(len(ordered) / 2 + half))]
    return f"95 %: {low:.{digits}f} .. {high:.{digits}f}"


def quartiles(samples, unit="", digits=2):
    low, high = percentile(samples, 25), percentile(samples, 75)
    return f"{low:.{digits}f} .. {high:.{digits}f}{unit}"


@dataclasses.dataclass
class Row:
    what: str
    value: str
    target: str = ""
    verdict: str = INFORMATION
    noise: str = ""


def judged(what, value, text, target, limit, noise="", least=False):
    """A row whose value must stay below the limit, or reach it where `least` is set."""
    good = value >= limit if least else value <= limit
    return Row(what, text, target, MET if good else MISSED, noise)


class Table:
    """Rows under headings, printed as Markdown that is also readable as text."""

    COLUMNS = ("what", "measured", "target", "", "samples; quartiles")

    def __init__(self, introduction=""):
        self.introduction = introduction
        self.parts = []

    def add(self, heading, rows):
        self.parts.append((heading, list(rows)))

    def rows(self):
        return [row for _, rows in self.parts for row in rows]

    def missed(self):
        return [row for row in self.rows() if row.verdict == MISSED]

    def text(self):
        cells = [self._cells(row) for row in self.rows()] + [self.COLUMNS]
        widths = [max(len(line[column]) for line in cells) for column in range(5)]
        lines = []
        for heading, rows in self.parts:
            lines += ["", f"## {heading}", "", self._line(self.COLUMNS, widths),
                      self._line(["-" * width for width in widths], widths)]
            lines += [self._line(self._cells(row), widths) for row in rows]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _cells(row):
        return row.what, row.value, row.target, row.verdict, row.noise

    @staticmethod
    def _line(cells, widths):
        return "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)) + " |"


def memory(pid):
    """MiB resident at most so far, and now."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key in ("VmHWM", "VmRSS"):
                found[key] = int(value.split()[0]) / 1024
    return found["VmHWM"], found["VmRSS"]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        models = [line.partition(":")[2].strip() for line in file
                  if line.startswith("model name")]
    model = models[0] if models else "CPU"
    return f"Linux {os.uname().release}, {os.cpu_count()} x {model}"


def load():
    return f"{os.getloadavg()[0]:.2f}"
