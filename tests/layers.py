"""The layers of the package, and what its import statements say of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "mgdl_theory"

ORDER = (
    "errors",
    "text",
    "archive",
    "rigor",
    "targets",
    "mesh",
    "atom",
    "contraction",
    "grade",
    "scheme",
    "vector",
    "construction",
    "levels",
    "relu",
    "verification",
    "certificate",
    "pictures",
    "plots",
    "reports",
    "training",
    "cli",
)
"""The layers, lowest first: a module imports only from its own layer and from those before it."""

FREE = {PACKAGE, f"{PACKAGE}.__main__"}
INDEPENDENT = {f"{PACKAGE}.certificate.check"}
METHODS = {
    ("scheme", "relu.compile"),
    ("scheme", "relu.network"),
    ("scheme", "certificate.schema"),
    ("vector", "relu.compile"),
    ("vector", "relu.network"),
    ("verification.record", "certificate.schema"),
    ("verification.record", "reports"),
    ("verification.record", "reports.console"),
}
"""(module, module above): methods for convenience, such as ``scheme.network()``, whose body imports what works."""


# -- reading the imports ---------------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of the package below ``root``."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module of this package) for every import statement or literal import call, also in functions."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, *([base] if base else [])])
            inner = (f"{base}.{alias.name}" for alias in node.names)
            candidates = [module if module in known else base for module in inner]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {
            "import_module",
            "__import__",
        }:
            literals = (a.value for a in node.args if isinstance(a, ast.Constant))
            candidates = [text for text in literals if isinstance(text, str)]
            if candidates and candidates[0].startswith("."):
                dots = len(candidates[0]) - len(candidates[0].lstrip("."))
                stem = package.split(".")[: len(package.split(".")) - dots + 1]
                candidates = [".".join([*stem, candidates[0][dots:]])]
        else:
            continue
        for module in candidates:
            if module.split(".")[0] == PACKAGE:
                yield node.lineno, module


def layer(module: str) -> int:
    """Position of a module in the order; the package itself stands beside the command line, at the top."""
    parts = module.split(".")
    if len(parts) == 1:
        return ORDER.index("cli")
    if parts[1] not in ORDER:
        raise LookupError(f"{module} has no layer: give it a place in ORDER")
    return ORDER.index(parts[1])


def violations(root: Path) -> list[str]:
    """One line for every import of the package below ``root`` that goes up."""
    found = []
    known = modules(root)
    for name, path in known.items():
        if name in FREE:
            continue
        for line, module in imported(name, path, set(known)):
            if (name.partition(".")[2], module.partition(".")[2]) in METHODS:
                continue
            if name in INDEPENDENT or layer(module) > layer(name):
                found.append(f"{name}:{line} imports {module}")
        layer(name)
    return found


def circles(root: Path) -> list[tuple[str, ...]]:
    """Modules of the package below ``root`` that import each other, directly or round about; also for types only."""
    known = modules(root)
    names = {(f"{PACKAGE}.{one}", f"{PACKAGE}.{other}") for one, other in METHODS}
    arrows = {
        name: {
            m for _, m in imported(name, path, set(known)) if m in known and m not in FREE and (name, m) not in names
        }
        for name, path in known.items()
        if name not in FREE
    }
    reach = {name: set(ends) for name, ends in arrows.items()}
    for middle in arrows:
        for ends in reach.values():
            if middle in ends:
                ends |= reach[middle]
    return sorted({tuple(sorted(m for m in reach[name] if name in reach[m])) for name in arrows if name in reach[name]})
