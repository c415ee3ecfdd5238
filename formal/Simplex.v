(** * One simplex: Propositions 1 and 2

    Section 3 of docs/theory.md.  A point of a simplex is a mean of its vertices; it is given by its weights,
    a finite list of pairs (weight, vertex).  The dimension plays no part.

    Definitions
    - [mean w F]: the sum of weight times F(vertex) over the list [w].
    - [bary w]: the weights are nonnegative and their sum is 1.
    - [vertices w]: the vertices in the list.
    - [vertex_inequality C E p T]: at every vertex v in T, 0 <= C(v) <= E(v) - p.  This is all that a checker checks.

    Statements
    - [mean_le], [mean_plus], ...: a mean is linear and monotone.
    - [balanced_of_vertex_inequality]: Proposition 1, at a point whose residual is at least the interpolant less p.
    - [balanced_of_vertex_inequality_neg]: its mirror.
    - [vertex_inequality_drop]: Proposition 2, the inequality survives making coefficients smaller.
    - [vertex_inequality_rest]: and what is left satisfies it for the new residual, so each atom is a grade of its own. *)

Require Import Reals Lra List.
From Mgdl Require Import Balanced.
Import ListNotations.
Open Scope R_scope.

Section Simplex.

Context {V : Type}.
Implicit Types (w : list (R * V)) (F G C E : V -> R) (T : list V).

Fixpoint mean w F : R :=
  match w with
  | [] => 0
  | (t, v) :: w' => t * F v + mean w' F
  end.

Definition bary w := Forall (fun tv => 0 <= fst tv) w /\ mean w (fun _ => 1) = 1.

Definition vertices w := map snd w.

(** ** A mean is linear and monotone *)

Lemma mean_plus w F G : mean w (fun v => F v + G v) = mean w F + mean w G.
Proof. induction w as [| [t v] w IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma mean_minus w F G : mean w (fun v => F v - G v) = mean w F - mean w G.
Proof. induction w as [| [t v] w IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma mean_opp w F : mean w (fun v => - F v) = - mean w F.
Proof. induction w as [| [t v] w IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma mean_scal w a F : mean w (fun v => a * F v) = a * mean w F.
Proof. induction w as [| [t v] w IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma mean_ext w F G : (forall v, In v (vertices w) -> F v = G v) -> mean w F = mean w G.
Proof.
  induction w as [| [t v] w IH]; simpl; intro H; [reflexivity |].
  rewrite (H v), IH; auto.
Qed.

Lemma mean_le w F G :
  Forall (fun tv => 0 <= fst tv) w -> (forall v, In v (vertices w) -> F v <= G v) -> mean w F <= mean w G.
Proof.
  induction w as [| [t v] w IH]; simpl; intros Hw H; [lra |].
  inversion Hw as [| ? ? Ht Hr]; subst; simpl in Ht.
  apply Rplus_le_compat; [apply Rmult_le_compat_l; auto | apply IH; auto].
Qed.

Lemma mean_const w a : bary w -> mean w (fun _ => a) = a.
Proof.
  intros [_ H]; replace (mean w (fun _ => a)) with (a * mean w (fun _ => 1)).
  - rewrite H; ring.
  - rewrite <- mean_scal; apply mean_ext; intros; ring.
Qed.

Lemma mean_ge_const w F a : bary w -> (forall v, In v (vertices w) -> a <= F v) -> a <= mean w F.
Proof. intros H HF; rewrite <- (mean_const w a H); apply mean_le; [apply H | exact HF]. Qed.

Lemma mean_le_const w F a : bary w -> (forall v, In v (vertices w) -> F v <= a) -> mean w F <= a.
Proof. intros H HF; rewrite <- (mean_const w a H); apply mean_le; [apply H | exact HF]. Qed.

(** ** Proposition 1 *)

Definition vertex_inequality C E p T := forall v, In v T -> 0 <= C v <= E v - p.

Lemma between_of_vertex_inequality w C E p (ex : R) :
  bary w -> vertex_inequality C E p (vertices w) -> mean w E - p <= ex -> 0 <= mean w C <= ex.
Proof.
  intros Hw H Hp; split.
  - apply mean_ge_const; [exact Hw | intros v Hv; apply (H v Hv)].
  - apply Rle_trans with (mean w (fun v => E v - p)).
    + apply mean_le; [apply Hw | intros v Hv; apply (H v Hv)].
    + rewrite (mean_minus w E (fun _ => p)), mean_const; auto.
Qed.

(** The grade is linear on the simplex, so its value at the point is [mean w C]; the residual there is [ex]. *)
Theorem balanced_of_vertex_inequality w C E p (ex : R) :
  bary w -> vertex_inequality C E p (vertices w) -> mean w E - p <= ex ->
  0 <= mean w C * (ex - mean w C).
Proof.
  intros Hw H Hp; apply between_of_sign; left.
  exact (between_of_vertex_inequality w C E p ex Hw H Hp).
Qed.

Theorem balanced_of_vertex_inequality_neg w C E n (ex : R) :
  bary w -> vertex_inequality (fun v => - C v) (fun v => - E v) n (vertices w) -> ex <= mean w E + n ->
  0 <= mean w C * (ex - mean w C).
Proof.
  intros Hw H Hn.
  assert (K : 0 <= mean w (fun v => - C v) * (- ex - mean w (fun v => - C v))).
  { apply balanced_of_vertex_inequality with (fun v => - E v) n; auto.
    rewrite mean_opp; lra. }
  rewrite mean_opp in K.
  replace (mean w C * (ex - mean w C)) with (- mean w C * (- ex - - mean w C)) by ring; exact K.
Qed.

(** ** Proposition 2 *)

Theorem vertex_inequality_drop C C' E p T :
  vertex_inequality C E p T -> (forall v, In v T -> 0 <= C' v <= C v) -> vertex_inequality C' E p T.
Proof. intros H H' v Hv; specialize (H v Hv); specialize (H' v Hv); Lra.lra. Qed.

Theorem vertex_inequality_rest C C' E p T :
  vertex_inequality C E p T -> (forall v, In v T -> 0 <= C' v <= C v) ->
  vertex_inequality (fun v => C v - C' v) (fun v => E v - C' v) p T.
Proof. intros H H' v Hv; specialize (H v Hv); specialize (H' v Hv); Lra.lra. Qed.

End Simplex.
