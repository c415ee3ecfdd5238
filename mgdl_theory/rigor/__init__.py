"""Enclosures that hold in floating point: directed rounding, interval arrays, jets."""
