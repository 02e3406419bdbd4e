"""Servers and load for scripts/bench, each on its core, on free ports of loopback."""

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time
import urllib.request

PATIENCE = 30
# Of kvplaced: every step is sent and heard, whatever the load.
NOTHING_LEFT_OUT = ("--max-sample-every", 1)


class RunFailed(Exception):
    """A program ended badly; the text says which and what it wrote."""


def cores():
    """The server's core and the load's: the first two that may be used, or one for both."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[min(1, len(usable) - 1)]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def make_certificates(folder):
    """An authority, and by it a server's and a client's certificate."""
    path = pathlib.Path(folder)

    def openssl(*words):
        done = subprocess.run(("openssl", *map(str, words)), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RunFailed(f"openssl {' '.join(map(str, words))}: {done.stderr}")

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", path / "ca.key", "-out", path / "ca.pem", "-subj", "/CN=bench", "-days", "2")
    (path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
    for who in ("server", "client"):
        openssl("req", *key, "-keyout", path / f"{who}.key", "-out", path / f"{who}.csr", "-subj", f"/CN={who}")
        openssl("x509", "-req", "-in", path / f"{who}.csr", "-CA", path / "ca.pem", "-CAkey", path / "ca.key",
                "-CAcreateserial", "-out", path / f"{who}.pem", "-days", "2", "-extfile", path / "names")


class Server:
    """A process that listens, on the server's core. Ended when the context is left."""

    def __init__(self, folder, name, command):
        self.name = name
        port_file = pathlib.Path(folder) / f"{name}.json"
        self.log = pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen((*map(str, command), "--port-file", str(port_file)), stdout=log,
                                            stderr=log, preexec_fn=pinned(cores()[0]))
        deadline = time.monotonic() + PATIENCE
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RunFailed(f"{name} did not start: {self.log.read_text(encoding='utf-8')}")
            time.sleep(0.01)
        ports = json.loads(port_file.read_text(encoding="utf-8"))
        self.address, self.metrics_address = ports["listen"], ports.get("metrics")

    def cpu_seconds(self):
        """Of all its threads; the clock of another process (clock_getcpuclockid)."""
        return time.clock_gettime(((~self.process.pid) << 3) | 2)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def counters(self):
        """Sums over all devices, by name, and by name and reason."""
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        sums = {}
        for line in text.splitlines():
            if not line.startswith("kvplace_"):
                continue
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            reason = next((part.split('"')[1] for part in labels.split(",") if part.startswith("reason=")), None)
            key = (name, reason) if reason else name
            sums[key] = sums.get(key, 0) + float(value)
        return sums

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class Bench:
    """Where the programs are, and the servers that run."""

    def __init__(self, bin_folder, folder):
        self.bin = pathlib.Path(bin_folder)
        self.folder = pathlib.Path(folder)
        self.started = 0

    @contextlib.contextmanager
    def _server(self, kind, command):
        self.started += 1
        server = Server(self.folder, f"{kind}-{self.started}", command)
        try:
            yield server
        finally:
            server.stop()

    def kvplaced(self, policy, tls=False, flags=()):
        command = [self.bin / "kvplaced", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                   "--status-listen", "off", "--policy", policy, "--log-level", "error", *flags]
        if tls:
            command += ["--tls-cert", self.folder / "server.pem", "--tls-key", self.folder / "server.key",
                        "--tls-client-ca", self.folder / "ca.pem"]
        return self._server(f"kvplaced-{policy}", command)

    def echo(self, reply_bytes):
        return self._server("echo", [self.bin / "echo_server", "--reply-bytes", round(reply_bytes)])

    def load(self, server, *flags, tls=False, sample=None):
        """The document of kvplacectl bench, with `cpu_share`, the server's CPU time per second while the last phase
        ran. `sample`: called now and then meanwhile."""
        command = [self.bin / "kvplacectl", "bench", "--target", server.address, "--format", "json", *flags]
        if tls:
            command += ["--tls-ca", self.folder / "ca.pem", "--tls-cert", self.folder / "client.pem",
                        "--tls-key", self.folder / "client.key"]
        process = subprocess.Popen(tuple(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=pinned(cores()[1]))
        result = []
        reader = threading.Thread(target=lambda: result.extend(process.communicate()))
        reader.start()
        times = []
        while reader.is_alive():
            times.append((time.monotonic(), server.cpu_seconds()))
            if sample:
                sample()
            reader.join(0.05)
        out, errors = result
        if process.returncode != 0:
            raise RunFailed(f"{' '.join(map(str, command))}: {errors.strip()}")
        document = json.loads(out)
        document["cpu_share"] = cpu_share(times, document["phases"][-1]["seconds"])
        return document


def cpu_share(times, seconds):
    """CPU seconds per second within the last `seconds` of the samples, their edges aside."""
    end = times[-1][0]
    inner = [(at, cpu) for at, cpu in times if end - 0.9 * seconds <= at <= end - 0.05]
    if len(inner) < 2:
        inner = times
    (first, cpu_before), (last, cpu_after) = inner[0], inner[-1]
    return (cpu_after - cpu_before) / (last - first) if last > first else 0
