// Package copying copies what one store holds to another one, while gates go on using
// the first: revocations, the floor, sessions, and learned tokens.
//
// Run makes passes. Each pass reads the revocations that came since the one before,
// and all sessions and learned tokens, and writes what is not known to be in the
// target. Before the last pass the source is paused: it takes no revocations any more,
// so that the last pass misses none. It stays paused until an operator resumes it.
//
// Revocations are written by a replica of the target, as any gate would: they are
// published, and acknowledged by every gate of its fleet. Writing twice changes
// nothing, so a copy may be interrupted at any time and be made again.
package copying
