"""A release as a user gets it: builds wheel and sdist, installs the wheel into an empty environment, tries the README.

    python tests/try_wheel.py [FOLDER]

The archives go to FOLDER (default dist).  The environment lies outside the clone and gets the pinned versions; there
every command of the README that calls the program has to end with exit code 0, its Python example has to run, and every
stored certificate has to get the answer of its version.  Commands that need files of the user's get small ones.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from fences import NEEDS, ROOT, blocks

FILES = {
    "heights.npy": "import numpy; numpy.save('heights.npy', numpy.add.outer(numpy.arange(6.0), numpy.arange(5.0)))",
    "my_module.py": "open('my_module.py', 'w').write('def f(x):\\n    return abs(x - 1 / 3)\\n')",
}
"""Definition: what the README's commands read, and how it is made."""


ANSWERS = {"undecided": 3, "trained": 1}
"""Definition: exit codes of ``check`` for the stored certificates that are not verified."""


def readme_commands() -> list[str]:
    """The commands of the README that call the program, in their order."""
    lines = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("mgdl-theory ")]


def run(command: list[str], folder: Path, wanted: int = 0) -> None:
    """Run a command and show its last line; another exit code than the wanted one ends the trial."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "MPL"))}
    done = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=False)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    print(f"{done.returncode}  {shlex.join(command[1:])}\n   {last}", flush=True)
    if done.returncode != wanted:
        raise SystemExit(f"exit code {done.returncode}: {done.stderr.strip()[-2000:]}")


def main(into: Path) -> None:
    """Build, install, try."""
    into.mkdir(exist_ok=True)
    for kind in ("wheel", "sdist"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into.resolve())], cwd=ROOT, check=True
        )
    wheel = max(into.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        bin_ = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        install = [
            str(bin_ / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            str(ROOT / "constraints.txt"),
        ]
        run([*install, f"{wheel.resolve()}[onnx]"], folder)
        for code in FILES.values():
            run([str(bin_ / "python"), "-c", code], folder)
        run(
            [
                str(bin_ / "python"),
                "-c",
                "\n".join(b for b in blocks(ROOT / "README.md", "python") if not NEEDS.search(b)),
            ],
            folder,
        )
        for line in readme_commands():
            program, *rest = shlex.split(line, comments=True)
            run([str(bin_ / program), *rest], folder)
        for path in sorted((ROOT / "tests" / "data" / "certificates").glob("*/*.json.gz")):
            run([str(bin_ / "mgdl-theory"), "check", str(path)], folder, ANSWERS.get(path.name.partition(".")[0], 0))
    print(f"{wheel.name} works in an empty environment")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
