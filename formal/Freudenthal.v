(** * Any number of variables: the Freudenthal triangulations of [0, 1]^d are a tower

    Sections 1 and 3 of docs/theory.md.  Levels may be skipped: the l-th partition has side 2^-(L l).

    Definitions
    - [cube d]: the points of [0, 1]^d; [coord x a] is a coordinate.
    - [path z pi]: the vertices of the simplex of the cell with lowest corner [z] for the order [pi] of the axes:
      start at [z] and add 1 to one coordinate after the other.  Two of them differ by 0 or 1 in every coordinate, all
      with one sign: they are comparable corners.
    - [weights u s z pi]: the barycentric weights s - u_1, u_1 - u_2, ..., u_d along the path.
    - [hatd]: ReLU (1 - max(0, t_1, ..., t_d) - max(0, -t_1, ..., -t_d)), t = x / h - v.
    - [freudenthal d L]: the tower.

    Statements
    - [linear_of_affine], [affine_of_linear]: linear on a simplex means affine in the coordinates there.
    - [hat_linear_d], [hat_nodal_d]: the hat formula is the nodal basis.
    - [nested_d]: a simplex of a finer level lies in one of the coarser level. *)

Require Import Reals Lra Lia List Arith Permutation Sorted ZArith.
From Mgdl Require Import Balanced Simplex Tower Line.
Import ListNotations.
Open Scope R_scope.

(** ** Lists *)

Lemma sort_exists {A : Type} (ge : A -> A -> Prop) (l : list A) :
  (forall a b c, ge a b -> ge b c -> ge a c) ->
  (forall a b, In a l -> In b l -> ge a b \/ ge b a) ->
  exists l', Permutation l l' /\ StronglySorted ge l'.
Proof.
  intros Tr; induction l as [| p l IH]; intro Tot; [exists []; split; constructor |].
  destruct IH as [l' [P S]]; [intros a b Ha Hb; apply Tot; right; auto |].
  assert (Tp : forall q, In q l' -> ge p q \/ ge q p).
  { intros q Hq; apply Tot; [left; reflexivity | right; apply (Permutation_in q (Permutation_sym P) Hq)]. }
  assert (Rp : ge p p) by (destruct (Tot p p (or_introl eq_refl) (or_introl eq_refl)); auto).
  assert (Ins : exists m, Permutation (p :: l') m /\ StronglySorted ge m).
  { clear P Tot; induction S as [| q l' S IH F]; [exists [p]; split; [apply Permutation_refl | repeat constructor] |].
    destruct (Tp q (or_introl eq_refl)) as [G | G].
    - exists (p :: q :: l'); split; [apply Permutation_refl |].
      constructor; [constructor; auto |].
      constructor; [exact G | eapply Forall_impl; [| exact F]; intros c Hc; apply (Tr p q c G Hc)].
    - destruct IH as [m [Pm Sm]]; [intros r Hr; apply Tp; right; exact Hr |].
      exists (q :: m); split.
      + eapply perm_trans; [apply perm_swap | apply perm_skip, Pm].
      + constructor; [exact Sm |]; apply Forall_forall; intros c Hc.
        apply (Permutation_in c (Permutation_sym Pm)) in Hc; destruct Hc as [<- | Hc]; [exact G |].
        rewrite Forall_forall in F; auto. }
  destruct Ins as [m [Pm Sm]]; exists m; split; [| exact Sm].
  eapply perm_trans; [apply perm_skip, P | exact Pm].
Qed.

Fixpoint inserts {A : Type} (a : A) (l : list A) : list (list A) :=
  match l with
  | [] => [[a]]
  | b :: l' => (a :: b :: l') :: map (cons b) (inserts a l')
  end.

Fixpoint perms {A : Type} (l : list A) : list (list A) :=
  match l with
  | [] => [[]]
  | a :: l' => flat_map (inserts a) (perms l')
  end.

Lemma in_inserts {A : Type} (a : A) l m : In m (inserts a l) <-> exists l1 l2, l = l1 ++ l2 /\ m = l1 ++ a :: l2.
Proof.
  revert m; induction l as [| b l IH]; intro m; simpl.
  - split; [intros [<- | []]; exists [], []; auto |].
    intros [l1 [l2 [E ->]]]; symmetry in E; apply app_eq_nil in E; destruct E as [-> ->]; left; reflexivity.
  - rewrite in_map_iff; split.
    + intros [<- | [m' [<- H]]]; [exists [], (b :: l); auto |].
      apply IH in H; destruct H as [l1 [l2 [-> ->]]]; exists (b :: l1), l2; auto.
    + intros [[| c l1] [l2 [E ->]]]; simpl in E.
      * subst l2; left; reflexivity.
      * injection E as <- ->; right; exists (l1 ++ a :: l2); split; [reflexivity | apply IH; exists l1, l2; auto].
Qed.

Lemma in_perms {A : Type} (l m : list A) : In m (perms l) <-> Permutation l m.
Proof.
  revert m; induction l as [| a l IH]; intro m; simpl.
  - split; [intros [<- | []]; constructor | intro P; left; apply Permutation_nil in P; auto].
  - rewrite in_flat_map; split.
    + intros [m' [H1 H2]]; apply IH in H1; apply in_inserts in H2; destruct H2 as [l1 [l2 [-> ->]]].
      eapply perm_trans; [apply perm_skip, H1 | apply Permutation_middle].
    + intro P; assert (Ha : In a m) by (apply (Permutation_in a P); left; reflexivity).
      apply in_split in Ha; destruct Ha as [l1 [l2 ->]].
      exists (l1 ++ l2); split; [apply IH; eapply Permutation_cons_app_inv; exact P |].
      apply in_inserts; exists l1, l2; auto.
Qed.

(** All lists of length d with entries from 0 to n. *)
Fixpoint grid (d n : nat) : list (list nat) :=
  match d with
  | O => [[]]
  | S d => flat_map (fun i => map (cons i) (grid d n)) (seq 0 (S n))
  end.

Lemma in_grid d n v : In v (grid d n) <-> length v = d /\ forall a, (nth a v 0 <= n)%nat.
Proof.
  revert v; induction d as [| d IH]; intro v; simpl.
  - split; [intros [<- | []]; split; [reflexivity | intros [| a]; simpl; lia] |].
    intros [H _]; destruct v; [left; reflexivity | discriminate].
  - change (map (cons 0%nat) (grid d n) ++ flat_map (fun i => map (cons i) (grid d n)) (seq 1 n))
      with (flat_map (fun i => map (cons i) (grid d n)) (seq 0 (S n))).
    rewrite in_flat_map; split.
    + intros [i [Hi H]]; apply in_seq in Hi; apply in_map_iff in H; destruct H as [v' [<- H]].
      apply IH in H; destruct H as [<- H]; split; [reflexivity | intros [| a]; simpl; [lia | apply H]].
    + intros [Hl H]; destruct v as [| i v]; [discriminate |]; exists i; split.
      * apply in_seq; specialize (H 0%nat); simpl in H; lia.
      * apply in_map, IH; split; [injection Hl; auto | intro a; apply (H (S a))].
Qed.

Definition sum (l : list nat) (F : nat -> R) : R := fold_right (fun a s => F a + s) 0 l.

Lemma sum_perm l m F : Permutation l m -> sum l F = sum m F.
Proof. induction 1; simpl; lra. Qed.

Lemma sum_ext l F G : (forall a, In a l -> F a = G a) -> sum l F = sum l G.
Proof.
  induction l as [| a l IH]; intro H; [reflexivity |]; simpl; rewrite (H a), IH; auto; [| left; auto].
  intros; apply H; right; auto.
Qed.

Lemma sum_plus l F G : sum l (fun a => F a + G a) = sum l F + sum l G.
Proof. induction l as [| a l IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma sum_scal l c F : sum l (fun a => c * F a) = c * sum l F.
Proof. induction l as [| a l IH]; simpl; [ring | rewrite IH; ring]. Qed.

(** Add 1 to one coordinate. *)
Fixpoint bump (p : nat) (v : list nat) : list nat :=
  match v, p with
  | [], _ => []
  | i :: v', O => S i :: v'
  | i :: v', S p => i :: bump p v'
  end.

Lemma bump_length p v : length (bump p v) = length v.
Proof. revert p; induction v as [| i v IH]; intros [| p]; simpl; auto. Qed.

Lemma nth_bump p v a : (p < length v)%nat -> nth a (bump p v) 0%nat = if Nat.eq_dec a p then S (nth a v 0%nat) else nth a v 0%nat.
Proof.
  revert p a; induction v as [| i v IH]; intros p a H; [simpl in H; lia |].
  destruct p as [| p], a as [| a]; simpl; try reflexivity.
  rewrite IH by (simpl in H; lia); destruct (Nat.eq_dec a p), (Nat.eq_dec (S a) (S p)); try reflexivity; lia.
Qed.

(** ** Paths: the simplices *)

Fixpoint path (z : list nat) (pi : list nat) : list (list nat) :=
  z :: match pi with [] => [] | p :: pi' => path (bump p z) pi' end.

Fixpoint weights (u : nat -> R) (s : R) (z : list nat) (pi : list nat) : list (R * list nat) :=
  match pi with
  | [] => [(s, z)]
  | p :: pi' => (s - u p, z) :: weights u (u p) (bump p z) pi'
  end.

Lemma vertices_weights u s z pi : vertices (weights u s z pi) = path z pi.
Proof.
  revert s z; induction pi as [| p pi IH]; intros s z; simpl; [reflexivity |]; f_equal; apply IH.
Qed.

Lemma path_head z pi z' pi' : path z pi = path z' pi' -> z = z'.
Proof. destruct pi, pi'; simpl; intro E; injection E; auto. Qed.

Lemma path_injective d z pi z' pi' : length z = d ->
  (forall p, In p pi -> (p < d)%nat) -> (forall p, In p pi' -> (p < d)%nat) ->
  path z pi = path z' pi' -> z = z' /\ pi = pi'.
Proof.
  revert z z' pi'; induction pi as [| p pi IH]; intros z z' pi' Hz Hp Hp' E.
  - split; [eapply path_head; exact E |].
    destruct pi' as [| p' pi']; [reflexivity | simpl in E; destruct pi'; discriminate].
  - pose proof (path_head _ _ _ _ E) as <-.
    destruct pi' as [| p' pi']; simpl in E; [destruct pi; discriminate |].
    injection E as E; split; [reflexivity |].
    assert (Eb : bump p z = bump p' z) by (eapply path_head; exact E).
    assert (Ep : p = p').
    { assert (Lp : (p < length z)%nat) by (rewrite Hz; apply Hp; left; reflexivity).
      assert (Lp' : (p' < length z)%nat) by (rewrite Hz; apply Hp'; left; reflexivity).
      assert (En : nth p (bump p z) 0%nat = nth p (bump p' z) 0%nat) by (rewrite Eb; reflexivity).
      rewrite !nth_bump in En by assumption.
      destruct (Nat.eq_dec p p); [| lia]; destruct (Nat.eq_dec p p'); [assumption | lia]. }
    subst p'; f_equal.
    destruct (IH (bump p z) (bump p z) pi') as [_ ->]; auto.
    + rewrite bump_length; exact Hz.
    + intros q Hq; apply Hp; right; exact Hq.
    + intros q Hq; apply Hp'; right; exact Hq.
Qed.

(** A vertex differs from the lowest corner by 0 or 1 in each coordinate. *)
Lemma path_entry d z pi v a : length z = d -> (forall p, In p pi -> (p < d)%nat) -> NoDup pi -> In v (path z pi) ->
  nth a v 0%nat = nth a z 0%nat \/ (In a pi /\ nth a v 0%nat = S (nth a z 0%nat)).
Proof.
  revert z; induction pi as [| p pi IH]; intros z Hz Hp Hd Hv; simpl in Hv.
  - destruct Hv as [<- | []]; left; reflexivity.
  - destruct Hv as [<- | Hv]; [left; reflexivity |].
    inversion Hd as [| ? ? Hn Hd']; subst.
    assert (Lp : (p < length z)%nat) by (apply Hp; left; reflexivity).
    destruct (IH (bump p z)) as [E | [Ha E]]; auto.
    + rewrite bump_length; reflexivity.
    + intros q Hq; apply Hp; right; exact Hq.
    + rewrite E, nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | _]; [right; split; [left |]; auto | left; auto].
    + rewrite E, nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | _]; [contradiction |].
      right; split; [right; exact Ha | reflexivity].
Qed.

Lemma path_length d z pi v : length z = d -> In v (path z pi) -> length v = d.
Proof.
  revert z; induction pi as [| p pi IH]; intros z Hz Hv; simpl in Hv.
  - destruct Hv as [<- | []]; exact Hz.
  - destruct Hv as [<- | Hv]; [exact Hz | apply (IH (bump p z)); [rewrite bump_length |]; auto].
Qed.

(** The coordinates that were raised come first. *)
Lemma path_sorted d z pi v : length z = d -> (forall p, In p pi -> (p < d)%nat) -> NoDup pi -> In v (path z pi) ->
  StronglySorted (fun a b => INR (nth b v 0%nat) - INR (nth b z 0%nat) <= INR (nth a v 0%nat) - INR (nth a z 0%nat)) pi.
Proof.
  revert z; induction pi as [| p pi IH]; intros z Hz Hp Hd Hv; [constructor |].
  inversion Hd as [| ? ? Hn Hd']; subst.
  assert (Lp : (p < length z)%nat) by (apply Hp; left; reflexivity).
  assert (Hp' : forall q, In q pi -> (q < length (bump p z))%nat)
    by (intros q Hq; rewrite bump_length; apply Hp; right; exact Hq).
  simpl in Hv; destruct Hv as [<- | Hv].
  - assert (Z : forall a b : nat, INR (nth b z 0%nat) - INR (nth b z 0%nat) <= INR (nth a z 0%nat) - INR (nth a z 0%nat))
      by (intros; lra).
    generalize (p :: pi); intro l; induction l as [| a l IHl]; constructor; auto; apply Forall_forall; auto.
  - assert (Same : forall a, In a pi -> nth a (bump p z) 0%nat = nth a z 0%nat).
    { intros a Ha; rewrite nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | _]; [contradiction | reflexivity]. }
    assert (Up : nth p v 0%nat = S (nth p z 0%nat)).
    { destruct (path_entry (length (bump p z)) (bump p z) pi v p) as [E | [A _]]; auto; [| contradiction].
      rewrite E, nth_bump by exact Lp; destruct (Nat.eq_dec p p); [reflexivity | lia]. }
    constructor.
    + assert (IHv := IH (bump p z) (bump_length p z) (fun q Hq => Hp q (or_intror Hq)) Hd' Hv); clear - IHv Same.
      induction IHv as [| a l S IHl F]; constructor.
      * apply IHl; intros; apply Same; right; auto.
      * rewrite Forall_forall in *; intros b Hb; specialize (F b Hb).
        rewrite (Same a (or_introl eq_refl)), (Same b (or_intror Hb)) in F; exact F.
    + apply Forall_forall; intros a Ha; rewrite Up, S_INR.
      destruct (path_entry (length (bump p z)) (bump p z) pi v a) as [E | [_ E]]; auto;
        rewrite E, Same by exact Ha; rewrite ?S_INR; lra.
Qed.

(** ** Weights *)

Lemma weights_sum u s z pi : mean (weights u s z pi) (fun _ => 1) = s.
Proof. revert s z; induction pi as [| p pi IH]; intros s z; simpl; [ring | rewrite IH; ring]. Qed.

Lemma weights_nonneg u s z pi :
  0 <= s -> StronglySorted (fun a b => u b <= u a) pi -> (forall p, In p pi -> 0 <= u p <= s) ->
  Forall (fun tv => 0 <= fst tv) (weights u s z pi).
Proof.
  intros Hs Hsort; revert s z Hs; induction Hsort as [| p pi S IH F]; intros s z Hs Hu; simpl.
  - constructor; [exact Hs | constructor].
  - pose proof (Hu p (or_introl eq_refl)); constructor; [simpl; lra |].
    apply IH; [lra |]; intros q Hq; rewrite Forall_forall in F; split; [apply (Hu q); right; exact Hq | apply F, Hq].
Qed.

(** Abel summation along the path. *)
Lemma mean_weights d (G : list nat -> R) (b : nat -> R) u s z pi :
  length z = d -> (forall p, In p pi -> (p < d)%nat) ->
  (forall v p, length v = d -> (p < d)%nat -> G (bump p v) = G v + b p) ->
  mean (weights u s z pi) G = s * G z + sum pi (fun p => b p * u p).
Proof.
  intros Hz Hp HG; revert s z Hz; induction pi as [| p pi IH]; intros s z Hz; simpl; [ring |].
  rewrite IH; [| intros q Hq; apply Hp; right; exact Hq | rewrite bump_length; exact Hz].
  rewrite HG; [ring | exact Hz | apply Hp; left; reflexivity].
Qed.

Lemma mean_weights_exists (G : list nat -> R) z pi : NoDup pi ->
  exists b : nat -> R, forall u s, mean (weights u s z pi) G = s * G z + sum pi (fun p => b p * u p).
Proof.
  revert z; induction pi as [| p pi IH]; intros z Hd.
  - exists (fun _ => 0); intros; simpl; ring.
  - inversion Hd as [| ? ? Hn Hd']; subst; destruct (IH (bump p z) Hd') as [b Hb].
    exists (fun q => if Nat.eq_dec q p then G (bump p z) - G z else b q); intros u s; simpl.
    rewrite Hb; destruct (Nat.eq_dec p p) as [_ | E]; [| lia].
    rewrite (sum_ext pi (fun q => (if Nat.eq_dec q p then G (bump p z) - G z else b q) * u q) (fun q => b q * u q)).
    + ring.
    + intros a Ha; destruct (Nat.eq_dec a p) as [-> | _]; [contradiction | reflexivity].
Qed.

(** ** Points, nodes, simplices *)

Section Cube.

Context (d : nat) (L : nat -> nat) (rising_levels : forall l, (L l <= L (S l))%nat).

Definition cube := nat -> unit_interval.
Definition coord (x : cube) (a : nat) : R := real (x a).

Lemma coord_in x a : 0 <= coord x a <= 1.
Proof. apply (proj2_sig (x a)). Qed.

Definition noded (l : nat) (v : list nat) : cube := fun a => clip (INR (nth a v 0%nat) / two (L l)).

Lemma scaled_noded l v a : (nth a v 0 <= 2 ^ L l)%nat -> two (L l) * coord (noded l v) a = INR (nth a v 0%nat).
Proof. intro H; exact (scaled_node1 L l (nth a v 0%nat) H). Qed.

Definition axes := seq 0 d.

Definition nodesd l := nodup (list_eq_dec Nat.eq_dec) (grid d (2 ^ L l)).
Definition cellsd l := flat_map (fun z => map (path z) (perms axes)) (grid d (2 ^ L l - 1)).

(** Position of x in the cell with lowest corner z, in units of its side. *)
Definition place l z (x : cube) (a : nat) : R := two (L l) * coord x a - INR (nth a z 0%nat).

Definition corner l (z : list nat) := length z = d /\ forall a, (nth a z 0 < 2 ^ L l)%nat.

Definition liesd l (T : list (list nat)) (x : cube) (w : list (R * list nat)) :=
  exists z pi, corner l z /\ Permutation axes pi /\ T = path z pi /\
    StronglySorted (fun a b => place l z x b <= place l z x a) pi /\
    (forall a, (a < d)%nat -> 0 <= place l z x a <= 1) /\
    w = weights (place l z x) 1 z pi.

Lemma in_axes a : In a axes <-> (a < d)%nat.
Proof. unfold axes; rewrite in_seq; lia. Qed.

Lemma in_order pi a : Permutation axes pi -> (In a pi <-> (a < d)%nat).
Proof.
  intro P; rewrite <- in_axes; split; intro H; [apply (Permutation_in a (Permutation_sym P) H) | apply (Permutation_in a P H)].
Qed.

Lemma order_once pi : Permutation axes pi -> NoDup pi.
Proof. intro P; apply (Permutation_NoDup P), seq_NoDup. Qed.

Lemma in_nodesd l v : In v (nodesd l) <-> length v = d /\ forall a, (nth a v 0 <= 2 ^ L l)%nat.
Proof. unfold nodesd; rewrite nodup_In; apply in_grid. Qed.

Lemma in_cellsd l T : In T (cellsd l) <-> exists z pi, corner l z /\ Permutation axes pi /\ T = path z pi.
Proof.
  unfold cellsd, corner; rewrite in_flat_map; pose proof (pow_pos_nat (L l)); split.
  - intros [z [Hz H1]]; apply in_map_iff in H1; destruct H1 as [pi [<- H1]]; apply in_perms in H1.
    apply in_grid in Hz; destruct Hz as [Hz Hn]; exists z, pi; repeat split; auto.
    intro a; specialize (Hn a); lia.
  - intros [z [pi [[Hz Hn] [P ->]]]]; exists z; split.
    + apply in_grid; split; [exact Hz | intro a; specialize (Hn a); lia].
    + apply in_map_iff; exists pi; split; [reflexivity | apply in_perms, P].
Qed.

Lemma nth_high v a : length v = d -> (d <= a)%nat -> nth a v 0%nat = 0%nat.
Proof. intros; apply nth_overflow; lia. Qed.

(** *** Cover *)

Lemma corners_exist (n : nat) (m : nat) (y : nat -> R) : (0 < n)%nat -> (forall a, 0 <= y a <= INR n) ->
  exists z, length z = m /\ (forall a, (nth a z 0 < n)%nat) /\ forall a, (a < m)%nat -> 0 <= y a - INR (nth a z 0%nat) <= 1.
Proof.
  intro Hn; revert y; induction m as [| m IH]; intros y Hy.
  - exists []; repeat split; [intros [| a]; simpl; lia | lia | lia].
  - destruct (floor_exists n (y 0%nat) Hn (Hy 0%nat)) as [i [Hi Hu]].
    destruct (IH (fun a => y (S a)) (fun a => Hy (S a))) as [z [Hz [Hl Hp]]].
    exists (i :: z); split; [simpl; congruence | split].
    + intros [| a]; simpl; [exact Hi | apply Hl].
    + intros [| a] Ha; simpl; [exact Hu | apply Hp; lia].
Qed.

Lemma cover_d l x : exists T w, In T (cellsd l) /\ liesd l T x w.
Proof.
  pose proof (two_pos (L l)) as P.
  destruct (corners_exist (2 ^ L l) d (fun a => two (L l) * coord x a)) as [z [Hz [Hn Hu]]]; [apply pow_pos_nat | |].
  { intro a; pose proof (coord_in x a); fold (two (L l)); split; [nra |].
    apply Rle_trans with (two (L l) * 1); [apply Rmult_le_compat_l; lra | lra]. }
  destruct (sort_exists (fun a b => place l z x b <= place l z x a) axes) as [pi [Pp Ps]].
  - intros; lra.
  - intros a b _ _; destruct (Rle_lt_dec (place l z x b) (place l z x a)); [left | right]; lra.
  - exists (path z pi), (weights (place l z x) 1 z pi); split.
    + apply in_cellsd; exists z, pi; repeat split; auto.
    + exists z, pi; repeat split; auto; apply Hu; auto.
Qed.

Lemma lies_bary_d l T x w : liesd l T x w -> bary w.
Proof.
  intros [z [pi [_ [P [_ [S [Hu ->]]]]]]]; split; [| apply weights_sum].
  apply weights_nonneg; [lra | exact S |]; intros p Hp; apply Hu, (in_order pi p P), Hp.
Qed.

Lemma lies_vertices_d l T x w v : liesd l T x w -> In v (vertices w) -> In v T.
Proof. intros [z [pi [_ [_ [-> [_ [_ ->]]]]]]]; rewrite vertices_weights; auto. Qed.

Lemma vertex_bound l z pi v a : corner l z -> Permutation axes pi -> In v (path z pi) -> (nth a v 0 <= 2 ^ L l)%nat.
Proof.
  intros [Hz Hn] P Hv; specialize (Hn a).
  destruct (path_entry d z pi v a Hz) as [E | [_ E]]; auto using order_once; try lia.
  intros p Hp; apply (in_order pi p P), Hp.
Qed.

Lemma vertex_is_node_d l T v : In T (cellsd l) -> In v T -> In v (nodesd l).
Proof.
  intros HT Hv; apply in_cellsd in HT; destruct HT as [z [pi [Hz [P ->]]]]; apply in_nodesd; split.
  - eapply path_length; [apply Hz | exact Hv].
  - intro a; eapply vertex_bound; eauto.
Qed.

Lemma lies_vertex_d l T v : In T (cellsd l) -> In v T -> exists w, liesd l T (noded l v) w.
Proof.
  intros HT Hv; apply in_cellsd in HT; destruct HT as [z [pi [Hz [P ->]]]].
  assert (Hp : forall p, In p pi -> (p < d)%nat) by (intros p Hp; apply (in_order pi p P), Hp).
  assert (Pl : forall a, place l z (noded l v) a = INR (nth a v 0%nat) - INR (nth a z 0%nat)).
  { intro a; unfold place; rewrite scaled_noded; [reflexivity | eapply vertex_bound; eauto]. }
  eexists; exists z, pi; repeat split; try apply Hz; auto.
  - pose proof (path_sorted d z pi v (proj1 Hz) Hp (order_once pi P) Hv) as S.
    clear - S Pl; induction S as [| a m S IH F]; constructor; auto.
    rewrite Forall_forall in *; intros b Hb; rewrite !Pl; auto.
  - rewrite Pl; destruct (path_entry d z pi v a (proj1 Hz) Hp (order_once pi P) Hv) as [-> | [_ ->]]; rewrite ?S_INR; lra.
  - rewrite Pl; destruct (path_entry d z pi v a (proj1 Hz) Hp (order_once pi P) Hv) as [-> | [_ ->]]; rewrite ?S_INR; lra.
Qed.

(** A node with coordinates z or z + 1 lies on the path of an order that puts the raised axes first. *)
Lemma on_path z pi v : length v = length z -> NoDup pi -> (forall p, In p pi -> (p < length z)%nat) ->
  StronglySorted (fun a b => INR (nth b v 0%nat) - INR (nth b z 0%nat) <= INR (nth a v 0%nat) - INR (nth a z 0%nat)) pi ->
  (forall a, In a pi -> nth a v 0%nat = nth a z 0%nat \/ nth a v 0%nat = S (nth a z 0%nat)) ->
  (forall a, ~ In a pi -> nth a v 0%nat = nth a z 0%nat) -> In v (path z pi).
Proof.
  revert z; induction pi as [| p pi IH]; intros z Hl Hd Hp Hs Hv Hn.
  - left; apply (nth_ext z v 0%nat 0%nat); [auto | intros a _; symmetry; apply Hn; auto].
  - inversion Hd as [| ? ? Hni Hd']; inversion Hs as [| ? ? Hs' F]; subst; simpl.
    assert (Lp : (p < length z)%nat) by (apply Hp; left; reflexivity).
    destruct (Hv p (or_introl eq_refl)) as [E | E].
    + left; apply (nth_ext z v 0%nat 0%nat); [auto |]; intros a _; symmetry.
      destruct (in_dec Nat.eq_dec a (p :: pi)) as [Ha | Ha]; [| apply Hn, Ha].
      destruct Ha as [<- | Ha]; [exact E |]; rewrite Forall_forall in F; specialize (F a Ha).
      destruct (Hv a (or_intror Ha)) as [E' | E']; [exact E' | rewrite E, E', S_INR in F; lra].
    + right; apply IH; auto.
      * rewrite bump_length; exact Hl.
      * intros q Hq; rewrite bump_length; apply Hp; right; exact Hq.
      * assert (Same : forall a, In a pi -> nth a (bump p z) 0%nat = nth a z 0%nat).
        { intros a Ha; rewrite nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | _]; [contradiction | reflexivity]. }
        clear - Hs' Same; induction Hs' as [| a m S IHm F]; constructor.
        -- apply IHm; intros; apply Same; right; auto.
        -- rewrite Forall_forall in *; intros b Hb; rewrite (Same a (or_introl eq_refl)), (Same b (or_intror Hb)); auto.
      * intros a Ha; rewrite nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | _]; [contradiction | apply Hv; right; exact Ha].
      * intros a Ha; rewrite nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | Hap]; [exact E |].
        apply Hn; intros [-> | Ha']; auto.
Qed.

Lemma node_is_vertex_d l v : In v (nodesd l) -> exists T, In T (cellsd l) /\ In v T.
Proof.
  intro Hv; apply in_nodesd in Hv; destruct Hv as [Hl Hb].
  destruct (cover_d l (noded l v)) as [T [w [HT [z [pi [Hz [P [-> [Sx [Hu _]]]]]]]]]].
  exists (path z pi); split; [exact HT |].
  assert (Pl : forall a, place l z (noded l v) a = INR (nth a v 0%nat) - INR (nth a z 0%nat)).
  { intro a; unfold place; rewrite scaled_noded; [reflexivity | apply Hb]. }
  apply on_path.
  - rewrite Hl; symmetry; apply Hz.
  - apply order_once, P.
  - intros p Hp; rewrite (proj1 Hz); apply (in_order pi p P), Hp.
  - clear - Sx Pl; induction Sx as [| a m Sx IH F]; constructor; auto.
    rewrite Forall_forall in *; intros b Hb; rewrite <- !Pl; auto.
  - intros a Ha; apply (in_order pi a P) in Ha; specialize (Hu a Ha); rewrite Pl in Hu; destruct Hu as [H0 H1].
    assert (A : (nth a z 0 <= nth a v 0)%nat) by (apply INR_le; lra).
    assert (B : (nth a v 0 <= S (nth a z 0))%nat) by (apply INR_le; rewrite S_INR; lra); lia.
  - intros a Ha; rewrite (in_order pi a P) in Ha; rewrite !nth_high; auto; try lia; apply Hz.
Qed.

(** *** Linear and affine *)

Definition insided l T x := exists w, liesd l T x w.

Definition lineard l T (F : cube -> R) := forall x w, liesd l T x w -> F x = mean w (fun v => F (noded l v)).

(** The simplex T = path z pi determines z and pi. *)
Lemma lies_path l z pi x w : corner l z -> Permutation axes pi -> liesd l (path z pi) x w ->
  StronglySorted (fun a b => place l z x b <= place l z x a) pi /\
  (forall a, (a < d)%nat -> 0 <= place l z x a <= 1) /\ w = weights (place l z x) 1 z pi.
Proof.
  intros Hz P [z' [pi' [Hz' [P' [E [S [Hu W]]]]]]].
  destruct (path_injective d z pi z' pi') as [-> ->]; auto; try apply Hz;
    intros p Hp; [apply (in_order pi p P), Hp | apply (in_order pi' p P'), Hp].
Qed.

Lemma linear_of_affine l z pi (F : cube -> R) (alpha : R) (b : nat -> R) : corner l z -> Permutation axes pi ->
  (forall x, insided l (path z pi) x -> F x = alpha + sum axes (fun a => b a * place l z x a)) ->
  lineard l (path z pi) F.
Proof.
  intros Hz P H x w Hx; rewrite H by (exists w; exact Hx).
  assert (HT : In (path z pi) (cellsd l)) by (apply in_cellsd; exists z, pi; auto).
  destruct (lies_path l z pi x w Hz P Hx) as [_ [_ ->]].
  set (G := fun v => alpha + sum axes (fun a => b a * (INR (nth a v 0%nat) - INR (nth a z 0%nat)))).
  rewrite (mean_ext _ (fun v => F (noded l v)) G).
  - rewrite (mean_weights d G b).
    + assert (G z = alpha) as ->.
      { unfold G; rewrite (sum_ext axes _ (fun a => 0 * 0)) by (intros; ring); rewrite sum_scal; ring. }
      rewrite (sum_perm axes pi _ P); ring.
    + apply Hz.
    + intros p Hp; apply (in_order pi p P), Hp.
    + intros v p Hv Hp; unfold G; rewrite Rplus_assoc; f_equal.
      assert (Hin : In p axes) by (apply in_axes, Hp).
      pose proof (seq_NoDup d 0) as Nd; fold axes in Nd; revert Hin Nd; generalize axes as m.
      assert (Lp : (p < length v)%nat) by lia.
      induction m as [| a m IH]; [intros [] |]; intros Hin Nd; inversion Nd as [| ? ? Hna Nd']; subst; simpl.
      rewrite nth_bump by exact Lp; destruct (Nat.eq_dec a p) as [-> | Hap].
      * rewrite S_INR, (sum_ext m _ (fun a => b a * (INR (nth a v 0%nat) - INR (nth a z 0%nat)))); [ring |].
        intros c Hc; rewrite nth_bump by exact Lp; destruct (Nat.eq_dec c p) as [-> | _]; [contradiction | reflexivity].
      * destruct Hin as [-> | Hin]; [congruence | rewrite (IH Hin Nd'); ring].
  - intros v Hv; rewrite vertices_weights in Hv.
    rewrite H by (apply lies_vertex_d; auto); unfold G; f_equal; apply sum_ext; intros a _.
    unfold place; rewrite scaled_noded; [reflexivity | eapply vertex_bound; eauto].
Qed.

Lemma affine_of_linear l z pi (F : cube -> R) : corner l z -> Permutation axes pi -> lineard l (path z pi) F ->
  exists alpha b, forall x, insided l (path z pi) x -> F x = alpha + sum axes (fun a => b a * place l z x a).
Proof.
  intros Hz P H.
  destruct (mean_weights_exists (fun v => F (noded l v)) z pi (order_once pi P)) as [b Hb].
  exists (F (noded l z)), b; intros x [w Hx]; rewrite (H x w Hx).
  destruct (lies_path l z pi x w Hz P Hx) as [_ [_ ->]].
  rewrite Hb, (sum_perm axes pi _ P); ring.
Qed.

(** *** Hats *)

Definition largest0 (t : nat -> R) : R := fold_right (fun a m => Rmax (t a) m) 0 axes.

Definition hatd (l : nat) (v : list nat) (x : cube) : R :=
  let t a := two (L l) * coord x a - INR (nth a v 0%nat) in
  Rmax 0 (1 - largest0 t - largest0 (fun a => - t a)).

Lemma largest0_is (t : nat -> R) (m : R) : (forall a, (a < d)%nat -> t a <= m) -> 0 <= m ->
  (m = 0 \/ exists a, (a < d)%nat /\ t a = m) -> largest0 t = m.
Proof.
  intros Hle H0 Hex; unfold largest0.
  assert (Up : forall ax, incl ax axes -> fold_right (fun a s => Rmax (t a) s) 0 ax <= m).
  { induction ax as [| a ax IH]; intro Hi; simpl; [exact H0 |].
    apply Rmax_lub; [apply Hle, in_axes, Hi; left; reflexivity | apply IH; intros b Hb; apply Hi; right; exact Hb]. }
  assert (Lo0 : forall ax, 0 <= fold_right (fun a s => Rmax (t a) s) 0 ax).
  { induction ax as [| a ax IH]; simpl; [lra | eapply Rle_trans; [exact IH | apply Rmax_r]]. }
  assert (Lo : forall ax a, In a ax -> t a <= fold_right (fun a s => Rmax (t a) s) 0 ax).
  { induction ax as [| b ax IH]; intros a []; simpl; subst; [apply Rmax_l | eapply Rle_trans; [apply IH; auto | apply Rmax_r]]. }
  apply Rle_antisym; [apply Up, incl_refl |].
  destruct Hex as [-> | [a [Ha <-]]]; [apply Lo0 | apply Lo, in_axes, Ha].
Qed.

Lemma largest0_nonneg t : 0 <= largest0 t.
Proof. unfold largest0; induction axes as [| a ax IH]; simpl; [lra | eapply Rle_trans; [exact IH | apply Rmax_r]]. Qed.

Lemma largest0_ge t a : (a < d)%nat -> t a <= largest0 t.
Proof.
  intro Ha; apply in_axes in Ha; unfold largest0; induction axes as [| b ax IH]; [destruct Ha |]; simpl.
  destruct Ha as [-> | Ha]; [apply Rmax_l | eapply Rle_trans; [apply IH, Ha | apply Rmax_r]].
Qed.

Lemma hat_nodal_d l u v : In u (nodesd l) -> In v (nodesd l) ->
  hatd l u (noded l v) = if list_eq_dec Nat.eq_dec u v then 1 else 0.
Proof.
  intros Hu Hv; apply in_nodesd in Hu; apply in_nodesd in Hv; destruct Hu as [Lu Bu], Hv as [Lv Bv].
  set (t := fun a => two (L l) * coord (noded l v) a - INR (nth a u 0%nat)).
  change (hatd l u (noded l v)) with (Rmax 0 (1 - largest0 t - largest0 (fun a => - t a))).
  assert (Et : forall a, t a = INR (nth a v 0%nat) - INR (nth a u 0%nat)) by (intro a; unfold t; rewrite scaled_noded; auto).
  destruct (list_eq_dec Nat.eq_dec u v) as [<- | E].
  - rewrite (largest0_is t 0), (largest0_is (fun a => - t a) 0); try lra; try (left; reflexivity);
      try (intros a _; rewrite Et; lra); rewrite Rmax_right; lra.
  - apply Rmax_left.
    assert (Ex : exists a, (a < d)%nat /\ nth a u 0%nat <> nth a v 0%nat).
    { clear - E Lu Lv; revert u v Lu Lv E; induction d as [| m IH]; intros u v Lu Lv E.
      - destruct u, v; try discriminate; exfalso; apply E; reflexivity.
      - destruct u as [| i u], v as [| j v]; try discriminate.
        destruct (Nat.eq_dec i j) as [-> | Hij]; [| exists 0%nat; simpl; split; [lia | exact Hij]].
        destruct (IH u v) as [a [Ha Hn]]; [injection Lu; auto | injection Lv; auto | intro; apply E; congruence |].
        exists (S a); simpl; split; [lia | exact Hn]. }
    destruct Ex as [a [Ha Hn]].
    pose proof (largest0_ge t a Ha) as G1; pose proof (largest0_ge (fun b => - t b) a Ha) as G2; cbv beta in G2.
    pose proof (largest0_nonneg t); pose proof (largest0_nonneg (fun b => - t b)); rewrite Et in G1, G2.
    destruct (Nat.lt_gt_cases (nth a u 0%nat) (nth a v 0%nat)) as [K _]; destruct (K Hn) as [J | J];
      apply le_INR in J; rewrite S_INR in J; lra.
Qed.

(** Candidates for the largest of 0, t_1, ..., t_d: an axis, or None for 0.  On a simplex t_a = n_a + u_a with integers
    n_a and positions u_a in one fixed order, 0 last: the same candidate is the largest at every point. *)
Definition value (n : option nat -> R) (u : nat -> R) (k : option nat) : R :=
  n k + match k with Some a => u a | None => 0 end.

Definition position (u : nat -> R) (k : option nat) : R := match k with Some a => u a | None => 0 end.

Definition integral (n : option nat -> R) := forall k k', n k <= n k' \/ n k' + 1 <= n k.

Lemma best_candidate n (ks : list (option nat)) : integral n -> ks <> [] ->
  exists k, In k ks /\ forall u, StronglySorted (fun k k' => position u k' <= position u k) ks ->
    (forall k, In k ks -> 0 <= position u k <= 1) -> forall k', In k' ks -> value n u k' <= value n u k.
Proof.
  intros Hn; induction ks as [| p ks IH]; [congruence |]; intros _.
  destruct ks as [| q ks].
  - exists p; split; [left; reflexivity |]; intros u _ _ k' [<- | []]; lra.
  - destruct IH as [k [Hk H]]; [congruence |].
    destruct (Hn k p) as [A | A].
    + exists p; split; [left; reflexivity |]; intros u S B k' Hk'.
      inversion S as [| ? ? S' F]; subst; rewrite Forall_forall in F; specialize (F k Hk).
      destruct Hk' as [<- | Hk']; [lra |].
      apply Rle_trans with (value n u k); [apply H; auto; intros; apply B; right; auto |].
      unfold value; fold (position u k); fold (position u p); lra.
    + exists k; split; [right; exact Hk |]; intros u S B k' Hk'.
      inversion S as [| ? ? S' F]; subst.
      destruct Hk' as [<- | Hk']; [| apply H; auto; intros; apply B; right; auto].
      pose proof (B p (or_introl eq_refl)); pose proof (B k (or_intror Hk)).
      unfold value; fold (position u k); fold (position u p); lra.
Qed.

Lemma least_candidate n (ks : list (option nat)) : integral n -> ks <> [] ->
  exists k, In k ks /\ forall u, StronglySorted (fun k k' => position u k' <= position u k) ks ->
    (forall k, In k ks -> 0 <= position u k <= 1) -> forall k', In k' ks -> value n u k <= value n u k'.
Proof.
  intros Hn; induction ks as [| p ks IH]; [congruence |]; intros _.
  destruct ks as [| q ks].
  - exists p; split; [left; reflexivity |]; intros u _ _ k' [<- | []]; lra.
  - destruct IH as [k [Hk H]]; [congruence |].
    destruct (Hn k p) as [A | A].
    + exists k; split; [right; exact Hk |]; intros u S B k' Hk'.
      inversion S as [| ? ? S' F]; subst; rewrite Forall_forall in F; specialize (F k Hk).
      destruct Hk' as [<- | Hk']; [| apply H; auto; intros; apply B; right; auto].
      unfold value; fold (position u k); fold (position u p); lra.
    + exists p; split; [left; reflexivity |]; intros u S B k' Hk'.
      inversion S as [| ? ? S' F]; subst.
      destruct Hk' as [<- | Hk']; [lra |].
      apply Rle_trans with (value n u k); [| apply H; auto; intros; apply B; right; auto].
      pose proof (B p (or_introl eq_refl)); pose proof (B k (or_intror Hk)).
      unfold value; fold (position u k); fold (position u p); lra.
Qed.

Definition candidates (pi : list nat) : list (option nat) := map Some pi ++ [None].

Lemma in_candidates pi k : In k (candidates pi) <-> k = None \/ exists a, In a pi /\ k = Some a.
Proof.
  unfold candidates; rewrite in_app_iff, in_map_iff; simpl; split.
  - intros [[a [<- H]] | [<- | []]]; [right; exists a; auto | left; auto].
  - intros [-> | [a [H ->]]]; [right; left; auto | left; exists a; auto].
Qed.

Lemma candidates_sorted u pi : StronglySorted (fun a b => u b <= u a) pi -> (forall a, In a pi -> 0 <= u a) ->
  StronglySorted (fun k k' => position u k' <= position u k) (candidates pi).
Proof.
  intros S H; unfold candidates; induction S as [| a pi S IH F]; simpl; [repeat constructor |].
  constructor; [apply IH; intros; apply H; right; auto |].
  apply Forall_app; split; [| constructor; [simpl; apply H; left; reflexivity | constructor]].
  apply Forall_map; eapply Forall_impl; [| exact F]; auto.
Qed.

Lemma hat_linear_d l T v x w : In T (cellsd l) -> In v (nodesd l) -> liesd l T x w ->
  hatd l v x = mean w (fun u => hatd l v (noded l u)).
Proof.
  intros HT Hv; revert x w; apply in_cellsd in HT; destruct HT as [z [pi [Hz [P ->]]]].
  set (n := fun k : option nat => match k with Some a => INR (nth a z 0%nat) - INR (nth a v 0%nat) | None => 0 end).
  assert (Hn : integral n).
  { assert (Z : forall k, exists m : Z, n k = IZR m).
    { intros [a |]; [exists (Z.of_nat (nth a z 0%nat) - Z.of_nat (nth a v 0%nat))%Z; simpl; rewrite minus_IZR, <- !INR_IZR_INZ; ring
                    | exists 0%Z; reflexivity]. }
    intros k k'; destruct (Z k) as [m ->], (Z k') as [m' ->].
    destruct (Z_le_gt_dec m m') as [H | H]; [left; apply IZR_le, H | right; rewrite <- plus_IZR; apply IZR_le; lia]. }
  destruct (best_candidate n (candidates pi) Hn) as [ka [Ia Ha]]; [unfold candidates; destruct pi; discriminate |].
  destruct (least_candidate n (candidates pi) Hn) as [kb [Ib Hb]]; [unfold candidates; destruct pi; discriminate |].
  (* the hat at a point of the simplex, by the two candidates *)
  assert (Form : forall x, insided l (path z pi) x ->
            hatd l v x = Rmax 0 (1 - value n (place l z x) ka + value n (place l z x) kb)).
  { intros x [w Hx]; destruct (lies_path l z pi x w Hz P Hx) as [S [Hu _]].
    set (u := place l z x) in *.
    assert (Cs : StronglySorted (fun k k' => position u k' <= position u k) (candidates pi)).
    { apply candidates_sorted; [exact S | intros a H1; apply Hu, (in_order pi a P), H1]. }
    assert (Cb : forall k, In k (candidates pi) -> 0 <= position u k <= 1).
    { intros k Hk; apply in_candidates in Hk; destruct Hk as [-> | [a [H1 ->]]]; simpl; [lra | apply Hu, (in_order pi a P), H1]. }
    assert (Tv : forall a, two (L l) * coord x a - INR (nth a v 0%nat) = value n u (Some a))
      by (intro a; unfold value, n, u, place; ring).
    assert (Zv : value n u None = 0) by (unfold value, n; ring).
    unfold hatd; f_equal.
    assert (E1 : largest0 (fun a => two (L l) * coord x a - INR (nth a v 0%nat)) = value n u ka).
    { apply largest0_is.
      - intros a H1; rewrite Tv; apply Ha; auto; apply in_candidates; right; exists a; split; [apply (in_order pi a P), H1 | reflexivity].
      - rewrite <- Zv; apply Ha; auto; apply in_candidates; left; reflexivity.
      - apply in_candidates in Ia; destruct Ia as [-> | [a [H1 ->]]]; [left; exact Zv | right; exists a; split; [apply (in_order pi a P), H1 | apply Tv]]. }
    assert (E2 : largest0 (fun a => - (two (L l) * coord x a - INR (nth a v 0%nat))) = - value n u kb).
    { apply largest0_is.
      - intros a H1; rewrite Tv; apply Ropp_le_contravar, Hb; auto; apply in_candidates; right; exists a; split; [apply (in_order pi a P), H1 | reflexivity].
      - assert (value n u kb <= value n u None); [| lra]; apply Hb; auto; apply in_candidates; left; reflexivity.
      - apply in_candidates in Ib; destruct Ib as [-> | [a [H1 ->]]]; [left; lra | right; exists a; split; [apply (in_order pi a P), H1 | rewrite Tv; reflexivity]]. }
    rewrite E1, E2; ring. }
  (* which of the two candidates comes first in the order *)
  assert (Ord : (forall x, insided l (path z pi) x -> position (place l z x) kb <= position (place l z x) ka) \/
                (forall x, insided l (path z pi) x -> position (place l z x) ka <= position (place l z x) kb)).
  { assert (G : forall ks, In ka ks -> In kb ks ->
      (forall u, StronglySorted (fun k k' => position u k' <= position u k) ks -> position u kb <= position u ka) \/
      (forall u, StronglySorted (fun k k' => position u k' <= position u k) ks -> position u ka <= position u kb)).
    { induction ks as [| k ks IH]; [intros [] |]; intros [-> | H1] [-> | H2].
      - left; intros; lra.
      - left; intros u S; inversion S as [| ? ? _ F]; subst; rewrite Forall_forall in F; auto.
      - right; intros u S; inversion S as [| ? ? _ F]; subst; rewrite Forall_forall in F; auto.
      - destruct (IH H1 H2) as [K | K]; [left | right]; intros u S; inversion S; auto. }
    assert (Cs : forall x, insided l (path z pi) x -> StronglySorted (fun k k' => position (place l z x) k' <= position (place l z x) k) (candidates pi)).
    { intros x [w Hx]; destruct (lies_path l z pi x w Hz P Hx) as [S [Hu _]].
      apply candidates_sorted; [exact S | intros a H1; apply Hu, (in_order pi a P), H1]. }
    destruct (G (candidates pi) Ia Ib) as [K | K]; [left | right]; intros x Hx; apply K, Cs, Hx. }
  assert (Bnd : forall x k, insided l (path z pi) x -> In k (candidates pi) -> 0 <= position (place l z x) k <= 1).
  { intros x k [w Hx] Hk; destruct (lies_path l z pi x w Hz P Hx) as [_ [Hu _]].
    apply in_candidates in Hk; destruct Hk as [-> | [a [H1 ->]]]; simpl; [lra | apply Hu, (in_order pi a P), H1]. }
  (* so the argument of ReLU has one sign on the simplex *)
  assert (Sign : (forall x, insided l (path z pi) x -> 0 <= 1 - value n (place l z x) ka + value n (place l z x) kb) \/
                 (forall x, insided l (path z pi) x -> 1 - value n (place l z x) ka + value n (place l z x) kb <= 0)).
  { unfold value; destruct (Hn ka kb) as [A | A].
    - left; intros x Hx; pose proof (Bnd x ka Hx Ia); pose proof (Bnd x kb Hx Ib); fold (position (place l z x) ka); fold (position (place l z x) kb); lra.
    - assert (B : n ka = n kb + 1 \/ n kb + 2 <= n ka).
      { assert (Z : forall k, exists m : Z, n k = IZR m).
        { intros [a |]; [exists (Z.of_nat (nth a z 0%nat) - Z.of_nat (nth a v 0%nat))%Z; simpl; rewrite minus_IZR, <- !INR_IZR_INZ; ring
                        | exists 0%Z; reflexivity]. }
        destruct (Z ka) as [m E], (Z kb) as [m' E']; rewrite E, E' in *.
        rewrite <- plus_IZR in A; apply le_IZR in A.
        destruct (Z.eq_dec m (m' + 1)) as [-> | N]; [left; rewrite plus_IZR; reflexivity | right; rewrite <- plus_IZR; apply IZR_le; lia]. }
      destruct B as [B | B].
      + destruct Ord as [O | O]; [right | left]; intros x Hx; specialize (O x Hx); fold (position (place l z x) ka); fold (position (place l z x) kb); lra.
      + right; intros x Hx; pose proof (Bnd x ka Hx Ia); pose proof (Bnd x kb Hx Ib); fold (position (place l z x) ka); fold (position (place l z x) kb); lra. }
  set (delta := fun (k : option nat) (a : nat) => match k with Some c => if Nat.eq_dec a c then 1 else 0 | None => 0 end).
  assert (Pos : forall x k, In k (candidates pi) -> position (place l z x) k = sum axes (fun a => delta k a * place l z x a)).
  { intros x k Hk; apply in_candidates in Hk; destruct Hk as [-> | [c [H1 ->]]]; simpl.
    - rewrite sum_scal; ring.
    - apply (in_order pi c P) in H1; apply in_axes in H1; pose proof (seq_NoDup d 0) as Nd; fold axes in Nd.
      revert H1 Nd; generalize axes as m; induction m as [| a m IH]; [intros [] |]; intros Hin Nd.
      inversion Nd as [| ? ? Hna Nd']; subst; simpl; destruct (Nat.eq_dec a c) as [-> | Hac].
      + rewrite (sum_ext m _ (fun _ => 0 * 0)); [rewrite sum_scal; ring |].
        intros g Hg; destruct (Nat.eq_dec g c) as [-> | _]; [contradiction | ring].
      + destruct Hin as [-> | Hin]; [congruence | rewrite <- (IH Hin Nd'); ring]. }
  destruct Sign as [Sg | Sg].
  - apply (linear_of_affine l z pi (hatd l v) (1 - n ka + n kb) (fun a => - delta ka a + delta kb a) Hz P).
    intros x Hx; rewrite Form, Rmax_right by auto.
    rewrite (sum_ext axes _ (fun a => (-1) * (delta ka a * place l z x a) + delta kb a * place l z x a)) by (intros; ring).
    rewrite sum_plus, sum_scal, <- !Pos by assumption; unfold value; fold (position (place l z x) ka); fold (position (place l z x) kb); ring.
  - apply (linear_of_affine l z pi (hatd l v) 0 (fun _ => 0) Hz P).
    intros x Hx; rewrite Form, Rmax_left by auto; rewrite sum_scal; ring.
Qed.

(** *** Finer simplices lie in coarser ones *)

Lemma order_of_pair (pi : list nat) a b : In a pi -> In b pi ->
  (forall u : nat -> R, StronglySorted (fun a b => u b <= u a) pi -> u b <= u a) \/
  (forall u : nat -> R, StronglySorted (fun a b => u b <= u a) pi -> u a <= u b).
Proof.
  induction pi as [| p pi IH]; [intros [] |]; intros [-> | Ha] [-> | Hb].
  - left; intros; lra.
  - left; intros u S; inversion S as [| ? ? _ F]; subst; rewrite Forall_forall in F; auto.
  - right; intros u S; inversion S as [| ? ? _ F]; subst; rewrite Forall_forall in F; auto.
  - destruct (IH Ha Hb) as [K | K]; [left | right]; intros u S; inversion S; auto.
Qed.

Lemma nested_d l T' : In T' (cellsd (S l)) -> exists T, In T (cellsd l) /\
  (forall x w', liesd (S l) T' x w' -> exists w, liesd l T x w) /\
  (forall F, lineard l T F -> lineard (S l) T' F).
Proof.
  intro H'; apply in_cellsd in H'; destruct H' as [z' [pi' [Hz' [P' ->]]]].
  set (k := (L (S l) - L l)%nat); set (q := (2 ^ k)%nat).
  assert (Ek : two (L (S l)) = two (L l) * INR q).
  { unfold q; fold (two k); rewrite <- two_plus; unfold k; f_equal; pose proof (rising_levels l); lia. }
  assert (Eq : (2 ^ L (S l) = 2 ^ L l * q)%nat).
  { unfold q; rewrite <- Nat.pow_add_r; f_equal; unfold k; pose proof (rising_levels l); lia. }
  assert (Hq : (0 < q)%nat) by apply pow_pos_nat.
  assert (Pq : 0 < INR q) by (apply lt_0_INR, Hq).
  set (z := map (fun i => (i / q)%nat) z').
  assert (Nz : forall a, nth a z 0%nat = (nth a z' 0 / q)%nat).
  { intro a; pose proof (map_nth (fun i => (i / q)%nat) z' 0%nat a) as M; cbv beta in M.
    rewrite Nat.div_0_l in M by lia; exact M. }
  assert (Hz : corner l z).
  { split; [unfold z; rewrite map_length; apply Hz' |]; intro a; rewrite Nz.
    apply Nat.div_lt_upper_bound; [lia |]; rewrite Nat.mul_comm, <- Eq; apply Hz'. }
  set (r := fun a => (nth a z' 0 mod q)%nat).
  assert (Er : forall a, INR (nth a z' 0%nat) = INR (nth a z 0%nat) * INR q + INR (r a)).
  { intro a; rewrite Nz, <- mult_INR, <- plus_INR; f_equal; unfold r.
    rewrite Nat.mul_comm; apply Nat.div_mod; lia. }
  assert (Rel : forall x a, place (S l) z' x a = INR q * place l z x a - INR (r a)).
  { intros x a; unfold place; rewrite Ek, Er; ring. }
  assert (Rb : forall a, (r a <= q - 1)%nat) by (intro a; unfold r; pose proof (Nat.mod_upper_bound (nth a z' 0%nat) q); lia).
  set (ge := fun a b => forall x, insided (S l) (path z' pi') x -> place l z x b <= place l z x a).
  assert (Ins : forall x, insided (S l) (path z' pi') x ->
            StronglySorted (fun a b => place (S l) z' x b <= place (S l) z' x a) pi' /\
            forall a, (a < d)%nat -> 0 <= place (S l) z' x a <= 1).
  { intros x [w Hx]; destruct (lies_path (S l) z' pi' x w Hz' P' Hx) as [S1 [S2 _]]; auto. }
  assert (Cmp : forall x a b, INR q * (place l z x a - place l z x b)
            = (place (S l) z' x a - place (S l) z' x b) + (INR (r a) - INR (r b))) by (intros; rewrite !Rel; ring).
  assert (Pos : forall t, 0 <= INR q * t -> 0 <= t) by (intros t Ht; apply Rmult_le_reg_l with (INR q); lra).
  destruct (sort_exists ge pi') as [pi [Pp Ps]].
  - intros a b c Hab Hbc x Hx; specialize (Hab x Hx); specialize (Hbc x Hx); lra.
  - intros a b Ia Ib.
    assert (La : (a < d)%nat) by (apply (in_order pi' a P'), Ia).
    assert (Lb : (b < d)%nat) by (apply (in_order pi' b P'), Ib).
    destruct (Nat.lt_trichotomy (r a) (r b)) as [C | [C | C]].
    + right; intros x Hx; destruct (Ins x Hx) as [_ B]; pose proof (B a La); pose proof (B b Lb).
      apply le_INR in C; rewrite S_INR in C; pose proof (Cmp x b a).
      assert (0 <= place l z x b - place l z x a) by (apply Pos; lra); lra.
    + destruct (order_of_pair pi' a b Ia Ib) as [O | O]; [left | right]; intros x Hx;
        destruct (Ins x Hx) as [S1 _]; specialize (O (place (S l) z' x) S1).
      * pose proof (Cmp x a b) as E; rewrite C in E; assert (0 <= place l z x a - place l z x b) by (apply Pos; lra); lra.
      * pose proof (Cmp x b a) as E; rewrite C in E; assert (0 <= place l z x b - place l z x a) by (apply Pos; lra); lra.
    + left; intros x Hx; destruct (Ins x Hx) as [_ B]; pose proof (B a La); pose proof (B b Lb).
      apply le_INR in C; rewrite S_INR in C; pose proof (Cmp x a b).
      assert (0 <= place l z x a - place l z x b) by (apply Pos; lra); lra.
  - assert (P : Permutation axes pi) by (eapply perm_trans; eauto).
    assert (Sub : forall x, insided (S l) (path z' pi') x -> liesd l (path z pi) x (weights (place l z x) 1 z pi)).
    { intros x Hx; exists z, pi; repeat split; try apply Hz; auto.
      - clear - Ps Hx; induction Ps as [| a m S IH F]; constructor; auto.
        rewrite Forall_forall in *; intros b Hb; apply (F b Hb x Hx).
      - destruct (Ins x Hx) as [_ B]; specialize (B a H); rewrite Rel in B; pose proof (pos_INR (r a)).
        apply Pos; lra.
      - destruct (Ins x Hx) as [_ B]; specialize (B a H); rewrite Rel in B; pose proof (Rb a) as C.
        apply le_INR in C; rewrite minus_INR in C by lia; simpl in C.
        assert (0 <= 1 - place l z x a) by (apply Pos; lra); lra. }
    exists (path z pi); split; [apply in_cellsd; exists z, pi; auto | split].
    + intros x w' Hx; eexists; apply Sub; exists w'; exact Hx.
    + intros F HF; destruct (affine_of_linear l z pi F Hz P HF) as [alpha [b Hb]].
      apply (linear_of_affine (S l) z' pi' F (alpha + sum axes (fun a => b a * (INR (r a) / INR q))) (fun a => b a / INR q) Hz' P').
      intros x Hx; rewrite (Hb x) by (eexists; apply Sub, Hx).
      rewrite Rplus_assoc, <- sum_plus; f_equal; apply sum_ext; intros a _; rewrite Rel; field; lra.
Qed.

Definition freudenthal : tower cube (list nat) := {|
  node_dec := list_eq_dec Nat.eq_dec;
  pos := noded;
  nodes := nodesd;
  cells := cellsd;
  lies := liesd;
  hat := hatd;
  nodes_once := fun l => NoDup_nodup _ _;
  vertex_is_node := vertex_is_node_d;
  node_is_vertex := node_is_vertex_d;
  cover := cover_d;
  lies_bary := fun l T x w _ H => lies_bary_d l T x w H;
  lies_vertices := fun l T x w v _ H => lies_vertices_d l T x w v H;
  lies_vertex := lies_vertex_d;
  hat_linear := hat_linear_d;
  hat_nodal := hat_nodal_d;
  nested := nested_d
|}.

End Cube.
