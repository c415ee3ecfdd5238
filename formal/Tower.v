(** * Grades on a tower of nested partitions: Propositions 1 to 3 and Theorem A

    Section 3 of docs/theory.md, for any sequence of partitions that has exactly the properties used.

    Definitions
    - [tower]: levels of finitely many simplices, each inside one of the level before, with a hat for every node.
    - [rising], [coefficient]: the rule of one grade.  [grade], [approximant], [residual]: what it makes of a target.
    - [margins_fit]: defects [p], [n] of the target, margins [mp], [mm], and the margin condition.

    Statements
    - [grade_balanced]: Proposition 1, every block grade is balanced for the residual before it.
    - [unit_grade_balanced]: Proposition 2, so is every atom alone, in the order of the nodes.
    - [virgin_or_one_sign]: Proposition 3, the invariant.
    - [theorem_A]: the sup-norm after a level is at most max (m + osc) + max r.
    - [residual_nonincreasing]: |e| never grows, at any point, from level to level. *)

Require Import Reals Lra Lia List Arith.
From Mgdl Require Import Balanced Simplex.
Import ListNotations.
Open Scope R_scope.

Lemma between_of_abs_le (a b : R) : Rabs a <= b -> - b <= a <= b.
Proof. intro H; pose proof (Rle_abs a); pose proof (Rle_abs (- a)); rewrite Rabs_Ropp in *; lra. Qed.

Lemma NoDup_prefix {A : Type} (us vs : list A) : NoDup (us ++ vs) -> NoDup us.
Proof.
  induction us as [| u us IH]; simpl; intro H; constructor; inversion H; subst; auto.
  intro Hu; match goal with K : ~ In _ _ |- _ => apply K, in_or_app; left; exact Hu end.
Qed.

(** ** The record *)

Record tower (X N : Type) := {
  node_dec : forall v w : N, {v = w} + {v <> w};
  pos : nat -> N -> X;                               (* the node of a level as a point *)
  nodes : nat -> list N;                             (* all nodes of a level, each once *)
  cells : nat -> list (list N);                      (* all simplices of a level, by their vertices *)
  lies : nat -> list N -> X -> list (R * N) -> Prop; (* a point of a simplex and its weights *)
  hat : nat -> N -> X -> R;

  nodes_once : forall l, NoDup (nodes l);
  vertex_is_node : forall l T v, In T (cells l) -> In v T -> In v (nodes l);
  node_is_vertex : forall l v, In v (nodes l) -> exists T, In T (cells l) /\ In v T;
  cover : forall l x, exists T w, In T (cells l) /\ lies l T x w;
  lies_bary : forall l T x w, In T (cells l) -> lies l T x w -> bary w;
  lies_vertices : forall l T x w v, In T (cells l) -> lies l T x w -> In v (vertices w) -> In v T;
  lies_vertex : forall l T v, In T (cells l) -> In v T -> exists w, lies l T (pos l v) w;
  hat_linear : forall l T u x w, In T (cells l) -> In u (nodes l) -> lies l T x w ->
    hat l u x = mean w (fun v => hat l u (pos l v));
  hat_nodal : forall l u v, In u (nodes l) -> In v (nodes l) ->
    hat l u (pos l v) = if node_dec u v then 1 else 0;
  nested : forall l T', In T' (cells (S l)) -> exists T, In T (cells l) /\
    (forall x w', lies (S l) T' x w' -> exists w, lies l T x w) /\
    (forall F : X -> R,
       (forall x w, lies l T x w -> F x = mean w (fun v => F (pos l v))) ->
       forall x w', lies (S l) T' x w' -> F x = mean w' (fun v => F (pos (S l) v)))
}.

Arguments node_dec {X N}. Arguments pos {X N}. Arguments nodes {X N}. Arguments cells {X N}.
Arguments lies {X N}. Arguments hat {X N}.

Section Grades.

Context {X N : Type} (K : tower X N).

Notation pos := (pos K). Notation nodes := (nodes K). Notation cells := (cells K).
Notation lies := (lies K). Notation hat := (hat K).

Definition linear (l : nat) (T : list N) (F : X -> R) :=
  forall x w, lies l T x w -> F x = mean w (fun v => F (pos l v)).

(** [T] is a parent of [T']: it holds its points, and what is linear on it is linear on [T']. *)
Definition parent (l : nat) (T T' : list N) :=
  (forall x w', lies (S l) T' x w' -> exists w, lies l T x w) /\
  (forall F, linear l T F -> linear (S l) T' F).

Lemma linear_plus l T F G : linear l T F -> linear l T G -> linear l T (fun x => F x + G x).
Proof. intros HF HG x w H; rewrite (HF x w H), (HG x w H), <- mean_plus; reflexivity. Qed.

Lemma linear_scal l T a F : linear l T F -> linear l T (fun x => a * F x).
Proof. intros HF x w H; rewrite (HF x w H), <- mean_scal; reflexivity. Qed.

Lemma linear_const l T a : In T (cells l) -> linear l T (fun _ => a).
Proof. intros HT x w H; rewrite mean_const; [reflexivity | eapply lies_bary; eauto]. Qed.

(** ** The function with given nodal values *)

Fixpoint combine (l : nat) (c : N -> R) (us : list N) (x : X) : R :=
  match us with
  | [] => 0
  | u :: us' => c u * hat l u x + combine l c us' x
  end.

Lemma combine_linear l c T us :
  In T (cells l) -> incl us (nodes l) -> linear l T (combine l c us).
Proof.
  intro HT; induction us as [| u us IH]; intros Hi.
  - exact (linear_const l T 0 HT).
  - apply (linear_plus l T (fun x => c u * hat l u x) (combine l c us)).
    + apply linear_scal; intros x w H; eapply hat_linear; eauto; apply Hi; left; reflexivity.
    + apply IH; intros a Ha; apply Hi; right; exact Ha.
Qed.

Lemma combine_absent l c us v : In v (nodes l) -> incl us (nodes l) -> ~ In v us -> combine l c us (pos l v) = 0.
Proof.
  intro Hv; induction us as [| u us IH]; intros Hi Hn; simpl; [reflexivity |].
  rewrite hat_nodal; auto; [| apply Hi; left; reflexivity].
  destruct (node_dec K u v) as [-> | _]; [exfalso; apply Hn; left; reflexivity |].
  rewrite IH; [ring | intros a Ha; apply Hi; right; exact Ha | intro; apply Hn; right; auto].
Qed.

Lemma combine_at_node l c us v :
  In v (nodes l) -> incl us (nodes l) -> NoDup us ->
  combine l c us (pos l v) = if in_dec (node_dec K) v us then c v else 0.
Proof.
  intro Hv; induction us as [| u us IH]; intros Hi Hd; [reflexivity |].
  assert (Hi' : incl us (nodes l)) by (intros a Ha; apply Hi; right; exact Ha).
  inversion Hd as [| ? ? Hu Hd']; subst.
  change (combine l c (u :: us) (pos l v)) with (c u * hat l u (pos l v) + combine l c us (pos l v)).
  rewrite hat_nodal; auto; [| apply Hi; left; reflexivity].
  destruct (node_dec K u v) as [-> | E].
  - rewrite (combine_absent l c us v); auto.
    destruct (in_dec (node_dec K) v (v :: us)) as [_ | H]; [ring | exfalso; apply H; left; reflexivity].
  - rewrite IH; auto.
    destruct (in_dec (node_dec K) v us) as [H | H], (in_dec (node_dec K) v (u :: us)) as [H' | H']; try ring.
    + exfalso; apply H'; right; exact H.
    + exfalso; destruct H'; [apply E | apply H]; auto.
Qed.

(** ** The rule of one grade *)

(** All margins are at most the nodal values, on every simplex around [v]. *)
Definition active (l : nat) (m : list N -> R) (e : N -> R) (v : N) :=
  Forall (fun T => In v T -> Forall (fun w => m T <= e w) T) (cells l).

Lemma active_dec l m e v : {active l m e v} + {~ active l m e v}.
Proof.
  apply Forall_dec; intro T.
  destruct (in_dec (node_dec K) v T) as [H | H]; [| left; intro; contradiction].
  destruct (Forall_dec (fun w => m T <= e w) (fun w => Rle_dec (m T) (e w)) T) as [A | A].
  - left; intros _; exact A.
  - right; intro B; apply A, B, H.
Qed.

(** The largest margin around a node; 0 is no margin below it, since margins are nonnegative. *)
Definition largest (l : nat) (m : list N -> R) (v : N) : R :=
  fold_right (fun T a => if in_dec (node_dec K) v T then Rmax (m T) a else a) 0 (cells l).

Definition rising l m e v : R := if active_dec l m e v then e v - largest l m v else 0.

Lemma active_all l m e v T w : active l m e v -> In T (cells l) -> In v T -> In w T -> m T <= e w.
Proof.
  intros H HT Hv Hw; unfold active in H; rewrite Forall_forall in H.
  specialize (H T HT Hv); rewrite Forall_forall in H; auto.
Qed.

Lemma largest_ge l m v T : In T (cells l) -> In v T -> m T <= largest l m v.
Proof.
  unfold largest; induction (cells l) as [| S Ss IH]; [intros [] |].
  intros [-> | HT] Hv; simpl.
  - destruct (in_dec (node_dec K) v T); [apply Rmax_l | contradiction].
  - destruct (in_dec (node_dec K) v S); [eapply Rle_trans; [apply IH; auto | apply Rmax_r] | apply IH; auto].
Qed.

Lemma largest_le l m v a : 0 <= a -> (forall T, In T (cells l) -> In v T -> m T <= a) -> largest l m v <= a.
Proof.
  intro Ha; unfold largest; induction (cells l) as [| S Ss IH]; intro H; simpl; [exact Ha |].
  assert (IH' := IH (fun T HT => H T (or_intror HT))).
  destruct (in_dec (node_dec K) v S); [apply Rmax_lub; [apply H; [left |]; auto | exact IH'] | exact IH'].
Qed.

Lemma largest_nonneg l m v : 0 <= largest l m v.
Proof.
  unfold largest; induction (cells l) as [| S Ss IH]; simpl; [lra |].
  destruct (in_dec (node_dec K) v S); [eapply Rle_trans; [exact IH | apply Rmax_r] | exact IH].
Qed.

Lemma active_nonneg l m e v :
  In v (nodes l) -> (forall T, In T (cells l) -> 0 <= m T) -> active l m e v -> 0 <= e v.
Proof.
  intros Hv Hm H; destruct (node_is_vertex X N K l v Hv) as [T [HT HvT]].
  apply Rle_trans with (m T); [apply Hm, HT | eapply active_all; eauto].
Qed.

Lemma rising_nonneg l m e v :
  In v (nodes l) -> (forall T, In T (cells l) -> 0 <= m T) -> 0 <= rising l m e v.
Proof.
  intros Hv Hm; unfold rising; destruct (active_dec l m e v) as [H | _]; [| lra].
  assert (largest l m v <= e v); [| lra].
  apply largest_le; [eapply active_nonneg; eauto | intros T HT HvT; eapply active_all; eauto].
Qed.

Lemma rising_zero l m e v :
  In v (nodes l) -> (forall T, In T (cells l) -> 0 <= m T) -> e v <= 0 -> rising l m e v = 0.
Proof.
  intros Hv Hm He; apply Rle_antisym; [| apply rising_nonneg; auto].
  unfold rising; destruct (active_dec l m e v); [| lra].
  pose proof (largest_nonneg l m v); lra.
Qed.

(** If some vertex of T is active, every vertex w has 0 <= c(w) <= e(w) - m(T). *)
Lemma rising_le l m e T v w :
  In T (cells l) -> In v T -> active l m e v -> In w T -> rising l m e w <= e w - m T.
Proof.
  intros HT Hv H Hw; assert (Hm : m T <= e w) by (eapply active_all; eauto).
  unfold rising; destruct (active_dec l m e w); [| lra].
  pose proof (largest_ge l m w T HT Hw); lra.
Qed.

(** ** A target with defects and margins *)

Context (f start : X -> R) (p n mp mm : nat -> list N -> R).

Definition margins_fit :=
  (forall l T, In T (cells l) -> linear l T start) /\
  (forall l T x w, In T (cells l) -> lies l T x w ->
     mean w (fun v => f (pos l v)) - p l T <= f x <= mean w (fun v => f (pos l v)) + n l T) /\
  (forall l T, In T (cells l) -> 0 <= p l T <= mp l T /\ 0 <= n l T <= mm l T) /\
  (forall l T T', In T (cells l) -> In T' (cells (S l)) -> parent l T T' ->
     mp (S l) T' <= mp l T - p l T /\ mm (S l) T' <= mm l T - n l T).

Hypothesis fit : margins_fit.

Let start_linear := proj1 fit.
Let defects := proj1 (proj2 fit).
Let margins := proj1 (proj2 (proj2 fit)).
Let condition := proj2 (proj2 (proj2 fit)).

Definition coefficient l (e : X -> R) (v : N) : R :=
  rising l (mp l) (fun u => e (pos l u)) v - rising l (mm l) (fun u => - e (pos l u)) v.

Definition grade l (e : X -> R) : X -> R := combine l (coefficient l e) (nodes l).

Fixpoint approximant (l : nat) : X -> R :=
  match l with
  | O => start
  | S k => fun x => approximant k x + grade k (fun y => f y - approximant k y) x
  end.

Definition residual l : X -> R := fun x => f x - approximant l x.

Lemma residual_step l x : residual (S l) x = residual l x - grade l (residual l) x.
Proof.
  unfold residual at 1 2; simpl approximant.
  change (fun y : X => f y - approximant l y) with (residual l); ring.
Qed.

Lemma mp_nonneg l T : In T (cells l) -> 0 <= mp l T.
Proof. intro H; destruct (margins l T H); lra. Qed.

Lemma mm_nonneg l T : In T (cells l) -> 0 <= mm l T.
Proof. intro H; destruct (margins l T H); lra. Qed.

Lemma grade_linear l e T : In T (cells l) -> linear l T (grade l e).
Proof. intro H; apply combine_linear; [exact H | apply incl_refl]. Qed.

Lemma grade_at_node l e v : In v (nodes l) -> grade l e (pos l v) = coefficient l e v.
Proof.
  intro H; unfold grade; rewrite combine_at_node; auto; [| apply incl_refl | apply nodes_once].
  destruct (in_dec (node_dec K) v (nodes l)); [reflexivity | contradiction].
Qed.

(** Earlier grades are linear on every simplex of the level: the defects of f are those of the residual. *)
Lemma approximant_linear l T : In T (cells l) -> linear l T (approximant l).
Proof.
  revert T; induction l as [| l IH]; intros T' H'; [apply start_linear, H' |].
  destruct (nested X N K l T' H') as [T [HT [_ Hl]]].
  refine (Hl (approximant (S l)) _).
  apply (linear_plus l T (approximant l)); [apply IH, HT | apply grade_linear, HT].
Qed.

Definition defective l (e : X -> R) := forall T x w, In T (cells l) -> lies l T x w ->
  mean w (fun v => e (pos l v)) - p l T <= e x <= mean w (fun v => e (pos l v)) + n l T.

Lemma defective_minus l e G :
  defective l e -> (forall T, In T (cells l) -> linear l T G) -> defective l (fun x => e x - G x).
Proof.
  intros He HG T x w HT H; rewrite mean_minus, <- (HG T HT x w H).
  destruct (He T x w HT H); split; lra.
Qed.

Lemma residual_defective l : defective l (residual l).
Proof. apply defective_minus; [exact (fun T x w => defects l T x w) | intros; apply approximant_linear; auto]. Qed.

Lemma next_defective l : defective l (residual (S l)).
Proof.
  intros T x w HT H; rewrite residual_step.
  rewrite (mean_ext w _ (fun v => residual l (pos l v) - grade l (residual l) (pos l v)))
    by (intros; apply residual_step).
  apply (defective_minus l (residual l) (grade l (residual l))); auto;
    [apply residual_defective | intros; apply grade_linear; auto].
Qed.

(** ** Propositions 1 and 2 *)

Definition touched_plus l e T := exists v, In v T /\ active l (mp l) (fun u => e (pos l u)) v.
Definition touched_minus l e T := exists v, In v T /\ active l (mm l) (fun u => - e (pos l u)) v.

Lemma Exists_active_dec l m e T : (exists v, In v T /\ active l m e v) \/ (forall v, In v T -> ~ active l m e v).
Proof.
  induction T as [| v T [[u [Hu A]] | IH]]; [right; intros v [] | left; exists u; split; [right |]; auto |].
  destruct (active_dec l m e v) as [A | A]; [left; exists v; split; [left |]; auto |].
  right; intros u [<- | Hu]; auto.
Qed.

Lemma coefficient_of_touched_plus l e T w :
  In T (cells l) -> touched_plus l e T -> In w T ->
  0 <= coefficient l e w <= e (pos l w) - mp l T.
Proof.
  intros HT [v [Hv A]] Hw; assert (Hn : In w (nodes l)) by (eapply vertex_is_node; eauto).
  assert (He : mp l T <= e (pos l w)) by exact (active_all l _ _ v T w A HT Hv Hw).
  pose proof (mp_nonneg l T HT) as Hm.
  unfold coefficient; rewrite (rising_zero l (mm l)); auto using mm_nonneg; [| lra].
  rewrite Rminus_0_r; split.
  - apply rising_nonneg; auto using mp_nonneg.
  - exact (rising_le l (mp l) (fun u => e (pos l u)) T v w HT Hv A Hw).
Qed.

Lemma coefficient_of_touched_minus l e T w :
  In T (cells l) -> touched_minus l e T -> In w T ->
  0 <= - coefficient l e w <= - e (pos l w) - mm l T.
Proof.
  intros HT [v [Hv A]] Hw; assert (Hn : In w (nodes l)) by (eapply vertex_is_node; eauto).
  assert (He : mm l T <= - e (pos l w)) by exact (active_all l _ _ v T w A HT Hv Hw).
  pose proof (mm_nonneg l T HT) as Hm.
  unfold coefficient; rewrite (rising_zero l (mp l)); auto using mp_nonneg; [| lra].
  replace (- (0 - rising l (mm l) (fun u => - e (pos l u)) w)) with (rising l (mm l) (fun u => - e (pos l u)) w) by ring.
  split.
  - apply rising_nonneg; auto using mm_nonneg.
  - exact (rising_le l (mm l) (fun u => - e (pos l u)) T v w HT Hv A Hw).
Qed.

Lemma coefficient_of_untouched l e T w :
  In w T -> ~ touched_plus l e T -> ~ touched_minus l e T -> coefficient l e w = 0.
Proof.
  intros Hw Hp Hm; unfold coefficient, rising.
  destruct (active_dec l (mp l) _ w) as [A | _]; [exfalso; apply Hp; exists w; auto |].
  destruct (active_dec l (mm l) _ w) as [A | _]; [exfalso; apply Hm; exists w; auto |]; ring.
Qed.

Lemma touched_cases l e T :
  touched_plus l e T \/ touched_minus l e T \/ (~ touched_plus l e T /\ ~ touched_minus l e T).
Proof.
  destruct (Exists_active_dec l (mp l) (fun u => e (pos l u)) T) as [A | A]; [left; exact A | right].
  destruct (Exists_active_dec l (mm l) (fun u => - e (pos l u)) T) as [B | B]; [left; exact B | right].
  split; intros [v [Hv H]]; [apply (A v) | apply (B v)]; auto.
Qed.

(** What is needed on each simplex: coefficients that satisfy one of the two vertex inequalities, or vanish. *)
Definition fair l (e : X -> R) (c : N -> R) := forall T, In T (cells l) ->
  vertex_inequality c (fun v => e (pos l v)) (p l T) T \/
  vertex_inequality (fun v => - c v) (fun v => - e (pos l v)) (n l T) T \/
  (forall v, In v T -> c v = 0).

Lemma balanced_of_fair l e c us :
  defective l e -> incl us (nodes l) -> NoDup us ->
  fair l e (fun v => if in_dec (node_dec K) v us then c v else 0) -> balanced (combine l c us) e.
Proof.
  intros He Hi Hd Hf x; destruct (cover X N K l x) as [T [w [HT Hx]]].
  assert (Hw : bary w) by (eapply lies_bary; eauto).
  assert (Hv : forall v, In v (vertices w) -> In v T) by (intros; eapply lies_vertices; eauto).
  set (C := fun v => if in_dec (node_dec K) v us then c v else 0) in *.
  assert (E : combine l c us x = mean w C).
  { rewrite (combine_linear l c T us HT Hi x w Hx); apply mean_ext; intros v H.
    apply combine_at_node; auto; eapply vertex_is_node; eauto. }
  rewrite E; destruct (He T x w HT Hx) as [Hlo Hhi]; destruct (Hf T HT) as [H | [H | H]].
  - eapply balanced_of_vertex_inequality; [exact Hw | intros v K1; apply (H v), Hv, K1 | exact Hlo].
  - eapply balanced_of_vertex_inequality_neg; [exact Hw | intros v K1; apply (H v), Hv, K1 | exact Hhi].
  - rewrite (mean_ext w C (fun _ => 0)) by (intros; apply H; auto).
    rewrite mean_const by exact Hw; lra.
Qed.

Lemma coefficient_fair l e : fair l e (coefficient l e).
Proof.
  intros T HT; destruct (margins l T HT) as [[Hp Hmp] [Hn Hmm]].
  destruct (touched_cases l e T) as [H | [H | [H1 H2]]].
  - left; intros v Hv; pose proof (coefficient_of_touched_plus l e T v HT H Hv); lra.
  - right; left; intros v Hv; pose proof (coefficient_of_touched_minus l e T v HT H Hv); lra.
  - right; right; intros v Hv; apply coefficient_of_untouched with T; auto.
Qed.

Theorem grade_balanced l : balanced (grade l (residual l)) (residual l).
Proof.
  apply balanced_of_fair; [apply residual_defective | apply incl_refl | apply nodes_once |].
  intros T HT; destruct (coefficient_fair l (residual l) T HT) as [H | [H | H]]; [left | right; left | right; right];
    intros v Hv; specialize (H v Hv); destruct (in_dec (node_dec K) v (nodes l)) as [_ | A]; auto;
    exfalso; apply A; eapply vertex_is_node; eauto.
Qed.

(** The residual after the atoms of the nodes in [us] of level [l]. *)
Definition partial l us : X -> R := fun x => residual l x - combine l (coefficient l (residual l)) us x.

Theorem unit_grade_balanced l us v us' :
  nodes l = us ++ v :: us' ->
  balanced (fun x => coefficient l (residual l) v * hat l v x) (partial l us).
Proof.
  intro E; set (c := coefficient l (residual l)).
  assert (Hd : NoDup (us ++ v :: us')) by (rewrite <- E; apply nodes_once).
  assert (Hi : incl us (nodes l)) by (rewrite E; apply incl_appl, incl_refl).
  assert (Hv : In v (nodes l)) by (rewrite E; apply in_or_app; right; left; reflexivity).
  assert (Hvu : ~ In v us).
  { intro A; apply NoDup_remove_2 in Hd; apply Hd, in_or_app; left; exact A. }
  assert (Hus : NoDup us) by (eapply NoDup_prefix; exact Hd).
  assert (L : balanced (combine l c [v]) (partial l us)).
  { apply balanced_of_fair.
    - apply defective_minus; [apply residual_defective | intros; apply combine_linear; auto].
    - intros a [<- | []]; exact Hv.
    - constructor; [intros [] | constructor].
    - intros T HT.
      assert (P : forall u, In u T -> partial l us (pos l u)
                = residual l (pos l u) - if in_dec (node_dec K) u us then c u else 0).
      { intros u Hu; unfold partial; fold c; rewrite combine_at_node; auto; eapply vertex_is_node; eauto. }
      destruct (coefficient_fair l (residual l) T HT) as [H | [H | H]]; fold c in H; [left | right; left | right; right];
        intros u Hu; specialize (H u Hu); cbv beta in *; rewrite ?(P u Hu);
        destruct (in_dec (node_dec K) u us) as [B | B]; destruct (in_dec (node_dec K) u [v]) as [[<- | []] | A];
        try contradiction; try lra. }
  intro x; generalize (L x); simpl; rewrite Rplus_0_r; auto.
Qed.

(** ** Proposition 3 *)

Definition inside l T x := exists w, lies l T x w.

Definition virgin l T := forall x, inside l T x -> approximant l x = start x.
Definition above l T := forall x, inside l T x -> mp l T <= residual l x.
Definition below l T := forall x, inside l T x -> mm l T <= - residual l x.

Lemma grade_zero_of_untouched l e T x :
  In T (cells l) -> ~ touched_plus l e T -> ~ touched_minus l e T -> inside l T x -> grade l e x = 0.
Proof.
  intros HT H1 H2 [w Hx]; rewrite (grade_linear l e T HT x w Hx).
  rewrite (mean_ext w _ (fun _ => 0)); [apply mean_const; eapply lies_bary; eauto |].
  intros v Hv; assert (In v T) by (eapply lies_vertices; eauto).
  rewrite grade_at_node; [eapply coefficient_of_untouched; eauto | eapply vertex_is_node; eauto].
Qed.

Lemma above_after l T x :
  In T (cells l) -> touched_plus l (residual l) T -> inside l T x -> mp l T - p l T <= residual (S l) x.
Proof.
  intros HT H [w Hx]; destruct (next_defective l T x w HT Hx) as [Hlo _].
  apply Rle_trans with (2 := Hlo); apply Rplus_le_compat_r.
  apply mean_ge_const; [eapply lies_bary; eauto |]; intros v Hv.
  assert (HvT : In v T) by (eapply lies_vertices; eauto).
  rewrite residual_step, grade_at_node by (eapply vertex_is_node; eauto).
  pose proof (coefficient_of_touched_plus l (residual l) T v HT H HvT); lra.
Qed.

Lemma below_after l T x :
  In T (cells l) -> touched_minus l (residual l) T -> inside l T x -> mm l T - n l T <= - residual (S l) x.
Proof.
  intros HT H [w Hx]; destruct (next_defective l T x w HT Hx) as [_ Hhi].
  assert (mean w (fun v => residual (S l) (pos l v)) <= - mm l T); [| lra].
  apply mean_le_const; [eapply lies_bary; eauto |]; intros v Hv.
  assert (HvT : In v T) by (eapply lies_vertices; eauto).
  rewrite residual_step, grade_at_node by (eapply vertex_is_node; eauto).
  pose proof (coefficient_of_touched_minus l (residual l) T v HT H HvT); lra.
Qed.

Theorem virgin_or_one_sign l T : In T (cells l) -> virgin l T \/ above l T \/ below l T.
Proof.
  revert T; induction l as [| l IH]; intros T' H'; [left; intros x _; reflexivity |].
  destruct (nested X N K l T' H') as [T [HT Hpar]].
  destruct (condition l T T' HT H' Hpar) as [Cp Cm], (margins l T HT) as [[Hp _] [Hn _]].
  assert (In' : forall x, inside (S l) T' x -> inside l T x) by (intros x [w Hw]; apply (proj1 Hpar x w Hw)).
  destruct (touched_cases l (residual l) T) as [Ht | [Ht | [H1 H2]]].
  - right; left; intros x Hx; pose proof (above_after l T x HT Ht (In' x Hx)); lra.
  - right; right; intros x Hx; pose proof (below_after l T x HT Ht (In' x Hx)); lra.
  - assert (Same : forall x, inside (S l) T' x -> grade l (residual l) x = 0)
      by (intros x Hx; apply grade_zero_of_untouched with T; auto).
    destruct (IH T HT) as [A | [A | A]].
    + left; intros x Hx; simpl approximant; change (fun y : X => f y - approximant l y) with (residual l).
      rewrite (Same x Hx), (A x (In' x Hx)); ring.
    + right; left; intros x Hx; rewrite residual_step, (Same x Hx); specialize (A x (In' x Hx)); lra.
    + right; right; intros x Hx; rewrite residual_step, (Same x Hx); specialize (A x (In' x Hx)); lra.
Qed.

(** ** Theorem A *)

Lemma not_active l m e v : ~ active l m e v -> exists T w, In T (cells l) /\ In v T /\ In w T /\ e w < m T.
Proof.
  unfold active; intro H; induction (cells l) as [| T Ts IH]; [exfalso; apply H; constructor |].
  destruct (in_dec (node_dec K) v T) as [Hv | Hv].
  - destruct (Forall_dec (fun w => m T <= e w) (fun w => Rle_dec (m T) (e w)) T) as [A | A].
    + destruct IH as [T1 [w [HT R]]]; [intro F; apply H; constructor; auto |].
      exists T1, w; split; [right |]; auto.
    + apply neg_Forall_Exists_neg in A; [| intro w; apply Rle_dec].
      apply Exists_exists in A; destruct A as [w [Hw Hlt]].
      exists T, w; repeat split; auto; [left; reflexivity | lra].
  - destruct IH as [T1 [w [HT R]]]; [intro F; apply H; constructor; auto; intro; contradiction |].
    exists T1, w; split; [right |]; auto.
Qed.

Theorem theorem_A l (osc : list N -> R) (M r : R) :
  (forall T x y, In T (cells l) -> inside l T x -> inside l T y ->
     Rabs ((f x - start x) - (f y - start y)) <= osc T) ->
  (forall T, In T (cells l) -> mp l T + osc T <= M /\ mm l T + osc T <= M /\ p l T <= r /\ n l T <= r) ->
  forall x, Rabs (residual (S l) x) <= M + r.
Proof.
  intros Hosc HM.
  assert (Node : forall v, In v (nodes l) -> Rabs (residual (S l) (pos l v)) <= M).
  { intros v Hv; set (e := fun u => residual l (pos l u)).
    destruct (node_is_vertex X N K l v Hv) as [T0 [HT0 Hv0]].
    assert (Pos : forall T u, In T (cells l) -> In u T -> inside l T (pos l u))
      by (intros T u HT Hu; apply lies_vertex; auto).
    assert (Osc0 : forall T, In T (cells l) -> In v T -> 0 <= osc T).
    { intros T HT HvT; eapply Rle_trans; [apply Rabs_pos | apply (Hosc T (pos l v) (pos l v)); auto]. }
    assert (M0 : 0 <= M).
    { destruct (HM T0 HT0) as [A _]; pose proof (mp_nonneg l T0 HT0); pose proof (Osc0 T0 HT0 Hv0); lra. }
    rewrite residual_step, grade_at_node by exact Hv; unfold coefficient; fold e.
    destruct (Rle_lt_dec 0 (e v)) as [S | S].
    - rewrite (rising_zero l (mm l) (fun u => - residual l (pos l u))); auto using mm_nonneg; [| unfold e in S; lra].
      unfold rising; destruct (active_dec l (mp l) e v) as [A | A].
      + replace (residual l (pos l v)) with (e v) by reflexivity.
        replace (e v - (e v - largest l (mp l) v - 0)) with (largest l (mp l) v) by ring.
        rewrite Rabs_right; [| apply Rle_ge, largest_nonneg].
        apply largest_le; [exact M0 |]; intros T HT HvT.
        destruct (HM T HT) as [B _]; pose proof (Osc0 T HT HvT); lra.
      + replace (residual l (pos l v) - (0 - 0)) with (e v) by (unfold e; ring).
        rewrite Rabs_right by lra.
        destruct (not_active l (mp l) e v A) as [T [w [HT [HvT [HwT Hlt]]]]].
        destruct (HM T HT) as [B _].
        destruct (virgin_or_one_sign l T HT) as [Vi | [Ab | Be]].
        * assert (Eq : forall u, In u T -> e u = f (pos l u) - start (pos l u)).
          { intros u Hu; unfold e, residual; rewrite (Vi (pos l u)); auto. }
          pose proof (Hosc T (pos l v) (pos l w) HT (Pos T v HT HvT) (Pos T w HT HwT)) as O.
          rewrite <- (Eq v HvT), <- (Eq w HwT) in O.
          pose proof (Rle_abs (e v - e w)); lra.
        * pose proof (Ab (pos l w) (Pos T w HT HwT)); unfold e in Hlt; lra.
        * pose proof (Be (pos l v) (Pos T v HT HvT)); pose proof (mm_nonneg l T HT); unfold e in *; lra.
    - rewrite (rising_zero l (mp l) e); auto using mp_nonneg; [| lra].
      unfold rising; destruct (active_dec l (mm l) (fun u => - residual l (pos l u)) v) as [A | A].
      + replace (residual l (pos l v)) with (e v) by reflexivity.
        replace (e v - (0 - (- e v - largest l (mm l) v))) with (- largest l (mm l) v) by ring.
        rewrite Rabs_Ropp, Rabs_right; [| apply Rle_ge, largest_nonneg].
        apply largest_le; [exact M0 |]; intros T HT HvT.
        destruct (HM T HT) as [_ [B _]]; pose proof (Osc0 T HT HvT); lra.
      + replace (residual l (pos l v) - (0 - 0)) with (e v) by (unfold e; ring).
        rewrite Rabs_left by lra.
        destruct (not_active l (mm l) _ v A) as [T [w [HT [HvT [HwT Hlt]]]]].
        destruct (HM T HT) as [_ [B _]].
        destruct (virgin_or_one_sign l T HT) as [Vi | [Ab | Be]].
        * assert (Eq : forall u, In u T -> e u = f (pos l u) - start (pos l u)).
          { intros u Hu; unfold e, residual; rewrite (Vi (pos l u)); auto. }
          pose proof (Hosc T (pos l w) (pos l v) HT (Pos T w HT HwT) (Pos T v HT HvT)) as O.
          rewrite <- (Eq v HvT), <- (Eq w HwT) in O.
          pose proof (Rle_abs (e w - e v)); unfold e in *; lra.
        * pose proof (Ab (pos l v) (Pos T v HT HvT)); pose proof (mp_nonneg l T HT); unfold e in *; lra.
        * pose proof (Be (pos l w) (Pos T w HT HwT)); lra. }
  intro x; destruct (cover X N K l x) as [T [w [HT Hx]]].
  destruct (next_defective l T x w HT Hx) as [Hlo Hhi], (HM T HT) as [_ [_ [Hp Hn]]].
  assert (Bw : bary w) by (eapply lies_bary; eauto).
  assert (Vw : forall v, In v (vertices w) -> Rabs (residual (S l) (pos l v)) <= M)
    by (intros v Hv; apply Node; eapply vertex_is_node; eauto; eapply lies_vertices; eauto).
  apply Rabs_le; split.
  - assert (- M <= mean w (fun v => residual (S l) (pos l v))); [| lra].
    apply mean_ge_const; [exact Bw | intros v Hv; specialize (Vw v Hv); apply between_of_abs_le in Vw; lra].
  - assert (mean w (fun v => residual (S l) (pos l v)) <= M); [| lra].
    apply mean_le_const; [exact Bw | intros v Hv; specialize (Vw v Hv); apply between_of_abs_le in Vw; lra].
Qed.

Theorem residual_nonincreasing l x : Rabs (residual (S l) x) <= Rabs (residual l x).
Proof. rewrite residual_step; apply (abs_residual_le_of_balanced _ _ (grade_balanced l)). Qed.

End Grades.
