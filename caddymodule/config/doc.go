// Package config reads what operators write: it replaces placeholders, sets
// defaults, and reads blocks of a Caddyfile by tables of words.
//
// It knows no option of the gate. Each module says itself which words its blocks
// have and what they mean; this package reads the values, finds mistakes, and says
// how to write what was probably meant. It opens no store and no socket. Files
// are read only where a placeholder such as {file.X} names them.
package config
