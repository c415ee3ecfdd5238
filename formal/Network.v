(** * Networks of fixed width

    Section 5 of docs/theory.md: the block of one atom computes the hat, and a chain of blocks computes the scheme.

    Definitions
    - [row], [layer]: an affine form of the channels (weights, bias), and a list of them; [run_layer] is ReLU (W x + b).
    - [width]: the number of channels of a layer.
    - [run]: a chain of layers.  [hidden blocks k s]: the hidden state after [k] blocks; block k reads only the state that
      block k - 1 left.
    - [sums blocks readouts k s]: the sum of the first [k] readouts.
    - [wide_block]: d + 1 layers of width d + 2: carried coordinates, ReLU (S - t_a), ReLU (U + t_a); then the hat.
    - [narrow_block]: d = 1, two layers of width 2: carried x, ReLU t; then ReLU (1 + t - 2 ReLU t).

    Statements
    - [wide_block_is_hat], [narrow_block_is_hat]: the block carries the coordinates and computes the hat.
    - [wide_block_width], [wide_block_depth], ...: its size.
    - [sums_of_hats]: a chain of such blocks with readouts c computes the sum of c times hat.
    - [grade_block_is_sum], [grade_block_width], [grade_block_depth]: a whole level as one grade, with a running sum in
      one more channel, width d + 3. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex Tower Line Freudenthal.
Import ListNotations.
Open Scope R_scope.

Definition relu (t : R) : R := Rmax 0 t.

(** An affine form of the channels: pairs (weight, channel), and a bias. *)
Definition row := (list (R * nat) * R)%type.
Definition state := list R.

Definition value_of (r : row) (s : state) : R :=
  fold_right (fun wc a => fst wc * nth (snd wc) s 0 + a) (snd r) (fst r).

Definition layer := list row.
Definition width (a : layer) : nat := length a.
Definition run_layer (a : layer) (s : state) : state := map (fun r => relu (value_of r s)) a.
Definition run (b : list layer) (s : state) : state := fold_left (fun s a => run_layer a s) b s.

Fixpoint hidden (blocks : nat -> list layer) (k : nat) (s : state) : state :=
  match k with
  | O => s
  | S k => run (blocks k) (hidden blocks k s)
  end.

Fixpoint sums (blocks : nat -> list layer) (readouts : nat -> row) (k : nat) (s : state) : R :=
  match k with
  | O => 0
  | S k => sums blocks readouts k s + value_of (readouts k) (hidden blocks (S k) s)
  end.

Lemma run_app b b' s : run (b ++ b') s = run b' (run b s).
Proof. apply fold_left_app. Qed.

(** ** Any number of variables *)

Section Wide.

Context (d : nat).

Definition carry (a : nat) : row := ([(1, a)], 0).

(** t_a = 2^l x_a - v_a, with a sign and more terms. *)
Definition term (l : nat) (v : list nat) (sign : R) (a : nat) (more : list (R * nat)) (bias : R) : row :=
  ((sign * two l, a) :: more, bias - sign * INR (nth a v 0%nat)).

(** Layer 0 computes ReLU (0 - t_0), ReLU (0 + t_0); layer a > 0 has S = t_(a-1) + channel d, U = - t_(a-1) + channel d+1. *)
Definition step_layer (l : nat) (v : list nat) (a : nat) : layer :=
  map carry (seq 0 d) ++
  match a with
  | O => [term l v (-1) 0 [] 0; term l v 1 0 [] 0]
  | S b => [term l v (-1) (S b) [(two l, b); (1, d)] (- INR (nth b v 0%nat));
            term l v 1 (S b) [(- two l, b); (1, S d)] (INR (nth b v 0%nat))]
  end.

(** 1 - S - U = 1 - channel d - channel d+1. *)
Definition hat_layer : layer := map carry (seq 0 d) ++ [([(-1, d); (-1, S d)], 1); ([], 0)].

Definition wide_block (l : nat) (v : list nat) : list layer := map (step_layer l v) (seq 0 d) ++ [hat_layer].

Lemma wide_block_depth l v : length (wide_block l v) = S d.
Proof. unfold wide_block; rewrite app_length, map_length, seq_length; simpl; lia. Qed.

Lemma wide_block_width l v : Forall (fun a => width a = S (S d)) (wide_block l v).
Proof.
  apply Forall_app; split.
  - apply Forall_map, Forall_forall; intros a _; unfold width, step_layer; rewrite app_length, map_length, seq_length.
    destruct a; simpl; lia.
  - constructor; [| constructor]; unfold width, hat_layer; rewrite app_length, map_length, seq_length; simpl; lia.
Qed.

Fixpoint smax (t : nat -> R) (a : nat) : R :=
  match a with O => 0 | S a => Rmax (smax t a) (t a) end.

Lemma max_by_relu s t : t + relu (s - t) = Rmax s t.
Proof. unfold relu, Rmax; repeat destruct Rle_dec; lra. Qed.

Lemma smax_nonneg t a : 0 <= smax t a.
Proof. induction a as [| a IH]; simpl; [lra | eapply Rle_trans; [exact IH | apply Rmax_l]]. Qed.

Lemma smax_is t : largest0 d t = smax t d.
Proof.
  apply largest0_is.
  - induction d as [| m IH]; intros a Ha; [lia |]; simpl.
    destruct (Nat.eq_dec a m) as [-> | E]; [apply Rmax_r | eapply Rle_trans; [apply IH; lia | apply Rmax_l]].
  - apply smax_nonneg.
  - induction d as [| m [E | [a [Ha E]]]]; [left; reflexivity | |]; simpl;
      unfold Rmax; destruct Rle_dec; try (right; exists m; split; [lia | reflexivity]).
    + left; exact E.
    + right; exists a; split; [lia | exact E].
Qed.

Lemma carried x s : length x = d -> (forall a, 0 <= nth a x 0) ->
  map (fun r => relu (value_of r (x ++ s))) (map carry (seq 0 d)) = x.
Proof.
  intros Hl Hx; rewrite map_map; apply (nth_ext _ _ 0 0); [rewrite map_length, seq_length; auto |].
  intros a Ha; rewrite map_length, seq_length in Ha.
  rewrite (nth_indep _ 0 (relu (value_of (carry 0) (x ++ s)))) by (rewrite map_length, seq_length; exact Ha).
  rewrite (map_nth (fun a => relu (value_of (carry a) (x ++ s)))), seq_nth by exact Ha.
  unfold value_of, carry; simpl; rewrite app_nth1 by lia; unfold relu; rewrite Rmax_right; [ring |].
  specialize (Hx a); lra.
Qed.

Definition tail (l : nat) (v : list nat) (x : list R) (a : nat) : list R :=
  let t b := two l * nth b x 0 - INR (nth b v 0%nat) in
  match a with
  | O => []
  | S b => [relu (smax t b - t b); relu (smax (fun c => - t c) b - - t b)]
  end.

Lemma channel_d x s k : length x = d -> nth (d + k) (x ++ s) 0 = nth k s 0.
Proof. intro H; rewrite app_nth2 by lia; f_equal; lia. Qed.

(** One layer; it does not look at channels beyond d + 1, and layer 0 not beyond d - 1. *)
Lemma step_one l v x a r : length x = d -> (forall b, 0 <= nth b x 0) -> (a < d)%nat ->
  run_layer (step_layer l v a) (x ++ tail l v x a ++ r) = x ++ tail l v x (S a).
Proof.
  intros Hl Hx Ha; set (t := fun b => two l * nth b x 0 - INR (nth b v 0%nat)).
  unfold run_layer, step_layer; rewrite map_app, carried by assumption; f_equal.
  destruct a as [| b].
  - unfold value_of, term; simpl; rewrite !app_nth1 by lia; f_equal; [| f_equal]; f_equal; ring.
  - set (P := relu (smax t b - t b)); set (Q := relu (smax (fun c => - t c) b - - t b)).
    change (tail l v x (S b)) with [P; Q].
    assert (E1 := channel_d x ([P; Q] ++ r) 0 Hl); rewrite Nat.add_0_r in E1.
    assert (E2 := channel_d x ([P; Q] ++ r) 1 Hl); rewrite Nat.add_1_r in E2.
    unfold value_of, term; cbn [map fold_right fst snd]; rewrite E1, E2, !app_nth1 by lia; cbn [nth app].
    change (tail l v x (S (S b))) with
      [relu (Rmax (smax t b) (t b) - t (S b)); relu (Rmax (smax (fun c => - t c) b) (- t b) - - t (S b))].
    rewrite <- (max_by_relu (smax t b) (t b)), <- (max_by_relu (smax (fun c => - t c) b) (- t b)); fold P; fold Q.
    f_equal; [| f_equal]; f_equal; unfold t; ring.
Qed.

Definition phi (l : nat) (v : list nat) (x : list R) : R :=
  relu (1 - smax (fun b => two l * nth b x 0 - INR (nth b v 0%nat)) d
          - smax (fun b => - (two l * nth b x 0 - INR (nth b v 0%nat))) d).

Lemma hat_one l v x r : length x = d -> (forall b, 0 <= nth b x 0) -> (0 < d)%nat ->
  run_layer hat_layer (x ++ tail l v x d ++ r) = x ++ [phi l v x; 0].
Proof.
  intros Hl Hx Hd; assert (Ed : d = S (pred d)) by lia; remember (pred d) as m eqn:Em; clear Em.
  set (t := fun b => two l * nth b x 0 - INR (nth b v 0%nat)).
  change (phi l v x) with (relu (1 - smax t d - smax (fun b => - t b) d)).
  replace (tail l v x d) with (tail l v x (S m)) by (rewrite <- Ed; reflexivity).
  unfold run_layer, hat_layer; rewrite map_app, carried by assumption; f_equal.
  set (P := relu (smax t m - t m)); set (Q := relu (smax (fun c => - t c) m - - t m)).
  change (tail l v x (S m)) with [P; Q].
  assert (E1 := channel_d x ([P; Q] ++ r) 0 Hl); rewrite Nat.add_0_r in E1.
  assert (E2 := channel_d x ([P; Q] ++ r) 1 Hl); rewrite Nat.add_1_r in E2.
  unfold value_of; cbn [map fold_right fst snd]; rewrite E1, E2; cbn [nth app].
  replace (smax t d) with (t m + P) by (rewrite Ed; apply max_by_relu).
  replace (smax (fun b => - t b) d) with (- t m + Q) by (rewrite Ed; apply max_by_relu).
  f_equal; [f_equal; ring | f_equal; unfold relu; rewrite Rmax_left; lra].
Qed.

(** Before layer 0 the last two channels may hold anything. *)
Lemma steps l v x s a : length x = d -> (forall b, 0 <= nth b x 0) -> (a <= d)%nat ->
  run (map (step_layer l v) (seq 0 a)) (x ++ s) = x ++ match a with O => s | S _ => tail l v x a end.
Proof.
  intros Hl Hx; induction a as [| a IH]; intro Ha; [reflexivity |].
  rewrite seq_S, map_app, run_app, IH by lia.
  change (run_layer (step_layer l v a) (x ++ match a with O => s | S _ => tail l v x a end) = x ++ tail l v x (S a)).
  destruct a as [| b].
  - exact (step_one l v x 0 s Hl Hx Ha).
  - rewrite <- (app_nil_r (tail l v x (S b))); apply step_one; auto.
Qed.

Lemma hat_step l v x s : length x = d -> (forall b, 0 <= nth b x 0) -> (0 < d)%nat ->
  run (wide_block l v) (x ++ s) = x ++ [phi l v x; 0].
Proof.
  intros Hl Hx Hd; unfold wide_block; rewrite run_app, steps by auto.
  replace (match d with O => s | S _ => tail l v x d end) with (tail l v x d ++ []) by (rewrite app_nil_r; destruct d; [lia | reflexivity]).
  apply (hat_one l v x []); assumption.
Qed.

(** The coordinates of a point, as the first channels. *)
Definition coordinates (x : cube) : list R := map (coord x) (seq 0 d).

Lemma coordinates_length x : length (coordinates x) = d.
Proof. unfold coordinates; rewrite map_length, seq_length; reflexivity. Qed.

Lemma nth_coordinates x a : (a < d)%nat -> nth a (coordinates x) 0 = coord x a.
Proof.
  intro H; unfold coordinates; rewrite (nth_indep _ 0 (coord x 0%nat)) by (rewrite map_length, seq_length; exact H).
  rewrite map_nth, seq_nth by exact H; reflexivity.
Qed.

Lemma coordinates_nonneg x a : 0 <= nth a (coordinates x) 0.
Proof.
  destruct (le_lt_dec d a) as [H | H]; [rewrite nth_overflow by (rewrite coordinates_length; exact H); lra |].
  rewrite nth_coordinates by exact H; apply coord_in.
Qed.

Lemma smax_ext t t' a : (forall b, (b < a)%nat -> t b = t' b) -> smax t a = smax t' a.
Proof.
  induction a as [| a IH]; intro H; [reflexivity |]; simpl; rewrite IH, (H a); auto.
Qed.

Theorem wide_block_is_hat (L : nat -> nat) l v x s : (0 < d)%nat ->
  run (wide_block (L l) v) (coordinates x ++ s) = coordinates x ++ [hatd d L l v x; 0].
Proof.
  intro Hd; rewrite hat_step; auto using coordinates_length, coordinates_nonneg.
  unfold hatd, phi, relu; cbv zeta; rewrite !smax_is.
  set (t := fun b => two (L l) * nth b (coordinates x) 0 - INR (nth b v 0%nat)).
  assert (E : forall b, (b < d)%nat -> t b = two (L l) * coord x b - INR (nth b v 0%nat))
    by (intros b Hb; unfold t; rewrite nth_coordinates by exact Hb; reflexivity).
  rewrite (smax_ext t _ d E).
  rewrite (smax_ext (fun b => - (two (L l) * nth b (coordinates x) 0 - INR (nth b v 0%nat)))
             (fun b => - (two (L l) * coord x b - INR (nth b v 0%nat))) d); [reflexivity |].
  intros b Hb; rewrite nth_coordinates by exact Hb; reflexivity.
Qed.

(** Readout of an atom: its height times channel d. *)
Definition readout (c : R) : row := ([(c, d)], 0).

Theorem sums_of_hats (L : nat -> nat) (level : nat -> nat) (node : nat -> list nat) (c : nat -> R) k x : (0 < d)%nat ->
  sums (fun j => wide_block (L (level j)) (node j)) (fun j => readout (c j)) k (coordinates x ++ [0; 0]) =
  fold_right (fun j a => a + c j * hatd d L (level j) (node j) x) 0 (rev (seq 0 k)).
Proof.
  intro Hd; set (bs := fun j => wide_block (L (level j)) (node j)).
  assert (H : forall k, exists s, hidden bs k (coordinates x ++ [0; 0]) = coordinates x ++ s).
  { intro m; induction m as [| m [s E]]; [exists [0; 0]; reflexivity |]; simpl hidden; rewrite E.
    exists [hatd d L (level m) (node m) x; 0]; apply wide_block_is_hat, Hd. }
  induction k as [| k IH]; [reflexivity |].
  rewrite seq_S, rev_app_distr; simpl; fold bs; rewrite IH; f_equal.
  destruct (H k) as [s E]; rewrite E; unfold bs; rewrite wide_block_is_hat by exact Hd.
  unfold value_of, readout; simpl.
  assert (E1 := channel_d (coordinates x) [hatd d L (level k) (node k) x; 0] 0 (coordinates_length x)).
  rewrite Nat.add_0_r in E1; rewrite E1; simpl; ring.
Qed.

(** ** A whole level as one grade: its atoms chained, one more channel with a running sum *)

Definition atom := (list nat * R)%type. (* node, height *)

(** Channel d + 2 holds C + the sum of the atoms before the last one; layer 0 of the next atom adds that one. *)
Definition add_last (c : R) : row := ([(1, S (S d)); (c, d)], 0).
Definition keep : row := ([(1, S (S d))], 0).

Definition sum_block (l : nat) (c : R) (v : list nat) : list layer :=
  (step_layer l v 0 ++ [add_last c]) ::
  map (fun a => step_layer l v (S a) ++ [keep]) (seq 0 (pred d)) ++ [hat_layer ++ [keep]].

(** The blocks of all atoms of a level; [c] is the height of the atom before them (0 for the first). *)
Fixpoint grade_block (l : nat) (c : R) (atoms : list atom) : list layer :=
  match atoms with
  | [] => []
  | (v, cv) :: rest => sum_block l c v ++ grade_block l cv rest
  end.

Lemma grade_block_width l c atoms : Forall (fun a => width a = S (S (S d))) (grade_block l c atoms).
Proof.
  assert (W : forall a v, length (step_layer l v a) = S (S d)).
  { intros a v; unfold step_layer; rewrite app_length, map_length, seq_length; destruct a; simpl; lia. }
  revert c; induction atoms as [| [v cv] rest IH]; intro c; [constructor |].
  change (grade_block l c ((v, cv) :: rest)) with (sum_block l c v ++ grade_block l cv rest).
  apply Forall_app; split; [| apply IH]; unfold width, sum_block.
  constructor; [rewrite app_length, W; simpl; lia |]; apply Forall_app; split.
  - apply Forall_map, Forall_forall; intros a _; rewrite app_length, W; simpl; lia.
  - constructor; [| constructor]; unfold hat_layer; rewrite !app_length, map_length, seq_length; simpl; lia.
Qed.

Lemma grade_block_depth l c atoms : (0 < d)%nat -> length (grade_block l c atoms) = (length atoms * S d)%nat.
Proof.
  intro Hd; revert c; induction atoms as [| [v cv] rest IH]; intro c; [reflexivity |].
  change (grade_block l c ((v, cv) :: rest)) with (sum_block l c v ++ grade_block l cv rest).
  rewrite app_length, IH; unfold sum_block; simpl.
  rewrite app_length, map_length, seq_length; simpl; lia.
Qed.

Definition sum_of (l : nat) (atoms : list atom) (x : list R) : R :=
  fold_right (fun vc s => snd vc * phi l (fst vc) x + s) 0 atoms.

Lemma run_layer_app A B s : run_layer (A ++ B) s = run_layer A s ++ run_layer B s.
Proof. apply map_app. Qed.

Lemma keeps x p q s : length x = d -> 0 <= s -> run_layer [keep] (x ++ [p; q] ++ [s]) = [s].
Proof.
  intros Hl Hs; assert (E := channel_d x ([p; q] ++ [s]) 2 Hl); replace (d + 2)%nat with (S (S d)) in E by lia.
  unfold run_layer, keep, value_of; cbn [map fold_right fst snd]; rewrite E; simpl; f_equal.
  unfold relu; rewrite Rmax_right; lra.
Qed.

Lemma tail_pair l v x a : exists p q, tail l v x (S a) = [p; q].
Proof. do 2 eexists; reflexivity. Qed.

Lemma sum_block_run l c v x p q s : length x = d -> (forall b, 0 <= nth b x 0) -> (0 < d)%nat -> 0 <= s + c * p ->
  run (sum_block l c v) (x ++ [p; q] ++ [s]) = x ++ [phi l v x; 0] ++ [s + c * p].
Proof.
  intros Hl Hx Hd Hs; unfold sum_block.
  assert (Ed : d = S (pred d)) by lia.
  assert (First : run_layer (step_layer l v 0 ++ [add_last c]) (x ++ [p; q] ++ [s]) = x ++ tail l v x 1 ++ [s + c * p]).
  { rewrite run_layer_app; assert (E := step_one l v x 0 ([p; q] ++ [s]) Hl Hx Hd);
    change (tail l v x 0 ++ [p; q] ++ [s]) with ([p; q] ++ [s]) in E; rewrite E, <- app_assoc; do 2 f_equal.
    assert (E1 := channel_d x ([p; q] ++ [s]) 0 Hl); rewrite Nat.add_0_r in E1.
    assert (E2 := channel_d x ([p; q] ++ [s]) 2 Hl); replace (d + 2)%nat with (S (S d)) in E2 by lia.
    unfold run_layer, add_last, value_of; cbn [map fold_right fst snd]; rewrite E1, E2; simpl; f_equal.
    unfold relu; rewrite Rmax_right; lra. }
  assert (Middle : forall m, (S m <= d)%nat -> run (map (fun a => step_layer l v (S a) ++ [keep]) (seq 0 m)) (x ++ tail l v x 1 ++ [s + c * p])
            = x ++ tail l v x (S m) ++ [s + c * p]).
  { induction m as [| m IH]; intro Hm; [reflexivity |].
    rewrite seq_S, map_app, run_app, IH by lia.
    change (run_layer (step_layer l v (S m) ++ [keep]) (x ++ tail l v x (S m) ++ [s + c * p]) = x ++ tail l v x (S (S m)) ++ [s + c * p]).
    rewrite run_layer_app, (step_one l v x (S m) [s + c * p] Hl Hx) by lia.
    destruct (tail_pair l v x m) as [p' [q' E]]; rewrite E, keeps by assumption; rewrite <- app_assoc; reflexivity. }
  change (run ((step_layer l v 0 ++ [add_last c]) :: ?rest) (x ++ [p; q] ++ [s]))
    with (run rest (run_layer (step_layer l v 0 ++ [add_last c]) (x ++ [p; q] ++ [s]))).
  rewrite First, run_app, Middle by lia; rewrite <- Ed.
  change (run_layer (hat_layer ++ [keep]) (x ++ tail l v x d ++ [s + c * p]) = x ++ [phi l v x; 0] ++ [s + c * p]).
  rewrite run_layer_app, (hat_one l v x [s + c * p]) by assumption.
  rewrite Ed at 1; destruct (tail_pair l v x (pred d)) as [p' [q' E]]; rewrite E, keeps by assumption; rewrite <- app_assoc; reflexivity.
Qed.

Lemma last_cons (l : list R) (a b : R) : last (a :: l) b = last l a.
Proof.
  revert a b; induction l as [| c l IH]; intros a b; [reflexivity |].
  change (last (c :: l) b = last (c :: l) a); rewrite (IH c b), (IH c a); reflexivity.
Qed.

(** The readout of the grade, channel (d+2) - C + c_last channel d, is the sum of its atoms, if C bounds all partial sums. *)
Theorem grade_block_is_sum l atoms x p q s c : length x = d -> (forall b, 0 <= nth b x 0) -> (0 < d)%nat ->
  (forall first rest, atoms = first ++ rest -> 0 <= s + c * p + sum_of l first x) ->
  exists p' q' s', run (grade_block l c atoms) (x ++ [p; q] ++ [s]) = x ++ [p'; q'] ++ [s'] /\
    s' + last (map snd atoms) c * p' = s + c * p + sum_of l atoms x.
Proof.
  intros Hl Hx Hd; revert p q s c; induction atoms as [| [v cv] rest IH]; intros p q s c H.
  - exists p, q, s; split; [reflexivity | simpl; ring].
  - change (grade_block l c ((v, cv) :: rest)) with (sum_block l c v ++ grade_block l cv rest); rewrite run_app.
    assert (H0 : 0 <= s + c * p) by (specialize (H [] ((v, cv) :: rest) eq_refl); simpl in H; lra).
    rewrite sum_block_run by assumption.
    destruct (IH (phi l v x) 0 (s + c * p) cv) as [p' [q' [s' [E1 E2]]]].
    + intros first more E; pose proof (H ((v, cv) :: first) more (f_equal (cons (v, cv)) E)) as B; simpl in B; lra.
    + exists p', q', s'; split; [exact E1 |].
      change (map snd ((v, cv) :: rest)) with (cv :: map snd rest); rewrite last_cons.
      rewrite E2; simpl; ring.
Qed.

End Wide.

(** ** One variable, width 2 *)

Definition narrow_block (l i : nat) : list layer :=
  [[([(1, 0%nat)], 0); ([(two l, 0%nat)], - INR i)];
   [([(1, 0%nat)], 0); ([(two l, 0%nat); (-2, 1%nat)], 1 - INR i)]].

Lemma narrow_block_width l i : Forall (fun a => width a = 2%nat) (narrow_block l i).
Proof. repeat constructor. Qed.

Theorem narrow_block_is_hat l i x y : 0 <= x -> run (narrow_block l i) [x; y] = [x; hat1 l i x].
Proof.
  intro Hx; unfold run, narrow_block, run_layer, value_of, hat1, relu; simpl.
  replace (1 * x + 0) with x by ring; rewrite !(Rmax_right 0 x) by exact Hx.
  replace (1 * x + 0) with x by ring; rewrite (Rmax_right 0 x) by exact Hx; do 2 f_equal.
  replace (two l * x + - INR i) with (two l * x - INR i) by ring; set (t := two l * x - INR i).
  f_equal; replace (two l * x + (-2 * Rmax 0 t + (1 - INR i))) with (1 + t - 2 * Rmax 0 t) by (unfold t; ring).
  destruct (Rle_lt_dec 0 t); [rewrite Rmax_right, Rabs_right | rewrite Rmax_left, Rabs_left]; lra.
Qed.
