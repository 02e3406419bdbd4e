"""The measured parts of docs/paper.md: rows of runs, tables and sentences made of them.

A row is one run: (data, share, hbm, read) and seconds by name. `share` is what
was asked to be read per step and layer ("1/8", or "top:64" of recordings); `hbm`
and `read`, what was read in a step, are percent of the most KV alive.
"""

import csv
import dataclasses
import math
import statistics

import markdown_page as markdown

BASELINES = ("static", "reactive-layer", "reactive-page")
BOUNDS = ("certified", "feasible", "roofline")
# What the paper reports: the most that its bound gains over a baseline.
THEIRS = 5.87


@dataclasses.dataclass(frozen=True)
class Row:
    data: str
    share: str
    hbm: int
    read: float
    seconds: dict

    @property
    def where(self):
        what = f"{self.data} traces" if self.data == "real" else f"{self.data}, {self.share}"
        return f"{what}, HBM {self.hbm}%"

    def over(self, name, base="certified"):
        """Time of `name` over that of `base`."""
        return self.seconds[name] / self.seconds[base]


def rounded(row):
    """As it reads from a file of write_rows: pages of both are the same."""
    return dataclasses.replace(row, read=float(f"{row.read:.4g}"),
                               seconds={name: float(f"{s:.8g}") for name, s in row.seconds.items()})


def write_rows(path, rows, names):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["data", "share", "hbm_percent", "read_percent", *(f"{name}_seconds" for name in names)])
        for row in rows:
            out.writerow([row.data, row.share, row.hbm, f"{row.read:.4g}",
                          *(f"{row.seconds[name]:.8g}" for name in names)])


def read_rows(path, names):
    """Rows of a file of write_rows; None where it has other columns than `names`."""
    with open(path, encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    if table[0][4:] != [f"{name}_seconds" for name in names]:
        return None
    return [Row(data, share, int(hbm), float(read), dict(zip(names, map(float, seconds))))
            for data, share, hbm, read, *seconds in table[1:]]


def times_table(rows, policies, first):
    """One line a row; `first`: names of the leading columns and what they hold."""
    names, cells = first
    heading = [*names, "roofline, ms", "certified, ms", "feasible", *policies]
    lines = []
    for row in rows:
        numbers = [f"{1e3 * row.seconds['roofline']:.3f}", f"{1e3 * row.seconds['certified']:.3f}",
                   f"{row.over('feasible'):.3f}", *(f"{row.over(policy):.2f}" for policy in policies)]
        lines.append([*cells(row), *numbers])
    return markdown.table(heading, lines)


def factors_table(groups, ours):
    """Where annealed-oracle gains most over each baseline, and what lru and ours gain there.

    `groups`: name -> rows.
    """
    heading = ["baseline", "largest where", "annealed-oracle over it", "lru over it", f"{ours} over it",
               "annealed-oracle over lru", "certified over annealed-oracle"]
    lines = []
    for rows in groups.values():
        for baseline in BASELINES:
            best = max(rows, key=lambda row: row.over(baseline, "annealed-oracle"))
            lines.append([baseline, best.where,
                          *(f"{best.over(a, b):.2f}" for a, b in (
                              (baseline, "annealed-oracle"), (baseline, "lru"), (baseline, ours),
                              ("lru", "annealed-oracle"), ("annealed-oracle", "certified")))])
    return markdown.table(heading, lines)


def gaps_table(groups, ours):
    """How far from the bounds: least, median and most over the runs of each group."""
    pairs = (("annealed-oracle", "certified"), ("annealed-oracle", "feasible"), ("feasible", "certified"),
             ("lru", "certified"), (ours, "certified"), ("certified", "roofline"))
    lines = []
    for name, rows in groups.items():
        for a, b in pairs:
            ratios = [row.over(a, b) for row in rows]
            worst = max(rows, key=lambda row: row.over(a, b))
            lines.append([name, f"{a} / {b}", f"{min(ratios):.3f}", f"{statistics.median(ratios):.3f}",
                          f"{max(ratios):.3f}", worst.where])
    return markdown.table(["runs", "ratio", "least", "median", "most", "most where"], lines)


def _largest(rows):
    """(row, baseline) of the largest factor of annealed-oracle."""
    pairs = [(row, baseline) for row in rows for baseline in BASELINES]
    return max(pairs, key=lambda pair: pair[0].over(pair[1], "annealed-oracle"))


def _static_and_reactive(rows):
    """What the factor is over static, and what over the others."""
    def most(baselines):
        return max(row.over(b, "annealed-oracle") for row in rows for b in baselines)
    above = sum(row.over("static", "annealed-oracle") >= THEIRS for row in rows)
    return [f"* Over static the factor is {THEIRS} or more in {above} of {len(rows)} runs, {most(('static',)):.2f} at "
            f"most; over reactive-layer it is at most {most(('reactive-layer',)):.2f}, over reactive-page "
            f"{most(('reactive-page',)):.2f}."]


def _where_lru_fails(rows):
    """Against the best of the baselines, and what room it has where it fails."""
    beaten = [row for row in rows if row.seconds["lru"] > min(row.seconds[b] for b in BASELINES)]
    others = [row for row in rows if row not in beaten]
    if not beaten or not others:
        return [f"* lru is slower than the best of the three baselines in {len(beaten)} of {len(rows)} runs."]
    shares = [100 * math.log(row.over("static", "lru")) / math.log(row.over("static", "annealed-oracle"))
              for row in others]
    return [f"* lru is slower than the best of the three baselines in {len(beaten)} of {len(rows)} runs: those with HBM "
            f"for at most {max(row.hbm / row.read for row in beaten):.2f} times what a step reads. The others have at "
            f"least {min(row.hbm / row.read for row in others):.2f} times; in these lru makes {min(shares):.0f} to "
            f"{max(shares):.0f}% of annealed-oracle's factor over static (logarithmic; median "
            f"{statistics.median(shares):.0f}%)."]


def findings(groups, ours):
    """Sentences with the numbers that the page argues with."""
    rows = [row for group in groups.values() for row in group]
    lines = []
    for name, group in groups.items():
        row, baseline = _largest(group)
        factor, by_lru = row.over(baseline, "annealed-oracle"), row.over(baseline, "lru")
        lines.append(f"* {name.capitalize()}: annealed-oracle is at most {factor:.2f} times as fast as a baseline of "
                     f"the paper ({baseline}; {row.where}). There lru, which knows nothing of the future, is "
                     f"{by_lru:.2f} times as fast as that baseline: {100 * math.log(by_lru) / math.log(factor):.0f}% "
                     f"of the factor on a logarithmic scale. From lru to annealed-oracle it is "
                     f"{factor / by_lru:.2f} times, from annealed-oracle to the certified bound at most "
                     f"{row.over('annealed-oracle'):.2f}.")
    lines += _static_and_reactive(rows) + _where_lru_fails(rows)
    largest = max(rows, key=lambda row: row.over("lru", "annealed-oracle"))
    lines.append(f"* Against lru annealed-oracle gains at most {largest.over('lru', 'annealed-oracle'):.2f} times "
                 f"({largest.where}), in the median "
                 f"{statistics.median(row.over('lru', 'annealed-oracle') for row in rows):.2f} times.")
    missed = max(rows, key=lambda row: row.over("annealed-oracle"))
    proven = max(rows, key=lambda row: row.over("annealed-oracle", "feasible"))
    close = sum(row.over("annealed-oracle") <= 1.01 for row in rows)
    lines.append(f"* annealed-oracle takes up to {missed.over('annealed-oracle'):.3f} times the certified bound "
                 f"({missed.where}). That much it misses at most; at least it misses what the feasible schedule "
                 f"gains on it, up to {proven.over('annealed-oracle', 'feasible'):.3f} times ({proven.where}). "
                 f"Within 1% of the certified bound it is in {close} of {len(rows)} runs.")
    gap = max(rows, key=lambda row: row.over("feasible"))
    lines.append(f"* Certified bound and feasible schedule are at most {100 * (gap.over('feasible') - 1):.1f}% apart "
                 f"({gap.where}), in the median "
                 f"{100 * (statistics.median(row.over('feasible') for row in rows) - 1):.2f}%.")
    mean = statistics.geometric_mean(row.over(ours, "lru") for row in rows)
    lines.append(f"* {ours}, one step behind, takes {mean:.2f} times the time of lru in the geometric mean of all runs, "
                 f"{min(row.over(ours, 'lru') for row in rows):.2f} to "
                 f"{max(row.over(ours, 'lru') for row in rows):.2f} times in single ones.")
    return lines
