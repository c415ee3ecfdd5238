(** * One variable: dyadic partitions of [0, 1] are a tower

    Sections 1 and 3 of docs/theory.md for d = 1.  Levels may be skipped: the l-th partition has side 2^-(L l).

    Definitions
    - [unit_interval]: the points of [0, 1].
    - [hat1]: the nodal hat, ReLU (1 - |t|) with t = x / h - i.
    - [line L]: the tower of the dyadic partitions of levels L 0 <= L 1 <= ...

    Statements
    - [line]: all properties of a tower hold: cells cover, hats are linear and nodal, partitions are nested. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex Tower.
Import ListNotations.
Open Scope R_scope.

Definition unit_interval := {x : R | 0 <= x <= 1}.
Definition real (x : unit_interval) : R := proj1_sig x.

Definition two (l : nat) : R := INR (2 ^ l).

Lemma two_pos l : 0 < two l.
Proof. apply lt_0_INR, Nat.neq_0_lt_0, Nat.pow_nonzero; lia. Qed.

Lemma two_plus l k : two (l + k) = two l * two k.
Proof. unfold two; rewrite Nat.pow_add_r, mult_INR; reflexivity. Qed.

Lemma pow_pos_nat l : (0 < 2 ^ l)%nat.
Proof. apply Nat.neq_0_lt_0, Nat.pow_nonzero; lia. Qed.

(** A point of the line, brought into [0, 1]. *)
Lemma clip_in (x : R) : 0 <= Rmax 0 (Rmin 1 x) <= 1.
Proof. split; [apply Rmax_l | apply Rmax_lub; [lra | apply Rmin_l]]. Qed.

Definition clip (x : R) : unit_interval := exist _ (Rmax 0 (Rmin 1 x)) (clip_in x).

Lemma real_clip x : 0 <= x <= 1 -> real (clip x) = x.
Proof. intro H; unfold real, clip; simpl; rewrite Rmin_right, Rmax_right; lra. Qed.

Definition hat1 (l i : nat) (x : R) : R := Rmax 0 (1 - Rabs (two l * x - INR i)).

Section Line.

Context (L : nat -> nat) (rising_levels : forall l, (L l <= L (S l))%nat).

Definition node1 (l i : nat) : unit_interval := clip (INR i / two (L l)).

Lemma real_node1 l i : (i <= 2 ^ L l)%nat -> real (node1 l i) = INR i / two (L l).
Proof.
  intro H; pose proof (two_pos (L l)); apply real_clip; split.
  - apply Rmult_le_pos; [apply pos_INR | left; apply Rinv_0_lt_compat; lra].
  - apply Rmult_le_reg_r with (two (L l)); [lra |].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra; apply le_INR, H.
Qed.

Lemma scaled_node1 l i : (i <= 2 ^ L l)%nat -> two (L l) * real (node1 l i) = INR i.
Proof. intro H; rewrite real_node1 by exact H; field; pose proof (two_pos (L l)); lra. Qed.

Definition nodes1 l := seq 0 (S (2 ^ L l)).
Definition cell1 (i : nat) := [i; S i].
Definition cells1 l := map cell1 (seq 0 (2 ^ L l)).

Definition lies1 l (T : list nat) (x : unit_interval) (w : list (R * nat)) :=
  exists i, (i < 2 ^ L l)%nat /\ T = cell1 i /\
    let u := two (L l) * real x - INR i in 0 <= u <= 1 /\ w = [(1 - u, i); (u, S i)].

Lemma in_nodes1 l i : In i (nodes1 l) <-> (i <= 2 ^ L l)%nat.
Proof. unfold nodes1; rewrite in_seq; lia. Qed.

Lemma in_cells1 l T : In T (cells1 l) <-> exists i, (i < 2 ^ L l)%nat /\ T = cell1 i.
Proof.
  unfold cells1; rewrite in_map_iff; split.
  - intros [i [<- H]]; apply in_seq in H; exists i; split; [lia | reflexivity].
  - intros [i [H ->]]; exists i; split; [reflexivity | apply in_seq; lia].
Qed.

(** ** Every point lies in a cell *)

Lemma floor_exists (n : nat) (y : R) : (0 < n)%nat -> 0 <= y <= INR n ->
  exists i, (i < n)%nat /\ 0 <= y - INR i <= 1.
Proof.
  intros Hn; induction n as [| n IH]; [lia |]; intros [H0 H1].
  rewrite S_INR in H1; destruct (Rle_lt_dec y (INR n)) as [H | H].
  - destruct n as [| n].
    + exists 0%nat; simpl in *; split; [lia | lra].
    + destruct IH as [i [Hi K]]; [lia | lra | exists i; split; [lia | exact K]].
  - exists n; split; [lia | lra].
Qed.

Lemma cover1 l x : exists T w, In T (cells1 l) /\ lies1 l T x w.
Proof.
  destruct (floor_exists (2 ^ L l) (two (L l) * real x)) as [i [Hi Hu]]; [apply pow_pos_nat | |].
  - pose proof (two_pos (L l)); destruct x as [x Hx]; simpl; fold (two (L l)); split; [nra |].
    apply Rle_trans with (two (L l) * 1); [apply Rmult_le_compat_l; lra | lra].
  - exists (cell1 i), [(1 - (two (L l) * real x - INR i), i); (two (L l) * real x - INR i, S i)].
    split; [apply in_cells1; exists i; auto | exists i; repeat split; auto; lra].
Qed.

Lemma lies_bary1 l T x w : lies1 l T x w -> bary w.
Proof.
  intros [i [_ [_ [Hu ->]]]]; split; simpl; [| lra].
  apply Forall_cons; [simpl; lra | apply Forall_cons; [simpl; lra | apply Forall_nil]].
Qed.

Lemma lies_vertices1 l T x w v : lies1 l T x w -> In v (vertices w) -> In v T.
Proof. intros [i [_ [-> [_ ->]]]]; simpl; tauto. Qed.

Lemma lies_vertex1 l T v : In T (cells1 l) -> In v T -> exists w, lies1 l T (node1 l v) w.
Proof.
  intros HT Hv; apply in_cells1 in HT; destruct HT as [i [Hi ->]].
  eexists; exists i; split; [exact Hi |]; split; [reflexivity |]; cbv zeta.
  destruct Hv as [<- | [<- | []]]; rewrite scaled_node1 by lia; split; try reflexivity; rewrite ?S_INR; lra.
Qed.

(** ** Hats *)

Lemma hat_nodal1 l u v : In u (nodes1 l) -> In v (nodes1 l) ->
  hat1 (L l) u (real (node1 l v)) = if Nat.eq_dec u v then 1 else 0.
Proof.
  intros Hu Hv; apply in_nodes1 in Hu; apply in_nodes1 in Hv; unfold hat1.
  rewrite scaled_node1 by exact Hv; destruct (Nat.eq_dec u v) as [-> | E].
  - rewrite Rminus_eq_0, Rabs_R0, Rmax_right; lra.
  - apply Rmax_left; assert (1 <= Rabs (INR v - INR u)); [| lra].
    destruct (Nat.lt_gt_cases u v) as [H _]; destruct (H E) as [K | K].
    + rewrite Rabs_right; apply le_INR in K; rewrite S_INR in K; lra.
    + rewrite Rabs_left1; apply le_INR in K; rewrite S_INR in K; lra.
Qed.

Lemma hat_linear1 l T u x w : In u (nodes1 l) -> lies1 l T x w ->
  hat1 (L l) u (real x) = mean w (fun v => hat1 (L l) u (real (node1 l v))).
Proof.
  intros Hu [i [Hi [_ [Ht ->]]]]; cbn [mean].
  rewrite !hat_nodal1; auto; try (apply in_nodes1; lia).
  set (t := two (L l) * real x - INR i) in *; unfold hat1.
  replace (two (L l) * real x - INR u) with (t + (INR i - INR u)) by (unfold t; ring).
  destruct (Nat.eq_dec u i) as [E1 | E1], (Nat.eq_dec u (S i)) as [E2 | E2]; try lia.
  - subst u; rewrite Rminus_eq_0, Rplus_0_r, Rabs_right, Rmax_right; lra.
  - subst u; rewrite S_INR, Rabs_left1, Rmax_right; lra.
  - rewrite Rmax_left; [lra |].
    destruct (Nat.lt_gt_cases u i) as [H _]; destruct (H E1) as [K | K].
    + apply le_INR in K; rewrite S_INR in K; rewrite Rabs_right; lra.
    + assert (K' : (S (S i) <= u)%nat) by lia; apply le_INR in K'; rewrite !S_INR in K'; rewrite Rabs_left1; lra.
Qed.

(** ** Finer cells lie in coarser ones *)

Lemma quotient (j a b : nat) : (0 < b)%nat -> (j < a * b)%nat ->
  exists i, (i < a)%nat /\ (i * b <= j)%nat /\ (S j <= (S i) * b)%nat.
Proof.
  intros Hb H; exists (j / b)%nat; repeat split.
  - apply Nat.div_lt_upper_bound; lia.
  - rewrite Nat.mul_comm; apply Nat.mul_div_le; lia.
  - pose proof (Nat.mul_succ_div_gt j b); lia.
Qed.

Lemma nested1 l T' : In T' (cells1 (S l)) -> exists T, In T (cells1 l) /\
  (forall x w', lies1 (S l) T' x w' -> exists w, lies1 l T x w) /\
  (forall F : unit_interval -> R,
     (forall x w, lies1 l T x w -> F x = mean w (fun v => F (node1 l v))) ->
     forall x w', lies1 (S l) T' x w' -> F x = mean w' (fun v => F (node1 (S l) v))).
Proof.
  intro H'; apply in_cells1 in H'; destruct H' as [j [Hj ->]].
  set (k := (L (S l) - L l)%nat).
  assert (Ek : two (L (S l)) = two (L l) * two k) by (rewrite <- two_plus; unfold k; do 2 f_equal; pose proof (rising_levels l); lia).
  assert (Ej : (2 ^ L (S l) = 2 ^ L l * 2 ^ k)%nat).
  { rewrite <- Nat.pow_add_r; f_equal; unfold k; pose proof (rising_levels l); lia. }
  rewrite Ej in Hj; destruct (quotient j (2 ^ L l) (2 ^ k) (pow_pos_nat k) Hj) as [i [Hi [Hlo Hhi]]].
  apply le_INR in Hlo; apply le_INR in Hhi; rewrite mult_INR in Hlo, Hhi; fold (two k) in Hlo, Hhi.
  rewrite S_INR in Hhi; rewrite S_INR in Hhi.
  pose proof (two_pos k) as Pk; pose proof (two_pos (L l)) as Pl.
  assert (Sub : forall y : unit_interval, 0 <= two (L (S l)) * real y - INR j <= 1 ->
            0 <= two (L l) * real y - INR i <= 1).
  { intros y Hy; rewrite Ek in Hy; split.
    - apply Rmult_le_reg_r with (two k); [lra |]; nra.
    - apply Rmult_le_reg_r with (two k); [lra |]; nra. }
  exists (cell1 i); split; [apply in_cells1; exists i; auto | split].
  - intros x w' [j' [_ [E [Hu _]]]]; injection E as <-.
    eexists; exists i; split; [exact Hi |]; split; [reflexivity |]; split; [apply Sub, Hu | reflexivity].
  - intros F HF x w' [j' [_ [E [Hu ->]]]]; injection E as <-; cbn [mean].
    assert (Aff : forall y : unit_interval, 0 <= two (L (S l)) * real y - INR j <= 1 ->
              F y = (1 - (two (L l) * real y - INR i)) * F (node1 l i)
                  + (two (L l) * real y - INR i) * F (node1 l (S i))).
    { intros y Hy; rewrite (HF y [(1 - (two (L l) * real y - INR i), i); (two (L l) * real y - INR i, S i)]);
        [simpl; ring |].
      exists i; split; [exact Hi |]; split; [reflexivity |]; split; [apply Sub, Hy | reflexivity]. }
    assert (Hj1 : (j <= 2 ^ L (S l))%nat /\ (S j <= 2 ^ L (S l))%nat) by (rewrite Ej; lia).
    rewrite (Aff x Hu), (Aff (node1 (S l) j)), (Aff (node1 (S l) (S j)));
      try (rewrite scaled_node1 by apply Hj1; rewrite ?S_INR; lra).
    rewrite !real_node1 by apply Hj1; rewrite Ek, S_INR; field; lra.
Qed.

Definition line : tower unit_interval nat := {|
  node_dec := Nat.eq_dec;
  pos := node1;
  nodes := nodes1;
  cells := cells1;
  lies := lies1;
  hat := fun l i x => hat1 (L l) i (real x);
  nodes_once := fun l => seq_NoDup _ _;
  vertex_is_node := fun l T v HT Hv =>
    match proj1 (in_cells1 l T) HT with
    | ex_intro _ i (conj Hi E) => ltac:(subst T; apply in_nodes1; destruct Hv as [<- | [<- | []]]; lia)
    end;
  node_is_vertex := fun l v Hv => ltac:(
    apply in_nodes1 in Hv; destruct (Nat.eq_dec v (2 ^ L l)) as [E | E];
    [ pose proof (pow_pos_nat (L l)); exists (cell1 (v - 1)); split;
      [apply in_cells1; exists (v - 1)%nat; split; [lia | reflexivity] | right; left; lia]
    | exists (cell1 v); split; [apply in_cells1; exists v; split; [lia | reflexivity] | left; reflexivity]]);
  cover := cover1;
  lies_bary := fun l T x w _ H => lies_bary1 l T x w H;
  lies_vertices := fun l T x w v _ H => lies_vertices1 l T x w v H;
  lies_vertex := lies_vertex1;
  hat_linear := fun l T u x w _ Hu H => hat_linear1 l T u x w Hu H;
  hat_nodal := hat_nodal1;
  nested := nested1
|}.

End Line.
