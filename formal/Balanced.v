(** * Balanced contraction

    Section 2 of docs/theory.md.  Residuals [e] and grades [g] are real functions on any set [X].

    Definitions
    - [balanced g e]: [g] has the sign of [e] and does not overshoot it, at every point.
    - [contraction B]: [B] maps a residual to what is left of it, and what it takes away is balanced.

    Statements
    - [abs_eq_of_balanced]: law (a), |e| = |g| + |e - g|.
    - [abs_residual_le_of_balanced], [same_sign_of_balanced]: law (b).
    - [balanced_opp], [balanced_scal]: law (d), the pointwise part.
    - [balanced_trans], [contraction_comp]: law (e).
    - [balanced_iff_between], [balanced_iff_abs], [balanced_iff_factor]: Lemma 9.
    - [balanced_half_iff_abs_le]: Lemma 10, |e - g| <= |e| if and only if g/2 is balanced for e. *)

Require Import Reals Lra Psatz.
Open Scope R_scope.

Section Pointwise.

Context {X : Type}.
Implicit Types e g : X -> R.

Definition balanced g e := forall x, 0 <= g x * (e x - g x).

(** ** One number *)

Lemma between_of_sign (g e : R) : 0 <= g * (e - g) <-> (0 <= g <= e \/ e <= g <= 0).
Proof.
  split.
  - intro H; destruct (Rlt_le_dec g 0) as [Hg | Hg].
    + right; split; [| lra]; apply Rnot_lt_le; intro; nra.
    + destruct (Req_dec g 0) as [-> | Hn].
      * destruct (Rle_dec 0 e); [left | right]; lra.
      * left; split; [lra |]; apply Rnot_lt_le; intro; nra.
  - intros [H | H]; nra.
Qed.

Lemma abs_eq_of_sign (g e : R) : 0 <= g * (e - g) -> Rabs e = Rabs g + Rabs (e - g).
Proof.
  intro H; apply between_of_sign in H; unfold Rabs.
  destruct H; repeat destruct Rcase_abs; lra.
Qed.

(** ** Laws *)

Theorem abs_eq_of_balanced g e : balanced g e -> forall x, Rabs (e x) = Rabs (g x) + Rabs (e x - g x).
Proof. intros H x; apply abs_eq_of_sign, H. Qed.

Theorem abs_residual_le_of_balanced g e : balanced g e -> forall x, Rabs (e x - g x) <= Rabs (e x).
Proof. intros H x; rewrite (abs_eq_of_balanced g e H x); pose proof (Rabs_pos (g x)); lra. Qed.

Theorem same_sign_of_balanced g e : balanced g e -> forall x, 0 <= e x * (e x - g x).
Proof. intros H x; destruct (proj1 (between_of_sign _ _) (H x)); nra. Qed.

Theorem balanced_opp g e : balanced g e -> balanced (fun x => - g x) (fun x => - e x).
Proof. intros H x; specialize (H x); nra. Qed.

Theorem balanced_scal s g e : balanced g e -> balanced (fun x => s * g x) (fun x => s * e x).
Proof.
  intros H x; specialize (H x).
  replace (s * g x * (s * e x - s * g x)) with (s * s * (g x * (e x - g x))) by ring.
  apply Rmult_le_pos; [nra | exact H].
Qed.

(** What two steps take away together is balanced too. *)
Theorem balanced_trans g g' e :
  balanced g e -> balanced g' (fun x => e x - g x) -> balanced (fun x => g x + g' x) e.
Proof.
  intros H H' x; specialize (H x); specialize (H' x); cbv beta in H'.
  apply between_of_sign in H; apply between_of_sign in H'; apply between_of_sign.
  destruct H, H'; lra.
Qed.

(** ** Operators *)

Definition contraction (B : (X -> R) -> X -> R) := forall e, balanced (fun x => e x - B e x) e.

Theorem contraction_comp B B' : contraction B -> contraction B' -> contraction (fun e => B' (B e)).
Proof.
  intros H H' e x; generalize (balanced_trans (fun y => e y - B e y) (fun y => B e y - B' (B e) y) e).
  intro K; specialize (K (H e)).
  assert (K' : balanced (fun y => B e y - B' (B e) y) (fun y => e y - (e y - B e y))).
  { intro y; generalize (H' (B e) y); cbv beta; intro L.
    replace (e y - (e y - B e y)) with (B e y) by ring; exact L. }
  generalize (K K' x); cbv beta.
  replace (e x - B e x + (B e x - B' (B e) x)) with (e x - B' (B e) x) by ring; auto.
Qed.

Theorem abs_contraction_le B : contraction B -> forall e x, Rabs (B e x) <= Rabs (e x).
Proof.
  intros H e x; generalize (abs_residual_le_of_balanced _ e (H e) x); cbv beta.
  replace (e x - (e x - B e x)) with (B e x) by ring; auto.
Qed.

(** ** Other forms of the definition *)

Theorem balanced_iff_between g e : balanced g e <-> forall x, 0 <= g x <= e x \/ e x <= g x <= 0.
Proof. split; intros H x; apply between_of_sign, H. Qed.

Theorem balanced_iff_abs g e : balanced g e <-> forall x, Rabs (e x) = Rabs (g x) + Rabs (e x - g x).
Proof.
  split; [apply abs_eq_of_balanced |].
  intros H x; specialize (H x); revert H; unfold Rabs.
  repeat destruct Rcase_abs; intro; nra.
Qed.

Theorem balanced_iff_factor g e :
  balanced g e <-> forall x, exists t, 0 <= t <= 1 /\ g x = t * e x.
Proof.
  split; intros H x.
  - destruct (Req_dec (e x) 0) as [E | E].
    + exists 0; split; [lra |]. destruct (proj1 (between_of_sign _ _) (H x)); nra.
    + exists (g x / e x); split; [| field; exact E].
      destruct (proj1 (between_of_sign _ _) (H x)) as [K | K].
      * split; [apply Rmult_le_pos; [lra | left; apply Rinv_0_lt_compat; lra] |].
        apply Rmult_le_reg_r with (e x); [lra |]; unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra.
      * replace (g x / e x) with (- g x / - e x) by (field; exact E).
        split; [apply Rmult_le_pos; [lra | left; apply Rinv_0_lt_compat; lra] |].
        apply Rmult_le_reg_r with (- e x); [lra |]; unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra.
  - destruct (H x) as [t [Ht ->]].
    replace (t * e x * (e x - t * e x)) with (t * (1 - t) * (e x * e x)) by ring.
    apply Rmult_le_pos; nra.
Qed.

Theorem balanced_half_iff_abs_le g e :
  balanced (fun x => g x / 2) e <-> forall x, Rabs (e x - g x) <= Rabs (e x).
Proof.
  split; intros H x; specialize (H x); cbv beta in *.
  - apply Rsqr_le_abs_0; unfold Rsqr; nra.
  - apply Rsqr_le_abs_1 in H; unfold Rsqr in H; nra.
Qed.

End Pointwise.
