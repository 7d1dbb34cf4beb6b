"""What Coq's kernel has accepted of proofs/*.v, and the SHA-256 of each file, by `make proofs`."""

VERSION = "8.16.1"
FILES = {
    "Common.v": "db1dc8486b69406af1f16e7c042078f3f0f8564bdeb82c6fb2055253d94d16e0",
    "Squareplus.v": "f0b44b61fac547fd7c44b5bc2947f73cc428921b67ff45e04acdba26349b2c47",
    "Eg.v": "4b90747cc2cae5441cab31208608e80a0cd1afdff072f8b4ff5c172243a53a10",
    "Residual.v": "ed2561bc830279d966b659ecb21fbecaf3d01e2addf7e2c53a47a5fb70987eb5",
    "Deepnet.v": "7cf136054594d64bf70ce199615ec5605e32eb7c4573282ee5ccdb7e3ca19266",
    "Flash.v": "f52acc2622d4a7de0213ec0405aa78cdb78f1919390f0b7513cb51fd3b6c0d49",
    "Gplinker.v": "a722c4c2908dc9e43e74720a2cacf01058a5287acd624e1c9f73ade1b950f7f8",
    "Events.v": "675bb974f4265fb42cef619048718bdf4908d654571bfa430dcbdfa35eb06ced",
}
#: name, statement as Coq prints it, axioms
THEOREMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Squareplus.relu_limit",
        "(forall x : R, squareplus 0 x = relu x) /\\ (forall b x : R, 0 < b -> relu x < squareplus b x)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Squareplus.gap",
        "forall b : R, 0 < b -> (forall x : R, 0 < squareplus b x - relu x <= sqrt b / 2) /\\ (forall x : R, squareplus b x - relu x = sqrt b / 2 <-> x = 0) /\\ (forall x : R, x <> 0 -> b / (4 * Rabs x) * (1 - b / (4 * x ^ 2)) < squareplus b x - relu x < b / (4 * Rabs x))",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Squareplus.monotone",
        "forall b : R, 0 < b -> (forall x : R_AbsRing, is_derive (squareplus b) x ((1 + x / sqrt (x ^ 2 + b)) / 2)) /\\ (forall x : R, 0 < (1 + x / sqrt (x ^ 2 + b)) / 2 < 1) /\\ (forall x y : R, x < y -> 0 < squareplus b y - squareplus b x < y - x)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Squareplus.convex",
        "forall b : R, 0 < b -> (forall x : R_AbsRing, is_derive (squareplus b) x (slope b x)) /\\ (forall x : R_AbsRing, is_derive (slope b) x (curvature b x)) /\\ (forall x : R_AbsRing, is_derive (curvature b) x (jerk b x)) /\\ (forall x : R, 0 < curvature b x <= 1 / (2 * sqrt b)) /\\ curvature b 0 = 1 / (2 * sqrt b) /\\ (forall x : R, Rabs (jerk b x) <= 24 * sqrt 5 / (125 * b)) /\\ jerk b (- sqrt b / 2) = 24 * sqrt 5 / (125 * b)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Squareplus.dominates_softplus",
        "forall b : R, 0 <= b -> (forall x : R, softplus x <= squareplus b x) <-> 4 * ln 2 ^ 2 <= b",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.non_negative",
        "forall (eta : R) (g : nat -> R) (theta0 : R) (t : nat), (0 <= theta0 -> 0 <= eg eta g theta0 t) /\\ (0 < theta0 -> 0 < eg eta g theta0 t) /\\ (theta0 = 0 -> eg eta g theta0 t = 0)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.gradient_of_the_logarithm",
        "forall (L : (nat -> R) -> R) (phi : nat -> R) (i : nat) (l : R), is_partial L (fun j : nat => exp (phi j)) i l -> is_partial (fun p : nat -> R => L (fun j : nat => exp (p j))) phi i (exp (phi i) * l)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.step_of_the_logarithm",
        "forall eta g theta : R, 0 < theta -> exp (ln theta - eta * g) = theta * exp (- eta * g)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.mirror_step",
        "forall (d : nat) (eta : R) (g theta u : nat -> R), 0 < eta -> (forall i : nat, 0 < theta i) -> (forall i : nat, 0 < u i) -> (exists i : nat, (i <= d)%nat /\\ u i <> theta i * exp (- eta * g i)) -> mirror d eta g theta (fun i : nat => theta i * exp (- eta * g i)) < mirror d eta g theta u",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.hypergradient",
        "forall (L : (nat -> R) -> R) (theta : nat -> R) (eta : R) (g nu0 : nat -> R) (i : nat) (l : R), is_partial L (fun j : nat => theta j - eta * nu0 j * g j) i l -> is_partial (fun n : nat -> R => L (fun j : nat => theta j - eta * n j * g j)) nu0 i (- eta * g i * l)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.closed_form",
        "forall (gamma : R) (g : nat -> R) (t : nat), nu gamma g t = exp (gamma * sum_f_R0 (fun k : nat => match k with | 0%nat => 0 | S j => g j * g k end) t)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.sign_rule",
        "forall (gamma : R) (g : nat -> R) (t : nat), 0 < gamma -> nu gamma g (S t) = nu gamma g t * exp (gamma * (g t * g (S t))) /\\ (nu gamma g t < nu gamma g (S t) <-> 0 < g t * g (S t))",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Eg.gains_stay_positive",
        "forall (eta : R) (h : nat -> R) (eta' : R) (h' : nat -> R) (t : nat), 0 < gain eta h t /\\ 0 < gain eta' h' t",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Residual.below_e",
        "forall N : nat, (0 < N)%nat -> (1 + / INR N) ^ N < exp 1",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Residual.root_diverges",
        "forall M : R, exists N0 : nat, forall N : nat, (N0 <= N)%nat -> M < (1 + / sqrt (INR N)) ^ N",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Residual.worst_case",
        "forall (eps : R) (slopes : list R), 0 < eps -> List.Forall (fun s : R => Rabs s <= 1) slopes -> Rabs (expansion eps slopes) <= (1 + eps) ^ length slopes /\\ (expansion eps slopes = (1 + eps) ^ length slopes <-> List.Forall (fun s : R => s = 1) slopes)",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.random_sign",
        "forall (eps : R) (N : nat), mean_over_signs N (fun l : list R => expansion eps l ^ 2) = (1 + eps ^ 2) ^ N",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.mean_zero",
        "forall (Omega : Type) (E : (Omega -> R) -> R), (forall X Y : Omega -> R, (forall o : Omega, X o = Y o) -> E X = E Y) -> (forall (X Y : Omega -> R) (a b : R), E (fun o : Omega => a * X o + b * Y o) = a * E X + b * E Y) -> forall (d : nat) (eps : R) (v w : nat -> Omega -> nat -> R), (forall (k : nat) (o : Omega) (i : nat), v (S k) o i = v k o i + eps * w k o i) -> (forall k : nat, E (fun o : Omega => dot d (v k o) (w k o)) = 0) -> (forall k : nat, E (fun o : Omega => dot d (w k o) (w k o)) = E (fun o : Omega => dot d (v k o) (v k o))) -> forall N : nat, E (fun o : Omega => dot d (v N o) (v N o)) = (1 + eps ^ 2) ^ N * E (fun o : Omega => dot d (v 0%nat o) (v 0%nat o))",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.mean_zero_below_e",
        "forall N : nat, (0 < N)%nat -> (1 + (/ sqrt (INR N)) ^ 2) ^ N < exp 1",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Residual.stable",
        "forall (V : NormedModule R_AbsRing) (x fx : V) (eps k : R), 0 <= eps -> norm fx <= k * norm x -> (1 - eps * k) * norm x <= norm (plus x (scal eps fx)) <= (1 + eps * k) * norm x",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.gradient_scales",
        "forall (U V : NormedModule R_AbsRing) (f : U -> V) (L : V -> R) (theta : U) (x : V) (eps : R_AbsRing) (df : U -> V) (l : V -> R_NormedModule), filterdiff f (locally theta) df -> filterdiff L (locally (plus x (scal eps (f theta)))) l -> filterdiff (fun t : U => L (plus x (scal eps (f t)))) (locally theta) (fun h : U => eps * l (df h))",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Residual.plain_conflict",
        "forall (Omega : Type) (E : (Omega -> R) -> R) (d : nat -> nat) (v : nat -> R) (W : nat -> Omega -> nat -> nat -> R) (b x y g h : nat -> Omega -> nat -> R) (p : R), linear E -> layers d W b x y g h -> independent E v W b x h -> passes E d p x y g h -> 0 < p -> (forall (k : nat) (o : Omega) (i : nat), b k o i = 0) -> (forall k : nat, 0 < moment E (d k) (x k)) -> (forall k : nat, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = / (p * INR (S (d k)))) /\\ ((forall k : nat, moment E (d (S k)) (x (S k)) = moment E (d k) (x k)) -> forall N : nat, moment E (d 0%nat) (g 0%nat) = INR (S (d N)) / INR (S (d 0%nat)) * moment E (d N) (g N))",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.relu_passes_half",
        "forall (Omega : Type) (E : (Omega -> R) -> R) (Y G : Omega -> R), linear E -> (E (fun o : Omega => relu (Y o) ^ 2) = E (fun o : Omega => relu (- Y o) ^ 2) -> E (fun o : Omega => relu (Y o) ^ 2) = / 2 * E (fun o : Omega => Y o ^ 2)) /\\ (E (fun o : Omega => if Rlt_dec 0 (Y o) then G o ^ 2 else 0) = E (fun o : Omega => if Rlt_dec 0 (- Y o) then G o ^ 2 else 0) -> E (fun o : Omega => if Req_EM_T (Y o) 0 then G o ^ 2 else 0) = 0 -> E (fun o : Omega => (if Rlt_dec 0 (Y o) then G o else 0) ^ 2) = / 2 * E (fun o : Omega => G o ^ 2))",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Residual.plain_with_biases",
        "forall (Omega : Type) (E : (Omega -> R) -> R) (d : nat -> nat) (v : nat -> R) (W : nat -> Omega -> nat -> nat -> R) (b x y g h : nat -> Omega -> nat -> R) (s : R), linear E -> layers d W b x y g h -> independent E v W b x h -> passes E d 1 x y g h -> 0 < s < 1 -> (forall k : nat, moment E (d (S k)) (b k) = s * moment E (d k) (x k)) -> (forall k : nat, 0 < moment E (d k) (x k)) -> (forall k : nat, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = (1 - s) / INR (S (d k))) /\\ ((forall k : nat, moment E (d (S k)) (x (S k)) = moment E (d k) (x k)) -> forall N : nat, moment E (d 0%nat) (g 0%nat) = (1 - s) ^ N * INR (S (d N)) / INR (S (d 0%nat)) * moment E (d N) (g N))",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Deepnet.sgd_and_adam",
        "forall (d : nat) (L : (nat -> R) -> R) (theta g : nat -> R), is_gradient d L theta g -> decrease L theta (fun i : nat => - g i) (sum_f_R0 (fun i : nat => g i ^ 2) d) /\\ decrease L theta (fun i : nat => - sign (g i)) (sum_f_R0 (fun i : nat => Rabs (g i)) d)",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Deepnet.lamb",
        "forall (d : nat) (L : (nat -> R) -> R) (theta g : nat -> R) (tensor : nat -> nat) (norm n : nat -> R), is_gradient d L theta g -> (forall k : nat, n k = sum_f_R0 (fun i : nat => if Nat.eq_dec (tensor i) k then sign (g i) ^ 2 else 0) d) -> let u := fun i : nat => - (norm (tensor i) / sqrt (n (tensor i)) * sign (g i)) in (forall k : nat, 0 < n k -> sum_f_R0 (fun i : nat => if Nat.eq_dec (tensor i) k then u i ^ 2 else 0) d = norm k ^ 2) /\\ decrease L theta u (sum_f_R0 (fun i : nat => norm (tensor i) * Rabs (g i) / sqrt (n (tensor i))) d)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Deepnet.probe",
        "forall (d : nat) (L : (nat -> R) -> R) (U : nat -> R) (lambda : R) (g : nat -> R), is_gradient d L (fun i : nat => lambda * U i) g -> is_derive (fun l : R_AbsRing => L (fun i : nat => l * U i)) lambda (sum_f_R0 (fun i : nat => g i * U i) d)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Deepnet.paper_constants",
        "forall N M alpha beta : R, 0 < N -> 0 < M -> 0 < alpha -> 0 < beta -> (2 * N * (beta ^ 2 + beta ^ 2) / alpha ^ 2 = 1 /\\ 2 * (alpha * beta) ^ 2 = 1 <-> alpha = Rpower (2 * N) (/ 4) /\\ / beta = Rpower (8 * N) (/ 4)) /\\ (3 * M * (beta ^ 2 + beta ^ 2) / alpha ^ 2 = 1 /\\ 2 * (alpha * beta) ^ 2 = 1 <-> alpha = Rpower (3 * M) (/ 4) /\\ / beta = Rpower (12 * M) (/ 4)) /\\ (let alpha_d := Rpower (3 * M) (/ 4) in let beta_d := / Rpower (12 * M) (/ 4) in M * beta_d ^ 2 / alpha_d * (2 * N * (beta ^ 2 + beta ^ 2) / alpha ^ 2) = 1 /\\ 2 * (alpha * beta) ^ 2 = 1 <-> alpha = Rpower (/ 27) (/ 16) * Rpower (N ^ 4 * M) (/ 16) /\\ beta = Rpower (27 / 256) (/ 16) / Rpower (N ^ 4 * M) (/ 16)) /\\ 0.805 < Rpower (/ 27) (/ 16) < 0.815 /\\ 0.865 < Rpower (27 / 256) (/ 16) < 0.875",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Deepnet.after_a_norm",
        "forall (d : nat) (y : nat -> nat -> R) (L : (nat -> nat -> R) -> R) (lambda : R), 0 < lambda -> let loss := fun l : R => L (fun t : nat => layer_norm d (fun j : nat => l * y t j)) in loss lambda = loss 1 /\\ is_derive loss lambda 0",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Flash.special_cases",
        "forall (n e : nat) (U A V W : matrix) (i j : nat), (i <= n)%nat -> gau n e U identity V W i j = mul e (hadamard U V) W i j /\\ gau n e ones A V W i j = mul e (mul n A V) W i j",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Flash.chunked_is_unchunked",
        "forall (s : nat) (n : R) (c : nat) (q : nat -> R) (ts : list token) (j : nat), (0 < c)%nat -> chunked s n q (cut (length ts) c ts) j = linear s n q ts j",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Flash.past_is_mean",
        "forall (s c g : nat) (q : nat -> R) (ts : list token) (j : nat), (0 < c)%nat -> (g * c <= length ts)%nat -> length (firstn (g * c) ts) = (g * c)%nat /\\ ((0 < g)%nat -> past s c g q ts j / (INR g * INR c) = mean (addend s q j) (firstn (g * c) ts)) /\\ past s c 0 q ts j = 0",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Flash.no_leak",
        "forall (X : Type) (n c : nat) (near far : X -> X -> R) (out : X -> R -> R) (x y : nat -> X) (i : nat), (0 < c)%nat -> (forall j : nat, (j <= i)%nat -> x j = y j) -> causal n c near far out x i = causal n c near far out y i",
        ("ClassicalDedekindReals.sig_forall_dec",),
    ),
    (
        "Flash.with_n_over_c",
        "forall (s c g : nat) (q : nat -> R) (ts : list token) (j : nat) (n : R), (0 < c)%nat -> (0 < g)%nat -> (g * c <= length ts)%nat -> 0 < n -> let m := mean (addend s q j) (firstn (g * c) ts) in past s c g q ts j / (INR g * n / INR c) = INR c ^ 2 / n * m /\\ (m <> 0 -> past s c g q ts j / (INR g * n / INR c) = m <-> n = INR c ^ 2) /\\ (past s c 0 q ts j = 0 /\\ INR 0 * n / INR c = 0) /\\ (forall k : R, 0 < k -> k * INR c = n -> past s c g q ts j / (INR g * n / k) = m)",
        ("ClassicalDedekindReals.sig_forall_dec", "FunctionalExtensionality.functional_extensionality_dep"),
    ),
    (
        "Flash.parameters",
        "forall d e s : nat, gau_parameters d e s = (3 * (d * e) + s * (d + 4))%nat /\\ (2 * gau_parameters d (2 * d) s)%nat = (transformer_parameters d + 2 * (s * (d + 4)))%nat /\\ transformer_parameters d = (12 * (d * d))%nat /\\ (s = 128%nat -> (512 <= d)%nat -> (20 * (2 * (s * (d + 4))) <= transformer_parameters d)%nat)",
        (),
    ),
    (
        "Flash.memory_of_positions",
        "forall b n s h : nat, kept b n s s = (b * n * (s * s))%nat /\\ (h * kept b n s s)%nat = (h * (b * n * (s * s)))%nat",
        (),
    ),
    (
        "Flash.memory_of_chunks",
        "forall b k c s e h v : nat, kept b (k * c) s e = (b * (k * c) * s * e)%nat /\\ kept b (k * c) s e = (c * kept b k s e)%nat /\\ ((h * v)%nat = e -> (h * kept b (k * c) s v)%nat = kept b (k * c) s e)",
        (),
    ),
    (
        "Gplinker.count",
        "forall n l : nat, (4 * length (quintuples n l))%nat = (n * (l ^ 2 * (l + 1) ^ 2))%nat /\\ NoDup (quintuples n l) /\\ (forall sh st p oh ot : nat, In (sh, st, p, (oh, ot)) (quintuples n l) <-> (sh <= st < l)%nat /\\ (p < n)%nat /\\ (oh <= ot < l)%nat)",
        (),
    ),
    (
        "Gplinker.rotary_relative",
        "forall (theta : nat -> R) (i j : R) (x : vector) (p : nat), rotary_transposed theta i (rotary theta j x) p = rotary theta (j - i) x p",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Gplinker.rotary_scores",
        "forall (d : nat) (theta : nat -> R) (i j : R) (q k : vector), dot d (rotary theta i q) (rotary theta j k) = dot d q (rotary theta (j - i) k)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Gplinker.loss_order",
        "(forall negatives positives : list R, loss negatives positives < ln 2 -> (forall s : R, In s negatives -> s < 0) /\\ (forall s : R, In s positives -> 0 < s)) /\\ (forall s : R, 0 <= s -> loss [s] [] = ln (1 + exp s) /\\ ln 2 <= loss [s] [])",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Gplinker.loss_weights",
        "forall (d : nat) (s : nat -> R), let n := sum_f_R0 (fun j : nat => exp (s j)) d in let p := sum_f_R0 (fun j : nat => exp (- s j)) d in (forall i : nat, (i <= d)%nat -> is_partial (fun t : nat -> R => ln (1 + sum_f_R0 (fun j : nat => exp (t j)) d)) s i (exp (s i) / (1 + n)) /\\ is_partial (fun t : nat -> R => ln (1 + sum_f_R0 (fun j : nat => exp (- t j)) d)) s i (- (exp (- s i) / (1 + p)))) /\\ sum_f_R0 (fun i : nat => exp (s i) / (1 + n)) d = n / (1 + n) /\\ n / (1 + n) < 1 /\\ sum_f_R0 (fun i : nat => exp (- s i) / (1 + p)) d = p / (1 + p) /\\ p / (1 + p) < 1",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Gplinker.crossings",
        "forall labelled : relation -> Prop, (forall q : relation, labelled q -> decoded labelled q) /\\ (forall q : relation, decoded labelled q <-> (exists a b : relation, labelled a /\\ labelled b /\\ predicate a = predicate b /\\ q = crossing a b /\\ spans_labelled labelled q)) /\\ ((forall q : relation, decoded labelled q <-> labelled q) <-> (forall a b : relation, labelled a -> labelled b -> predicate a = predicate b -> spans_labelled labelled (crossing a b) -> labelled (crossing a b)))",
        (),
    ),
    (
        "Gplinker.distinct_heads",
        "forall labelled : relation -> Prop, (forall a b : relation, labelled a -> labelled b -> fst (subject a) = fst (subject b) -> subject a = subject b) -> (forall a b : relation, labelled a -> labelled b -> fst (object a) = fst (object b) -> object a = object b) -> forall q : relation, decoded labelled q <-> labelled q",
        (),
    ),
    (
        "Gplinker.heads_suffice",
        "forall labelled : relation -> Prop, (forall a b : relation, labelled a -> labelled b -> inside (subject a) (subject b) -> subject a = subject b) -> (forall a b : relation, labelled a -> labelled b -> inside (object a) (object b) -> object a = object b) -> forall q : relation, spans_labelled labelled q /\\ ends_labelled fst labelled q <-> labelled q",
        (),
    ),
    (
        "Gplinker.parameters",
        "three (global_pointer 768 64) 49 = 9843200%N /\\ three (efficient_global_pointer 768 64) 49 = 321096%N",
        (),
    ),
    (
        "Gplinker.loss_above_softmax",
        "forall (negatives : list R) (t : R), softmax_cross_entropy negatives t < loss negatives [t] /\\ softmax_cross_entropy negatives t = ln (1 + expsum (map (fun s : R => s - t) negatives))",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Gplinker.sparse_identity",
        "forall negatives positives : list R, positives <> [] -> let a := ln (1 + (expsum negatives + expsum positives)) in let b := ln (expsum positives) in ln (1 + expsum negatives) = a + ln (1 - exp (b - a)) /\\ 0 < 1 - exp (b - a)",
        (
            "ClassicalDedekindReals.sig_forall_dec",
            "ClassicalDedekindReals.sig_not_dec",
            "Classical_Prop.classic",
            "FunctionalExtensionality.functional_extensionality_dep",
        ),
    ),
    (
        "Events.search_finds",
        "forall (T : finType) (adjacent : rel T), symmetric adjacent -> forall (W : {set T}) (fuel : nat), #|W| <= fuel -> search adjacent fuel W = maximal_cliques adjacent W",
        (),
    ),
    (
        "Events.comes_back",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}), well_formed type events -> decode type head tail events = events <-> (forall k : K, arguments type events k != set0 -> of_type type events k = maximal_cliques (linked_positions head tail events) (arguments type events k))",
        (),
    ),
    (
        "Events.searched",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}) (k : K), search (linked_positions head tail events) #|T| (arguments type events k) = maximal_cliques (linked_positions head tail events) (arguments type events k)",
        (),
    ),
    (
        "Events.comes_back_distinct",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}), well_formed type events -> distinct_ends head tail -> decode type head tail events = events <-> none_inside events /\\ gilmore events",
        (),
    ),
    (
        "Events.two_come_back",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}) (k : K) (a b : {set T}), well_formed type events -> distinct_ends head tail -> of_type type events k = [set a; b] -> ~~ (a \\subset b) -> ~~ (b \\subset a) -> decode_type type head tail events k = [set a; b]",
        (),
    ),
    (
        "Events.inside_is_lost",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}) (a b : {set T}), well_formed type events -> a \\in events -> b \\in events -> b \\proper a -> b \\notin decode type head tail events",
        (),
    ),
    (
        "Events.up_to_two",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}), well_formed type events -> distinct_ends head tail -> #|events| <= 2 -> decode type head tail events = events <-> none_inside events",
        (),
    ),
    (
        "Events.three_become_one",
        "forall (T K : finType) (type : T -> K) (head tail : T -> nat) (x y z : T), x != y -> y != z -> x != z -> type x = type y -> type x = type z -> decode type head tail [set [set x; y]; [set y; z]; [set x; z]] = [set [set x; y; z]]",
        (),
    ),
    (
        "Events.categorical_exact",
        "forall (T V K : finType) (trigger : pred T) (type : T -> K) (head tail : T -> nat) (labelled : {set {set T} * {set V}}), let family := [set spread trigger e | e in labelled] in let decoded := decode (anchored type) (anchored head) (anchored tail) family in [set gather d | d in decoded] = labelled <-> (forall e : prod_finType (set_of_finType T) (set_of_finType V), e \\in labelled -> e.2 != set0 -> exists2 t : T, t \\in e.1 & trigger t) /\\ decoded = family",
        (),
    ),
    (
        "Events.values_clash",
        "forall (T V K : finType) (trigger : pred T) (type : T -> K) (head tail : T -> nat) (labelled : {set {set T} * {set V}}) (a b : prod_finType (set_of_finType T) (set_of_finType V)) (t : T) (v w : V), let family := [set spread trigger e | e in labelled] in a \\in labelled -> b \\in labelled -> t \\in a.1 -> t \\in b.1 -> trigger t -> v \\in a.2 -> w \\in b.2 -> forall d : set_of_finType (sum_finType T (prod_finType T V)), d \\in decode (anchored type) (anchored head) (anchored tail) family -> inl t \\in d -> (v \\in (gather d).2) && (w \\in (gather d).2)",
        (),
    ),
)
