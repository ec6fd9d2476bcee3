# Every command that a person or CI runs. `just` alone lists them.
#
# All native commands select the whole workspace in the release profile: cargo
# then unifies features the same way each time, and nothing is compiled twice.

set positional-arguments

target := absolute_path(env("CARGO_TARGET_DIR", "target"))
bin := target / "release"
component := target / "wasm32-wasip2/release/turso_connector.wasm"

export CARGO_TARGET_DIR := target
export PYTHONDONTWRITEBYTECODE := "1"

[private]
default:
    @just --list --unsorted

# Load turso.toml into its destination; without one, show it on sample data
[no-exit-message]
run *arguments: build
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -e turso.toml ]; then
        exec "{{ bin }}/connector-host" run --config turso.toml "$@"
    fi
    "{{ just_executable() }}" --justfile "{{ justfile() }}" fetch sqld
    exec "{{ bin }}/demo"

# Write a commented turso.toml to start from
[no-exit-message]
init:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -e turso.toml ]; then
        echo "error: turso.toml is there already" >&2
        echo "hint: edit it, or move it away and run \`just init\` again" >&2
        exit 1
    fi
    component="{{ component }}"
    sed "s|@COMPONENT@|${component#"$PWD"/}|" connector/turso.template.toml > turso.toml
    echo "wrote turso.toml: fill in your database, set TURSO_AUTH_TOKEN, then \`just run\`"

# Build the component and the host, with the DuckDB driver beside it
build: wasm-target (fetch "duckdb")
    cargo build --release --package turso-connector --target wasm32-wasip2
    cargo build --release --workspace --bins
    @[ -n "${CONNECTOR_HOST_DUCKDB:-}" ] || ln -f "{{ target }}"/tools/duckdb/libduckdb.so "{{ bin }}/"

# Run all tests: of the crates, and of the whole against real servers
test *arguments: build hostile (fetch "sqld" "tursodb")
    cargo test --release --workspace "$@"

# Kill at least 200 loads of a source that changes, amid faults of its server
test-long: build (fetch "sqld")
    CHAOS_KILLS="${CHAOS_KILLS:-200}" cargo test --release --workspace --test system -- chaos:: --nocapture

# Everything that CI checks
ci: lock fmt-check typos lint doc deny test

# Format the code
fmt:
    cargo fmt --all

# Lint both targets; warnings are errors
lint: wasm-target
    cargo clippy --release --package turso-connector --package hostile-connector --target wasm32-wasip2 -- -D warnings
    cargo clippy --release --workspace --all-targets --features connector-fuzz/targets -- -D warnings

# Build the documentation; warnings are errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --document-private-items

# Measure speed and memory against the floor, and the sandbox (about six minutes)
bench *arguments: build hostile (fetch "sqld")
    "{{ bin }}/bench" "$@"
    cargo bench --workspace --bench sandbox

# Measure the same table through dlt, in a Python environment of its own
bench-peers *arguments: build (fetch "sqld")
    #!/usr/bin/env bash
    set -euo pipefail
    peers="{{ target }}/tools/peers"
    [ -x "$peers/bin/python" ] || python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet --disable-pip-version-check --requirement tests/peers/requirements.txt
    exec "{{ bin }}/bench" --peers "$peers/bin/python" "$@"

# The versions in Cargo.lock are the ones that are used.
[private]
lock:
    @cargo metadata --locked --format-version 1 > /dev/null

[private]
fmt-check:
    cargo fmt --all --check

[private]
typos:
    typos

[private]
deny:
    cargo deny --locked check bans licenses sources

# Fuzz every target for so many seconds each
[no-exit-message]
fuzz seconds="600":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v "${CXX:-c++}" > /dev/null; then
        echo "error: there is no C++ compiler, and libFuzzer is written in C++" >&2
        echo "hint: install g++ or clang++, or name one in CXX" >&2
        exit 1
    fi
    # As `cargo fuzz --sanitizer none` does it; a stable compiler can. Since a
    # platform is named, build scripts and macros are compiled without this.
    platform="$(rustc --version --verbose | sed -n 's/^host: //p')"
    flags="--cfg fuzzing -Cpasses=sancov-module"
    for pass in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=" -Cllvm-args=-sanitizer-coverage-$pass"
    done
    RUSTFLAGS="$flags" cargo build --profile fuzz --target "$platform" \
        --package connector-fuzz --features libfuzzer --bins
    work="{{ target }}/fuzzing"
    failed=()
    for name in address rule pipeline_file arrow hrana; do
        mkdir -p "$work/$name/corpus" "$work/$name/findings"
        options=(-max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
            -artifact_prefix="$work/$name/findings/")
        dictionary="tests/fuzz/dictionaries/$name.dict"
        [ ! -e "$dictionary" ] || options+=(-dict="$dictionary")
        corpora=("$work/$name/corpus")
        [ ! -d "tests/fuzz/seeds/$name" ] || corpora+=("tests/fuzz/seeds/$name")
        log="$work/$name/log"
        if "{{ target }}/$platform/fuzz/$name" "${options[@]}" "${corpora[@]}" > "$log" 2>&1; then
            echo "$name: clean, $(sed -n 's/^Done //p' "$log")"
        else
            grep --text -A 20 -e panicked -e '^SUMMARY' -e 'Test unit' "$log" >&2 || tail -n 20 "$log" >&2
            failed+=("$name")
        fi
    done
    if [ "${#failed[@]}" -gt 0 ]; then
        echo "error: fuzzing failed: ${failed[*]}" >&2
        echo "hint: run {{ target }}/$platform/fuzz/<name> on what is in $work/<name>/findings" >&2
        exit 1
    fi

# Parts that are not built here go to target/tools/.
[private]
fetch +parts:
    @python3 tests/tools/fetch.py "{{ target }}/tools" "$@"

# The connector that attacks its host, for the attack suite.
[private]
hostile: wasm-target
    cargo build --release --package hostile-connector --target wasm32-wasip2

[private]
wasm-target:
    @test -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2/lib" || rustup target add wasm32-wasip2
