"""One claim per numbered statement: what is claimed, where it is proved, what has to be shown by computing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement about a scheme that the verifier decides.

    Attributes
    ----------
    id : str
    statement : str
        What holds on the whole domain when the claim is PROVED.
    source : str
        The numbered statement of docs/theory.md that reduces it to the relation.
    relation : str
        What is checked by computing, for every grade or every cell.
    decides : bool
        Whether the run's final verdict depends on it; the others are reported beside it.
    objects : bool
        Whether, short of that, an UNDECIDED leaves the run undecided: there is an open objection.
    of_data : bool
        Whether it is about data alone, so that it is proved or refuted without a modulus of continuity too.
    """

    id: str
    statement: str
    source: str
    relation: str
    decides: bool = True
    objects: bool = False
    of_data: bool = False


CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "balanced",
            "every block grade g is balanced for the residual e before it: g (e - g) >= 0 at every point",
            "Proposition 1",
            "0 <= c_w <= e(w) - p_T or -e(w) - n_T >= -c_w >= 0 at every vertex w of every touched simplex T",
        ),
        Claim(
            "nonincreasing",
            "no grade increases the residual's magnitude at any point: |e - g| <= |e|",
            "Section 2, law (b)",
            "g balanced for e; failing that, g/2 balanced for e, which is equivalent",
        ),
        Claim(
            "unit-grades",
            "the same holds atom by atom: each atom alone is a balanced grade, in any order",
            "Proposition 2",
            "the vertex inequality of Proposition 1, which survives dropping atoms",
        ),
        Claim(
            "lp-decrease",
            "the L^p norm of the residual strictly decreases at every nontrivial grade, 1 <= p < infinity",
            "Section 2, law (c)",
            "g balanced for e and g != 0, so that |e| = |g| + |e - g|",
        ),
        Claim(
            "norms",
            "the enclosed L^p norms fall strictly at some grades, and agree with ||e||_1 = ||g||_1 + ||e - g||_1",
            "Section 2, law (c)",
            "||g||_p > 0 where g is balanced: ||e||_p^p - ||e - g||_p^p >= ||g||_p^p; or upper after < lower before",
            decides=False,
        ),
        Claim(
            "sup-decrease",
            "the sup-norm of the residual strictly decreases at the grades named",
            "certified bounds",
            "upper bound after the grade < |e(x)| at a point before it",
            decides=False,
        ),
        Claim(
            "theorem-a",
            "after each grade the sup-norm is within the bound of Theorem A, where that is finite",
            "Theorem A",
            "certified upper bound <= max{B, max_T (m_T + max(q, osc_T f))} + max_T r_T, T in the cells that neither "
            "are finished nor wait, B the bound before the grade on those that do",
            decides=False,
        ),
        Claim(
            "theorem-b",
            "the residual keeps one sign, and its sup-norm is within the bound of Theorem B, where that is finite",
            "Theorem B",
            "|f - c0| >= delta > 0; certified upper bound <= max{B, max_T (m_T + q)} + max_T r_T once max_T m_T "
            "<= delta, T and B as in Theorem A",
            decides=False,
        ),
        Claim(
            "sup-norm",
            "the sup-norm of the last residual is at most the tolerance",
            "Section 4",
            "max_w |e(w)| + defect <= tol on every leaf of a subdivision of the whole domain",
        ),
        Claim(
            "network",
            "the network is the scheme, exactly, at every point of the domain and after every grade",
            "Proposition 5",
            "the block is the hat for every level and node; every weight equals its template; |sums| <= C",
            decides=False,
            objects=True,
        ),
        Claim(
            "grid",
            "no grid or random point contradicts the claims at high precision",
            "sampling",
            "|e_k| <= |e_(k-1)|, |e_k| <= its certified bound, evaluated with mpmath",
            decides=False,
            objects=True,
        ),
    )
}
"""Every claim by its identifier, in the order of the proof."""
