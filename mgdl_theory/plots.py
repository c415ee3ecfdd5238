"""The name of :mod:`mgdl_theory.pictures` in version 0.1; it goes with version 0.3."""

import warnings

from mgdl_theory.pictures import *  # noqa: F403

warnings.warn("mgdl_theory.plots is now mgdl_theory.pictures", DeprecationWarning, stacklevel=2)
