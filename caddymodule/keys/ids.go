package keys

// IDs returns the `kid`s of the keys that a source has in force, for people: those of key sets,
// in the order of the sets. Secrets and PEM files have none. At most as many are returned as a
// source may have keys, 100 for each key set.
func IDs(source Source) []string {
	set, ok := source.(interface{ ids() []string })
	if !ok {
		return nil
	}
	return set.ids()
}

func (k *Remote) ids() []string {
	set := k.current.Load()
	if set == nil || set.lapsed {
		return nil
	}
	return idsOf(set.keys)
}

func (f keyFile) ids() []string { return idsOf(f.keys) }

func (j joined) ids() (all []string) {
	for _, p := range j {
		all = append(all, IDs(p.Source)...)
	}
	return all
}

func idsOf(keys []jwk) (ids []string) {
	for _, key := range keys {
		if key.id != "" {
			ids = append(ids, key.id)
		}
	}
	return ids
}
