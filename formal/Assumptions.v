(** * What the main theorems rest on

    Printed when this file is compiled, kept in assumptions.txt, and compared by a test: axioms of the standard library's
    real numbers and classical logic, and nothing else. *)

From Mgdl Require Import Balanced Norms Simplex Tower Line Freudenthal Stream Network Continuity Main.

Print Assumptions abs_eq_of_balanced.
Print Assumptions integral_lt_of_balanced.
Print Assumptions balanced_of_vertex_inequality.
Print Assumptions vertex_inequality_rest.
Print Assumptions virgin_or_one_sign.
Print Assumptions theorem_A.
Print Assumptions line.
Print Assumptions freudenthal.
Print Assumptions wide_block_is_hat.
Print Assumptions sums_of_hats.
Print Assumptions grade_block_is_sum.
Print Assumptions multigrade_theorem.
Print Assumptions multigrade_theorem_1.
