"""Small random source files for the twin: attention-mass (raw or zstd) and authors-csv.

Every function takes a random.Random, so a seed fixes the files. Sizes: at most a few dozen steps and pages, 1..4
layers; n_prefill = 0, ties, zeros and sequences that end early all occur often. Units: tokens, pages, steps.
"""

import random
import struct
import subprocess
from dataclasses import dataclass


@dataclass
class SourceFile:
    """A written file and the import flags that it needs."""

    kind: str  # 'mass' or 'csv'
    path: str
    steps: int
    page_tokens: int


def mass_values(rng, pages, style):
    """One layer's starting masses: 'ties' few values, 'zeros' mostly zero, 'spread' any byte."""
    if style == "ties":
        return [rng.choice((0, 7, 7, 8)) for _ in range(pages)]
    if style == "zeros":
        return [rng.randrange(256) if rng.random() < 0.2 else 0 for _ in range(pages)]
    return [rng.randrange(256) for _ in range(pages)]


def write_mass(path, rng, layers, page_tokens, steps, compress=False, prefill=None, common_steps=None, source=None):
    """Writes an attention-mass file and returns its SourceFile.

    Masses drift: each step redraws a share of the pages, so policies see locality. `common_steps` and `source` (a seed)
    give files that agree on the first `common_steps` steps and differ after.
    """
    source = rng.randrange(1 << 30) if source is None else source
    shared, after = random.Random(source), random.Random(rng.randrange(1 << 30))
    style = shared.choice(("ties", "zeros", "spread"))
    if prefill is None:
        whole, any_length = page_tokens * shared.randrange(1, 12), shared.randrange(1, page_tokens * 14 + 2)
        prefill = shared.choice((0, 0, whole, any_length))
    needed = (prefill + steps - 1) // page_tokens + 1
    pages = needed + shared.choice((0, 0, 3))
    churn = shared.choice((0.05, 0.3, 1.0))
    rows = [mass_values(shared, pages, style) for _ in range(layers)]
    data = bytearray(struct.pack("<5i", steps, layers, pages, prefill, page_tokens))
    for step in range(steps):
        draw = shared if common_steps is None or step < common_steps else after
        for row in rows:
            fresh = mass_values(draw, pages, style)
            for page in range(pages):
                if draw.random() < churn:
                    row[page] = fresh[page]
            data += bytes(row)
    if compress:
        data = subprocess.run(["zstd", "-q", "-c"], input=bytes(data), stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as handle:
        handle.write(data)
    return SourceFile("mass", str(path), steps, page_tokens)


def write_csv(path, rng, layers, page_tokens, steps):
    """Writes an authors-csv file: rows `step, layer, "[token ids read]"`, every (step, layer) present, first step any
    number, token lists in any order, sometimes empty."""
    base = rng.choice((0, 1, 117))
    prefill = rng.choice((0, rng.randrange(1, page_tokens * 10)))
    comma = rng.choice((",", ", "))
    with open(path, "w", encoding="utf-8") as handle:
        for step in range(steps):
            for layer in range(layers):
                newest = prefill + step
                count = rng.choice((0, 1, rng.randrange(1, 9), rng.randrange(1, 20)))
                tokens = {rng.randrange(newest + 1) for _ in range(count)}
                if step == 0 and layer == 0:
                    tokens.add(newest)  # the longest context is seen, not only implied
                listed = list(tokens)
                rng.shuffle(listed)
                handle.write(f'{base + step}{comma}{layer}{comma}"{listed}"\n')
    return SourceFile("csv", str(path), steps, page_tokens)


def random_sources(rng, folder):
    """One to three files that can run side by side: same layers and page size, different lengths."""
    layers, page_tokens = rng.randrange(1, 5), rng.choice((1, 2, 4, 16))
    longest = rng.randrange(2, 26)
    files = []
    for index in range(rng.choice((1, 1, 2, 3))):
        steps = longest if index == 0 or rng.random() < 0.4 else rng.randrange(1, longest + 1)
        path = f"{folder}/source{index}"
        if rng.random() < 0.25:
            files.append(write_csv(path + ".csv", rng, layers, page_tokens, steps))
        else:
            files.append(write_mass(path + ".mass", rng, layers, page_tokens, steps, compress=rng.random() < 0.4))
    rng.shuffle(files)
    return files
