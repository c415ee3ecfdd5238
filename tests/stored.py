"""The stored certificates: the commands that made them, and a comparison with what the present code makes.

    python tests/stored.py write        # make those that are missing, under the present version
    python tests/stored.py compare      # make all of them again and compare byte for byte, decompressed

Every later version has to check the stored ones (tests/test_stored.py).  Whether it would *make* the same ones is
another question: the last bits of NumPy's functions depend on the processor, so that is a command of its own.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from gzip import decompress
from pathlib import Path

from mgdl_theory import __version__
from mgdl_theory.cli import main as run

STORE = Path(__file__).parent / "data" / "certificates"

CASES = {
    "sine": "verify 'sin(10*x)*exp(-x)' --tol 1e-3 --certificate",
    "kink": "verify 'abs(x-1/3)' --tol 1e-4 --certificate",
    "root": "verify 'sqrt(x)' --tol 1e-3 --certificate",
    "plane": "verify 'sin(6*x)*cos(5*y)+exp(-x*y)' --tol 5e-2 --certificate",
    "space": "verify 'x*y*z' --domain -1 1 --tol 5e-2 --certificate",
    "four": "verify 'x*y*z*w' --domain -1 1 --tol 0.3 --certificate",
    "pieces": "verify 'max(x, 1-x, y)**3' --domain -1 2 --tol 0.5 --certificate",
    "crival": "verify 'tanh(3*x)/(2+cos(x))' --domain -2 1/3 --tol 1e-2 --engine crival --certificate",
    "undecided": "verify 'sqrt(abs(x))' --domain -1 1 --tol 1e-6 --max-level 12 --certificate",
    "vector": "verify 'cos(6*x); sin(6*x)' --tol 1e-2 --certificate",
    "trained": "train 'sin(5*x)' --grades 2 --width 8 --epochs 60 --points 64 --refutation",
}
"""Definition: name and command of each; a vector gives one file per component."""


def make(folder: Path) -> dict[str, bytes]:
    """The files of all cases, made in a folder: name and content."""
    for name, command in CASES.items():
        run([*shlex.split(command), str(folder / f"{name}.json.gz"), "--quiet"])
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json.gz"))}


def main(what: str) -> int:
    """Write or compare; 0 where nothing differs."""
    with tempfile.TemporaryDirectory() as name:
        made = make(Path(name))
    if what == "write":
        folder = STORE / __version__
        folder.mkdir(parents=True, exist_ok=True)
        for file, raw in made.items():
            if not (folder / file).exists():
                (folder / file).write_bytes(raw)
        return 0
    newest = max(STORE.iterdir(), key=lambda path: tuple(map(int, path.name.split("."))))
    stored = {path.name: path.read_bytes() for path in sorted(newest.glob("*.json.gz"))}
    different = sorted(
        file for file in stored.keys() | made.keys()
        if file not in stored or file not in made or decompress(stored[file]) != decompress(made[file])
    )  # fmt: skip
    print(f"{len(stored)} stored certificates of {newest.name}, {len(different)} differ: {' '.join(different)}")
    return int(bool(different))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "compare"))
