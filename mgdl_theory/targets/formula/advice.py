"""What to write instead: advice for names and characters that are not in the language of formulas."""

from __future__ import annotations

__all__ = ["CHARACTERS", "NAMES"]

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
    **dict.fromkeys(("relu", "relu6"), "write max(x, 0)"),
    **dict.fromkeys(
        ("lambda", "if", "else", "for", "in", "is", "and", "or", "not", "import", "exec", "eval", "none", "true"),
        "a formula is mathematics, not Python; nothing of it is executed",
    ),
    "sec": "write 1/cos(x)",
    "csc": "write 1/sin(x)",
    "cot": "write 1/tan(x)",
    "log10": "write log(x)/log(10)",
    "log2": "write log(x)/log(2)",
    "log1p": "write log(1 + x)",
    "exp2": "write 2**x",
    "expm1": "write exp(x) - 1",
    "pow": "write x**2",
    "square": "write x**2",
    "root": "write x**(1/3)",
    "hypot": "write sqrt(x**2 + y**2)",
    "norm": "write sqrt(x**2 + y**2)",
    "fabs": "write abs(x)",
    "asinh": "write log(x + sqrt(x**2 + 1))",
    "acosh": "write log(x + sqrt(x**2 - 1))",
    "atanh": "write log((1 + x)/(1 - x))/2",
    "atan2": "it is not continuous; write atan(y/x) where x > 0",
    "sigmoid": "write 1/(1 + exp(-x))",
    "softplus": "write log(1 + exp(x))",
    "gelu": "it is not in the language",
}
CHARACTERS = {
    "^": "write ** for a power",
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
    "·": "write * for a product",
    "×": "write * for a product",
    "∗": "write * for a product",
    "÷": "write / for a quotient",
    "−": "write the sign - of the keyboard",
    "–": "write the sign - of the keyboard",
    "²": "write **2",
    "³": "write **3",
    "√": "write sqrt(x)",
    "π": "write pi",
    "∞": "it is not a real number",
}
