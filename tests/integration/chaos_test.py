#!/usr/bin/python3
"""Servers and workers that die in mid-run: the others go on, and afterwards
the server's picture of every device is what the device is."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import live_system  # noqa: E402
from live_system import System, until  # noqa: E402

STEPS = 240
# Fast enough for a short test, slow enough to be hit in mid-run.
PACE = ("--steps-per-second", "120", "--backoff-min", "0.02", "--backoff-max", "0.2")


def trace_of(system, **options):
    return live_system.synthetic(system.path("trace.kvtrace"), steps=STEPS, context=512, **options)


def last_steps(system):
    return {key: device["last_step"] for key, device in system.devices().items()}


class Chaos(unittest.TestCase):
    def start_held(self, system, trace, node, device=0, *flags):
        """A paced worker that keeps its session when it is through."""
        name = f"{node}-{device}"
        worker = system.start_worker(trace, "--node", node, "--device", str(device), *PACE, "--hold",
                                     "--final-state", system.path(name + ".json"), *flags, log=name + ".log")
        return worker, name

    def expect_same_picture(self, system, node, device, name):
        """REQUIRES: the worker is through and holds its session."""
        def ended():
            try:
                return system.final_state(name + ".json")
            except (FileNotFoundError, ValueError):
                return None

        real, state = until(ended, "the worker is through")
        self.assertEqual(state["steps"], STEPS)

        def same():
            key = (node, device)
            return key in system.devices() and system.picture(node, device) == real

        until(same, f"the server knows {node}/{device}: {real}")
        self.assertEqual(system.devices()[node, device]["hbm_resident_bytes"], state["hbm_resident_bytes"])
        self.assertEqual(len(state["hbm"]) * state["block_bytes"], state["hbm_resident_bytes"])

    def end(self, system, worker, name):
        live_system.terminate(worker)
        return system.finish(worker, name + ".log")

    def test_the_server_is_killed_and_comes_back(self):
        with System() as system:
            trace = trace_of(system)
            server = system.start_server()
            workers = [self.start_held(system, trace, node, device)
                       for node, device in (("node-a", 0), ("node-a", 1), ("node-b", 0))]
            until(lambda: len(last_steps(system)) == 3 and min(last_steps(system).values()) > 20,
                  "all workers are on their way")
            server.send_signal(signal.SIGKILL)
            server.wait()
            for _, name in workers:
                until(lambda name=name: "session: " in system.log(name + ".log"), "the worker has noticed")
            system.start_server()
            for (worker, name), (node, device) in zip(workers, (("node-a", 0), ("node-a", 1), ("node-b", 0))):
                self.expect_same_picture(system, node, device, name)
            for worker, name in workers:
                report = self.end(system, worker, name)
                session = report["session"]
                self.assertTrue(report["complete"])
                self.assertEqual(session["reconnects"], 1)
                self.assertEqual(session["resyncs"], 0)
                self.assertGreater(session["plan_steps"], 0)
                self.assertEqual(session["plan_steps"] + session["fallback_steps"], STEPS)

    def test_the_server_stays_away(self):
        with System() as system:
            trace = trace_of(system)
            server = system.start_server()
            worker = system.start_worker(trace, "--node", "node-a", *PACE)
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            server.send_signal(signal.SIGKILL)
            report = system.finish(worker)
            self.assertTrue(report["complete"])
            self.assertFalse(report["session"]["connected"])
            self.assertIn("refused", report["session"]["last_error"])
            self.assertGreater(report["session"]["fallback_steps"], 100)

    def test_a_worker_is_killed(self):
        with System() as system:
            trace = trace_of(system)
            system.start_server()
            worker, _ = self.start_held(system, trace, "node-a")
            other, other_name = self.start_held(system, trace, "node-b")
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            worker.kill()
            until(lambda: ("node-a", 0) not in system.devices(), "its blocks leave the model")
            ranked = system.ask("rank", "--tokens", "100")["devices"]
            self.assertEqual([d["node_id"] for d in ranked], ["node-b"])
            # Its device is free at once for the next one.
            again, name = self.start_held(system, trace, "node-a")
            self.expect_same_picture(system, "node-a", 0, name)
            self.expect_same_picture(system, "node-b", 0, other_name)
            self.assertEqual(self.end(system, again, name)["session"]["reconnects"], 0)
            self.assertEqual(self.end(system, other, other_name)["session"]["reconnects"], 0)
            until(lambda: not system.devices(), "all are gone")

    def test_a_worker_that_hangs_loses_its_session_and_gets_another(self):
        with System() as system:
            trace = trace_of(system)
            system.start_server("--heartbeat-timeout", "300ms")
            worker, name = self.start_held(system, trace, "node-a")
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            worker.send_signal(signal.SIGSTOP)
            until(lambda: not system.devices(), "its heartbeat lapses")
            worker.send_signal(signal.SIGCONT)
            self.expect_same_picture(system, "node-a", 0, name)
            report = self.end(system, worker, name)
            self.assertEqual(report["session"]["reconnects"], 1)
            self.assertTrue(report["complete"])

    def test_a_second_worker_takes_the_device_over(self):
        with System() as system:
            trace = trace_of(system)
            system.start_server()
            first, first_name = self.start_held(system, trace, "node-a")
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            second = system.start_worker(trace, "--node", "node-a", *PACE, "--hold", "--final-state",
                                         system.path("second.json"), log="second.log")
            self.expect_same_picture(system, "node-a", 0, "second")
            until(lambda: os.path.exists(system.path(first_name + ".json")), "the first is through")
            # They do not take it from each other again and again.
            report = self.end(system, first, first_name)
            self.assertFalse(report["session"]["connected"])
            self.assertIn("supersed", report["session"]["last_error"])
            self.assertEqual(self.end(system, second, "second")["session"]["reconnects"], 0)

    def test_drain_and_undrain(self):
        with System() as system:
            trace = trace_of(system)
            system.start_server()
            worker, name = self.start_held(system, trace, "node-a")
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            live_system.run(live_system.CTL, "drain", "node-a", "--server", system.address)
            until(lambda: not system.devices(), "the session is gone")
            until(lambda: "drain" in system.log(name + ".log"), "the worker was refused")
            live_system.run(live_system.CTL, "undrain", "node-a", "--server", system.address)
            self.expect_same_picture(system, "node-a", 0, name)
            report = self.end(system, worker, name)
            self.assertEqual(report["session"]["drains"], 1)
            self.assertGreater(report["session"]["offline_steps"], 0)

    def test_drain_to_another_server(self):
        with System() as old, System() as new:
            trace = trace_of(old)
            old.start_server()
            new.start_server()
            worker, name = self.start_held(old, trace, "node-a")
            until(lambda: last_steps(old).get(("node-a", 0), -1) > 20, "the worker is on its way")
            live_system.run(live_system.CTL, "drain", "node-a", "--reconnect-to", new.address,
                            "--server", old.address)
            until(lambda: new.devices(), "the worker has moved")
            real, _ = until(lambda: os.path.exists(old.path(name + ".json")) and old.final_state(name + ".json"),
                            "the worker is through")
            until(lambda: new.picture("node-a") == real, "the new server knows the device")
            self.assertEqual(self.end(old, worker, name)["session"]["reconnects"], 1)

    def test_a_rolling_restart(self):
        with System() as system:
            trace = trace_of(system)
            server = system.start_server("--drain-deadline", "2s")
            worker, name = self.start_held(system, trace, "node-a")
            until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
            live_system.terminate(server)
            self.assertEqual(server.wait(live_system.PATIENCE), 0)
            system.start_server()
            self.expect_same_picture(system, "node-a", 0, name)
            report = self.end(system, worker, name)
            self.assertEqual(report["session"]["drains"], 1)
            self.assertEqual(report["session"]["resyncs"], 0)

    def test_signals_end_a_run_with_its_report(self):
        with System() as system:
            trace = trace_of(system)
            system.start_server()
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                worker = system.start_worker(trace, "--node", "node-a", *PACE)
                until(lambda: last_steps(system).get(("node-a", 0), -1) > 20, "the worker is on its way")
                worker.send_signal(signal_number)
                report = system.finish(worker)
                self.assertFalse(report["complete"])
                self.assertGreater(report["steps"], 20)
                self.assertLess(report["steps"], STEPS)
                until(lambda: not system.devices(), "the session has ended")


if __name__ == "__main__":
    unittest.main()
