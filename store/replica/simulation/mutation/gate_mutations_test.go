package mutation

// gateMutations break rules of the replica.
var gateMutations = []mutation{
	{"R1, waits are no longer than a lease", []edit{{
		replicaDir + "lease.go",
		"return lease + lease*3/100",
		"return lease",
	}}},
	{"R1, a suspend is not counted", []edit{{
		replicaDir + "lease.go",
		"return clock.Boot()-t.boot < length",
		"return true",
	}}},
	{"R2, a silent gate is removed before its lease is over", []edit{{
		replicaDir + "heartbeat.go",
		"r.view.census.silent(q.boot - r.margin(lease) - r.view.lag)",
		"r.view.census.silent(q.boot - lease/2)",
	}}},
	{"R2, a stopping gate leaves the list before it is fenced", []edit{{
		replicaDir + "replica.go",
		"	r.term.Store(nil)\n	r.mu.Unlock()\n	r.stop()",
		"	r.mu.Unlock()\n	if r.fleet != nil {\n		r.leave()\n	}\n	r.term.Store(nil)\n	r.stop()",
	}}},
	{"R3, an answer about another generation extends the lease", []edit{{
		replicaDir + "heartbeat.go",
		"if beat.Applied.Generation != head.Generation || head.Count == 0 {",
		"if false {",
	}}},
	{"R4, the generation is not looked at after the wait", []edit{{
		replicaDir + "acknowledge.go",
		"case e.Generation != head.Generation, head.Seq < e.Seq, held && !e.read:",
		"case false:",
	}, {
		replicaDir + "acknowledge.go",
		"held := recorded.Generation == e.Generation && recorded.Seq >= e.Seq",
		"held := true",
	}}},
	{"R5, a log that is open is taken for settled", []edit{{
		replicaDir + "acknowledge.go",
		"head.State != store.StateSettled || ",
		"",
	}}},
	{"R5, a gate settles a log as soon as it has read it: no wait after a generation change", []edit{{
		replicaDir + "heartbeat.go",
		"beat.Applied.Generation != 0 && q.boot >= alone",
		"beat.Applied.Generation != 0 && alone >= 0",
	}}},
	{"R7, leases are extended in repair", []edit{{
		replicaDir + "heartbeat.go",
		"if head.State != store.StateRepair {",
		"if true {",
	}}},
	{"R7, any gate that has merged opens the log", []edit{{
		replicaDir + "repair.go",
		"	opens := v.witness\n",
		"	opens := true\n",
	}}},
	{"R7, a gate is a witness without a lease", []edit{{
		replicaDir + "view.go",
		"witness := before != 0 && r.leased()",
		"witness := before != 0 && r.term.Load() != nil",
	}}},
	{"R7, a witness opens the log without merging", []edit{{
		replicaDir + "repair.go",
		"	lost, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {\n		step.Revocations",
		"	lost, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {\n		return true, nil\n		step.Revocations",
	}}},
	{"R9, the lease is extended before the entries are applied", []edit{{
		replicaDir + "lease.go",
		"r.view.questions[satisfied].head <= r.view.at.Seq",
		"r.view.questions[satisfied].head > 0",
	}}},
	{"R9, the set is read before the lease", []edit{{
		replicaDir + "replica.go",
		"	t := r.term.Load()\n	if t == nil || !t.good(now, t.admit, r.clock) {\n		return Unavailable\n	}\n	return r.Look(k)",
		"	verdict := r.Look(k)\n	r.clock.Boot()\n	t := r.term.Load()\n	if t == nil || !t.good(now, t.admit, r.clock) {\n		return Unavailable\n	}\n	return verdict",
	}}},
	{"R10, a repeated DELETE is 404 without asking whether the fleet has the first", []edit{{
		replicaDir + "revoke.go",
		"		case r.fleet != nil:\n",
		"		case false:\n",
	}}},
	{"R10, a repeated DELETE puts nothing on the log where only this gate holds the first", []edit{{
		replicaDir + "set.go",
		"logged := s.keys.marks(r.Key)&markLogged != 0",
		"logged := s.keys.has(r.Key)",
	}}},
	{"R11, the lease is taken after the reply", []edit{{
		replicaDir + "heartbeat.go",
		"	head, err := r.fleet.Heartbeat(bounded, beat)\n",
		"	head, err := r.fleet.Heartbeat(bounded, beat)\n	q = question{asked: r.clock.Now(), boot: r.clock.Boot()}\n",
	}}},
	{"a revocation is waited for from before it was on the log", []edit{{
		replicaDir + "revoke.go",
		"published: r.clock.Boot(), // and not before it was on the log",
		"published: sent,",
	}}},
	{"the set is cleared before the log was read again", []edit{{
		replicaDir + "view.go",
		"	r.set.unmark()\n",
		"	r.set = newSet()\n",
	}}},
}
