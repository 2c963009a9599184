#!/usr/bin/env bash
# What takes long: run it by hand before resolving what it proves, and note date and result there.
#
#   .ci/nightly.sh                  everything, in hours
#   .ci/nightly.sh fuzzing seeds    only these steps
source "$(dirname "$0")/steps.sh"

tools() {
    system_packages
    cargo_tool cargo-fuzz
    cargo fetch --locked
}

# What each library shows to others, against the last release: the version says enough of what has changed.
semver() {
    local last
    last=$(git describe --tags --match 'v*' --abbrev=0 2>/dev/null) || { echo "there is no release to compare with"; return; }
    cargo_tool cargo-semver-checks
    cargo semver-checks --workspace --baseline-rev "$last"
}

# The oldest compiler that Cargo.toml promises.
oldest_rust() {
    local version
    version=$(awk -F'"' '/^rust-version/ { print $2 }' Cargo.toml)
    cargo "+$version" --version || rustup toolchain install --profile minimal "$version"
    cargo "+$version" check --workspace --locked
}

# The integration tests of py-amqp, kombu and Celery, as their packages ship them, without those that need another
# service than a broker or certificates that are not in the package.
suites() {
    local all=target/ci/suites broker data package
    python3 -m venv "$all/python"
    PATH=$PWD/$all/python/bin:$PATH
    pip install --quiet celery==5.7.0 pytest pytest-celery pytest-order pytest-rerunfailures pytest-timeout pydantic redis
    cargo build --release --locked --package warrener
    data=$(mktemp -d)
    target/release/warrener --listen 127.0.0.1:5679 --data-dir "$data" >"$all/broker.log" 2>&1 &
    broker=$!
    until grep -q "Server startup complete" "$all/broker.log"; do
        kill -0 $broker
        sleep 0.1
    done
    export RABBITMQ_HOST=127.0.0.1 RABBITMQ_5672_TCP=5679
    export TEST_BROKER=pyamqp://guest:guest@127.0.0.1:5679// TEST_BACKEND=rpc://
    suite amqp==5.4.2 t/integration/test_rmq.py -k "not tls"
    suite kombu==5.7.0 t/integration/test_py_amqp.py
    suite celery==5.7.0 t/integration/test_inspect.py
    kill $broker
    wait $broker
    rm -r "$data"
}

# suite PACKAGE==VERSION TEST...: runs tests of a package's own source archive.
suite() {
    local folder=$all/${1/==/-}
    [ -d "$folder" ] || {
        pip download --quiet --no-deps --no-build-isolation --no-binary :all: --dest "$all" "$1"
        tar --extract --gzip --file "$folder.tar.gz" --directory "$all"
    }
    shift
    (cd "$folder" && python -m pytest -q -p no:cacheprovider -W ignore --timeout 300 "$@")
}

# The description of the management API in the hands of a client that makes requests up: none may be answered with a 5xx,
# but for checks, whose answer that is.
made_up_requests() {
    local all=target/ci/made-up data broker address
    made_up() {
        "$all/python/bin/schemathesis" run "http://$address/api/openapi.json" \
            --header "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=" --checks not_a_server_error --continue-on-failure \
            --max-examples "${WARRENER_TEST_REQUESTS:-50}" "$@"
    }
    python3 -m venv "$all/python"
    "$all/python/bin/pip" install --quiet schemathesis==4.32.5
    cargo build --locked --package warrener
    data=$(mktemp -d)
    target/debug/warrener --listen 127.0.0.1:0 --management 127.0.0.1:0 --metrics off --data-dir "$data" >"$all/broker.log" 2>&1 &
    broker=$!
    until grep -q "Server startup complete" "$all/broker.log"; do
        kill -0 $broker
        sleep 0.1
    done
    address=$(sed -n 's|.*management API on http://\([^/]*\)/.*|\1|p' "$all/broker.log")
    # Users are deleted last: who makes the requests may be among them, and whatever comes then is only refused.
    local users='/users/(\{user\}|bulk-delete)$'
    made_up --exclude-path-regex "/health/checks/(port|protocol)-listener/|$users"
    curl -sSf --user guest:guest "http://$address/api/whoami" >/dev/null
    made_up --include-path-regex "$users"
    kill $broker
    wait $broker
    rm -r "$data"
}

# The properties, over and over with other histories.
properties() {
    local round crate
    local -a crates=()
    for crate in codec connection router queue broker endpoint store; do
        crates+=("--package=warrener-$crate")
    done
    for round in $(seq 50); do
        cargo test --quiet "${crates[@]}" --lib --tests
    done
}

fuzzing() {
    fuzz_targets 600
}

# The broker is killed, over and over, while messages are confirmed.
kills() {
    WARRENER_TEST_KILLS=300 cargo test --release --package warrener --test program -- durability --nocapture
}

# A broker on a file system of 64 MiB, which it fills: as root, or in a user namespace of one's own.
full_disk() {
    local -a as_root=()
    [ "$(id -u)" = 0 ] || as_root=(--map-root-user)
    cargo test --package warrener --test program --no-run
    unshare --mount "${as_root[@]}" bash -euo pipefail -c '
        small=$(mktemp -d)
        mount -t tmpfs -o size=64m tmpfs "$small"
        WARRENER_TEST_SMALL_DISK=$small cargo test --package warrener --test program -- disk::publishers_wait
    '
}

# A backlog of 2 GiB in a broker that may hold 16 MiB.
backlog() {
    WARRENER_TEST_BACKLOG_MIB=2048 cargo test --release --package warrener --test program -- backlog --nocapture
}

# Thousands of seeds of the false world.
seeds() {
    cargo run --release --package warrener-simulator -- --seeds 10000
}

# Instructions a message, against what is recorded.
counts() {
    command -v valgrind >/dev/null || install_debian valgrind
    benches/counts/run
}

# Every scenario against the distribution's RabbitMQ; the tables are in target/compare.
comparison() {
    benches/compare/run --install
}

if [ $# = 0 ]; then
    set -- tools semver oldest_rust kills full_disk backlog suites made_up_requests properties seeds planted_bugs counts comparison fuzzing
fi
run_steps "$@"
