// Package harness runs the built gate for black-box tests. It has real processes of the
// binary, an upstream that records its requests, real stores, and clients that send bytes
// unchanged.
//
// The environment variable SESSION_GATE_TEST_BINARY names the binary. Without it, Main
// builds the binary once with ./xcaddy.sh build. Everything listens on loopback or on unix
// sockets, and ends with the test that started it. No test is skipped: a missing tool fails
// the test.
package harness
