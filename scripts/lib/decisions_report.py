"""The measured parts of docs/decisions.md: rows of runs, and tables made of them.

A row is one policy on one trace at one capacity of one machine (a *cell*), at one
decision delay, with or without read routing. A trace that is several side by side
has their names joined by "+"; it counts as tuned on if any of them is.
"""

import csv
import dataclasses
import math
import statistics

import markdown_page as markdown

# Traces that the shipped weights were fitted to, two at most. What
# has one of them in it is shown and counts in no mean.
TUNED = ("bible",)

# Geometric mean of the time over lru's (delay 0, no read routing) that is aimed
# at, by machine and HBM in percent.
TARGETS = {
    "paper-gh200": {10: 0.34, 15: 0.80, 20: 0.92, 25: 0.96},
    "h100-pcie5": {10: 0.34, 15: 0.78, 20: 0.85, 25: 0.88, 40: 1.00},
}
# The same with read routing on; only these cells are run with it.
ROUTED_TARGETS = {"paper-gh200": {40: 0.93}}

# Steps between what was read and what it changes: lru and static decide in the
# worker, the others in the server.
DELAYS = {"static": 0, "lru": 0, "lfu": 1, "balanced": 1, "belady": 0}
OUR_DELAY = 1
SLOW_DELAY = 2
BASELINES = ("static", "lru", "lfu", "balanced")
FAMILIES = ("recordings", "synthetic", "arrivals", "further")

COLUMNS = ("trace", "hbm_percent", "profile", "policy", "delay_steps", "read_routing", "seconds", "miss_share",
           "moved_bytes", "bound_seconds", "upper_seconds")


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    trace: str
    profile: str
    hbm: int

    @property
    def where(self):
        return f"{self.trace}, {self.profile}, {self.hbm}%"

    @property
    def judges(self):
        return not set(self.trace.split("+")) & set(TUNED)


@dataclasses.dataclass(frozen=True)
class Row:
    cell: Cell
    policy: str
    delay: int
    routing: bool
    seconds: float
    misses: float  # share of the bytes read
    moved: int  # bytes promoted and prefetched
    bound: float  # seconds that no schedule beats
    upper: float  # seconds of a schedule that knows the future, without read routing


def rounded(row):
    """As it reads from a file of write_rows: pages of both are the same."""
    return dataclasses.replace(row, **{name: float(f"{getattr(row, name):.8g}")
                                       for name in ("seconds", "misses", "bound", "upper")})


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for row in rows:
            out.writerow([row.cell.trace, row.cell.hbm, row.cell.profile, row.policy, row.delay,
                          "on" if row.routing else "off", f"{row.seconds:.8g}", f"{row.misses:.8g}", row.moved,
                          f"{row.bound:.8g}", f"{row.upper:.8g}"])


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [Row(Cell(line["trace"], line["profile"], int(line["hbm_percent"])), line["policy"],
                    int(line["delay_steps"]), line["read_routing"] == "on", float(line["seconds"]),
                    float(line["miss_share"]), int(line["moved_bytes"]), float(line["bound_seconds"]),
                    float(line["upper_seconds"]))
                for line in csv.DictReader(file)]


def ratio(a, b):
    """a / b, where nothing over nothing is 1."""
    if b == 0:
        return 1.0 if a == 0 else math.inf
    return a / b


def mean(ratios):
    """Geometric; None of nothing."""
    ratios = list(ratios)
    return statistics.geometric_mean(ratios) if ratios else None


def shown(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def verdict(value, target):
    if value is None:
        return "not measured"
    if value <= target:
        return "met"
    percent = 100 * (value / target - 1)
    return f"missed by {percent:.0f}%" if percent >= 10 else f"missed by {percent:.2f}%"


class Results:
    """Rows by cell and policy, and the ratios that the page is about."""

    def __init__(self, rows, ours, family_of):
        self.ours = ours
        self._rows = {(row.cell, row.policy, row.delay, row.routing): row for row in rows}
        self.cells = list(dict.fromkeys(row.cell for row in rows))
        self.routed_cells = list(dict.fromkeys(row.cell for row in rows if row.routing))
        self.profiles = list(dict.fromkeys(cell.profile for cell in self.cells))
        self.capacities = sorted({cell.hbm for cell in self.cells})
        self.traces = list(dict.fromkeys(cell.trace for cell in self.cells))
        self.families = [family for family in FAMILIES if any(family_of(trace) == family for trace in self.traces)]
        self.family_of = family_of

    def row(self, cell, policy, delay=None, routing=False):
        if delay is None:
            delay = OUR_DELAY if policy == self.ours else DELAYS[policy]
        return self._rows[cell, policy, delay, routing]

    def our(self, cell, **more):
        return self.row(cell, self.ours, **more)

    def best(self, cell, routing=False):
        """The fastest of the baselines; of equal ones the first."""
        return min((self.row(cell, policy, routing=routing) for policy in BASELINES), key=lambda row: row.seconds)

    def judging(self, profile, hbm, routed=False):
        return [cell for cell in (self.routed_cells if routed else self.cells)
                if cell.judges and (cell.profile, cell.hbm) == (profile, hbm)]

    def over_lru(self, cell, routing=False):
        return self.our(cell, routing=routing).seconds / self.row(cell, "lru").seconds

    def over_best(self, cell, routing=False):
        return self.our(cell, routing=routing).seconds / self.best(cell, routing).seconds

    def over_bound(self, cell):
        return self.our(cell).seconds / self.our(cell).bound

    def over_fast(self, cell):
        """What a step more of delay costs."""
        return self.our(cell, delay=SLOW_DELAY).seconds / self.our(cell).seconds

    def moved(self, cell):
        return ratio(self.our(cell).moved, self.row(cell, "lru").moved)

    def misses(self, cell, policy):
        """Over belady's; None where that one has none."""
        fewest = self.row(cell, "belady").misses
        return self.row(cell, policy).misses / fewest if fewest > 0 else None


def _target_line(results, profile, hbm, target, routed):
    cells = results.judging(profile, hbm, routed)
    value = mean(results.over_lru(cell, routed) for cell in cells)
    families = [mean(results.over_lru(cell, routed) for cell in cells if results.family_of(cell.trace) == family)
                for family in results.families]
    least = mean(results.our(cell).bound / results.row(cell, "lru").seconds for cell in cells)
    return value, [profile, f"{hbm}%, read routing" if routed else f"{hbm}%", shown(target, 2), shown(value),
                   "-" if target is None else verdict(value, target), shown(least), *map(shown, families)]


def targets(results):
    """Geometric means over the traces that judge, against what is aimed at."""
    lines, reached = [], []
    for profile in results.profiles:
        for routed, aims in ((False, TARGETS), (True, ROUTED_TARGETS)):
            for hbm in results.capacities:
                target = aims.get(profile, {}).get(hbm)
                if routed and not results.judging(profile, hbm, routed):
                    continue
                value, line = _target_line(results, profile, hbm, target, routed)
                lines.append(line)
                if target is not None:
                    reached.append(value is not None and value <= target)
    judging = sum(Cell(trace, "", 0).judges for trace in results.traces)
    text = [f"{results.ours} meets {sum(reached)} of {len(reached)} targets. {judging} of {len(results.traces)} traces "
            f"judge: those without {' or '.join(TUNED)}, which it was tuned on."]
    heading = ["machine", "HBM", "target", f"{results.ours} over lru", "verdict", "bound over lru",
               *(f"{family} alone" for family in results.families)]
    return markdown.wrapped(text) + [""] + markdown.table(heading, lines) + _routing_of_lru(results)


def _routing_of_lru(results):
    """Read routing helps lru, too."""
    lines = []
    for profile, hbm in dict.fromkeys((cell.profile, cell.hbm) for cell in results.routed_cells):
        cells = results.judging(profile, hbm, routed=True)
        if not cells:
            continue
        alone = mean(results.row(cell, "lru", routing=True).seconds / results.row(cell, "lru").seconds
                     for cell in cells)
        both = mean(results.our(cell, routing=True).seconds / results.row(cell, "lru", routing=True).seconds
                    for cell in cells)
        lines.append(f"With read routing lru itself takes {alone:.3f} of its time without, on {profile} at {hbm}%; "
                     f"over lru with it {results.ours} is at {both:.3f}.")
    return [""] + markdown.wrapped(lines) if lines else []


def _rule(name, limit, cells, value_of):
    """One line; `value_of` says None where a cell does not count."""
    values = {cell: value_of(cell) for cell in cells}
    values = {cell: value for cell, value in values.items() if value is not None}
    if not values:
        return [name, *"------"]
    worst = max(values, key=values.get)
    line = [name, "-" if limit is None else f"{limit:.2f}", shown(statistics.median(values.values())),
            shown(values[worst]), worst.where]
    if limit is None:
        return [*line, "-", "-"]
    return [*line, f"{sum(value <= limit for value in values.values())} of {len(values)}",
            verdict(values[worst], limit)]


def rules(results):
    """What has to hold in every single cell, tuned on or not."""
    cells = results.cells
    lines = [_rule("time over the best baseline", 1.01, cells, results.over_best)]
    if results.routed_cells:
        lines.append(_rule("the same, both with read routing", 1.01, results.routed_cells,
                           lambda cell: results.over_best(cell, routing=True)))
    lines += [_rule(f"time at delay {SLOW_DELAY} over delay {OUR_DELAY}", 1.03, cells, results.over_fast),
              _rule("bytes moved over lru's", 1.00, cells, results.moved),
              _rule("misses over belady's", None, cells, lambda cell: results.misses(cell, results.ours)),
              _rule("time over the certified bound", None, cells, results.over_bound)]
    return markdown.table([results.ours, "limit", "median", "most", "most where", "within", "verdict"], lines)


def worst(results, count=10):
    """The cells that lose most against the best baseline."""
    lines = []
    for cell in sorted(results.cells, key=lambda cell: (-results.over_best(cell), cell))[:count]:
        best = results.best(cell)
        lines.append([_marked(cell.trace), cell.profile, f"{cell.hbm}%", f"{1e3 * results.our(cell).seconds:.3f}",
                      best.policy, f"{1e3 * best.seconds:.3f}", shown(results.over_best(cell)),
                      shown(results.over_lru(cell))])
    return markdown.table(["trace", "machine", "HBM", f"{results.ours}, ms", "best baseline", "its ms", "ratio",
                           "over lru"], lines)


def _marked(trace):
    return trace if Cell(trace, "", 0).judges else f"{trace} (tuned on)"


def ratios(results):
    """One table a machine: over lru, best baseline and bound, by trace and capacity."""
    lines = []
    values_of = (results.over_lru, results.over_best, results.over_bound)

    def told(values):
        return "-" if None in values else "{:.2f} / {:.3f} / {:.2f}".format(*values)

    for profile in results.profiles:
        rows = [[_marked(trace), *(told([value(Cell(trace, profile, hbm)) for value in values_of])
                                   for hbm in results.capacities)] for trace in results.traces]
        rows.append(["geometric mean, not tuned on",
                     *(told([mean(value(cell) for cell in results.judging(profile, hbm)) for value in values_of])
                       for hbm in results.capacities)])
        lines += [f"On {profile}:", "", *markdown.table(["trace", *(f"{hbm}%" for hbm in results.capacities)], rows),
                  ""]
    return lines[:-1]


def misses(results):
    """Misses over those of belady, geometric mean over the traces that judge."""
    policies = list(dict.fromkeys((*BASELINES, results.ours)))
    lines = []
    for profile in results.profiles:
        for hbm in results.capacities:
            values = [[results.misses(cell, policy) for cell in results.judging(profile, hbm)] for policy in policies]
            lines.append([profile, f"{hbm}%", *(shown(mean(value for value in of_one if value), 2)
                                                for of_one in values)])
    return markdown.table(["machine", "HBM", *policies], lines)


def gaps(results):
    """How far the certified bound can be off."""
    values = {cell: results.our(cell).upper / results.our(cell).bound - 1 for cell in results.cells}
    largest = max(values, key=values.get)
    return (f"Certified bound and the best known schedule are {100 * statistics.median(values.values()):.2f}% apart "
            f"in the median, at most {100 * values[largest]:.1f}% ({largest.where}): so much of a distance to the bound "
            f"may be the bound's.")
