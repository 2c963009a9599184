#!/usr/bin/env python3
"""Somebody else's programs: each crate's README example, with what the README says to add, built and run against the packages.

    cargo package --workspace ..; .ci/consumers.py target/package

Each program is a package of its own outside of the workspace, so nothing is found but what was packaged. The programs that
are published are built as well. What they need from elsewhere, the packages were built with.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile


def main(folder):
    folder = pathlib.Path(folder).resolve()
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"]))
    published = {package["name"]: package for package in metadata["packages"] if package["publish"] is None}
    consumers = folder / "consumers"
    crates = {name: unpack(folder, consumers / "crates", name, package["version"]) for name, package in published.items()}
    libraries = [name for name, package in published.items()
                 if any("lib" in target["kind"] for target in package["targets"])]
    for name in libraries:
        write(consumers / f"uses-{name}", name, published[name]["version"], crates)
    binaries = [name for name, package in published.items()
                if any("bin" in target["kind"] for target in package["targets"])]
    folders = [f"uses-{name}" for name in libraries] + [f"crates/{crates[name].name}" for name in binaries]
    members = ", ".join(f'"{folder}"' for folder in folders)
    patches = "".join(f'{name} = {{ path = "{path}" }}\n' for name, path in crates.items())
    manifest = f'[workspace]\nresolver = "3"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}'
    (consumers / "Cargo.toml").write_text(manifest)
    # The versions that the workspace is tested with.
    (consumers / "Cargo.lock").write_bytes(pathlib.Path("Cargo.lock").read_bytes())
    environment = os.environ | {"CARGO_TARGET_DIR": metadata["target_directory"]}
    for name in binaries:
        print(f"-- build {name}", flush=True)
        subprocess.run(["cargo", "build", "--quiet", "--package", name, "--bins"], cwd=consumers, env=environment, check=True)
    for name in libraries:
        command = "run" if example(crates[name])[1] else "build"
        print(f"-- {command} what uses {name}", flush=True)
        subprocess.run(["cargo", command, "--quiet", "--package", f"uses-{name}"],
                       cwd=consumers, env=environment, check=True)


def unpack(folder, crates, name, version):
    unpacked = crates / f"{name}-{version}"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(folder / f"{name}-{version}.crate") as archive:
        archive.extractall(crates, filter="data")
    # All packages bear the same old date, by which cargo would take a new one for what it has built before.
    for file in unpacked.rglob("*"):
        os.utime(file)
    return unpacked


def write(folder, name, version, crates):
    added, features = additions(crates[name])
    dependencies = ""
    for crate in added:
        version_of = version if crate in crates else "*"
        wanted = ", ".join(f'"{feature}"' for feature in features.get(crate, []))
        dependencies += f'{crate} = {{ version = "{version_of}", features = [{wanted}] }}\n'
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "uses-{name}"\nversion = "0.0.0"\nedition = "2024"\npublish = false\n\n'
        f"[dependencies]\n{dependencies}")
    (folder / "src" / "main.rs").write_text(program(example(crates[name])[0]))


def additions(crate):
    """What a crate's README says to add before its first example can be built: the crates, and their features."""
    before = (crate / "README.md").read_text().split(example(crate)[0].split("\n")[0])[0]
    found = re.findall(r"`cargo add ([^`\n]*)`", before)
    if len(found) != 1:
        sys.exit(f"{crate.name}: its README does not say once what to add")
    added, _, asked = found[0].partition(" --features ")
    features = {}
    for feature in filter(None, asked.split(",")):
        name, _, feature = feature.partition("/")
        features.setdefault(name, []).append(feature)
    return added.split(), features


def example(crate):
    """The first example of a crate's README, and whether it can be run without a broker."""
    # Every fence with its end, so that the end of one is not taken for the beginning of another.
    fences = re.finditer(r"^```([^\n]*)\n(.*?)^```$", (crate / "README.md").read_text(), re.M | re.S)
    found = next((fence for fence in fences if fence[1] in ("rust", "rust,no_run", "")), None)
    if not found:
        sys.exit(f"{crate.name}: no example in its README")
    lines = (re.sub(r"^# ?", "", line) if re.match(r"# |#$", line) else line for line in found[2].splitlines())
    return "\n".join(lines), found[1] != "rust,no_run"


def program(body):
    """As rustdoc makes one of it."""
    if re.search(r"^(async )?fn main", body, re.M):
        return body + "\n"
    if re.search(r"Ok::<\(\), (.*)>\(\(\)\)\s*$", body):
        error = re.search(r"Ok::<\(\), (.*)>\(\(\)\)\s*$", body)[1]
        return f"fn main() -> Result<(), {error}> {{\n{body}\n}}\n"
    return f"fn main() {{\n{body}\n}}\n"


main(sys.argv[1])
