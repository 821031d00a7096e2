package mutation

// seasonMutations break rules that matter only when data expires.
var seasonMutations = []mutation{
	{"entries are trimmed before they have expired", []edit{{
		modelDir + "log.go",
		".Expires() > now.Unix()",
		".Expires() > now.Unix()+5400",
	}}},
	{"revocations are forgotten before they have expired", []edit{{
		replicaDir + "set.go",
		"	s.keys.purge(now)\n",
		"	s.keys.purge(now + 1200)\n",
	}}},
	{"instants are forgotten before they have expired", []edit{{
		replicaDir + "set.go",
		"	s.instants.purge(now)\n",
		"	s.instants.purge(now + 1200)\n",
	}}},
}

// ordinaryMutations log clients out without a reason.
var ordinaryMutations = []mutation{
	{"tokens are taken for outlived before they have expired", []edit{{
		replicaDir + "set.go",
		"if k.Expires > s.swept.Load() && k.IssuedAt",
		"if k.Expires > s.swept.Load()+600 && k.IssuedAt",
	}, {
		replicaDir + "set.go",
		"if k.Expires <= s.swept.Load() || k.IssuedAt",
		"if k.Expires <= s.swept.Load()+600 || k.IssuedAt",
	}}},
}

// mixedMutations break rules that matter only if gates are configured differently.
var mixedMutations = []mutation{
	{"R12, revocations are kept for as long as this gate is configured to", []edit{{
		replicaDir + "bounds.go",
		"return max(r.options.Load().Retention, time.Duration(r.retention.Load()))",
		"return r.options.Load().Retention",
	}}},
}

// retentionMutations break rules that matter after a retention was raised.
var retentionMutations = []mutation{
	{"R12, a raised retention holds nothing that is on the log", []edit{{
		modelDir + "fleet.go",
		"h.bounds.Hold = max(h.bounds.Hold, ",
		"h.bounds.Hold = min(h.bounds.Hold, ",
	}}},
	{"a raised retention counts only once the fleet knows it", []edit{{
		replicaDir + "bounds.go",
		"b.Forgotten = max(b.Forgotten, r.mayOutlive)",
		"b.Forgotten = max(b.Forgotten, 0*r.mayOutlive)",
	}}},
	{"a gate that is cut off forgets what a raised retention may hold", []edit{{
		replicaDir + "bounds.go",
		"r.clocks.store != 0 && r.leased()",
		"r.clocks.store != 0",
	}}},
}

// behindMutations break rules that matter while clocks of gates are days behind.
var behindMutations = []mutation{
	{"R13, a log that was lost has forgotten nothing", []edit{{
		modelDir + "fleet.go",
		"known.Swept = min(known.Swept, now)",
		"known.Swept = min(0, now)",
	}}},
}

// clockMutations break rules that matter while clocks are days off.
var clockMutations = []mutation{
	{"R13, the gate forgets by its own clock", []edit{{
		replicaDir + "bounds.go",
		"	return min(wall, store)\n",
		"	return wall + 0*store\n",
	}, {
		modelDir + "log.go",
		"if s.now().Before(now) {",
		"if false {",
	}}},
	{"R13, a revocation is kept by the clock of the gate", []edit{{
		replicaDir + "bounds.go",
		"	if by <= int64(r.options.Load().Skew/time.Second) {",
		"	if by <= 1<<40 {",
	}}},
}

// leaseMutations break rules that matter while the lease changes.
var leaseMutations = []mutation{
	{"R12, waits are as long as the lease that was just lowered", []edit{{
		replicaDir + "lease.go",
		"return margin(max(lease, time.Duration(r.longest.Load())))",
		"return margin(lease)",
	}}},
}

// primaryMutations remove the waits for a replaced store that keeps running.
var primaryMutations = []mutation{
	{"the log is settled while a replaced store may give leases", []edit{{
		replicaDir + "heartbeat.go",
		"alone := r.alone(lease) + r.view.lag",
		"alone := r.view.known + r.margin(lease)",
	}}},
	{"the log is settled before a second failover is excluded", []edit{{
		replicaDir + "heartbeat.go",
		"alone := r.alone(lease) + r.view.lag",
		"alone := r.alone(lease)",
	}}},
	{"a revocation in a young generation waits for the leases of one store", []edit{{
		replicaDir + "acknowledge.go",
		", e.known+wait+e.lag)",
		")",
	}}},
	{"a revocation is answered by a store that was replaced", []edit{{
		replicaDir + "acknowledge.go",
		"max(e.published+max(wait, e.lag), ",
		"max(e.published+wait, ",
	}}},
	{"a gate that went to a new store is dismissed from the replaced one", []edit{{
		replicaDir + "heartbeat.go",
		"r.view.census.silent(q.boot - r.margin(lease) - r.view.lag)",
		"r.view.census.silent(q.boot - r.margin(lease))",
	}}},
}

// pageMutations break the bounds of a read.
var pageMutations = []mutation{
	{"a page is bounded by entries and not by bytes", []edit{{
		modelDir + "log.go",
		"if bytes += r.bytes; s.bytes > 0 && bytes > s.bytes && ",
		"if bytes += r.bytes; bytes < 0 && ",
	}}},
	{"a page that is cut passes for the whole log", []edit{{
		replicaDir + "follow.go",
		"	if reached.Seq >= batch.Head.Seq && !r.view.whole {",
		"	if reached.Seq = batch.Head.Seq; !r.view.whole {\n		r.view.at = reached",
	}}},
}

// reloadMutations delay the effect of a new configuration.
var reloadMutations = []mutation{
	{"an old set admits until the next lease, though the configuration was changed", []edit{{
		replicaDir + "replica.go",
		"if held := r.term.Load(); held != nil && held.lease != forever {",
		"if held := r.term.Load(); held != nil && held.lease == forever {",
	}}},
}

// rollbackMutations remove the detection of a rollback within one process.
var rollbackMutations = []mutation{
	{"tags, another entry of the same number is read on from, and counts are not compared", []edit{{
		modelDir + "log.go",
		"case s.diverged(h, after):",
		"case after.Seq > h.seq:",
	}, {
		modelDir + "fleet.go",
		" || beat.Count > h.count",
		"",
	}}},
}

// unlistedMutations break rules for gates that are not on the list.
var unlistedMutations = []mutation{
	{"R2, unlisted gates are forgotten while they send heartbeats", []edit{{
		modelDir + "fleet.go",
		"if h.unlisted <= silent {",
		"if silent > 0 {",
	}}},
	{"R2, one unlisted gate that leaves counts for all unlisted gates", []edit{{
		modelDir + "fleet.go",
		"	s.unlist(s.checked(), gate)\n",
		"	h := s.checked()\n	s.unlist(h, gate)\n	h.unlisted = 0\n",
	}}},
	{"an unlisted gate does not say so", []edit{{
		modelDir + "fleet.go",
		"		h.unlisted = count\n",
		"",
	}}},
	{"R5, unlisted gates are not waited for", []edit{{
		replicaDir + "acknowledge.go",
		" || head.Unlisted {",
		" {",
	}}},
}
