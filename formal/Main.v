(** * The theorem

    For every continuous function on [0, 1]^d there is a sequence of ReLU blocks of one shape, each reading only the
    hidden state that the block before it left, and affine readouts, such that the residuals of the partial sums do not
    grow in magnitude at any point and converge to 0 uniformly.  No hypotheses are left.

    Statements
    - [multigrade_theorem]: any number d >= 1 of variables, blocks of d + 1 layers of width d + 2.
    - [multigrade_theorem_1]: one variable, blocks of 2 layers of width 2. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex Tower Line Freudenthal Stream Network Continuity.
Import ListNotations.
Open Scope R_scope.

(** Two points of one simplex are less than a cell apart. *)
Lemma scaled_close (s x y i : R) : 0 < s -> 0 <= s * x - i <= 1 -> 0 <= s * y - i <= 1 -> Rabs (x - y) <= / s.
Proof.
  intros P Hx Hy; apply Rmult_le_reg_l with s; [exact P |]; rewrite Rinv_r by lra.
  rewrite <- (Rabs_right s) at 1 by lra; rewrite <- Rabs_mult, Rmult_minus_distr_l; apply Rabs_le; lra.
Qed.

(** ** Any number of variables *)

Section Any.

Context (d : nat) (Hd : (0 < d)%nat) (f : cube -> R) (Hf : continuous_on_cube d f).

Notation L := (levels d f Hf).
Definition Kd := freudenthal d L (levels_rise d f Hf).

Lemma oscillates_d : oscillates Kd f.
Proof.
  intros j T x y HT [w Hx] [w' Hy]; simpl in HT, Hx, Hy.
  apply in_cellsd in HT; destruct HT as [z [pi [Hz [P ->]]]].
  destruct (lies_path d L j z pi x w Hz P Hx) as [_ [Hu _]], (lies_path d L j z pi y w' Hz P Hy) as [_ [Hu' _]].
  apply (close d f Hf); intros a Ha; apply scaled_close with (INR (nth a z 0%nat)); [apply two_pos | apply Hu, Ha | apply Hu', Ha].
Qed.

Lemma inhabited_d l : nodes Kd l <> [].
Proof.
  destruct (cover_d d L l (fun _ => clip 0)) as [T [w [HT _]]].
  assert (Hv : exists v, In v T) by (apply in_cellsd in HT; destruct HT as [z [pi [_ [_ ->]]]]; exists z; destruct pi; left; reflexivity).
  destruct Hv as [v Hv]; intro E; pose proof (vertex_is_node_d d L l T v HT Hv) as H.
  change (nodesd d L l) with (nodes Kd l) in H; rewrite E in H; exact H.
Qed.

Definition blocks_d (k : nat) : list layer := wide_block d (L (level_of Kd k)) (node_of Kd [] k).
Definition readouts_d (k : nat) : row := readout d (coefficient_of Kd f [] k).

Lemma sums_are_the_scheme k x : f x - sums blocks_d readouts_d k (coordinates d x ++ [0; 0]) = after Kd f k x.
Proof.
  unfold blocks_d, readouts_d; rewrite (sums_of_hats d L (level_of Kd) (node_of Kd []) (coefficient_of Kd f []) k x Hd).
  induction k as [| k IH]; [rewrite after_start; simpl; ring |].
  rewrite (after_step Kd f [] inhabited_d k x), <- IH, seq_S, rev_app_distr; simpl; ring.
Qed.

End Any.

Theorem multigrade_theorem (d : nat) (f : cube -> R) : (0 < d)%nat -> continuous_on_cube d f ->
  exists (blocks : nat -> list layer) (readouts : nat -> row),
    (forall k, length (blocks k) = S d /\ Forall (fun a => width a = S (S d)) (blocks k)) /\
    let e k x := f x - sums blocks readouts k (coordinates d x ++ [0; 0]) in
    (forall k x, Rabs (e (S k) x) <= Rabs (e k x)) /\
    (forall eps, 0 < eps -> exists k0, forall k x, (k0 <= k)%nat -> Rabs (e k x) <= eps).
Proof.
  intros Hd Hf; exists (blocks_d d f Hf), (readouts_d d f Hf); split.
  - intro k; split; [apply wide_block_depth | apply wide_block_width].
  - cbv zeta; split.
    + intros k x; rewrite !sums_are_the_scheme by exact Hd.
      apply (after_nonincreasing _ _ [] (inhabited_d d f Hf) (oscillates_d d f Hf)).
    + intros eps He; destruct (after_vanishes _ _ [] (inhabited_d d f Hf) (oscillates_d d f Hf) eps He) as [k0 H].
      exists k0; intros k x Hk; rewrite sums_are_the_scheme by exact Hd; apply H, Hk.
Qed.

(** ** One variable, width 2 *)

Section One.

Context (f : R -> R) (Hf : continuous_on_unit f).

Let g : cube -> R := fun x => f (coord x 0).
Let Hg : continuous_on_cube 1 g := continuous_on_unit_cube f Hf.
Notation L := (levels 1 g Hg).
Definition K1 := line L (levels_rise 1 g Hg).
Definition F1 (x : unit_interval) : R := f (real x).

Lemma oscillates_1 : oscillates K1 F1.
Proof.
  intros j T x y _ [w [i [Hi [-> [Hu _]]]]] [w' [i' [Hi' [E [Hu' _]]]]]; injection E as <-.
  apply (close 1 g Hg j (fun _ => x) (fun _ => y)); intros a _; unfold coord.
  apply scaled_close with (INR i); [apply two_pos | exact Hu | exact Hu'].
Qed.

Lemma inhabited_1 l : nodes K1 l <> [].
Proof. simpl; unfold nodes1; simpl; discriminate. Qed.

Definition blocks_1 (k : nat) : list layer := narrow_block (L (level_of K1 k)) (node_of K1 0%nat k).
Definition readouts_1 (k : nat) : row := ([(coefficient_of K1 F1 0%nat k, 1%nat)], 0).

Lemma hidden_1 k (x : unit_interval) : exists y, hidden blocks_1 k [real x; 0] = [real x; y].
Proof.
  induction k as [| k [y E]]; [exists 0; reflexivity |].
  change (hidden blocks_1 (S k) [real x; 0]) with (run (blocks_1 k) (hidden blocks_1 k [real x; 0])).
  rewrite E; eexists; apply narrow_block_is_hat, (proj2_sig x).
Qed.

Lemma sums_are_the_scheme_1 k (x : unit_interval) : F1 x - sums blocks_1 readouts_1 k [real x; 0] = after K1 F1 k x.
Proof.
  induction k as [| k IH]; [rewrite after_start; simpl; ring |].
  rewrite (after_step K1 F1 0%nat inhabited_1 k x), <- IH.
  change (sums blocks_1 readouts_1 (S k) [real x; 0]) with
    (sums blocks_1 readouts_1 k [real x; 0] + value_of (readouts_1 k) (run (blocks_1 k) (hidden blocks_1 k [real x; 0]))).
  destruct (hidden_1 k x) as [y ->].
  change (run (blocks_1 k) [real x; y]) with (run (narrow_block (L (level_of K1 k)) (node_of K1 0%nat k)) [real x; y]).
  rewrite (narrow_block_is_hat (L (level_of K1 k)) (node_of K1 0%nat k) (real x) y (proj1 (proj2_sig x))).
  unfold value_of, readouts_1; simpl; ring.
Qed.

End One.

Theorem multigrade_theorem_1 (f : R -> R) : continuous_on_unit f ->
  exists (blocks : nat -> list layer) (readouts : nat -> row),
    (forall k, length (blocks k) = 2%nat /\ Forall (fun a => width a = 2%nat) (blocks k)) /\
    let e k x := f x - sums blocks readouts k [x; 0] in
    (forall k x, 0 <= x <= 1 -> Rabs (e (S k) x) <= Rabs (e k x)) /\
    (forall eps, 0 < eps -> exists k0, forall k x, (k0 <= k)%nat -> 0 <= x <= 1 -> Rabs (e k x) <= eps).
Proof.
  intro Hf; exists (blocks_1 f Hf), (readouts_1 f Hf); split.
  - intro k; split; [reflexivity | apply narrow_block_width].
  - cbv zeta.
    assert (E : forall k x, 0 <= x <= 1 ->
              f x - sums (blocks_1 f Hf) (readouts_1 f Hf) k [x; 0] = after (K1 f Hf) (F1 f) k (clip x)).
    { intros k x Hx; rewrite <- sums_are_the_scheme_1; unfold F1; rewrite real_clip by exact Hx; reflexivity. }
    split.
    + intros k x Hx; rewrite !E by exact Hx.
      apply (after_nonincreasing _ _ 0%nat (inhabited_1 f Hf) (oscillates_1 f Hf)).
    + intros eps He; destruct (after_vanishes _ _ 0%nat (inhabited_1 f Hf) (oscillates_1 f Hf) eps He) as [k0 H].
      exists k0; intros k x Hk Hx; rewrite E by exact Hx; apply H, Hk.
Qed.
