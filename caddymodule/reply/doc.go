// Package reply writes the answers that the gate gives itself, and reads the bodies that the
// gate reads itself.
//
// A [Denial] is one way to refuse a request. [JSON] writes all other answers. [ReadBody] and
// [MediaType] read a body as every reader would, within bounds of size and time.
//
// The package decides nothing: handlers say which denial a request gets, and set the
// placeholder for its reason. It knows net/http only.
package reply
