(** * Continuity on the cube gives levels

    A continuous function on [0, 1]^d is uniformly continuous (compactness), so that for every eps there is a dyadic
    level at whose simplices it varies by less than eps.

    Definitions
    - [continuous_on_cube d f]: epsilon-delta continuity on [0, 1]^d in the maximum norm, points of the cube only.
    - [continuous_on_unit f]: the same for a function of one real variable on [0, 1].

    Statements
    - [uniform_levels]: the level for eps.
    - [levels], [levels_rise], [close]: a rising sequence of levels, the j-th for eps = 2^-j. *)

Require Import Reals Lra Lia List Arith Classical_Prop.
From Coquelicot Require Import Compactness.
From Mgdl Require Import Balanced Simplex Tower Line Freudenthal Stream.
Import ListNotations.
Open Scope R_scope.

Section Continuity.

Context (d : nat).

Definition continuous_on_cube (f : cube -> R) := forall x eps, 0 < eps -> exists delta, 0 < delta /\
  forall y, (forall a, (a < d)%nat -> Rabs (coord y a - coord x a) < delta) -> Rabs (f y - f x) < eps.

Context (f : cube -> R) (Hf : continuous_on_cube f).

(** ** A gauge: the supremum of the radii that serve at a point *)

Definition serves (eps : R) (x : cube) (r : R) := 0 <= r <= 1 /\
  forall y, (forall a, (a < d)%nat -> Rabs (coord y a - coord x a) < r) -> Rabs (f y - f x) < eps.

Lemma gauge (eps : posreal) (x : cube) : {r : posreal |
  forall y, (forall a, (a < d)%nat -> Rabs (coord y a - coord x a) < 2 * r) -> Rabs (f y - f x) < eps}.
Proof.
  destruct (completeness (serves eps x)) as [m [Up Least]].
  - exists 1; intros r [[_ H] _]; exact H.
  - destruct (Hf x eps (cond_pos eps)) as [r [Hr H]]; exists (Rmin r 1); split.
    + split; [apply Rmin_glb; lra | apply Rmin_r].
    + intros y Hy; apply H; intros a Ha; eapply Rlt_le_trans; [apply Hy, Ha | apply Rmin_l].
  - assert (Pm : 0 < m).
    { destruct (Hf x eps (cond_pos eps)) as [r [Hr H]]; apply Rlt_le_trans with (Rmin r 1).
      - apply Rmin_glb_lt; lra.
      - apply Up; split; [split; [apply Rmin_glb; lra | apply Rmin_r] |].
        intros y Hy; apply H; intros a Ha; eapply Rlt_le_trans; [apply Hy, Ha | apply Rmin_l]. }
    assert (P4 : 0 < m / 4) by lra.
    exists (mkposreal (m / 4) P4); intros y Hy; simpl in Hy.
    destruct (Rlt_le_dec (Rabs (f y - f x)) eps) as [G | G]; [exact G | exfalso].
    assert (m <= m / 2); [| lra]; apply Least; intros r [_ Hr].
    destruct (Rle_lt_dec r (m / 2)) as [C | C]; [exact C | exfalso].
    assert (Rabs (f y - f x) < eps); [| lra].
    apply Hr; intros a Ha; specialize (Hy a Ha); lra.
Qed.

(** ** Points as tuples *)

Fixpoint to_cube (n : nat) : Tn n R -> nat -> unit_interval :=
  match n return Tn n R -> nat -> unit_interval with
  | O => fun _ _ => clip 0
  | S n => fun x a => match a with O => clip (fst x) | S a => to_cube n (snd x) a end
  end.

Fixpoint of_cube (n : nat) (x : nat -> unit_interval) : Tn n R :=
  match n return Tn n R with
  | O => tt
  | S n => (real (x 0%nat), of_cube n (fun a => x (S a)))
  end.

Fixpoint zeros (n : nat) : Tn n R := match n return Tn n R with O => tt | S n => (0, zeros n) end.
Fixpoint ones (n : nat) : Tn n R := match n return Tn n R with O => tt | S n => (1, ones n) end.

Lemma of_cube_bounded n x : bounded_n n (zeros n) (ones n) (of_cube n x).
Proof. revert x; induction n as [| n IH]; intro x; simpl; [exact I | split; [apply (proj2_sig (x 0%nat)) | apply IH]]. Qed.

Lemma close_coord n r x t : bounded_n n (zeros n) (ones n) t -> close_n n r (of_cube n x) t ->
  forall a, (a < n)%nat -> Rabs (coord x a - coord (to_cube n t) a) < r.
Proof.
  revert x t; induction n as [| n IH]; intros x t Hb Hc a Ha; [lia |].
  destruct t as [t1 t2]; simpl in Hb, Hc; destruct Hb as [Hb1 Hb2], Hc as [Hc1 Hc2].
  destruct a as [| a]; unfold coord; simpl.
  - change (Rmax 0 (Rmin 1 t1)) with (real (clip t1)); rewrite real_clip by exact Hb1; exact Hc1.
  - apply (IH (fun b => x (S b)) t2 Hb2 Hc2 a); lia.
Qed.

(** ** Levels *)

Lemma level_below (r : posreal) : {l : nat | / two l < r}.
Proof.
  exists (Z.to_nat (up (/ r))); set (n := Z.to_nat (up (/ r))).
  assert (P : 0 < / r) by (apply Rinv_0_lt_compat, cond_pos).
  assert (H1 : / r < INR n).
  { destruct (archimed (/ r)) as [A _]; unfold n; rewrite INR_IZR_INZ, Z2Nat.id; [exact A | apply le_IZR; lra]. }
  assert (H2 : INR n <= two n).
  { apply le_INR; clear; induction n as [| n IH]; simpl; [lia |]; pose proof (pow_pos_nat n); lia. }
  rewrite <- (Rinv_inv r); apply Rinv_lt_contravar; [apply Rmult_lt_0_compat; lra | lra].
Qed.

Lemma uniform_levels (eps : posreal) : {l : nat | forall x y,
  (forall a, (a < d)%nat -> Rabs (coord x a - coord y a) <= / two l) -> Rabs (f x - f y) <= eps}.
Proof.
  assert (P2 : 0 < eps / 2) by (pose proof (cond_pos eps); lra).
  set (g := fun x => proj1_sig (gauge (mkposreal _ P2) x)).
  destruct (compactness_value d (zeros d) (ones d) (fun t => g (to_cube d t))) as [r Hr].
  destruct (level_below r) as [l Hl]; exists l; intros x y Hxy; apply NNPP; intro No.
  apply (Hr (of_cube d x) (of_cube_bounded d x)); intros [t [Ht [Hc Hg]]]; apply No.
  set (u := to_cube d t) in *.
  assert (Nx : forall a, (a < d)%nat -> Rabs (coord x a - coord u a) < g u) by (apply close_coord; assumption).
  assert (Gu : forall z, (forall a, (a < d)%nat -> Rabs (coord z a - coord u a) < 2 * g u) -> Rabs (f z - f u) < eps / 2)
    by exact (proj2_sig (gauge (mkposreal _ P2) u)).
  pose proof (cond_pos (g u)) as Pg.
  assert (Fx : Rabs (f x - f u) < eps / 2) by (apply Gu; intros a Ha; specialize (Nx a Ha); lra).
  assert (Fy : Rabs (f y - f u) < eps / 2).
  { apply Gu; intros a Ha; specialize (Nx a Ha); specialize (Hxy a Ha).
    replace (coord y a - coord u a) with (- (coord x a - coord y a) + (coord x a - coord u a)) by ring.
    eapply Rle_lt_trans; [apply Rabs_triang |]; rewrite Rabs_Ropp; lra. }
  replace (f x - f y) with ((f x - f u) + - (f y - f u)) by ring.
  eapply Rle_trans; [apply Rabs_triang |]; rewrite Rabs_Ropp; lra.
Qed.

Definition level_for (j : nat) : nat := proj1_sig (uniform_levels (mkposreal (rho j) (rho_pos j))).

Fixpoint levels (j : nat) : nat :=
  match j with
  | O => level_for 0
  | S k => Nat.max (levels k) (level_for (S k))
  end.

Lemma levels_rise j : (levels j <= levels (S j))%nat.
Proof. apply Nat.le_max_l. Qed.

Lemma level_for_le j : (level_for j <= levels j)%nat.
Proof. destruct j; [apply le_n | apply Nat.le_max_r]. Qed.

Lemma close j x y : (forall a, (a < d)%nat -> Rabs (coord x a - coord y a) <= / two (levels j)) -> Rabs (f x - f y) <= rho j.
Proof.
  intro H; apply (proj2_sig (uniform_levels (mkposreal (rho j) (rho_pos j)))); intros a Ha; fold (level_for j).
  eapply Rle_trans; [apply H, Ha |]; apply Rinv_le_contravar; [apply two_pos |].
  unfold two; apply le_INR, Nat.pow_le_mono_r; [lia | apply level_for_le].
Qed.

End Continuity.

(** ** One real variable *)

Definition continuous_on_unit (f : R -> R) := forall x, 0 <= x <= 1 -> forall eps, 0 < eps ->
  exists delta, 0 < delta /\ forall y, 0 <= y <= 1 -> Rabs (y - x) < delta -> Rabs (f y - f x) < eps.

Lemma continuous_on_unit_cube f : continuous_on_unit f -> continuous_on_cube 1 (fun x => f (coord x 0)).
Proof.
  intros H x eps He; destruct (H (coord x 0) (coord_in x 0) eps He) as [r [Hr G]].
  exists r; split; [exact Hr |]; intros y Hy; apply G; [apply coord_in | apply Hy; lia].
Qed.
