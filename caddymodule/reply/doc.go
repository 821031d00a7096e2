// Package reply writes the answers that the gate gives itself, and reads the bodies that the
// gate reads itself.
//
// A [Denial] is one way to refuse a request. [JSON] writes all other answers. [ReadBody] and
// [MediaType] read a body as every reader would, within bounds of size and time. [HasBody],
// [MayHaveBody] and [DropBody] are for requests whose body the gate does not read.
//
// The package decides nothing: handlers say which denial a request gets, and a [Refuse] tells
// logs its reason. It knows net/http only.
package reply
