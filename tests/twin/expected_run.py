"""What a run must contain, recomputed from the source files alone.

Reads attention-mass files (raw or zstd) and authors-csv files as cli.md states them, and derives for every phase the
blocks read, the blocks that begin, the blocks that are freed and the tokens written. Units: tokens, pages, blocks,
bytes. Nothing here looks at kvplace's own trace format or code.
"""

import csv
import struct
import subprocess
from dataclasses import dataclass
from fractions import Fraction

MASS_HEADER = struct.Struct("<5i")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
DEFAULT_KV_BYTES = {"mass": 4096, "csv": 16384}  # per token and layer, cli.md "trace import"
DEFAULT_SELECT = 64
DEFAULT_CSV_PAGE_TOKENS = 16


class SourceError(ValueError):
    """A source file, or a combination of files, that the spec calls an error."""


@dataclass(frozen=True)
class SourceSequence:
    """One sequence inside the run's window: `prefill` tokens exist before step 0, `reads[step][group]` are pages."""

    prefill: int
    page_tokens: int
    kv_bytes_per_token: int
    reads: list

    @property
    def steps(self):
        return len(self.reads)

    @property
    def groups(self):
        return len(self.reads[0])

    def pages_at(self, step):
        """Pages 0 .. (n_prefill+s)/page_tokens exist at step s: their number."""
        return (self.prefill + step) // self.page_tokens + 1

    def initial_pages(self):
        """Pages that exist before step 0."""
        return -(-self.prefill // self.page_tokens)

    def born_page(self, step):
        """The page that first exists at this step, or None."""
        token = self.prefill + step
        return token // self.page_tokens if token % self.page_tokens == 0 else None


def read_bytes(path):
    """File contents, decompressed with the zstd program when the magic number says so."""
    with open(path, "rb") as handle:
        data = handle.read()
    if data[:4] != ZSTD_MAGIC:
        return data
    return subprocess.run(["zstd", "-dc", "--", str(path)], stdout=subprocess.PIPE, check=True).stdout


def select_pages(row, existing, select):
    """Reads under top:K: page 0 and the two newest, then the others by v, ties to the lower page; ascending."""
    always = {0, existing - 1, max(existing - 2, 0)}
    wanted = min(select, existing) - len(always)
    others = range(1, existing - 2)
    if wanted > 0:  # a stable reverse sort keeps equal masses in ascending page order
        always.update(sorted(others, key=row.__getitem__, reverse=True)[:wanted])
    return tuple(sorted(always))


def read_mass(path, select=DEFAULT_SELECT, window=None, kv_bytes_per_token=None):
    """An attention-mass file as a SourceSequence cut to `window` = (A, B) steps."""
    if select < 3:
        raise SourceError("--select top:K needs K >= 3")
    data = read_bytes(path)
    steps, layers, pages, prefill, page_tokens = MASS_HEADER.unpack_from(data)
    if len(data) != MASS_HEADER.size + steps * layers * pages:
        raise SourceError(f"{path}: length is not 20 + steps*layers*pages")
    if (prefill + steps - 1) // page_tokens + 1 > pages:
        raise SourceError(f"{path}: more pages needed than stored")
    first, last = clip_window(window, steps)
    reads = []
    for step in range(first, last):
        existing = (prefill + step) // page_tokens + 1
        offsets = [MASS_HEADER.size + (step * layers + layer) * pages for layer in range(layers)]
        reads.append([select_pages(data[at:at + existing], existing, select) for at in offsets])
    return SourceSequence(prefill + first, page_tokens, kv_bytes_per_token or DEFAULT_KV_BYTES["mass"], reads)


def parse_csv_rows(path):
    """Yields (step, layer, tokens) of an authors-csv file; a non-numeric first row is taken as a heading."""
    with open(path, newline="", encoding="utf-8") as handle:
        for number, row in enumerate(csv.reader(handle, skipinitialspace=True)):
            if not row or (number == 0 and not row[0].strip().lstrip("-").isdigit()):
                continue
            tokens = row[2].strip().strip("[]").replace(",", " ").split()
            yield int(row[0]), int(row[1]), [int(token) for token in tokens]


def read_csv(path, page_tokens=None, window=None, kv_bytes_per_token=None):
    """An authors-csv file: steps renumbered from the first row's, context just long enough for every token read."""
    page_tokens = page_tokens or DEFAULT_CSV_PAGE_TOKENS
    rows = list(parse_csv_rows(path))
    if not rows:
        raise SourceError(f"{path}: no rows")
    base = rows[0][0]
    steps = max(row[0] for row in rows) - base + 1
    layers = max(row[1] for row in rows) + 1
    prefill = max([0] + [max(tokens) - (step - base) for step, _, tokens in rows if tokens])
    pages = [[set() for _ in range(layers)] for _ in range(steps)]
    for step, layer, tokens in rows:
        pages[step - base][layer].update(token // page_tokens for token in tokens)
    first, last = clip_window(window, steps)
    reads = [[tuple(sorted(group)) for group in pages[step]] for step in range(first, last)]
    return SourceSequence(prefill + first, page_tokens, kv_bytes_per_token or DEFAULT_KV_BYTES["csv"], reads)


def clip_window(window, steps):
    """`--steps A:B` is [A, B) of this file's steps."""
    first, last = window or (0, steps)
    last = min(last, steps)
    if not 0 <= first < last:
        raise SourceError(f"--steps {first}:{last} leaves nothing of {steps} steps")
    return first, last


class ExpectedRun:
    """Blocks, reads, births, frees and new tokens per phase of several sequences that run side by side."""

    def __init__(self, sequences):
        self.sequences = list(sequences)
        first = self.sequences[0]
        if any(one.groups != first.groups for one in self.sequences):
            raise SourceError("traces have different numbers of groups")
        if any(one.page_tokens * one.kv_bytes_per_token != first.page_tokens * first.kv_bytes_per_token
               for one in self.sequences):
            raise SourceError("traces have different block sizes")
        self.groups = first.groups
        self.page_tokens = first.page_tokens
        self.kv_bytes_per_token = first.kv_bytes_per_token
        self.block_bytes = first.page_tokens * first.kv_bytes_per_token
        self.steps = max(one.steps for one in self.sequences)
        self.phases = self.steps * self.groups
        self.pages_max = max(one.pages_at(one.steps - 1) for one in self.sequences)
        self.blocks = sum(one.pages_at(one.steps - 1) for one in self.sequences) * self.groups
        self.read_blocks = sum(len(pages) for one in self.sequences for step in one.reads for pages in step)

    def block(self, sequence, group, page):
        """id = (sequence*groups + group)*pages_max + page."""
        return (sequence * self.groups + group) * self.pages_max + page

    def owner(self, block):
        """(sequence, group, page) of a block id."""
        rest, page = divmod(block, self.pages_max)
        sequence, group = divmod(rest, self.groups)
        return sequence, group, page

    def live_sequences(self, step):
        return [(index, one) for index, one in enumerate(self.sequences) if step < one.steps]

    def reads(self, phase):
        """Block ids read in the phase."""
        step, group = divmod(phase, self.groups)
        ids = set()
        for index, one in self.live_sequences(step):
            base = self.block(index, group, 0)
            ids.update(base + page for page in one.reads[step][group])
        return ids

    def births(self, phase):
        """Block ids that begin in the phase; empty past the end of the run."""
        step, group = divmod(phase, self.groups)
        pages = [(index, one.born_page(step)) for index, one in self.live_sequences(step)]
        return {self.block(index, group, page) for index, page in pages if page is not None}

    def written_blocks(self, phase):
        """The block that each live sequence's new token goes to, one per sequence."""
        step, group = divmod(phase, self.groups)
        return [self.block(index, group, one.pages_at(step) - 1) for index, one in self.live_sequences(step)]

    def new_kv_bytes(self, phase):
        """Each new token once for every live sequence of the group."""
        return len(self.live_sequences(phase // self.groups)) * self.kv_bytes_per_token

    def ended(self, phase):
        """(must, may): blocks of sequences whose last phase of this group it is. `must` of sequences that end before
        the run does; `may` of those that end with it (the text leaves open whether these are listed)."""
        step, group = divmod(phase, self.groups)
        must, may = set(), set()
        for index, one in enumerate(self.sequences):
            if step == one.steps - 1:
                base = self.block(index, group, 0)
                (may if one.steps == self.steps else must).update(range(base, base + one.pages_at(step)))
        return must, may

    def initial_blocks(self):
        """Block ids that exist before step 0."""
        return {self.block(index, group, page) for index, one in enumerate(self.sequences)
                for group in range(self.groups) for page in range(one.initial_pages())}

    def peaks_live(self):
        """Accepted peaks of live blocks: with the last phases' frees of the whole run counted, or not."""
        peaks = set()
        for free_at_end in (False, True):
            live = len(self.initial_blocks())
            peak = live
            for phase in range(self.phases):
                live += len(self.births(phase))
                peak = max(peak, live)
                must, may = self.ended(phase)
                live -= len(must) + (len(may) if free_at_end else 0)
            peaks.add(peak)
        return peaks

    def online_start(self, capacity):
        """Same start for every online policy: page 0 of each (sequence, group), then the newest initial pages, round
        robin, until C minus one block per (sequence, group) is filled. In order of placement."""
        pairs = [(index, group, one.initial_pages()) for index, one in enumerate(self.sequences)
                 for group in range(self.groups)]
        budget = max(0, capacity - len(pairs))
        order = [self.block(index, group, 0) for index, group, pages in pairs if pages]
        for age in range(1, max(pages for _, _, pages in pairs) or 1):
            order += [self.block(index, group, pages - age) for index, group, pages in pairs if pages - age > 0]
        return order[:budget]


UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_size(text):
    """'64 MiB', '4096B' or '4096' as bytes (a Fraction, exact)."""
    text = text.strip()
    digits = text.rstrip("BKMGi ")
    unit = text[len(digits):].strip()
    if unit not in UNITS:
        raise SourceError(f"size '{text}': unknown unit")
    return Fraction(digits) * UNITS[unit]


def capacity_blocks(text, peak_live, block_bytes):
    """`--hbm-capacity` in whole blocks: floor(N * peak / 100) for N%, else floor(bytes / block_bytes)."""
    text = text.strip()
    if text.endswith("%"):
        return int(Fraction(text[:-1]) * peak_live / 100 // 1)
    return int(parse_size(text) // block_bytes)
