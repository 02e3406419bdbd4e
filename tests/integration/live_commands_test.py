#!/usr/bin/python3
"""kvplacectl against a running kvplaced: what it prints, exit codes, TLS and
the admin token."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import live_system  # noqa: E402
from live_system import CTL, System, run, until  # noqa: E402

# A worker that gets no time on a busy machine keeps its session.
PATIENT = ("--heartbeat-timeout", "60s")


def ctl(*words):
    return subprocess.run([CTL, *words], capture_output=True, text=True, check=False, timeout=60)


def make_certificates(system):
    """An authority, a server's and a client's certificate."""
    def openssl(*words):
        run("openssl", *words)

    path = system.path
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            "-subj", "/CN=test authority", "-days", "2")
    with open(path("names"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:kvplaced.test,IP:127.0.0.1\n")
    for who in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", path(who + ".key"), "-out", path(who + ".csr"),
                "-subj", f"/CN={who}")
        openssl("x509", "-req", "-in", path(who + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                "-CAcreateserial", "-out", path(who + ".pem"), "-days", "2", "-extfile", path("names"))


class LiveCommands(unittest.TestCase):
    def with_worker(self, system, *flags):
        trace = live_system.synthetic(system.path("a.kvtrace"), steps=20)
        worker = system.start_worker(trace, "--node", "node-a", "--model", "m7", "--hold", "--lockstep",
                                     "--final-state", system.path("final.json"), *flags)
        until(lambda: os.path.exists(system.path("final.json")), "the worker is through")
        return worker

    def test_nodes_top_and_rank(self):
        with System() as system:
            system.start_server(*PATIENT)
            self.with_worker(system)
            server = ("--server", system.address)
            until(lambda: system.devices()["node-a", 0]["last_step"] == 19, "the server has heard all")
            table = run(CTL, "nodes", *server).stdout.splitlines()
            self.assertEqual(table[0].split()[:3], ["NODE", "DEV", "MODEL"])
            self.assertEqual(table[1].split()[:6], ["node-a", "0", "m7", "shadow-price", "act", "ready"])
            self.assertEqual(system.ask("nodes", "node-a"), system.ask("nodes"))
            sessions = system.ask("nodes", "--sessions")["sessions"]
            self.assertEqual([(s["node_id"], s["ready"]) for s in sessions], [("node-a", True)])
            self.assertEqual(set(system.picture("node-a")), {0, 1, 2})
            # Frames, without a terminal.
            top = run(CTL, "top", "--frames", "2", "--interval", "0.1", *server).stdout
            self.assertEqual(top.count("STEP TIME"), 2)
            self.assertEqual(top.count("node-a"), 2)
            self.assertNotIn("\033", top)
            once = run(CTL, "top", "--once", *server).stdout.splitlines()
            self.assertEqual(len(once), 2)
            device = system.ask("top", "--once")["nodes"][0]["devices"][0]
            self.assertIn("hindsight_ratio", device)
            self.assertGreater(device["roofline_ratio"], 0)
            ranked = system.ask("rank", "--tokens", "4096", "--model", "m7")["devices"]
            self.assertEqual(ranked[0]["node_id"], "node-a")
            self.assertEqual(system.ask("rank", "--tokens", "4096", "--model", "other")["devices"], [])

    def test_policy(self):
        with System() as system:
            system.start_server(*PATIENT)
            self.with_worker(system)
            before = system.ask("policy", "get")
            self.assertEqual((before["policy"], before["mode"]), ("shadow-price", "act"))
            self.assertIn("balanced", before["available"])
            dry = system.ask("policy", "set", "lfu", "--param", "decay=0.9", "--dry-run")
            self.assertEqual(dry["after"]["parameters"], {"decay": 0.9})
            self.assertEqual(system.ask("policy", "get"), before)
            change = system.ask("policy", "set", "lru", "--node", "node-a", "--mode", "advise")
            self.assertEqual((change["after"]["policy"], change["after"]["mode"], change["sessions"]),
                             ("lru", "advise", 1))
            self.assertEqual(system.ask("policy", "get")["policy"], "shadow-price")
            mine = system.ask("policy", "get", "--node", "node-a")
            self.assertEqual((mine["policy"], mine["inherited"]), ("lru", False))
            system.ask("policy", "set", "--inherit", "--node", "node-a")
            self.assertTrue(system.ask("policy", "get", "--node", "node-a")["inherited"])
            server = ("--server", system.address)
            wrong = [(2, "lruu", ["policy", "set", "lruu"]), (2, "decay", ["policy", "set", "lfu", "--param", "decay=9"]),
                     (2, "NAME=NUMBER", ["policy", "set", "lfu", "--param", "decay"]),
                     (1, "annealed-oracle knows the future", ["policy", "set", "annealed-oracle"]),
                     (2, "--inherit", ["policy", "set"]), (2, "--mode", ["policy", "set", "lru", "--mode", "sleep"]),
                     (1, "nowhere", ["policy", "get", "--node", "nowhere"]), (1, "nowhere", ["nodes", "nowhere"]),
                     (1, "nowhere", ["undrain", "nowhere"]),
                     (1, "version", ["policy", "set", "lru", "--expected-version", "99"])]
            for code, needle, words in wrong:
                with self.subTest(words=words):
                    done = ctl(*words, *server)
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn(needle, done.stderr)
                    self.assertEqual(done.stdout, "")

    def test_nobody_there(self):
        for words in (["nodes"], ["top", "--once"], ["top"], ["policy", "get"], ["policy", "set", "lru"],
                      ["drain", "x"], ["undrain", "x"], ["rank", "--tokens", "1"]):
            with self.subTest(words=words):
                done = ctl(*words, "--server", "127.0.0.1:1")
                self.assertEqual(done.returncode, 1)
                self.assertIn("127.0.0.1:1", done.stderr)
                self.assertIn("refused", done.stderr)
                self.assertEqual(done.stdout, "")
        self.assertEqual(ctl("rank").returncode, 2)
        self.assertEqual(ctl("top", "--format", "json").returncode, 2)
        self.assertEqual(ctl("nodes", "--timeout", "soon").returncode, 2)
        self.assertIn("Example", ctl("drain", "--help").stdout)

    def test_a_worker_says_what_is_wrong(self):
        with System() as system:
            trace = live_system.synthetic(system.path("a.kvtrace"), steps=2)

            def worker(*flags):
                return subprocess.run([live_system.WORKER, *flags], capture_output=True, text=True, check=False,
                                      timeout=60)

            cases = [(2, "traces", []), (2, "--mode", [trace, "--mode", "both"]),
                     (2, "--read-routing", [trace, "--mode", "exclusive", "--read-routing", "on"]),
                     (2, "--hbm-capacity", [trace, "--hbm-capacity", "lots"]),
                     (1, "nowhere.kvtrace", ["nowhere.kvtrace"]),
                     (1, "node_id", [trace, "--node", "a b", "--connect-timeout", "1"]),
                     (1, "127.0.0.1:1", [trace, "--server", "127.0.0.1:1", "--connect-timeout", "0.2"]),
                     (1, "TLS CA file nowhere.pem", [trace, "--tls-ca", "nowhere.pem"])]
            for code, needle, flags in cases:
                with self.subTest(flags=flags):
                    done = worker(*flags)
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn(needle, done.stderr)
                    self.assertEqual(done.stdout, "")
            # What the server refuses is said in its words.
            system.start_server("--max-blocks-per-session", "10")
            # It tries until its time is over; how soon it gets an answer depends on what else the machine does.
            for seconds in ("0.5", "2", "8", "40"):
                done = worker(trace, "--node", "node-a", "--server", system.address, "--connect-timeout", seconds)
                self.assertEqual(done.returncode, 1)
                if "handles" in done.stderr:
                    break
            self.assertIn("handles", done.stderr)

    def test_tls_and_token(self):
        with System() as system:
            make_certificates(system)
            with open(system.path("token"), "w", encoding="utf-8") as file:
                file.write("secret-word-of-the-admins\n")
            path = system.path
            system.start_server(*PATIENT, "--tls-cert", path("server.pem"), "--tls-key", path("server.key"),
                                "--tls-client-ca", path("ca.pem"), "--admin-token-file", path("token"))
            server = ("--server", system.address)
            tls = ("--tls-ca", path("ca.pem"), "--tls-cert", path("client.pem"), "--tls-key", path("client.key"))
            self.with_worker(system, *tls)
            token = ("--token-file", path("token"))
            self.assertIn("node-a", run(CTL, "nodes", *server, *tls, *token).stdout)
            named = run(CTL, "nodes", *server, *tls, *token, "--tls-server-name", "kvplaced.test")
            self.assertIn("node-a", named.stdout)
            with open(path("wrong"), "w", encoding="utf-8") as file:
                file.write("a-guess-that-is-long-enough")
            for flags in (tls, (*tls, "--token-file", path("wrong")), token, (*token, "--tls-ca", path("ca.pem")),
                          (*tls, *token, "--tls-server-name", "other.test"), (*tls[:4], *token)):
                with self.subTest(flags=flags):
                    done = ctl("nodes", *server, *flags, "--timeout", "5s")
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertEqual(done.stdout, "")
                    self.assertNotIn("secret-word-of", done.stderr)
            self.assertIn("--token-file", ctl("nodes", *server, *tls).stderr)


if __name__ == "__main__":
    unittest.main()
