"""The command line as ``python -m mgdl_theory``."""

from __future__ import annotations

import sys

from mgdl_theory.cli import main

if __name__ == "__main__":
    sys.exit(main())
