// Package config reads what operators write: it replaces placeholders, sets defaults,
// and reads blocks of a Caddyfile by tables of words.
//
// It knows no option of the gate. Each module says itself which words its blocks have
// and what they mean. This package reads the values, finds mistakes, and suggests the
// word that was probably meant. It opens no store and no socket. It reads a file only
// if a placeholder such as {file.X} names it.
package config
