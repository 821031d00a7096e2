// Package webhook tells an HTTP receiver of revocations, such as a SIEM: one signed POST of
// JSON for each revocation. Failed deliveries are retried, in the background. The package
// decides nothing about requests, and nobody waits for it.
//
// Requests follow the Standard Webhooks specification 1.0.0
// (https://www.standardwebhooks.com), so that its libraries verify them.
package webhook
