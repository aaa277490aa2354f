"""What `scripts/conformance` makes of suites that end well, badly, or not at all."""

import importlib.machinery
import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "conformance"


def load_script():
    loader = importlib.machinery.SourceFileLoader("conformance", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("conformance", loader))
    # Its dataclasses look their module up by name.
    sys.modules["conformance"] = module
    loader.exec_module(module)
    return module


class Suites(unittest.TestCase):
    """Runs made-up suites of one shell script each."""

    def outcome(self, script):
        conformance = load_script()
        with tempfile.TemporaryDirectory() as directory:
            conformance.SUITES_DIRECTORY = Path(directory)
            (Path(directory) / "s.sh").write_text(script)
            suite = conformance.Suite("s", "a suite", "s.sh", ".")
            return conformance.run_suite(suite, "nobody:1", {"later": {}}, False, Path(directory))

    def test_results_are_taken_from_a_suite_that_ends_well(self):
        outcome = self.outcome('printf "a pass\\nb fail\\n" >"$CONFORMANCE_OUT/s.txt"')
        self.assertEqual((outcome.passed, outcome.failed), (["a"], [("b", "fail")]))

    def test_a_suite_that_crashes_after_some_passes_has_failed(self):
        outcome = self.outcome('echo "a pass" >"$CONFORMANCE_OUT/s.txt"; echo no memory; exit 3')
        self.assertEqual((outcome.passed, outcome.failed), (["a"], [("s", "the suite ended with 3: no memory")]))

    def test_a_suite_without_results_has_failed(self):
        outcome = self.outcome("echo nothing")
        self.assertEqual(outcome.failed, [("s", "the suite gave no results: nothing")])


if __name__ == "__main__":
    unittest.main()
