(** * The theorem for one variable, end to end

    For every continuous function on [0, 1] there is a sequence of ReLU blocks of width 2, each reading only the block
    before it, and affine readouts, such that the residuals of the partial sums do not grow in magnitude at any point
    and converge uniformly to 0.

    Definitions
    - [layer], [run_layer]: a layer of width 2, x -> ReLU (W x + b).  [block]: two layers.
    - [hidden blocks k x]: the hidden state after [k] blocks, starting from (x, 0).
    - [sums blocks c k x]: the sum of the first [k] readouts, c times the second channel.
    - [continuous_on_unit f]: epsilon-delta continuity on [0, 1], points of [0, 1] only.

    Statements
    - [atom_block_is_hat]: the block of an atom carries x and computes the hat.
    - [multigrade_theorem_1]: the theorem. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex Tower Line.
Import ListNotations.
Open Scope R_scope.

(** ** Networks of width 2 *)

Definition relu (t : R) : R := Rmax 0 t.

Record layer := { w11 : R; w12 : R; b1 : R; w21 : R; w22 : R; b2 : R }.

Definition state := (R * R)%type.

Definition run_layer (a : layer) (s : state) : state :=
  (relu (w11 a * fst s + w12 a * snd s + b1 a), relu (w21 a * fst s + w22 a * snd s + b2 a)).

Definition block := (layer * layer)%type.

Definition run_block (b : block) (s : state) : state := run_layer (snd b) (run_layer (fst b) s).

Fixpoint hidden (blocks : nat -> block) (k : nat) (x : R) : state :=
  match k with
  | O => (x, 0)
  | S k => run_block (blocks k) (hidden blocks k x)
  end.

Fixpoint sums (blocks : nat -> block) (c : nat -> R) (k : nat) (x : R) : R :=
  match k with
  | O => 0
  | S k => sums blocks c k x + c k * snd (hidden blocks (S k) x)
  end.

(** t = 2^l x - i; layer 1: x, ReLU t; layer 2: x, ReLU (1 + t - 2 ReLU t). *)
Definition atom_block (l i : nat) : block :=
  ({| w11 := 1; w12 := 0; b1 := 0; w21 := two l; w22 := 0; b2 := - INR i |},
   {| w11 := 1; w12 := 0; b1 := 0; w21 := two l; w22 := - 2; b2 := 1 - INR i |}).

Lemma atom_block_is_hat l i x y : 0 <= x -> run_block (atom_block l i) (x, y) = (x, hat1 l i x).
Proof.
  intro Hx; unfold run_block, run_layer, atom_block, hat1, relu; simpl.
  replace (1 * x + 0 * y + 0) with x by ring; rewrite (Rmax_right 0 x) by exact Hx.
  f_equal.
  - replace (1 * x + 0 * _ + 0) with x by ring; apply Rmax_right, Hx.
  - replace (two l * x + 0 * y + - INR i) with (two l * x - INR i) by ring.
    f_equal; set (t := two l * x - INR i).
    replace (two l * x + -2 * Rmax 0 t + (1 - INR i)) with (1 + t - 2 * Rmax 0 t) by (unfold t; ring).
    destruct (Rle_lt_dec 0 t); [rewrite Rmax_right, Rabs_right | rewrite Rmax_left, Rabs_left]; lra.
Qed.

(** ** Continuity gives levels *)

Definition continuous_on_unit (f : R -> R) := forall x, 0 <= x <= 1 -> forall eps, 0 < eps ->
  exists delta, 0 < delta /\
    forall y, 0 <= y <= 1 -> Rabs (y - x) < delta -> Rabs (f y - f x) < eps.

Lemma clip_lipschitz x y : Rabs (real (clip y) - real (clip x)) <= Rabs (y - x).
Proof.
  unfold real, clip; simpl; unfold Rmax, Rmin, Rabs; repeat destruct Rle_dec; repeat destruct Rcase_abs; lra.
Qed.

Lemma uniform_levels f : continuous_on_unit f -> forall eps : posreal, {l : nat |
  forall x y, 0 <= x <= 1 -> 0 <= y <= 1 -> Rabs (x - y) <= / two l -> Rabs (f x - f y) < eps}.
Proof.
  intros Hf eps.
  assert (C : forall x, 0 <= x <= 1 -> continuity_pt (fun y => f (real (clip y))) x).
  { intros x Hx e He; destruct (Hf (real (clip x)) (proj2_sig (clip x)) e He) as [d [Hd K]].
    exists d; split; [exact Hd |]; intros y [_ Hy]; apply K; [apply (proj2_sig (clip y)) |].
    eapply Rle_lt_trans; [apply clip_lipschitz | exact Hy]. }
  destruct (@Heine_cor2 (fun y => f (real (clip y))) 0 1 C eps) as [d Hd].
  exists (Z.to_nat (up (/ d))); intros x y Hx Hy Hxy.
  rewrite <- (real_clip x Hx), <- (real_clip y Hy); apply Hd; auto.
  apply Rle_lt_trans with (1 := Hxy); set (n := Z.to_nat (up (/ d))).
  assert (Pd : 0 < / d) by (apply Rinv_0_lt_compat, cond_pos).
  assert (H1 : / d < INR n).
  { destruct (archimed (/ d)) as [A _]; unfold n; rewrite INR_IZR_INZ, Z2Nat.id; [exact A |].
    apply le_IZR; lra. }
  assert (H2 : INR n <= two n).
  { apply le_INR; clear; induction n as [| n IH]; simpl; [lia |]; pose proof (pow_pos_nat n); lia. }
  rewrite <- (Rinv_inv d); apply Rinv_lt_contravar; [apply Rmult_lt_0_compat; lra | lra].
Qed.

(** ** The construction *)

Section Construction.

Context (f : R -> R) (Hf : continuous_on_unit f).

Definition rho (j : nat) : R := (/ 2) ^ j.

Lemma rho_pos j : 0 < rho j.
Proof. apply pow_lt; lra. Qed.

Definition level_for (j : nat) : nat := proj1_sig (uniform_levels f Hf (mkposreal (rho j) (rho_pos j))).

Fixpoint levels (j : nat) : nat :=
  match j with
  | O => level_for 0
  | S k => Nat.max (levels k) (level_for (S k))
  end.

Lemma levels_rise j : (levels j <= levels (S j))%nat.
Proof. apply Nat.le_max_l. Qed.

Lemma level_for_le j : (level_for j <= levels j)%nat.
Proof. destruct j; [apply le_n | apply Nat.le_max_r]. Qed.

Lemma close j x y : 0 <= x <= 1 -> 0 <= y <= 1 -> Rabs (x - y) <= / two (levels j) -> Rabs (f x - f y) <= rho j.
Proof.
  intros Hx Hy H; left; apply (proj2_sig (uniform_levels f Hf (mkposreal (rho j) (rho_pos j)))); auto.
  fold (level_for j); apply Rle_trans with (1 := H); apply Rinv_le_contravar; [apply two_pos |].
  unfold two; apply le_INR, Nat.pow_le_mono_r; [lia | apply level_for_le].
Qed.

Definition K := line levels levels_rise.
Definition F (x : unit_interval) : R := f (real x).
Definition defect (j : nat) (T : list nat) : R := rho j.
Definition margin (j : nat) (T : list nat) : R := 2 * rho j.

Lemma near_vertex j T x w v : lies1 levels j T x w -> In v T -> Rabs (real x - real (node1 levels j v)) <= / two (levels j).
Proof.
  intros [i [Hi [-> [Hu _]]]] Hv; pose proof (two_pos (levels j)) as P.
  assert (Hv' : (v <= 2 ^ levels j)%nat) by (destruct Hv as [<- | [<- | []]]; lia).
  apply Rmult_le_reg_l with (two (levels j)); [exact P |]; rewrite Rinv_r by lra.
  rewrite <- (Rabs_right (two (levels j))) at 1 by lra; rewrite <- Rabs_mult, Rmult_minus_distr_l, scaled_node1 by exact Hv'.
  apply Rabs_le; destruct Hv as [<- | [<- | []]]; rewrite ?S_INR; lra.
Qed.

Lemma near j T x y : inside K j T x -> inside K j T y -> Rabs (real x - real y) <= / two (levels j).
Proof.
  intros [w [i [Hi [-> [Hu _]]]]] [w' [i' [Hi' [E [Hu' _]]]]]; injection E as <-.
  pose proof (two_pos (levels j)) as P.
  apply Rmult_le_reg_l with (two (levels j)); [exact P |]; rewrite Rinv_r by lra.
  rewrite <- (Rabs_right (two (levels j))) at 1 by lra; rewrite <- Rabs_mult, Rmult_minus_distr_l.
  apply Rabs_le; lra.
Qed.

Lemma in_unit (x : unit_interval) : 0 <= real x <= 1.
Proof. apply (proj2_sig x). Qed.

Lemma fit : margins_fit K F (fun _ => 0) defect defect margin margin.
Proof.
  split; [| split; [| split]].
  - intros l T HT x w Hx; rewrite mean_const; [reflexivity | eapply lies_bary; eauto].
  - intros l T x w HT Hx; assert (B : bary w) by (eapply lies_bary; eauto).
    assert (C : forall v, In v (vertices w) -> F x - rho l <= F (pos K l v) <= F x + rho l).
    { intros v Hv; assert (HvT : In v T) by (eapply lies_vertices; eauto).
      pose proof (close l _ _ (in_unit x) (in_unit (node1 levels l v)) (near_vertex l T x w v Hx HvT)) as C.
      apply between_of_abs_le in C; unfold F; change (pos K l v) with (node1 levels l v); lra. }
    unfold defect; split.
    + assert (mean w (fun v => F (pos K l v)) <= F x + rho l); [| lra].
      apply mean_le_const; [exact B | intros v Hv; apply (C v Hv)].
    + assert (F x - rho l <= mean w (fun v => F (pos K l v))); [| lra].
      apply mean_ge_const; [exact B | intros v Hv; apply (C v Hv)].
  - intros l T HT; unfold margin, defect; pose proof (rho_pos l); repeat split; lra.
  - intros l T T' HT HT' Hp; unfold margin, defect.
    replace (rho (S l)) with (rho l / 2) by (unfold rho; simpl; field); pose proof (rho_pos l); split; lra.
Qed.

Notation e := (residual K F (fun _ => 0) margin margin).

Lemma residual_small j x : Rabs (e (S j) x) <= 4 * rho j.
Proof.
  replace (4 * rho j) with (3 * rho j + rho j) by ring.
  apply (theorem_A K F (fun _ => 0) defect defect margin margin fit j (fun _ => rho j)).
  - intros T y z HT Hy Hz; rewrite !Rminus_0_r; apply close; try apply in_unit; eapply near; eauto.
  - intros T HT; unfold margin, defect; repeat split; lra.
Qed.

(** *** The atoms of all levels in one sequence *)

Definition next (u : nat * nat) : nat * nat :=
  if (snd u <? 2 ^ levels (fst u))%nat then (fst u, S (snd u)) else (S (fst u), 0%nat).

Fixpoint unit (k : nat) : nat * nat :=
  match k with O => (0%nat, 0%nat) | S k => next (unit k) end.

Lemma unit_in k : (snd (unit k) <= 2 ^ levels (fst (unit k)))%nat.
Proof.
  induction k as [| k IH]; simpl; [lia |]; unfold next.
  destruct (Nat.ltb_spec (snd (unit k)) (2 ^ levels (fst (unit k)))); simpl; lia.
Qed.

Lemma unit_along k j i : unit k = (j, 0%nat) -> (i <= 2 ^ levels j)%nat -> unit (k + i) = (j, i).
Proof.
  intro E; induction i as [| i IH]; intro Hi; [rewrite Nat.add_0_r; exact E |].
  rewrite Nat.add_succ_r; simpl; rewrite IH by lia; unfold next; simpl.
  destruct (Nat.ltb_spec i (2 ^ levels j)); [reflexivity | lia].
Qed.

Lemma unit_reaches j : exists k, unit k = (j, 0%nat).
Proof.
  induction j as [| j [k IH]]; [exists 0%nat; reflexivity |].
  exists (S (k + 2 ^ levels j)); simpl; rewrite (unit_along k j _ IH (le_n _)); unfold next; simpl.
  rewrite Nat.ltb_irrefl; reflexivity.
Qed.

Definition c (k : nat) : R := coefficient K margin margin (fst (unit k)) (e (fst (unit k))) (snd (unit k)).
Definition blocks (k : nat) : block := atom_block (levels (fst (unit k))) (snd (unit k)).

Lemma hidden_carries k x : 0 <= x -> fst (hidden blocks k x) = x.
Proof.
  intro Hx; induction k as [| k IH]; [reflexivity |]; simpl hidden.
  destruct (hidden blocks k x) as [a b]; simpl in IH; subst a; unfold blocks; rewrite atom_block_is_hat; auto.
Qed.

Lemma hidden_is_hat k x : 0 <= x ->
  snd (hidden blocks (S k) x) = hat1 (levels (fst (unit k))) (snd (unit k)) x.
Proof.
  intro Hx; simpl hidden; pose proof (hidden_carries k x Hx) as E.
  destruct (hidden blocks k x) as [a b]; simpl in E; subst a; unfold blocks; rewrite atom_block_is_hat; auto.
Qed.

(** The residual after k atoms is that after the whole levels, less the first atoms of the level at hand. *)
Definition after (k : nat) : unit_interval -> R :=
  partial K F (fun _ => 0) margin margin (fst (unit k)) (seq 0 (snd (unit k))).

Lemma combine_app l d us vs x : combine K l d (us ++ vs) x = combine K l d us x + combine K l d vs x.
Proof. induction us as [| u us IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma after_step k x : after (S k) x = after k x - c k * hat1 (levels (fst (unit k))) (snd (unit k)) (real x).
Proof.
  pose proof (unit_in k) as Hin; unfold after, c; simpl unit; unfold next.
  destruct (unit k) as [j i]; simpl fst in *; simpl snd in *.
  assert (E : partial K F (fun _ => 0) margin margin j (seq 0 (S i)) x
            = partial K F (fun _ => 0) margin margin j (seq 0 i) x
              - coefficient K margin margin j (e j) i * hat1 (levels j) i (real x)).
  { unfold partial; rewrite seq_S, combine_app; simpl; ring. }
  destruct (Nat.ltb_spec i (2 ^ levels j)) as [H | H]; simpl fst; simpl snd; rewrite <- E; [reflexivity |].
  replace i with (2 ^ levels j)%nat by lia.
  unfold partial at 1; simpl seq; simpl combine.
  rewrite residual_step; unfold partial, grade, K; simpl nodes; unfold nodes1; simpl seq; ring.
Qed.

Lemma sums_are_the_scheme k x : F x - sums blocks c k (real x) = after k x.
Proof.
  induction k as [| k IH]; [unfold after, partial, residual; simpl; ring |].
  rewrite after_step, <- IH.
  change (sums blocks c (S k) (real x)) with (sums blocks c k (real x) + c k * snd (hidden blocks (S k) (real x))).
  rewrite hidden_is_hat by apply in_unit; ring.
Qed.

Lemma after_nonincreasing k x : Rabs (after (S k) x) <= Rabs (after k x).
Proof.
  rewrite after_step; pose proof (unit_in k) as Hin; unfold after, c; destruct (unit k) as [j i]; simpl in *.
  assert (E : nodes K j = seq 0 i ++ i :: seq (S i) (2 ^ levels j - i)).
  { simpl; unfold nodes1; replace (S (2 ^ levels j)) with (i + S (2 ^ levels j - i))%nat by lia.
    rewrite seq_app; reflexivity. }
  apply (abs_residual_le_of_balanced _ _ (unit_grade_balanced K F (fun _ => 0) defect defect margin margin fit j _ i _ E) x).
Qed.

Lemma after_antitone k m x : (k <= m)%nat -> Rabs (after m x) <= Rabs (after k x).
Proof.
  induction 1 as [| m _ IH]; [lra | eapply Rle_trans; [apply after_nonincreasing | exact IH]].
Qed.

Lemma after_small j : exists k, forall x, Rabs (after k x) <= 4 * rho j.
Proof.
  destruct (unit_reaches (S j)) as [k E]; exists k; intro x; unfold after; rewrite E; simpl.
  unfold partial; simpl; rewrite Rminus_0_r; apply residual_small.
Qed.

End Construction.

Lemma rho_vanishes eps : 0 < eps -> exists j, 4 * rho j <= eps.
Proof.
  intro He; destruct (pow_lt_1_zero (/ 2)) with (y := eps / 4) as [j Hj].
  - rewrite Rabs_right; lra.
  - lra.
  - exists j; specialize (Hj j (le_n _)); fold (rho j) in Hj; rewrite Rabs_right in Hj; [lra |].
    pose proof (rho_pos j); lra.
Qed.

Theorem multigrade_theorem_1 (f : R -> R) : continuous_on_unit f ->
  exists (blocks : nat -> block) (c : nat -> R),
    let e k x := f x - sums blocks c k x in
    (forall k x, 0 <= x <= 1 -> Rabs (e (S k) x) <= Rabs (e k x)) /\
    (forall eps, 0 < eps -> exists k0, forall k x, (k0 <= k)%nat -> 0 <= x <= 1 -> Rabs (e k x) <= eps).
Proof.
  intro Hf; exists (blocks f Hf), (c f Hf); cbv zeta.
  assert (E : forall k x, 0 <= x <= 1 -> f x - sums (blocks f Hf) (c f Hf) k x = after f Hf k (clip x)).
  { intros k x Hx; rewrite <- sums_are_the_scheme; unfold F; rewrite real_clip by exact Hx; reflexivity. }
  split.
  - intros k x Hx; rewrite !E by exact Hx; apply after_nonincreasing.
  - intros eps He; destruct (rho_vanishes eps He) as [j Hj]; destruct (after_small f Hf j) as [k0 Hk].
    exists k0; intros k x Hk0 Hx; rewrite E by exact Hx.
    eapply Rle_trans; [apply (after_antitone f Hf k0 k), Hk0 | eapply Rle_trans; [apply Hk | exact Hj]].
Qed.

Print Assumptions multigrade_theorem_1.
