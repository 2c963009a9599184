# Sourced by run and nightly.sh: how steps are run, timed and named, and where their tools come from.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Client programs may not be skipped, and half-built artefacts are not reused.
export CI=true CARGO_INCREMENTAL=0
tools=$PWD/target/ci/tools
export PATH=$tools/cargo-deny/bin:$tools/cargo-fuzz/bin:$tools/cargo-semver-checks/bin:$tools/cargo-shear/bin:$PATH

declare -a minutes=()
steps=0 current=start

# run_steps STEP...: runs functions in order and says how long each took; ends at the first that fails.
run_steps() {
    steps=$#
    trap 'report $?' EXIT
    for current in "$@"; do
        printf '\n== %s\n' "$current"
        local start=$SECONDS
        "$current"
        minutes+=("$(awk -v s=$((SECONDS - start)) 'BEGIN { printf "%5.1f", s / 60 }') min  $current")
    done
}

# Every bug that is planted on purpose is found by the simulator within so many seeds.
planted_bugs() {
    RUSTFLAGS="--cfg warrener_planted" cargo run --profile planted --target-dir target/planted --locked --quiet \
        --package warrener-simulator -- --planted 500
}

report() {
    printf '\n'
    [ ${#minutes[@]} = 0 ] || printf '%s\n' "${minutes[@]}"
    # Who is killed has not passed, whatever the code says.
    if [ "$1" = 0 ] && [ ${#minutes[@]} = "$steps" ]; then
        awk -v s=$SECONDS 'BEGIN { printf "%5.1f min  in all, everything passed\n", s / 60 }'
    else
        echo "FAILED: $current (exit code $1)"
    fi
}

# Debian packages for what is not there. As somebody else than root without sudo: says what is missing.
system_packages() {
    local -a missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v c++ >/dev/null || missing+=(g++)
    command -v python3 >/dev/null || missing+=(python3)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v curl >/dev/null || missing+=(curl)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    pkg-config --exists librabbitmq 2>/dev/null || missing+=(librabbitmq-dev)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    [ -e /usr/share/java/amqp-client.jar ] || missing+=(librabbitmq-client-java)
    command -v amqp-publish >/dev/null || missing+=(amqp-tools)
    # The judge of the connection crate; its tests start a node of their own.
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing+=(rabbitmq-server)
    [ ${#missing[@]} = 0 ] || install_debian "${missing[@]}"
}

install_debian() {
    local -a as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || { echo "please install: $*"; return 1; }
    fi
    # Packages are installed to be used by tests; no service of theirs is to start.
    local policy=/usr/sbin/policy-rc.d
    [ ! -e $policy ] || policy=
    [ -z "$policy" ] || printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin $policy
    local code=0
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null || code=$?
    [ -z "$policy" ] || "${as_root[@]}" rm $policy
    return $code
}

# cargo_tool NAME: a cargo subcommand, as a ready-made binary where there is one for this machine,
# otherwise from source.
cargo_tool() {
    local version
    case $1 in
        cargo-deny) version=0.20.2 ;;
        cargo-fuzz) version=0.13.2 ;;
        cargo-semver-checks) version=0.51.0 ;;
        cargo-shear) version=1.14.0 ;;
    esac
    command -v "$1" >/dev/null && return
    # This Python package is nothing but the binary.
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --only-binary :all: --target "$tools/$1" "astral-dev-toolchain-$1==$version" ||
        cargo install --quiet --locked --root "$tools/$1" "$1@$version"
}

# fuzz_targets SECONDS [OPTION...]: runs each fuzz target for so long over its corpus. The sanitizer's flags are
# nightly's; RUSTC_BOOTSTRAP lets any toolchain take them.
fuzz_targets() {
    cargo_tool cargo-fuzz
    RUSTC_BOOTSTRAP=1 cargo fuzz build
    local target seconds=$1
    shift
    for target in $(cargo fuzz list); do
        echo "-- $target"
        # What a run finds worth keeping is not added to the corpus of the repository.
        local -a corpora=("target/ci/corpus/$target")
        mkdir -p "${corpora[0]}"
        [ ! -d "fuzz/corpus/$target" ] || corpora+=("fuzz/corpus/$target")
        local -a words=()
        case $target in codec_* | connection_server | connection_client) words=(-dict=fuzz/amqp.dict) ;; esac
        RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" "${corpora[@]}" -- \
            "${words[@]}" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -verbosity=0 "$@"
    done
}
