(** * The L^p norms fall

    Section 2 of docs/theory.md, law (c), on an interval and for every integer p >= 1, for continuous functions.

    Statements
    - [RInt_pos_of_pos_at]: the integral of a continuous nonnegative function that is positive somewhere is positive.
    - [abs_pow_lt_of_balanced]: |e - g|^p < |e|^p where g does not vanish.
    - [integral_lt_of_balanced]: the integral of |e - g|^p is less than that of |e|^p, if g does not vanish identically.
    - [integral_eq_of_trivial]: and it is the same if g does.
    - [l1_eq_of_balanced]: for p = 1 it falls by exactly the integral of |g|. *)

Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Mgdl Require Import Balanced.
Open Scope R_scope.

Section Norms.

Context (a b : R) (Hab : a < b).

Definition continuous_on (u : R -> R) := forall x, a <= x <= b -> continuous u x.

Lemma integrable u c d : continuous_on u -> a <= c -> c <= d -> d <= b -> ex_RInt u c d.
Proof. intros H H1 H2 H3; apply (ex_RInt_continuous (V := R_CompleteNormedModule)); intros x Hx; rewrite Rmin_left, Rmax_right in Hx by exact H2; apply H; lra. Qed.

Lemma RInt_pos_of_pos_at u x0 : continuous_on u -> (forall x, a <= x <= b -> 0 <= u x) ->
  a <= x0 <= b -> 0 < u x0 -> 0 < RInt u a b.
Proof.
  intros Hc Hn Hx Hp.
  assert (Loc : locally x0 (fun x => 0 < u x)).
  { apply (Hc x0 Hx (fun y => 0 < y)); apply (open_gt 0 (u x0) Hp). }
  destruct Loc as [r Hr]; pose proof (cond_pos r) as Pr.
  set (c := Rmax a (x0 - r / 2)); set (d := Rmin b (x0 + r / 2)).
  assert (Hcd : c < d) by (unfold c, d; apply Rmax_lub_lt; apply Rmin_glb_lt; lra).
  assert (Hac : a <= c) by apply Rmax_l; assert (Hdb : d <= b) by apply Rmin_l.
  assert (Near : forall x, c <= x <= d -> 0 < u x).
  { intros x Hcx; apply Hr; unfold ball; simpl; unfold AbsRing_ball, abs, minus, plus, opp; simpl.
    assert (x0 - r / 2 <= c) by apply Rmax_r; assert (d <= x0 + r / 2) by apply Rmin_r.
    apply Rabs_def1; lra. }
  assert (I1 : ex_RInt u a c) by (apply integrable; auto; lra).
  assert (I2 : ex_RInt u c d) by (apply integrable; auto; lra).
  assert (I3 : ex_RInt u d b) by (apply integrable; auto; lra).
  assert (E : RInt u a b = RInt u a c + (RInt u c d + RInt u d b)).
  { rewrite <- (RInt_Chasles u a c b I1 (ex_RInt_Chasles u c d b I2 I3)), <- (RInt_Chasles u c d b I2 I3); reflexivity. }
  rewrite E.
  assert (0 <= RInt u a c) by (apply RInt_ge_0; auto; intros; apply Hn; lra).
  assert (0 <= RInt u d b) by (apply RInt_ge_0; auto; intros; apply Hn; lra).
  assert (0 < RInt u c d).
  { apply RInt_gt_0; [exact Hcd | intros x Hx'; apply Near; lra | intros x Hx'; apply Hc; lra]. }
  lra.
Qed.

Lemma abs_pow_lt (s t : R) p : Rabs s < Rabs t -> Rabs s ^ S p < Rabs t ^ S p.
Proof.
  intro H; pose proof (Rabs_pos s); induction p as [| p IH]; [simpl; lra |].
  change (Rabs s ^ S (S p)) with (Rabs s * Rabs s ^ S p); change (Rabs t ^ S (S p)) with (Rabs t * Rabs t ^ S p).
  apply Rmult_le_0_lt_compat; auto; apply pow_le, Rabs_pos.
Qed.

Context (g e : R -> R) (Hg : continuous_on g) (He : continuous_on e).
Context (Hb : forall x, a <= x <= b -> 0 <= g x * (e x - g x)).

Lemma abs_pow_lt_of_balanced p x : a <= x <= b -> g x <> 0 -> Rabs (e x - g x) ^ S p < Rabs (e x) ^ S p.
Proof.
  intros Hx Hn; apply abs_pow_lt; rewrite (abs_eq_of_sign _ _ (Hb x Hx)).
  pose proof (Rabs_pos_lt (g x) Hn); lra.
Qed.

Lemma abs_pow_le_of_balanced p x : a <= x <= b -> Rabs (e x - g x) ^ S p <= Rabs (e x) ^ S p.
Proof.
  intro Hx; apply pow_incr; split; [apply Rabs_pos |].
  rewrite (abs_eq_of_sign _ _ (Hb x Hx)); pose proof (Rabs_pos (g x)); lra.
Qed.

Lemma continuous_abs_pow u p : continuous_on u -> continuous_on (fun x => Rabs (u x) ^ p).
Proof.
  intros H x Hx; induction p as [| p IH]; simpl; [apply continuous_const |].
  apply (continuous_mult (fun x => Rabs (u x)) (fun x => Rabs (u x) ^ p)); [| exact IH].
  apply (continuous_comp u Rabs); [apply H, Hx | apply continuous_Rabs].
Qed.

Lemma continuous_rest : continuous_on (fun x => e x - g x).
Proof. intros x Hx; apply (continuous_minus e g); auto. Qed.

Theorem integral_lt_of_balanced p x0 : a <= x0 <= b -> g x0 <> 0 ->
  RInt (fun x => Rabs (e x - g x) ^ S p) a b < RInt (fun x => Rabs (e x) ^ S p) a b.
Proof.
  intros Hx Hn.
  pose proof (continuous_abs_pow _ (S p) He) as C1; pose proof (continuous_abs_pow _ (S p) continuous_rest) as C2.
  assert (I1 : ex_RInt (fun x => Rabs (e x) ^ S p) a b) by (apply integrable; auto; lra).
  assert (I2 : ex_RInt (fun x => Rabs (e x - g x) ^ S p) a b) by (apply integrable; auto; lra).
  assert (H : 0 < RInt (fun x => Rabs (e x) ^ S p - Rabs (e x - g x) ^ S p) a b).
  { apply RInt_pos_of_pos_at with x0; auto.
    - intros x Hx'; apply (continuous_minus (fun x => Rabs (e x) ^ S p) (fun x => Rabs (e x - g x) ^ S p)); auto.
    - intros x Hx'; pose proof (abs_pow_le_of_balanced p x Hx'); lra.
    - pose proof (abs_pow_lt_of_balanced p x0 Hx Hn); lra. }
  assert (E : RInt (fun x => Rabs (e x) ^ S p - Rabs (e x - g x) ^ S p) a b
            = RInt (fun x => Rabs (e x) ^ S p) a b - RInt (fun x => Rabs (e x - g x) ^ S p) a b)
    by exact (RInt_minus _ _ a b I1 I2).
  lra.
Qed.

Theorem integral_eq_of_trivial p : (forall x, a <= x <= b -> g x = 0) ->
  RInt (fun x => Rabs (e x - g x) ^ S p) a b = RInt (fun x => Rabs (e x) ^ S p) a b.
Proof.
  intro H; apply RInt_ext; intros x Hx; rewrite Rmin_left, Rmax_right in Hx by lra.
  rewrite H by lra; f_equal; f_equal; ring.
Qed.

Theorem l1_eq_of_balanced :
  RInt (fun x => Rabs (e x)) a b = RInt (fun x => Rabs (g x)) a b + RInt (fun x => Rabs (e x - g x)) a b.
Proof.
  assert (C : forall u, continuous_on u -> ex_RInt (fun x => Rabs (u x)) a b).
  { intros u H; apply integrable; try lra; intros x Hx; apply (continuous_comp u Rabs); [apply H, Hx | apply continuous_Rabs]. }
  rewrite (RInt_ext (fun x => Rabs (e x)) (fun x => Rabs (g x) + Rabs (e x - g x))).
  - exact (RInt_plus _ _ a b (C g Hg) (C _ continuous_rest)).
  - intros x Hx; rewrite Rmin_left, Rmax_right in Hx by lra; apply abs_eq_of_sign, Hb; lra.
Qed.

End Norms.
