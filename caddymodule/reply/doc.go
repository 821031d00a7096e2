// Package reply writes the answers that the gate gives itself, and reads the bodies that the
// gate reads itself.
//
// A [Denial] is one way to refuse a request. [JSON] writes all other answers. [ReadBody] and
// [MediaType] read a body as every reader would, within bounds of size and time. [HasBody],
// [MayHaveBody] and [DropBody] are for requests whose body the gate does not read.
//
// The package decides nothing. Handlers choose the denial for a request, and a [Refuse]
// reports its reason to logs. The package knows only net/http.
package reply
