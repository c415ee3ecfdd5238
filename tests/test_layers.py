"""Imports go one way, in the order of the proof, and a cold import stays light."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from layers import FREE, ORDER, PACKAGE, ROOT, circles, modules, violations

import mgdl_theory

HEAVY = ("sympy", "matplotlib", "mpmath", "rich", "jinja2", "onnx", "onnxruntime", "torch")


# -- the rule, and that it bites -------------------------------------------------------------------


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(ROOT) == []


def test_a_circle_is_caught(toy: Path) -> None:
    (toy / PACKAGE / "mesh.py").write_text(f"from {PACKAGE} import errors\n", encoding="utf-8")
    code = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {PACKAGE}.mesh import Mesh\n"
    (toy / PACKAGE / "errors.py").write_text(code, encoding="utf-8")
    assert circles(toy) == [(f"{PACKAGE}.errors", f"{PACKAGE}.mesh")]


def test_the_layers_of_contributing_are_these() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (shown,) = (block for block in page.split("```") if block.lstrip().startswith("errors ->"))
    assert tuple(shown.split()) == tuple(" -> ".join(ORDER).split())


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A package of empty modules, one or two in every layer."""
    package = tmp_path / PACKAGE
    for name in ("__init__", "__main__", "errors", "mesh", "grade", "scheme", "pictures", "reports", "cli"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text("")
    for name in ("rigor/interval", "targets/base", "relu/network", "verification/scheme", "certificate/check"):
        (package / name).parent.mkdir()
        (package / name).with_name("__init__.py").write_text("")
        (package / f"{name}.py").write_text("")
    (package / "certificate" / "schema.py").write_text("")
    return tmp_path


def plant(root: Path, file: str, code: str) -> list[str]:
    (root / PACKAGE / file).write_text(code)
    return violations(root)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("errors.py", "import mgdl_theory.mesh"),
        ("mesh.py", "import os, mgdl_theory.grade as g"),
        ("mesh.py", "from mgdl_theory.grade import Grade"),
        ("mesh.py", "from mgdl_theory import grade"),
        ("mesh.py", "from . import errors, grade"),
        ("mesh.py", "from .grade import Grade"),
        ("mesh.py", "import mgdl_theory"),
        ("mesh.py", "from mgdl_theory import construction"),
        ("mesh.py", "from mgdl_theory import *"),
        ("rigor/interval.py", "from mgdl_theory.targets.base import Box"),
        ("rigor/interval.py", "from ..targets import base"),
        ("rigor/__init__.py", "from ..targets import base"),
        ("targets/base.py", "from .. import mesh"),
        ("scheme.py", "def drawing(self):\n    from mgdl_theory.pictures import stair\n    return stair"),
        (
            "scheme.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mgdl_theory.verification.scheme",
        ),
        ("scheme.py", "import importlib\nimportlib.import_module('mgdl_theory.verification')"),
        ("scheme.py", "from importlib import import_module\nimport_module('.verification', 'mgdl_theory')"),
        ("scheme.py", "__import__('mgdl_theory.cli')"),
        ("verification/scheme.py", "from mgdl_theory.certificate.schema import dump"),
        ("pictures.py", "import mgdl_theory.reports"),
        ("reports.py", "from mgdl_theory import __version__"),
        ("certificate/check.py", "from mgdl_theory.errors import MgdlError"),
        ("certificate/check.py", "from . import schema"),
        ("certificate/check.py", "def f():\n    import mgdl_theory.rigor.interval"),
    ],
)
def test_an_upward_import_is_caught(toy: Path, file: str, code: str) -> None:
    assert violations(toy) == []
    assert len(plant(toy, file, code)) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("__init__.py", "from mgdl_theory.cli import main"),
        ("__main__.py", "from mgdl_theory.cli import main"),
        ("mesh.py", "import numpy as np\nfrom mgdl_theory.targets.base import Box\nfrom . import errors"),
        ("targets/base.py", "from mgdl_theory.rigor.interval import Interval"),
        ("targets/__init__.py", "from .base import Box"),
        ("verification/scheme.py", "from ..relu import network\nfrom mgdl_theory.verification import scheme"),
        ("certificate/schema.py", "from mgdl_theory.verification.scheme import verify"),
        ("certificate/check.py", "import json, hashlib\nfrom fractions import Fraction"),
        ("cli.py", "def main():\n    from mgdl_theory.certificate import check\n    from . import pictures, reports"),
        ("cli.py", "from mgdl_theory import __version__"),
        ("cli.py", "import mgdl_theory_extras"),
    ],
)
def test_a_downward_import_passes(toy: Path, file: str, code: str) -> None:
    assert plant(toy, file, code) == []


def test_an_upward_import_is_caught_in_a_copy_of_the_package(tmp_path: Path) -> None:
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / PACKAGE / "errors.py").open("a") as file:
        file.write("\n\ndef planted():\n    from mgdl_theory.targets.base import Box\n    return Box\n")
    (caught,) = set(violations(tmp_path)) - set(violations(ROOT))
    assert caught.startswith("mgdl_theory.errors:")
    assert caught.endswith("imports mgdl_theory.targets.base")


def test_a_module_without_a_layer_is_caught(toy: Path) -> None:
    with pytest.raises(LookupError, match="stray has no layer"):
        plant(toy, "stray.py", "")


# -- what an import does ---------------------------------------------------------------------------


def python(*arguments: str) -> str:
    """Standard output of a fresh interpreter at the root of the repository; must succeed in silence."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, {PACKAGE}; print([name for name in {HEAVY} if name in sys.modules])"
    assert python("-c", code).strip() == "[]"


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import runpy, sys; sys.argv = ['mgdl-theory', '--help']\n"
        "try: runpy.run_module('mgdl_theory', run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "print([name for name in ('numpy', 'sympy', 'matplotlib', 'multiprocessing') if name in sys.modules])"
    )
    output = python("-c", code)
    assert "usage: mgdl-theory" in output
    assert output.splitlines()[-1] == "[]"


def test_the_names_of_the_package_are_the_public_ones_and_never_modules() -> None:
    code = (
        "import types, mgdl_theory as mg\n"
        "assert mg.__all__ and not [n for n in mg.__all__ if isinstance(getattr(mg, n), types.ModuleType)]\n"
        "assert dir(mg) == sorted([*mg.__all__, '__version__'])\n"
        "assert mg.construct(mg.target('x*x'), 0.1).complete\n"
        "assert not hasattr(mg, 'nothing') and not hasattr(mg, '_nothing')\n"
    )
    assert python("-c", code) == ""


def test_no_module_is_named_like_a_verb_of_the_package() -> None:
    """The import of a module would put it in the place of the function."""
    verbs = {
        "verify", "check", "draw", "plot", "report", "animate", "train", "export", "gallery", "prove", "explore",
        "studio",
    }  # fmt: skip
    rooms = {name.split(".")[1] for name in modules(ROOT) if "." in name}
    assert not rooms & (verbs | set(mgdl_theory.__all__))


def test_the_stub_says_where_each_name_is_defined() -> None:
    """A class or function by its own module; a line that a type checker and the package read alike."""
    for name, home in mgdl_theory._HOME.items():
        found = getattr(mgdl_theory, name)
        assert found is getattr(import_module(home), name)
        assert getattr(found, "__module__", home) == home


def test_names_of_the_version_before_warn_and_work() -> None:
    with pytest.warns(DeprecationWarning, match=r"scheme\.network\(\)"):
        network = mgdl_theory.network
    assert network(mgdl_theory.construct(mgdl_theory.target("x*x"), 0.1)).width == 4
    code = "import warnings; warnings.simplefilter('ignore'); from mgdl_theory.plots import save_plot, svg; print(svg)"
    assert "function svg" in python("-c", code)
    with pytest.warns(DeprecationWarning, match=r"mgdl_theory\.pictures"):
        import_module("mgdl_theory.plots")


def test_a_misspelt_option_of_a_method_is_an_error_for_the_type_checker(tmp_path: Path) -> None:
    lines = ["import mgdl_theory as mg", "s = mg.construct(mg.target('x'), 0.1)", "s.network(granularty='unit')"]
    (tmp_path / "user.py").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "user.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert 'did you mean "granularity"' in done.stdout


def test_methods_of_higher_layers_are_found_where_only_modules_are_imported() -> None:
    code = (
        "from mgdl_theory.construction import construct\n"
        "from mgdl_theory.targets import target\n"
        "scheme = construct(target('x*x'), 0.1)\n"
        "assert scheme.certificate().status == 'complete' and scheme.network().width == 4\n"
    )
    assert python("-c", code) == ""


def test_no_module_changes_global_numerical_state_at_import() -> None:
    code = (
        "import decimal, importlib, sys, numpy as np\n"
        "one, tiny = np.float64(1), np.float64(5e-324)\n"
        "def state():\n"
        "    mp = sys.modules.get('mpmath')\n"
        "    rounded = (one + 2.0**-53 == one, one - 2.0**-54 == one, tiny * one > 0)\n"
        "    return (np.geterr(), np.geterrcall(), np.getbufsize(), np.get_printoptions(),\n"
        "            repr(decimal.getcontext()), rounded, mp.mp.prec if mp else 53)\n"
        "before = state()\n"
        "assert all(before[5]), 'this process does not round to nearest, or flushes subnormals'\n"
        f"for name in {sorted(set(modules(ROOT)) - FREE - {'mgdl_theory.plots'})!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert state() == before, name\n"
    )
    assert python("-c", code) == ""


def test_no_module_sets_the_error_state_of_numpy_for_good() -> None:
    """``np.errstate`` as a context is welcome; ``np.seterr`` and its kin outlive the call."""
    names = {"seterr", "seterrcall", "setbufsize", "set_printoptions"}
    for name, path in modules(ROOT).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            assert called not in names, f"{name}:{getattr(node, 'lineno', 0)} uses {called}"


def test_no_test_file_imports_another() -> None:
    """What two of them need stands in a file of its own, so that a name changed in one breaks no other."""
    for path in sorted((ROOT / "tests").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [m for m in modules if m.rpartition(".")[2].startswith("test_")], path.name
