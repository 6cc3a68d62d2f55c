# SPDX-License-Identifier: GPL-2.0-or-later
"""The pictures, drawn by gnuplot from data files that stay beside them."""

import json
import os
import shutil
import subprocess

from measure import median, percentile

TERMINAL = "set terminal pngcairo size {size} font 'Sans,11' linewidth 1.5"
STYLE = """
set style line 1 lc rgb '#0072b2' pt 7 ps 1.2
set style line 2 lc rgb '#d55e00' pt 5 ps 1.2
set style line 3 lc rgb '#009e73' pt 9 ps 1.4
set grid lc rgb '#dddddd'
set border 3
set tics nomirror
"""


def missing():
    return None if shutil.which("gnuplot") else "gnuplot is not installed: no pictures"


def _gnuplot(script):
    subprocess.run(["gnuplot", "-"], input=script, text=True, check=True)


def _write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def flow_cost(directory, found, titles):
    """found: {shape: {(filter, count): samples in ns}}"""
    panels = []
    highest = max(median(samples) for costs in found.values() for samples in costs.values())
    lowest = min(median(samples) for costs in found.values() for samples in costs.values())
    for shape, costs in found.items():
        curves = []
        for number, name in enumerate(dict.fromkeys(name for name, _ in costs), 1):
            data = os.path.join(directory, f"flow-cost-{shape}-{number}.dat")
            _write(data, [f"{count} {median(s) / 1e3:.4f} {percentile(s, 25) / 1e3:.4f} "
                          f"{percentile(s, 75) / 1e3:.4f}"
                          for (other, count), s in costs.items() if other == name])
            curves.append(f"'{data}' using 1:2 with linespoints ls {number} title \"{name}\", "
                          f"'{data}' using 1:2:3:4 with yerrorbars ls {number} notitle")
        panels.append(f"set title \"{titles[shape]}\"\nplot {', '.join(curves)}")
    _gnuplot(f"""
{TERMINAL.format(size="1200,520")}
set output '{directory}/flow-cost.png'
{STYLE}
set logscale xy
set xrange [7:1500]
set yrange [{max(lowest / 1e3 / 2, 0.01):.3f}:{highest / 1e3 * 4:.3f}]
set xtics (10, 100, 1000)
set xlabel 'rules a direction'
set ylabel 'µs for a new flow, above no rules (median, quartiles)'
set key top left
set multiplot layout 1,2
{chr(10).join(panels)}
unset multiplot
""")


def latencies(directory, found):
    """found: {name: (samples in ms, limit or None)}; the share of changes not slower than that."""
    curves = []
    for number, (name, (samples, _)) in enumerate(found.items(), 1):
        data = os.path.join(directory, f"latency-{number}.dat")
        ordered = sorted(samples)
        _write(data, [f"{value:.4f} {100 * (rank + 1) / len(ordered):.3f}"
                      for rank, value in enumerate(ordered)])
        curves.append(f"'{data}' using 1:2 with steps lw 2 title \"{name}\"")
    limits = "\n".join(
        f"set arrow from {limit}, graph 0 to {limit}, graph 1 nohead dt 2 lc rgb '#888888'\n"
        f"set label \"{name}: {limit} ms\" at {limit}, graph 0.03 offset 0.7,0 rotate left "
        "textcolor rgb '#666666'"
        for name, (_, limit) in found.items() if limit)
    _gnuplot(f"""
{TERMINAL.format(size="900,520")}
set output '{directory}/latency.png'
{STYLE}
set logscale x
set xlabel 'ms from the document being renamed to the notification from the kernel'
set ylabel '% of the changes'
set xrange [1:1000]
set yrange [0:103]
set key outside top center horizontal
{limits}
plot {', '.join(curves)}
""")


def dns_cost(directory, found):
    """found: {load: {server: samples of CPU seconds for a million queries}}"""
    with open(os.path.join(directory, "dns-cost.json"), "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    servers = list(dict.fromkeys(name for costs in found.values() for name in costs))
    data = os.path.join(directory, "dns-cost.dat")
    _write(data, ["load " + " ".join(f'"{name}"' for name in servers)]
           + [f'"{load}" ' + " ".join(f"{median(costs[name]):.3f}" if name in costs else "0"
                                      for name in servers) for load, costs in found.items()])
    curves = [f"'{data}' using {column}:xtic(1) title columnheader fs solid 0.8"
              for column in range(2, len(servers) + 2)]
    _gnuplot(f"""
{TERMINAL.format(size="1000,520")}
set output '{directory}/dns-cost.png'
{STYLE}
set style data histograms
set style histogram clustered gap 1
set ylabel 'CPU seconds of the server for a million queries (median)'
set yrange [0:*]
set key outside top center horizontal
plot {', '.join(curves)}
""")
