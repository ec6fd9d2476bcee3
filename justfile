# All commands for people and CI. `just` without arguments lists them.
#
# All native commands select the whole workspace in the release profile. Cargo
# then unifies features the same way each time and compiles nothing twice.

set positional-arguments

target := absolute_path(env("CARGO_TARGET_DIR", "target"))
bin := target / "release"
component := target / "wasm32-wasip2/release/turso_connector.wasm"

export CARGO_TARGET_DIR := target
export PYTHONDONTWRITEBYTECODE := "1"

[private]
default:
    @just --list --unsorted

# Load the database of turso.toml; without that file, run the demonstration
[no-exit-message]
run *arguments: build
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -e turso.toml ]; then
        exec "{{ bin }}/connector-host" run --config turso.toml "$@"
    fi
    "{{ just_executable() }}" --justfile "{{ justfile() }}" fetch sqld
    exec "{{ bin }}/demo"

# Create turso.toml from a commented template
[no-exit-message]
init:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -e turso.toml ]; then
        echo "error: turso.toml exists already" >&2
        echo "hint: edit it, or move it away and run \`just init\` again" >&2
        exit 1
    fi
    component="{{ component }}"
    sed "s|@COMPONENT@|${component#"$PWD"/}|" connector/turso.template.toml > turso.toml
    echo "created turso.toml: fill in your database, set TURSO_AUTH_TOKEN, then run \`just run\`"

# Build the component and the host, and put the DuckDB library next to the host
build: wasm-target (fetch "duckdb")
    cargo build --release --package turso-connector --target wasm32-wasip2
    cargo build --release --workspace --bins
    @[ -n "${CONNECTOR_HOST_DUCKDB:-}" ] || ln -f "{{ target }}"/tools/duckdb/libduckdb.so "{{ bin }}/"

# Run all tests, including the system tests against real servers
test *arguments: build hostile (fetch "sqld" "tursodb")
    cargo test --release --workspace "$@"

# Kill 200 loads of a changing source behind a faulty server, and compare
test-long: build (fetch "sqld")
    CHAOS_KILLS="${CHAOS_KILLS:-200}" cargo test --release --workspace --test system -- chaos:: --nocapture

# Run all checks of CI
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

# Measure speed, memory and the sandbox (about six minutes)
bench *arguments: build hostile (fetch "sqld")
    "{{ bin }}/bench" "$@"
    cargo bench --workspace --bench sandbox

# Measure dlt on the same table, in a separate Python environment
bench-peers *arguments: build (fetch "sqld")
    #!/usr/bin/env bash
    set -euo pipefail
    peers="{{ target }}/tools/peers"
    [ -x "$peers/bin/python" ] || python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet --disable-pip-version-check --requirement tests/bench/peers/requirements.txt
    exec "{{ bin }}/bench" --peers "$peers/bin/python" "$@"

# Fails if Cargo.lock is not up to date.
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

# Fuzz every target for this many seconds
[no-exit-message]
fuzz seconds="600":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v "${CXX:-c++}" > /dev/null; then
        echo "error: libFuzzer needs a C++ compiler, and none was found" >&2
        echo "hint: install g++ or clang++, or set CXX to a compiler" >&2
        exit 1
    fi
    # The flags of `cargo fuzz --sanitizer none`, which a stable compiler accepts.
    # With `--target`, they do not apply to build scripts and macros.
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
        echo "hint: run {{ target }}/$platform/fuzz/<name> on the files in $work/<name>/findings" >&2
        exit 1
    fi

# Downloads prebuilt parts to target/tools/.
[private]
fetch +parts:
    @python3 tools/fetch/fetch.py "{{ target }}/tools" "$@"

# Build the connector that attacks its host, for the attack suite
hostile: wasm-target
    cargo build --release --package hostile-connector --target wasm32-wasip2

[private]
wasm-target:
    @test -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2/lib" || rustup target add wasm32-wasip2
