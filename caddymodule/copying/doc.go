// Package copying copies the revocations, the floor, the sessions and the learned tokens
// of one store to another, while gates use the first.
//
// Run makes several passes. Each pass reads the revocations that are new since the
// previous pass, and all sessions and learned tokens. It writes those that Run has not
// written yet. Before the last pass Run pauses the source: a paused store accepts no
// revocations, so the last pass misses none. It stays paused until an operator resumes it.
//
// A replica of the target writes the revocations, as in any gate: it publishes them, and
// waits until every gate of the target's fleet has applied them. While a gate of an older
// version may be live, which does not know all that is copied, Run waits, and then fails.
// Writing a record twice changes nothing, so an operator may interrupt a copy at any time
// and repeat it.
//
// The package opens and closes no store, and knows no configuration.
package copying
