package mutation

// storeMutations break rules of every store, shown on the model store.
var storeMutations = []mutation{
	{"R2, a gate is removed whatever its count", []edit{{
		modelDir + "fleet.go",
		"if gate.count <= silent {",
		"if silent > 0 && gate.count <= silent+8 {",
	}}},
	{"R3, a heartbeat of another generation is recorded", []edit{{
		modelDir + "fleet.go",
		"if beat.Applied.Generation != h.generation {",
		"if beat.Applied.Generation == 0 {",
	}}},
	{"R5, any heartbeat settles an open log", []edit{{
		modelDir + "fleet.go",
		"if beat.Settled && h.state == store.StateOpen && max(beat.Lease, beat.Waited) >= h.longest {",
		"if h.state == store.StateOpen {",
	}}},
	{"R7, a generation is born open", []edit{{
		modelDir + "server.go",
		"h.state = store.StateRepair",
		"h.state = store.StateOpen",
	}}},
	{"R7, a log is opened after one lease, while others merge", []edit{{
		modelDir + "fleet.go",
		" || !h.mayMerge(m)",
		"",
	}, {
		replicaDir + "repair.go",
		"due && v.turn.free(lease*2/3)",
		"due",
	}, {
		replicaDir + "repair.go",
		"2*r.margin(lease)",
		"r.margin(lease)",
	}}},
	{"R8, lost entries are not counted", []edit{{
		modelDir + "server.go",
		" || h.entries != len(s.held.log.entries)",
		"",
	}}},
	{"R8, lost gates of the list are not counted", []edit{{
		modelDir + "server.go",
		" || h.live != len(s.held.gates)",
		"",
	}}},
	{"joining gates are missing from the list", []edit{{
		modelDir + "fleet.go",
		"		s.held.gates[beat.Gate] = listed{beat.Applied.Seq, count}\n",
		"		if beat.Settled {\n			s.held.gates[beat.Gate] = listed{beat.Applied.Seq, count}\n		}\n",
	}}},
	{"the store's wall clock decides which gates are live", []edit{
		{
			modelDir + "server.go",
			"store.Turn\n}",
			"store.Turn\n	heard map[store.GateID]time.Time\n}",
		},
		{
			modelDir + "fleet.go",
			"	count := h.next()\n",
			"	count := h.next()\n	if h.heard == nil {\n		h.heard = make(map[store.GateID]time.Time)\n	}\n	h.heard[beat.Gate] = s.now()\n",
		},
		{
			modelDir + "log.go",
			"	s.add(h, revocations)\n	return s.least(h)",
			"	s.add(h, revocations)\n	for id, heard := range h.heard {\n		if s.now().Sub(heard) > h.lease {\n			s.unlist(h, id)\n		}\n	}\n	return s.least(h)",
		},
	}},
}

// restartMutations remove the detection of another process that serves the revocation log.
// Counts and tags detect most cases, so the test needs gates that read slowly.
var restartMutations = []mutation{
	{"R6, another process goes on with the log", []edit{{
		modelDir + "server.go",
		"h.identity != s.identity || ",
		"h.generation == 0 || ",
	}}},
}
