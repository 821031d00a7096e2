// Package command is the command `caddy session-gate`: what an operator types, and what
// it prints.
//
// Importing it registers the command. Most subcommands ask the admin API of a running
// gate, whose answers are the types of the package operator. repair, copy and token work
// without one: repair on a bolt file, copy on the stores of two configurations. The
// package decides nothing about requests, and exports nothing.
package command
