"""Pictures of records: functions that take Axes, draw what they are given and return the Axes."""

from __future__ import annotations

from mgdl_theory.plots.stair import DRAWING_FORMATS, draw_network, save_drawing

__all__ = ["DRAWING_FORMATS", "draw_network", "save_drawing"]
