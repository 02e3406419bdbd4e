"""What bench/decisions runs: how traces are made, and kvplacectl simulate on them."""

import concurrent.futures
import dataclasses
import json
import pathlib
import subprocess
import threading
import time

import decisions_report as report
from decisions_report import Cell, Row

RECORDINGS = ("bible", "handbook", "code")
REQUESTS = "mooncake-conversation.jsonl.zst"
IMPORT = ("--select", "top:64", "--steps", "0:400")


@dataclasses.dataclass(frozen=True)
class Scale:
    """What one size of the bench runs. Flags of trace synth, by trace."""
    synth: dict
    arrivals: dict
    # Names of recordings, side by side.
    together: tuple
    capacities: tuple
    profiles: tuple
    # Of simulate.
    bound: tuple


_LAYERS = ("--layers", "16", "--seed", "1")
_LASTING = (*_LAYERS, "--sequences", "2", "--context", "8192", "--steps", "300")
_COMING = (*_LAYERS, "--steps", "400", "--scale-tokens", "8", "--max-active", "8", "--time-per-step", "50ms")

FULL = Scale(
    synth={
        "sticky": (*_LASTING, "--locality", "sticky"),
        "mixed": (*_LASTING, "--locality", "mixed"),
        "volatile": (*_LASTING, "--locality", "volatile"),
        "shifts": (*_LASTING, "--locality", "mixed", "--shift-every", "75"),
        "clusters": (*_LASTING, "--locality", "mixed", "--cluster-pages", "8", "--slashes", "4"),
    },
    arrivals={
        "arrivals-mixed": (*_COMING, "--locality", "mixed"),
        "arrivals-sticky": (*_COMING, "--locality", "sticky"),
    },
    together=(RECORDINGS, ("handbook", "code")),
    capacities=(10, 15, 20, 25, 40),
    profiles=("paper-gh200", "gh200-measured", "h100-pcie5"),
    bound=("--bound-gap", "0.002", "--bound-iterations", "80", "--bound-time-limit", "inf"))

_TINY = ("--layers", "3", "--steps", "24", "--seed", "1", "--locality", "mixed")

QUICK = Scale(
    synth={"mixed": (*_TINY, "--sequences", "2", "--context", "1024")},
    arrivals={"arrivals-mixed": (*_TINY, "--max-active", "3")},
    together=(),
    capacities=(10, 40),
    profiles=("paper-gh200", "h100-pcie5"),
    bound=("--bound-gap", "0.01", "--bound-iterations", "20", "--bound-time-limit", "inf"))


@dataclasses.dataclass(frozen=True)
class Trace:
    """What is simulated: files that run side by side."""
    name: str
    family: str
    files: tuple
    steps: str = None  # of simulate, where not all
    made: str = ""  # for people


class RunFailed(Exception):
    """A command that did not end well: what it was and said."""


class Runner:
    """Runs kvplacectl. Several threads may."""

    def __init__(self, ctl, folder, scale, ours, say):
        self._ctl = pathlib.Path(ctl)
        self._folder = pathlib.Path(folder)
        self._scale = scale
        self._ours = ours
        self._say = say
        self._lock = threading.Lock()
        # Guarded by _lock.
        self._done = 0

    def call(self, *arguments):
        command = [str(self._ctl), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise RunFailed(f"{' '.join(command)}: {error}") from error
        if done.returncode != 0:
            raise RunFailed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
        if done.stderr:
            self._say(done.stderr.strip())
        return done.stdout

    def _import(self, path):
        trace = self._folder / (path.name.removesuffix(".mass.zst") + ".kvtrace")
        self.call("trace", "import", "--from", "attention-mass", path, *IMPORT, "--out", trace)
        return trace

    def _synth(self, name, flags):
        trace = self._folder / f"{name}.kvtrace"
        self.call("trace", "synth", *flags, "--out", trace)
        return trace

    def made(self, data):
        """Recordings of the folder `data`, each alone and side by side."""
        flags = f"`trace import --from attention-mass NAME.mass.zst {' '.join(IMPORT)}`"
        files = {name: self._import(data / f"{name}.mass.zst") for name in RECORDINGS}
        traces = [Trace(name, "recordings", (file,), made=flags) for name, file in files.items()]
        return traces + [Trace("+".join(names), "recordings", tuple(files[name] for name in names),
                               made="side by side") for names in self._scale.together]

    def invented(self, requests):
        """Synthetic traces, and those in which the requests of a file arrive."""
        def told(flags):
            return f"`trace synth {' '.join(flags)}`"
        traces = [Trace(name, "synthetic", (self._synth(name, flags),), made=told(flags))
                  for name, flags in self._scale.synth.items()]
        return traces + [Trace(name, "arrivals", (self._synth(name, ("--requests", requests, *flags)),),
                               made=told(("--requests", requests.name, *flags)))
                         for name, flags in self._scale.arrivals.items()]

    def given(self, path):
        """A further trace."""
        if path.name.endswith(".mass.zst"):
            return Trace(path.name.removesuffix(".mass.zst"), "further", (self._import(path),),
                         made=f"`trace import --from attention-mass {path.name} {' '.join(IMPORT)}`")
        return Trace(path.name.removesuffix(".kvtrace"), "further", (path,), made=f"`{path.name}`")

    def measure(self, traces, jobs):
        """Rows of all cells, in the order of traces, machines and capacities."""
        cells = [(trace, profile, hbm) for trace in traces for profile in self._scale.profiles
                 for hbm in self._scale.capacities]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            tasks = [pool.submit(self._cell, *cell, len(cells)) for cell in cells]
            try:
                return [row for task in tasks for row in task.result()]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _simulate(self, trace, cell, policies, *flags):
        return json.loads(self.call(
            "simulate", *trace.files, *(("--steps", trace.steps) if trace.steps else ()), "--profile", cell.profile,
            "--hbm-capacity", f"{cell.hbm}%", "--policy", ",".join(policies), "--seed", "1", "--format", "json",
            *flags))

    def _rows(self, document, cell, bounds, routing=False, delay=None):
        for one in document["results"]:
            policy = one["policy"]
            expected = delay or (report.OUR_DELAY if policy == self._ours else report.DELAYS[policy])
            if one["delay_steps"] != expected:
                raise RunFailed(f"{policy} ran with delay {one['delay_steps']}, expected {expected}")
            yield report.rounded(Row(
                cell, policy, one["delay_steps"], routing, one["total_seconds"], one["miss_share"],
                one["promoted_on_read_bytes"] + one["prefetched_bytes"], bounds["hindsight_seconds"],
                bounds["hindsight_upper_seconds"]))

    def _cell(self, trace, profile, hbm, count):
        started = time.monotonic()
        cell = Cell(trace.name, profile, hbm)
        online = tuple(dict.fromkeys((*report.BASELINES, self._ours)))
        document = self._simulate(trace, cell, (*online, "belady"), "--bound", "hindsight", *self._scale.bound)
        bounds = document["bounds"]
        rows = list(self._rows(document, cell, bounds))
        slow = self._simulate(trace, cell, (self._ours,), "--delay-steps", report.SLOW_DELAY, "--bound", "none")
        rows += self._rows(slow, cell, bounds, delay=report.SLOW_DELAY)
        if hbm in report.ROUTED_TARGETS.get(profile, {}):
            # Both bounds hold with read routing, too: it need not be used.
            routed = self._simulate(trace, cell, online, "--read-routing", "on", "--bound", "none")
            rows += self._rows(routed, cell, bounds, routing=True)
        with self._lock:
            self._done += 1
            self._say(f"[{self._done}/{count}] {cell.where}: {time.monotonic() - started:.0f} s, gap "
                      f"{100 * (bounds['hindsight_upper_seconds'] / bounds['hindsight_seconds'] - 1):.2f}%")
        return rows
