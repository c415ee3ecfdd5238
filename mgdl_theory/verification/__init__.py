"""Claims and verdicts: what is claimed of a scheme, and what is proved of it."""
