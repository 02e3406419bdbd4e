"""Real servers and workers for tests: started on free ports, ended by process.

Everything that was started is ended when the System is left, also after a
failure; nothing is ever ended by name.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request

BIN = os.environ.get("KVPLACE_BIN_DIR", "build/release/bin")
SOURCE = os.environ.get("KVPLACE_SOURCE_DIR", ".")
CTL = os.path.join(BIN, "kvplacectl")
DAEMON = os.path.join(BIN, "kvplaced")
WORKER = os.path.join(BIN, "kvplace-worker")
PATIENCE = 60


def run(*command, code=0):
    """Output of a program that ends with `code`."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE * 5)
    assert done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def synthetic(path, **options):
    """A small trace; options as of `kvplacectl trace synth`."""
    settings = {"layers": 4, "sequences": 3, "context": 1024, "steps": 60, "select-share": 0.2,
                "locality": "mixed", "seed": 5, **options}
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    run(CTL, "trace", "synth", *flags, "--out", path)
    return path


def until(condition, what, patience=PATIENCE):
    """Waits for condition() to be true and returns it."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.02)


class System:
    """A folder, and the processes that work in it."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="kvplace-test-")
        self.folder = self._folder.name
        self.processes = []
        self.address = None
        self.metrics_address = None
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        self._folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *command, log):
        with open(self.path(log), "ab") as out:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, text=True)
        self.processes.append(process)
        return process

    def log(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def start_server(self, *flags, metrics="off"):
        """On the port it had before, if there was a server before."""
        port_file = self.path("ports.json")
        if os.path.exists(port_file):
            os.remove(port_file)
        process = self.start(DAEMON, "--listen", self.address or "127.0.0.1:0", "--metrics-listen", metrics,
                             "--status-listen", "off", "--port-file", port_file, *flags, log="server.log")

        def serving():
            assert process.poll() is None, self.log("server.log")
            try:
                with open(port_file, encoding="utf-8") as file:
                    return json.load(file)
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        ports = until(serving, "the server serves")
        self.address = ports["listen"]
        self.metrics_address = ports.get("metrics")
        return process

    def start_worker(self, *flags, log="worker.log"):
        return self.start(WORKER, *flags, "--server", self.address, "--format", "json", log=log)

    def finish(self, process, log="worker.log"):
        """The report of a worker that ends by itself or was told to."""
        out, _ = process.communicate(timeout=PATIENCE * 3)
        assert process.returncode == 0, f"exit {process.returncode}\n{self.log(log)}"
        return json.loads(out)

    def ask(self, *words):
        """The JSON answer of a live command."""
        return json.loads(run(CTL, *words, "--server", self.address, "--timeout", f"{PATIENCE}s",
                              "--format", "json").stdout)

    def scrape(self):
        """Series of /metrics by name and labels."""
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=PATIENCE) as page:
            lines = page.read().decode().splitlines()
        return {series: float(value) for series, _, value in
                (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}

    def devices(self):
        return {(node["node_id"], device["device_index"]): device
                for node in self.ask("nodes")["nodes"] for device in node["devices"]}

    def picture(self, node, device=0):
        """Live blocks and those in HBM by sequence, as the server knows them."""
        listed = self.ask("nodes", node, "--sequences", str(device))["sequences"]
        return {s["sequence"]: (s["live_blocks"], s["hbm_blocks"]) for s in listed}

    def final_state(self, name):
        """The same as the worker knows it, and the whole document."""
        with open(self.path(name), encoding="utf-8") as file:
            state = json.load(file)
        return {s["sequence"]: (s["live_blocks"], s["hbm_blocks"]) for s in state["sequences"]}, state


def terminate(process):
    process.send_signal(signal.SIGTERM)
