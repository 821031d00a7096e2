// Package harness runs the built gate for black-box tests: real processes of the
// binary, an upstream that records what reached it, real stores, and clients
// that clean up nothing in what they send.
//
// The binary is the one that the environment variable SESSION_GATE_TEST_BINARY
// names, or is built once by Main with ./xcaddy.sh build. Everything listens on
// loopback or on unix sockets, and ends with the test that started it. Nothing is
// skipped: what is missing fails the test.
package harness
