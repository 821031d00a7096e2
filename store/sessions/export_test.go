package sessions

// Held returns how many sessions wait for the store, and how many are known to have
// been noted.
func (r *Registry) Held() (pending, recent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending), len(r.recent) + len(r.older)
}
