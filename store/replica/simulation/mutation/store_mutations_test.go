package mutation

// storeMutations are rules that every store keeps, shown on the model of one.
var storeMutations = []mutation{
	{"R2, a gate is removed whatever its count", []edit{{
		modelDir + "fleet.go",
		"	live, listed := h.gates[gate.ID]\n	if listed && generation == h.generation && live.Count == gate.Count {",
		"	if generation == h.generation {",
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
	{"R6, another process goes on with the log", []edit{{
		modelDir + "server.go",
		"h.identity != s.identity || ",
		"h.generation == 0 || ",
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
		replicaDir + "mend.go",
		"(!due || !turn.free(now, lease/2))",
		"!due",
	}, {
		replicaDir + "mend.go",
		"2*r.margin(lease)",
		"r.margin(lease)",
	}}},
	{"R8, lost entries are not counted", []edit{{
		modelDir + "server.go",
		" || h.entries != len(s.held.log.entries)",
		"",
	}}},
	{"R8, the list of gates is a key of its own, which can be lost alone", []edit{{
		modelDir + "world.go",
		"	s.held.head = nil\n",
		"	if h := s.held.head; h != nil {\n		h.gates = make(map[store.GateID]store.Gate)\n	}\n",
	}}},
	{"joining gates are missing from the list", []edit{{
		modelDir + "fleet.go",
		"	h.gates[gate.ID] = gate\n",
		"	if beat.Settled {\n		h.gates[gate.ID] = gate\n	}\n",
	}}},
	{"the store's wall clock decides who is live", []edit{
		{
			modelDir + "server.go",
			"	turn              store.Turn\n}",
			"	turn              store.Turn\n	heard             map[store.GateID]time.Time\n}",
		},
		{
			modelDir + "fleet.go",
			"	h.gates[gate.ID] = gate\n",
			"	h.gates[gate.ID] = gate\n	if h.heard == nil {\n		h.heard = make(map[store.GateID]time.Time)\n	}\n	h.heard[gate.ID] = s.now()\n",
		},
		{
			modelDir + "log.go",
			"	s.add(h, revocations)\n	return h.whole()",
			"	s.add(h, revocations)\n	for id, heard := range h.heard {\n		if s.now().Sub(heard) > h.lease {\n			delete(h.gates, id)\n		}\n	}\n	return h.whole()",
		},
	}},
}
