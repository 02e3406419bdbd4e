"""Checks of a script of scripts/deploy-checks: a line for each, and a count at the end."""

import sys
import time


class CheckList:
    def __init__(self):
        self.passed = self.failed = 0
        self._began = time.monotonic()

    def add(self, name, problems=()):
        """One check; `problems` are what is wrong, one string each."""
        problems = list(problems)
        now = time.monotonic()
        print(f"{'FAILED' if problems else 'ok':<6} {now - self._began:5.1f} s  {name}", flush=True)
        self._began = now
        for problem in problems:
            print("       " + problem.replace("\n", "\n       "), flush=True)
        if problems:
            self.failed += 1
        else:
            self.passed += 1

    def finish(self):
        """The last line, and the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)
