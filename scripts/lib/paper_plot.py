"""The picture of docs/paper.md: time over the certified bound, in two panels.

The same points give the same bytes: no date, no random ids, text stays text.
"""

import math

import matplotlib

matplotlib.use("svg")
# pylint: disable=wrong-import-position
from matplotlib import pyplot, ticker

INK = "#222222"
FAINT = "#555555"
GRID = "#e4e4e4"
# Okabe and Ito's colours, with a dash and a marker each: told apart without
# colour, too. In the order of the legend.
STYLES = {
    "static": ("#e69f00", (0, (1, 1.2)), "s"),
    "reactive-layer": ("#cc79a7", (0, (5, 1.5)), "v"),
    "reactive-page": ("#d55e00", (0, (5, 1.5, 1, 1.5)), "^"),
    "lru": ("#0072b2", "-", "o"),
    "ours": ("#009e73", "-", "D"),
    "annealed-oracle": ("#000000", (0, (3, 1.2)), "x"),
}
SETTINGS = {
    "svg.hashsalt": "kvplace",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    # matplotlib brings the first along, so that every machine lays out alike.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}


def _panel(axes, title, x_name, ticks, lines, band):
    """`ticks`: (position, label); `lines`: name -> a ratio for each; `band`: the feasible schedule's."""
    x, labels = zip(*ticks)
    axes.fill_between(x, 1, band, color="#bbbbbb", linewidth=0)
    axes.axhline(1, color=FAINT, linewidth=1)
    for name, (colour, dash, marker) in STYLES.items():
        axes.plot(x, lines[name], color=colour, linestyle=dash, marker=marker, markersize=5, linewidth=1.6)
    axes.set_yscale("log")
    axes.set_title(title, fontsize=10.5, fontweight="bold", loc="left", color=INK)
    axes.set_xlabel(x_name)
    axes.set_xticks(x, labels)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _y_axis(axes, most):
    axes.set_ylim(0.93, most * 1.12)
    ticks = [t for t in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32) if t <= most * 1.1]
    axes.yaxis.set_major_locator(ticker.FixedLocator(ticks))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}\u00d7"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def draw(path, ours, panels):
    """Writes the SVG. `panels`: two of (title, name of x, ticks, lines, band), `lines` with the key "ours"."""
    with matplotlib.rc_context(SETTINGS):
        figure, both = pyplot.subplots(1, 2, figsize=(9.2, 4.6), sharey=True)
        for axes, panel in zip(both, panels):
            _panel(axes, *panel)
        values = [v for panel in panels for line in [*panel[3].values(), panel[4]] for v in line]
        _y_axis(both[0], max(v for v in values if math.isfinite(v)))
        both[0].set_ylabel("time / certified bound (log)")
        handles = [matplotlib.lines.Line2D([], [], color=c, linestyle=d, marker=m, markersize=5, linewidth=1.6,
                                           label=f"{ours} (ours)" if name == "ours" else name)
                   for name, (c, d, m) in STYLES.items()]
        handles.append(matplotlib.patches.Patch(color="#bbbbbb", label="bound to feasible schedule"))
        figure.tight_layout(rect=(0, 0.13, 1, 1), w_pad=2)
        figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False, fontsize=9.5, handlelength=3.2)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
