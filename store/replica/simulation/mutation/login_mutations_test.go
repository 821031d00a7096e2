package mutation

// loginMutations break rules that matter if users log in again in a session that was
// revoked up to an instant.
var loginMutations = []mutation{
	{"R16, an instant is lowered", []edit{{
		replicaDir + "table.go",
		"case (sooner || lower) && !later && !raised:",
		"case sooner && !lower && !later && !raised:",
	}, {
		replicaDir + "table.go",
		"	if raised {\n		t.instants[i].Store(instant)",
		"	if raised || lower {\n		t.instants[i].Store(instant)",
	}}},
	{"R16, a raised instant leaves the version as it is", []edit{{
		replicaDir + "keyset.go",
		"if changed = added || raised; changed {",
		"if changed = added || raised; added {",
	}}},
	{"R16, a repeat moves the instant", []edit{{
		replicaDir + "revoke.go",
		"	revocations = r.remember(revocations)\n",
		"	revocations = r.remember(revocations)\n	for i := range revocations {\n		if revocations[i].Kind == store.KindSession && revocations[i].NotBefore > 0 && r.Published(revocations[i].Key) {\n			revocations[i].NotBefore = max(revocations[i].NotBefore, time.Now().Unix())\n		}\n	}\n",
	}}},
	{"R16, a raised instant is taken for one that the log has", []edit{{
		replicaDir + "table.go",
		"	if later || raised {\n",
		"	if later {\n",
	}}},
	{"R16, for good is less than an instant", []edit{{
		replicaDir + "table.go",
		"	if r.NotBefore == 0 {\n		return forGood",
		"	if r.NotBefore == 0 {\n		return forGood * 0",
	}, {
		replicaDir + "table.go",
		"	if instant == forGood {\n		return 0",
		"	if instant == 0 {\n		return 0",
	}, {
		replicaDir + "keyset.go",
		"return instant == forGood || ",
		"return instant == 0 || ",
	}}},
}
