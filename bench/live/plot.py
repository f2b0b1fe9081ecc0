"""Figures 12 and 13 of the paper, of what was measured. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.live.bed import BedError
from bench.live.results import METRICS, Results

STYLES = {"direct": ("black", "--"), "route": ("dimgray", ":"), "nft": ("saddlebrown", "-"),
          "haproxy": ("tab:red", "-"), "nginx": ("tab:orange", "-"),
          "testpmd-afpacket": ("tab:purple", ":"), "testpmd-afxdp": ("tab:pink", ":"),
          "mcc-proxy-afpacket": ("tab:blue", "-"), "mcc-proxy-afxdp": ("tab:green", "-"),
          "mcc-proxy-dpdk-afxdp": ("tab:cyan", "-"), "mcc-proxy-dpdk-afpacket": ("tab:olive", "-")}
"""Colour and line of what figure 12 shows; a NAT is in the tables only."""


def _pyplot() -> Any:
    """Raises BedError."""
    try:
        import matplotlib
    except ImportError:
        raise BedError("plots need matplotlib: pip install matplotlib, or --no-plot") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "mcc", "font.size": 9})
    from matplotlib import pyplot

    return pyplot


def check() -> None:
    """Raises BedError where plots cannot be drawn."""
    _pyplot()


def figure12(results: Results, file: Path) -> None:
    """Gb/s and requests a second by the size of the file: offloads on at the left, off at the right."""
    plt = _pyplot()
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7), sharex=True, sharey="row")
    sizes = results.sizes()
    for column, off in enumerate((False, True)):
        for row, metric in enumerate(("gbps", "rps")):
            axis = axes[row][column]
            for box in results.boxes():
                name = box.removesuffix("-off")
                if box.endswith("-off") != off or name not in STYLES:
                    continue
                colour, line = STYLES[name]
                points = [METRICS[metric][1](results, box, s) for s in sizes]
                axis.plot(sizes, [p if p > 0 else math.nan for p in points], color=colour, linestyle=line, marker=".",
                          label=name)
            axis.set_ylabel("Gb/s" if metric == "gbps" else "requests a second")
            axis.set_yscale("log")
            axis.grid(alpha=0.3)
        axes[0][column].set_title("offloads off: frames of 1,514 bytes" if off else "offloads on: super-frames")
        axes[1][column].set_xlabel("size of the file")
        if axes[1][column].lines:
            axes[1][column].legend(fontsize=7, loc="lower left")
    _save(figure, file)


def figure13(results: Results, functions: Sequence[str], file: Path) -> None:
    """Requests a second of chains from one function to all, by size; dashed: no box, the kernel's NAT."""
    plt = _pyplot()
    sizes = results.sizes()
    figure, axes = plt.subplots(1, len(sizes), figsize=(4.6 * len(sizes), 3.6), squeeze=False)
    chains = [b for b in results.boxes() if b.startswith("chain")]
    for axis, size in zip(axes[0], sizes, strict=True):
        axis.bar(range(len(chains)), [METRICS["rps"][1](results, c, size) for c in chains], color="tab:blue")
        for name, colour, text in (("direct", "black", "no box"), ("nft", "saddlebrown", "nft: NAT alone")):
            bare = METRICS["rps"][1](results, name, size)
            if not math.isnan(bare):
                axis.axhline(bare, color=colour, linestyle="--", linewidth=1, label=text)
        labels = [functions[int(c.removeprefix("chain")) - 1] for c in chains]
        axis.set_xticks(range(len(chains)), labels, rotation=35, ha="right")
        axis.set_title(f"files of {size}")
        axis.set_ylabel("requests a second")
        if axis.lines:
            axis.legend(fontsize=7)
    _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, format="svg", metadata={"Date": None})
