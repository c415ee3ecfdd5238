"""Formulas: parser, simplifier, expression graph, evaluators, natural domain, and the target that a formula is."""
