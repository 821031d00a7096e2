// Package ending tells which sessions a token belongs to, and what a logout with it revokes.
// Every endpoint and every command that ends a session asks it, so that all of them end the
// same. It revokes nothing itself: package hub does.
package ending
