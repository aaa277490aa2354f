"""Builds the client drivers once per change of their sources, below the test cache.

Run as `python -m harness.build` it builds all of them; a test that needs one builds it on first use.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

# Says, in the folder of the Node.js clients, why the one with native code could not be built.
NATIVE_FAILURE = "native-failure.txt"
CLIENTS = Path(__file__).resolve().parents[1] / "clients"


def cache_directory():
    """Where everything lives that is downloaded or built for the tests."""
    named = os.environ.get("HIGHWATER_TEST_CACHE")
    path = Path(named) if named else Path.home() / ".cache" / "highwater-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _fingerprint(folder, patterns):
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _once(name, folder, patterns, build):
    """Calls `build(directory)` unless it already ended well for the same sources."""
    directory = cache_directory() / name
    stamp = directory / ".built-from"
    wanted = _fingerprint(folder, patterns)
    if not stamp.exists() or stamp.read_text() != wanted:
        directory.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        build(directory)
        stamp.write_text(wanted)
    return directory


def _run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}")


@cache
def go_driver():
    """The path of the Go program."""
    source = CLIENTS / "go"
    directory = _once("go", source, ["*.go", "go.*"], lambda d: _run(
        ["go", "build", "-trimpath", "-o", d / "driver", "."], cwd=source, env={**os.environ, "GOFLAGS": "-mod=readonly"}
    ))
    return directory / "driver"


@cache
def java_class_path():
    """The class path with the Java driver, Kafka's clients and Kafka's own tools."""
    source = CLIENTS / "java"

    def build(directory):
        shutil.rmtree(directory / "jars", ignore_errors=True)
        shutil.rmtree(directory / "classes", ignore_errors=True)
        _run(["mvn", "-q", "-B", "-f", source / "pom.xml", f"-DbuildDirectory={directory / 'maven'}",
              "dependency:copy-dependencies", f"-DoutputDirectory={directory / 'jars'}"])
        _run(["javac", "-Xlint:all", "-Werror", "-Xlint:-processing,-classfile,-path", "-cp", f"{directory / 'jars'}/*", "-d", directory / "classes",
              *sorted(map(str, source.glob("*.java")))])

    directory = _once("java", source, ["*.java", "pom.xml"], build)
    return f"{directory / 'classes'}:{directory / 'jars'}/*"


@cache
def node_modules():
    """The folder below which the Node.js clients are installed."""
    source = CLIENTS / "node"

    def build(directory):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, directory / name)
        # Where its prebuilt library cannot be fetched, the Confluent client compiles librdkafka;
        # linked dynamically it takes its dependencies from the system instead of downloading them.
        environment = {**os.environ, "CKJS_LINKING": "dynamic"}
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        native_failure = directory / NATIVE_FAILURE
        native_failure.unlink(missing_ok=True)
        try:
            _run(command, cwd=directory, env=environment)
        except RuntimeError as error:
            _run([*command, "--ignore-scripts"], cwd=directory)
            native_failure.write_text(str(error)[-2000:])

    return _once("node", source, ["package*.json"], build) / "node_modules"


@cache
def node_codecs():
    """The folder below which the codecs of kafkajs are installed."""
    source = CLIENTS / "node-codecs"

    def build(directory):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, directory / name)
        _run(["npm", "ci", "--no-audit", "--no-fund"], cwd=directory)

    return _once("node-codecs", source, ["package*.json"], build) / "node_modules"


def native_node_failure():
    """Why the Confluent client for Node.js cannot be used, or None."""
    failure = node_modules().parent / NATIVE_FAILURE
    return f"it could not be built, see {failure}" if failure.exists() else None


def main():
    """Builds everything and says what failed."""
    failed = 0
    for name, build in (("go", go_driver), ("java", java_class_path), ("node", node_modules), ("node-codecs", node_codecs)):
        try:
            build()
            print(f"{name}: ready")
            if name == "node" and native_node_failure():
                print(f"node: @confluentinc/kafka-javascript is skipped: {native_node_failure()}", file=sys.stderr)
        except (RuntimeError, OSError) as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
