// Package model is a store that many gates share, in memory: the store's side
// of the fleet protocol in plain Go. It says what the scripts of a real store
// have to do, and it is the world of the simulation of the protocol.
//
// A Server is the process, or the processes one after another, that hold a log
// and its head. It loses and restores them as real servers do, at a word. A
// Client is one gate's connection; a Link stands in for the network between
// the two. Everything random comes from a seed, and what waits waits on timers
// and channels alone, so that a bubble of testing/synctest can hold all of it.
package model
