// Package model is an in-memory store that many gates share: the store's side of the fleet
// protocol in plain Go. It shows what the scripts of a real store have to do, and serves
// the simulation of the protocol.
//
// A Server stands for a process, or several in succession, that holds a log and its head.
// Tests make it lose and restore them as real servers do. A Client is one gate's
// connection. A Link stands for the network between the two. All randomness comes from a
// seed, and waiting uses only timers and channels, so that it runs in a bubble of
// testing/synctest.
package model
