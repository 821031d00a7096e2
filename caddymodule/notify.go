package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/webhook"
	"github.com/sessiongate/sessiongate/store"
)

// Notify is a webhook. The gate that revokes sends a POST of JSON for each revocation, once
// the revocation holds everywhere. The requests follow the Standard Webhooks specification
// 1.0.0. Nothing waits for the receiver. If it fails, the gate retries for a day, and up to
// 4096 messages wait, across reloads but not across a restart.
type Notify struct {
	// URL is that of the receiver: https, or http on this machine. The proxies of the
	// environment are used (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), and no redirect is followed.
	// Required.
	URL string `json:"url,omitempty"`

	// Secret is one secret that signs the requests, or two during a rotation: text of at least
	// 32 bytes, or `whsec_` and the base64 of at least 24 bytes. Use {file./run/secrets/…} or
	// {env.X}. Required.
	Secret []string `json:"secret,omitempty"`

	target *webhook.Target
}

const notifyUsage = "notify https://siem.example.com/hook {file./run/secrets/hook} [<next>]"

// readNotify reads the URL and the secrets.
func (a *App) readNotify(d *caddyfile.Dispenser) error {
	var values []string
	if err := config.Texts(&values)(d); err != nil {
		return err
	}
	n := &Notify{URL: values[0], Secret: values[1:]}
	switch {
	case len(n.Secret) == 0:
		return errors.New("no secret to sign with; without one, the receiver cannot tell the gate from others")
	case len(n.Secret) > 2:
		return fmt.Errorf("%d secrets, want one, or two while it is being rotated", len(n.Secret))
	case !config.HasPlaceholder(n.URL):
		if err := webhook.CheckURL(n.URL); err != nil {
			return err
		}
	}
	config.WarnOfLiteral(d, "notify's secret", n.Secret...)
	a.Notify = n
	return nil
}

func (n *Notify) resolve() error {
	if n == nil {
		return nil
	}
	if err := config.Resolve("the URL of notify", &n.URL); err != nil {
		return err
	}
	return config.ResolveAll("the secret of notify", n.Secret)
}

func (n *Notify) check() (err error) {
	if n == nil {
		return nil
	}
	if n.target, err = webhook.NewTarget(n.URL, n.Secret...); err != nil {
		return fmt.Errorf("checking session_gate: notify: %w", err)
	}
	return nil
}

// notifier tells the receiver of the newest configuration of revocations.
type notifier struct{ *webhook.Sender }

func newNotifier(logger *slog.Logger, gate func() store.GateID) *notifier {
	return &notifier{webhook.New(webhook.Options{
		Logger:    logger,
		UserAgent: "sessiongate/" + version(),
		Gate: func() string {
			if id := gate(); id != 0 {
				return id.String()
			}
			return "" // a store of one machine has one gate
		},
	})}
}

// use sends to this receiver from now on, also what waits; nil for none.
func (n *notifier) use(to *Notify) {
	if to == nil {
		n.Use(nil)
		return
	}
	n.Use(to.target)
}

// revoked tells the receiver of each revocation.
//
// Invariant 10: a message holds no session id and no token.
func (n *notifier) revoked(o hub.Outcome) {
	if n == nil {
		return
	}
	for _, r := range o.Revocations {
		n.Send(webhook.Revocation{
			Subject: o.Subject,
			Kind:    r.Kind.String(), Key: r.Key.String(),
			Source: o.Source.String(), Issuer: o.Issuer, Reason: o.Reason, Took: o.Took,
		})
	}
}
