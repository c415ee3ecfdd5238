"""What to write instead: advice for names and characters that are not in the language of formulas."""

from __future__ import annotations

_JUMP = "it is not continuous, and the theorem is about continuous functions"
NAMES = {
    **dict.fromkeys(
        ("floor", "ceil", "ceiling", "round", "trunc", "int", "sign", "sgn", "signum", "heaviside", "step", "mod"),
        _JUMP,
    ),
    **dict.fromkeys(("i", "j", "complex", "re", "im", "conj"), "the language is about real numbers"),
    **dict.fromkeys(("inf", "oo", "infinity", "nan"), "it is not a real number"),
    **dict.fromkeys(
        ("erf", "gamma", "zeta", "besselj", "sinc", "lambertw"), "it is not in the language; give a Python callable"
    ),
    "relu6": "write clip(x, 0, 6)",
    **dict.fromkeys(
        ("lambda", "if", "else", "for", "in", "is", "and", "or", "not", "import", "exec", "eval", "none", "true"),
        "a formula is mathematics, not Python; nothing of it is executed",
    ),
    "log1p": "write log(1 + x)",
    "expm1": "write exp(x) - 1",
    "root": "write x**(1/3)",
    "hypot": "write sqrt(x**2 + y**2)",
    "norm": "write sqrt(x**2 + y**2)",
    "asinh": "write log(x + sqrt(x**2 + 1))",
    "acosh": "write log(x + sqrt(x**2 - 1))",
    "atanh": "write log((1 + x)/(1 - x))/2",
    "atan2": "it is not continuous; write atan(y/x) where x > 0",
    "softplus": "write max(x, 0) + log(1 + exp(-abs(x))), which is the same and never overflows",
    "gelu": "it is not in the language",
}
CHARACTERS = {
    "=": "give the right-hand side only, as in x**2 for f(x) = x**2",
    "|": "write abs(x)",
    "[": "use parentheses ( )",
    "]": "use parentheses ( )",
    "{": "use parentheses ( )",
    "}": "use parentheses ( )",
    ".": "attributes are not part of a formula, and a number has one point at most",
    "<": "comparisons are not continuous; use min, max or abs",
    ">": "comparisons are not continuous; use min, max or abs",
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
