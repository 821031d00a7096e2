package redisstore

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/store"
)

// maxNamespace is how long a namespace may be, in bytes.
const maxNamespace = 128

// Options say which Redis to use, and as which user.
type Options struct {
	// Addresses are where Redis is: host:port, or a redis://, rediss:// or
	// unix:// URL, which may carry username, password and database. A missing
	// port is 6379, or 26379 for sentinels. Several addresses are the nodes of
	// a Cluster, or, with SentinelMaster, sentinels. At least one is required.
	Addresses []string
	// Username and Password authenticate at Redis; Username alone is an error. A URL
	// with other values is an error. Default: none.
	Username, Password string
	// RenewPassword and RenewSentinelPassword return Password and SentinelPassword as
	// they are now. The store calls them for each new connection, also concurrently, so
	// that a password may be replaced while the store is open. After an error or an
	// empty password, the store goes on with the last one and logs a warning. They
	// need Password or SentinelPassword. Default: none, the passwords never change.
	RenewPassword, RenewSentinelPassword func() (string, error)
	// DB is the number of the database. Default: 0, the only one of a Cluster.
	DB int
	// SentinelMaster is the name under which the sentinels know the primary.
	SentinelMaster string
	// SentinelUsername and SentinelPassword authenticate at the sentinels, which
	// have users of their own; SentinelUsername alone is an error. Default: none.
	SentinelUsername, SentinelPassword string
	// Cluster reports whether a single address is a Cluster's.
	Cluster bool
	// TLS says how to verify the server and to identify to it. A rediss:// URL alone
	// verifies against the system's authorities. Default: no TLS.
	TLS *TLS
	// Namespace separates fleets that share a Redis. It is not empty, at most 128
	// bytes, and holds no `{`, `}`, `:` or control character.
	Namespace string
	// AllowEviction accepts a Redis that may evict revocations, or that does not say
	// whether it does, with a warning in the log.
	AllowEviction bool
	// MinReplicasMaxLag is the servers' min-replicas-max-lag, in whole seconds, if they
	// do not report it. Default: unknown.
	MinReplicasMaxLag time.Duration
	// AllowSplitBrain accepts a primary that may go on taking writes when another
	// was promoted, with a warning in the log: one with replicas, Sentinel or a
	// Cluster, and without min-replicas-to-write or with a min-replicas-max-lag
	// that is not below the lease.
	AllowSplitBrain bool
	// Logger receives the store's few log lines. Default: none.
	Logger *slog.Logger
	// Clock tells the time by which sessions expire. Default: time.Now.
	Clock func() time.Time
	// Sessions bound how many sessions the namespace keeps. All gates of a fleet
	// should have the same limits: the lowest holds.
	Sessions store.SessionLimits
}

// Validate returns what makes the options unusable. It uses no file and no network.
func (o Options) Validate() error {
	if err := validateNamespace(o.Namespace); err != nil {
		return err
	}
	if lag := o.MinReplicasMaxLag; lag < 0 || lag%time.Second != 0 {
		return fmt.Errorf("checking min_replicas_max_lag %v: Redis counts whole seconds; write what the servers are set to, such as 1s", lag)
	}
	_, err := o.resolve()
	return err
}

func validateNamespace(namespace string) error {
	switch {
	case namespace == "":
		return fmt.Errorf("checking namespace: it is empty")
	case len(namespace) > maxNamespace:
		return fmt.Errorf("checking namespace: it has %d bytes, at most %d are allowed", len(namespace), maxNamespace)
	case !utf8.ValidString(namespace):
		return fmt.Errorf("checking namespace %q: it is not UTF-8", namespace)
	case strings.ContainsAny(namespace, "{}:"):
		return fmt.Errorf("checking namespace %q: it holds one of {, } and :, which Redis keys need", namespace)
	case strings.ContainsFunc(namespace, unicode.IsControl):
		return fmt.Errorf("checking namespace %q: it holds a control character", namespace)
	}
	return nil
}

// poolSecret makes pool keys meaningless outside this process, so that nobody can
// search them for the password.
var poolSecret = rand.Text()

// PoolKey returns equal keys for options that may share one Store: they reach the same
// Redis as the same user, by the same rules, for the same namespace. A key reveals no
// secret and is valid within this process only. Invalid options have a key too. The
// functions that renew a password do not count: a caller that has them names the
// place of the password, instead of the password, in Password.
func (o Options) PoolKey() string {
	t, err := o.resolve()
	mac := hmac.New(sha256.New, []byte(poolSecret))
	fmt.Fprintf(mac, "%q %q %q %q %q %d %t", t.network, t.addresses, t.username, t.password, o.SentinelMaster, t.db, t.cluster)
	fmt.Fprintf(mac, " %q %q", o.SentinelUsername, o.SentinelPassword)
	fmt.Fprintf(mac, " %t %q %q %t %v", t.tls != nil, t.tls.String(), o.Namespace, o.AllowEviction, o.Sessions.OrDefault())
	fmt.Fprintf(mac, " %v %t", o.MinReplicasMaxLag, o.AllowSplitBrain)
	if err != nil {
		fmt.Fprintf(mac, " %q", o.Addresses)
	}
	return "redis-" + hex.EncodeToString(mac.Sum(nil)[:16])
}
