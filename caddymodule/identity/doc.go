// Package identity keeps the header fields by which a gate tells the upstream who the user
// is.
//
// A [Config] names the fields and their claims. [Headers] removes the fields from requests
// of clients, in every spelling that some upstream reads as the same name. It sets them
// from a verified token.
//
// The package verifies no token and decides nothing about a request. Fields that name
// another path, and upgrades, are not its concern.
package identity
