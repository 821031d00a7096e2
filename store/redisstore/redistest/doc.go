// Package redistest starts real Redis processes for tests: a server, a Cluster,
// a sentinel. They listen on loopback or on a unix socket, keep their files in
// a directory of the test, and end with it.
//
// The environment variable SESSION_GATE_TEST_REDIS may name a running Redis, as
// host:port or redis:// URL. Tests that only need some Redis then use that one. Tests
// that freeze, stop or empty a server always start their own. Without a redis-server
// program a test fails, and says what to install; it never skips.
package redistest
