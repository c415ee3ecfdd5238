(** * All atoms in one sequence

    From levels of finitely many atoms to one sequence of unit grades (docs/theory.md, the theorem of Section 3).

    Definitions
    - [oscillates K F rho]: on every simplex of level j the target varies by at most rho j.
    - [place_of k]: the level and the position in it of the k-th atom.  [node_of], [coefficient_of]: its node and height.
    - [after k]: the residual after k atoms.

    Statements
    - [shrinking_fit]: defects rho and margins 2 rho meet the margin condition if rho halves.
    - [after_step]: each step takes away one atom.
    - [after_nonincreasing]: no step makes |e| larger anywhere.
    - [after_vanishes]: the residuals converge to 0 uniformly. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex Tower.
Import ListNotations.
Open Scope R_scope.

Definition rho (j : nat) : R := (/ 2) ^ j.

Lemma rho_pos j : 0 < rho j.
Proof. apply pow_lt; lra. Qed.

Lemma rho_half j : rho (S j) = rho j / 2.
Proof. unfold rho; simpl; field. Qed.

Lemma rho_vanishes eps : 0 < eps -> exists j, 4 * rho j <= eps.
Proof.
  intro He; destruct (pow_lt_1_zero (/ 2)) with (y := eps / 4) as [j Hj].
  - rewrite Rabs_right; lra.
  - lra.
  - exists j; specialize (Hj j (le_n _)); fold (rho j) in Hj; rewrite Rabs_right in Hj; [lra |].
    pose proof (rho_pos j); lra.
Qed.

Section Stream.

Context {X N : Type} (K : tower X N) (F : X -> R) (v0 : N) (inhabited : forall l, nodes K l <> []).

Definition oscillates := forall j T x y, In T (cells K j) -> inside K j T x -> inside K j T y -> Rabs (F x - F y) <= rho j.

Hypothesis osc : oscillates.

Let defect (j : nat) (T : list N) : R := rho j.
Let margin (j : nat) (T : list N) : R := 2 * rho j.

Lemma shrinking_fit : margins_fit K F (fun _ => 0) defect defect margin margin.
Proof.
  split; [| split; [| split]].
  - intros l T HT x w Hx; rewrite mean_const; [reflexivity | eapply lies_bary; eauto].
  - intros l T x w HT Hx; assert (B : bary w) by (eapply lies_bary; eauto).
    assert (C : forall v, In v (vertices w) -> F x - rho l <= F (pos K l v) <= F x + rho l).
    { intros v Hv; assert (HvT : In v T) by (eapply lies_vertices; eauto).
      assert (C := osc l T x (pos K l v) HT (ex_intro _ w Hx) (lies_vertex X N K l T v HT HvT)).
      apply between_of_abs_le in C; lra. }
    unfold defect; split.
    + assert (mean w (fun v => F (pos K l v)) <= F x + rho l); [| lra].
      apply mean_le_const; [exact B | intros v Hv; apply (C v Hv)].
    + assert (F x - rho l <= mean w (fun v => F (pos K l v))); [| lra].
      apply mean_ge_const; [exact B | intros v Hv; apply (C v Hv)].
  - intros l T HT; unfold margin, defect; pose proof (rho_pos l); repeat split; lra.
  - intros l T T' HT HT' Hp; unfold margin, defect; rewrite rho_half; pose proof (rho_pos l); split; lra.
Qed.

Notation e := (residual K F (fun _ => 0) margin margin).

Lemma residual_small j x : Rabs (e (S j) x) <= 4 * rho j.
Proof.
  replace (4 * rho j) with (3 * rho j + rho j) by ring.
  apply (theorem_A K F (fun _ => 0) defect defect margin margin shrinking_fit j (fun _ => rho j)).
  - intros T y z HT Hy Hz; rewrite !Rminus_0_r; eapply osc; eauto.
  - intros T HT; unfold margin, defect; repeat split; lra.
Qed.

(** ** The sequence *)

Definition next (u : nat * nat) : nat * nat :=
  if (S (snd u) <? length (nodes K (fst u)))%nat then (fst u, S (snd u)) else (S (fst u), 0%nat).

Fixpoint place_of (k : nat) : nat * nat :=
  match k with O => (0%nat, 0%nat) | S k => next (place_of k) end.

Lemma length_pos l : (0 < length (nodes K l))%nat.
Proof. pose proof (inhabited l); destruct (nodes K l); [congruence | simpl; lia]. Qed.

Lemma place_in k : (snd (place_of k) < length (nodes K (fst (place_of k))))%nat.
Proof.
  induction k as [| k IH]; simpl; [apply length_pos |]; unfold next.
  destruct (Nat.ltb_spec (S (snd (place_of k))) (length (nodes K (fst (place_of k))))); simpl; [assumption | apply length_pos].
Qed.

Lemma place_along k j i : place_of k = (j, 0%nat) -> (i < length (nodes K j))%nat -> place_of (k + i) = (j, i).
Proof.
  intro E; induction i as [| i IH]; intro Hi; [rewrite Nat.add_0_r; exact E |].
  rewrite Nat.add_succ_r; simpl; rewrite IH by lia; unfold next; simpl.
  destruct (Nat.ltb_spec (S i) (length (nodes K j))); [reflexivity | lia].
Qed.

Lemma place_reaches j : exists k, place_of k = (j, 0%nat).
Proof.
  induction j as [| j [k IH]]; [exists 0%nat; reflexivity |].
  pose proof (length_pos j) as P.
  exists (S (k + (length (nodes K j) - 1))); simpl; rewrite (place_along k j _ IH) by lia; unfold next; simpl.
  destruct (Nat.ltb_spec (S (length (nodes K j) - 1)) (length (nodes K j))); [lia | reflexivity].
Qed.

Definition level_of (k : nat) : nat := fst (place_of k).
Definition node_of (k : nat) : N := nth (snd (place_of k)) (nodes K (level_of k)) v0.
Definition coefficient_of (k : nat) : R := coefficient K margin margin (level_of k) (e (level_of k)) (node_of k).

Lemma node_of_in k : In (node_of k) (nodes K (level_of k)).
Proof. apply nth_In, place_in. Qed.

Definition after (k : nat) : X -> R :=
  partial K F (fun _ => 0) margin margin (level_of k) (firstn (snd (place_of k)) (nodes K (level_of k))).

Lemma combine_app l d us vs x : combine K l d (us ++ vs) x = combine K l d us x + combine K l d vs x.
Proof. induction us as [| u us IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma firstn_succ {A : Type} (d : A) i l : (i < length l)%nat -> firstn (S i) l = firstn i l ++ [nth i l d].
Proof.
  revert l; induction i as [| i IH]; intros [| a l] H; simpl in *; try lia; [reflexivity |].
  f_equal; apply IH; lia.
Qed.

Lemma after_start x : after 0 x = F x.
Proof. unfold after, level_of, partial, residual; simpl; ring. Qed.

Lemma after_step k x : after (S k) x = after k x - coefficient_of k * hat K (level_of k) (node_of k) x.
Proof.
  pose proof (place_in k) as Hin; unfold after, coefficient_of, node_of, level_of; simpl place_of; unfold next.
  destruct (place_of k) as [j i]; simpl fst in *; simpl snd in *.
  assert (E : partial K F (fun _ => 0) margin margin j (firstn (S i) (nodes K j)) x
            = partial K F (fun _ => 0) margin margin j (firstn i (nodes K j)) x
              - coefficient K margin margin j (e j) (nth i (nodes K j) v0) * hat K j (nth i (nodes K j) v0) x).
  { unfold partial; rewrite (firstn_succ v0) by exact Hin; rewrite combine_app; simpl; ring. }
  destruct (Nat.ltb_spec (S i) (length (nodes K j))) as [H | H]; simpl fst; simpl snd; rewrite <- E; [reflexivity |].
  assert (A : firstn (S i) (nodes K j) = nodes K j) by (apply firstn_all2, H).
  rewrite A; unfold partial; simpl firstn; simpl combine.
  rewrite residual_step; unfold grade; ring.
Qed.

Lemma after_nonincreasing k x : Rabs (after (S k) x) <= Rabs (after k x).
Proof.
  rewrite after_step; pose proof (place_in k) as Hin.
  unfold after, coefficient_of, node_of, level_of; destruct (place_of k) as [j i]; simpl fst in *; simpl snd in *.
  assert (E : nodes K j = firstn i (nodes K j) ++ nth i (nodes K j) v0 :: skipn (S i) (nodes K j)).
  { rewrite <- (firstn_skipn (S i) (nodes K j)) at 1; rewrite (firstn_succ v0) by exact Hin.
    rewrite <- app_assoc; reflexivity. }
  apply (abs_residual_le_of_balanced _ _ (unit_grade_balanced K F (fun _ => 0) defect defect margin margin shrinking_fit j _ _ _ E) x).
Qed.

Lemma after_antitone k m x : (k <= m)%nat -> Rabs (after m x) <= Rabs (after k x).
Proof. induction 1 as [| m _ IH]; [lra | eapply Rle_trans; [apply after_nonincreasing | exact IH]]. Qed.

Theorem after_vanishes eps : 0 < eps -> exists k0, forall k x, (k0 <= k)%nat -> Rabs (after k x) <= eps.
Proof.
  intro He; destruct (rho_vanishes eps He) as [j Hj]; destruct (place_reaches (S j)) as [k0 E].
  exists k0; intros k x Hk; eapply Rle_trans; [apply after_antitone, Hk |].
  apply Rle_trans with (2 := Hj); unfold after, level_of; rewrite E; simpl fst; simpl snd.
  unfold partial; simpl; rewrite Rminus_0_r; apply residual_small.
Qed.

End Stream.
