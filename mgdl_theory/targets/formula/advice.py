"""What to write instead: advice for names and characters that are not in the language of formulas."""

from __future__ import annotations

_JUMP = "it is not continuous, and the theorem is about continuous functions"
NAMES = {
    **dict.fromkeys(
        (
            "floor",
            "ceil",
            "ceiling",
            "round",
            "trunc",
            "int",
            "sign",
            "sgn",
            "signum",
            "heaviside",
            "step",
            "mod",
            "where",
            "piecewise",
        ),
        _JUMP,
    ),
    **dict.fromkeys(("i", "j", "complex", "re", "im", "conj"), "the language is about real numbers"),
    **dict.fromkeys(("inf", "oo", "infinity", "nan"), "it is not a real number"),
    **dict.fromkeys(("zeta", "digamma", "erfinv", "ei", "beta"), "it is not in the language; give a Python callable"),
    **dict.fromkeys(("besselj", "jn", "jv"), "of Bessel's functions the language has j0(x) and j1(x)"),
    "relu6": "write clip(x, 0, 6)",
    **dict.fromkeys(
        ("lambda", "if", "else", "for", "in", "is", "and", "or", "not", "import", "exec", "eval", "none", "true"),
        "a formula is mathematics, not Python; nothing of it is executed",
    ),
    "root": "write x**(1/3)",
    "norm": "write hypot(x, y)",
}
CHARACTERS = {
    "=": "give the right-hand side only, as in x**2 for f(x) = x**2",
    "|": "write abs(x)",
    "[": "use parentheses ( )",
    "]": "use parentheses ( )",
    "{": "use parentheses ( )",
    "}": "use parentheses ( )",
    ".": "attributes are not part of a formula, and a number has one point at most",
    "<": "comparisons are not continuous; use min, max or abs, or where(x < 1, x, 2 - x)",
    ">": "comparisons are not continuous; use min, max or abs, or where(x > 1, 2 - x, x)",
    "!": "factorials are not in the language",
    "%": "a remainder is not continuous; write /100 for per cent",
    "'": "texts are not part of a formula",
    '"': "texts are not part of a formula",
    "#": "comments are not part of a formula",
    ":": "a formula is one expression",
    ";": "a formula is one expression",
    "\\": "write x and not \\x; LaTeX is not read",
    "√": "write sqrt(x)",
    "∞": "it is not a real number",
}
