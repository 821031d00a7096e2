package mutation

// seasonMutations are rules that count only once something expires.
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

// ordinaryMutations log people out for no reason.
var ordinaryMutations = []mutation{
	{"tokens are taken for outlived before they have expired", []edit{{
		replicaDir + "set.go",
		"if k.Expires <= s.purged.Load() {",
		"if k.Expires <= s.purged.Load()+600 {",
	}}},
}

// mixedMutations are rules that count only where gates are configured differently.
var mixedMutations = []mutation{
	{"R12, revocations are kept for as long as this gate is configured to", []edit{{
		replicaDir + "view.go",
		"return max(r.options.Load().Retention, time.Duration(r.fleetRetention.Load()))",
		"return r.options.Load().Retention",
	}}},
	{"R12, tokens from before a raise are held to the new retention", []edit{{
		replicaDir + "view.go",
		"if o != nil && k.IssuedAt <= o.raised && ",
		"if o != nil && k.IssuedAt < 0 && ",
	}}},
	{"R12, the head keeps the retention of the gate that asked last", []edit{{
		modelDir + "fleet.go",
		"	if beat.Retention <= h.retention {\n		return\n	}\n",
		"",
	}}},
}

// pageMutations bound what a read returns.
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

// reloadMutations are what a new configuration changes at once.
var reloadMutations = []mutation{
	{"an old set admits until the next lease, though the configuration was changed", []edit{{
		replicaDir + "replica.go",
		"if held := r.term.Load(); held != nil && held.lease != forever {",
		"if held := r.term.Load(); held != nil && held.lease == forever {",
	}}},
}
