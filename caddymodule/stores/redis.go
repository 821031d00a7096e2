package stores

import (
	"errors"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
)

func init() {
	caddy.RegisterModule(Redis{})
}

// Redis keeps revocations in a Redis that the gates of a fleet share.
type Redis struct {
	// Addresses lists the server, the sentinels or the nodes of a cluster, as host:port, or
	// as redis://, rediss:// and unix:// URLs. Required: at least one.
	Addresses []string `json:"addresses,omitempty"`

	// Username is an ACL user of Redis. Default: none, which is the user `default`.
	Username string `json:"username,omitempty"`

	// Password is the user's password. Use {file./run/secrets/…} or {env.X}. A file is read
	// again for each new connection, so that the password can be replaced without a
	// reload. While the file is missing or empty, the last password counts. Default: none.
	Password string `json:"password,omitempty"`

	// DB is the number of the database; a cluster has only 0. Default: 0.
	DB int `json:"db,omitempty"`

	// SentinelMaster is the name of the master that the sentinels in Addresses watch.
	// Default: none, Addresses name the server itself.
	SentinelMaster string `json:"sentinel_master,omitempty"`

	// SentinelUsername is the user for the sentinels, which have their own users.
	// Default: none.
	SentinelUsername string `json:"sentinel_username,omitempty"`

	// SentinelPassword is the password of that user. Use {file./run/secrets/…} or {env.X}. A
	// file is read again as that of Password. Default: none.
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// Cluster says that Addresses are nodes of a cluster, even if there is only one
	// address. Default: true with several addresses and no sentinel_master.
	Cluster bool `json:"cluster,omitempty"`

	// TLS encrypts the connection. Default: none, unless an address is rediss://.
	TLS *RedisTLS `json:"tls,omitempty"`

	// NamespaceName separates fleets that use the same Redis. It may not hold `{`, `}` or
	// `:`. Default: default.
	NamespaceName string `json:"namespace,omitempty"`

	// AllowEviction accepts a Redis whose eviction policy may drop revocations, or is
	// hidden. Default: false, such a Redis is refused.
	AllowEviction bool `json:"allow_eviction,omitempty"`

	// MinReplicasMaxLag is the value of min-replicas-max-lag at the servers, in whole
	// seconds. The gate uses it only if its Redis user may not read that value
	// (+config|get). Default: unknown, and such servers are refused.
	MinReplicasMaxLag caddy.Duration `json:"min_replicas_max_lag,omitempty"`

	// AllowSplitBrain accepts a Redis in which two servers may take writes after a
	// failover. That is a Redis with replicas, Sentinel or a cluster, if it has no
	// min-replicas-to-write, or a min-replicas-max-lag of a lease or more. Then a gate may
	// admit a session after another gate has answered its DELETE with 200. Default: false,
	// such a Redis is refused.
	AllowSplitBrain bool `json:"allow_split_brain,omitempty"`

	options redisstore.Options
	poolKey string
}

// RedisTLS says how the connection to Redis is encrypted. Files are PEM.
type RedisTLS struct {
	// CA is the file of the certificate authorities that sign the server's certificate.
	// Default: the system's.
	CA string `json:"ca,omitempty"`
	// Cert is the file of the client certificate. Default: none.
	Cert string `json:"cert,omitempty"`
	// Key is the file of the private key of Cert. Default: none.
	Key string `json:"key,omitempty"`
	// ServerName is the name in the server's certificate. Default: the host in the address.
	ServerName string `json:"server_name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate.stores.redis",
		New: func() caddy.Module { return new(Redis) },
	}
}

// Provision resolves placeholders and checks the options. It opens nothing.
func (s *Redis) Provision(caddy.Context) error {
	password, sentinelPassword := s.Password, s.SentinelPassword // as written
	if err := config.ResolveAll("store redis addresses", s.Addresses); err != nil {
		return err
	}
	if err := config.Resolve("store redis", &s.Username, &s.Password, &s.SentinelMaster,
		&s.SentinelUsername, &s.SentinelPassword, &s.NamespaceName); err != nil {
		return err
	}
	config.SetDefault(&s.NamespaceName, DefaultNamespace)
	s.options = redisstore.Options{
		Addresses:        s.Addresses,
		Username:         s.Username,
		Password:         s.Password,
		DB:               s.DB,
		SentinelMaster:   s.SentinelMaster,
		SentinelUsername: s.SentinelUsername,
		SentinelPassword: s.SentinelPassword,
		Cluster:          s.Cluster,
		Namespace:        s.NamespaceName,
		AllowEviction:    s.AllowEviction,

		MinReplicasMaxLag: time.Duration(s.MinReplicasMaxLag),
		AllowSplitBrain:   s.AllowSplitBrain,

		RenewPassword:         config.ReadAgain("password of store redis", password),
		RenewSentinelPassword: config.ReadAgain("sentinel_password of store redis", sentinelPassword),
	}
	if s.TLS != nil {
		if err := s.TLS.resolve(); err != nil {
			return err
		}
		s.options.TLS = s.TLS.options()
	}
	// A reload after a password was replaced in its file keeps the open store.
	keyed := s.options
	if keyed.RenewPassword != nil {
		keyed.Password = password
	}
	if keyed.RenewSentinelPassword != nil {
		keyed.SentinelPassword = sentinelPassword
	}
	s.poolKey = keyed.PoolKey()
	return s.options.Validate()
}

func (t *RedisTLS) resolve() error {
	return errors.Join(
		config.ResolveFile("ca of store redis", &t.CA),
		config.ResolveFile("cert of store redis", &t.Cert),
		config.ResolveFile("key of store redis", &t.Key),
		config.Resolve("server_name of store redis", &t.ServerName),
	)
}

func (t *RedisTLS) options() *redisstore.TLS {
	o := &redisstore.TLS{Certificate: t.Cert, Key: t.Key, ServerName: t.ServerName}
	if t.CA != "" {
		o.CA = []string{t.CA}
	}
	return o
}

// Address implements Addressed.
func (s *Redis) Address() string { return s.options.Address() }

// PoolKey implements Module.
func (s *Redis) PoolKey() string { return "redis " + s.poolKey }

// Shared implements Module.
func (*Redis) Shared() bool { return true }

// Namespace implements Module.
func (s *Redis) Namespace() string { return s.NamespaceName }

// Open implements Module.
func (s *Redis) Open(logger *slog.Logger, _ time.Duration) (store.Backend, error) {
	options := s.options
	options.Logger = logger
	opened, err := redisstore.Open(options)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

var (
	_ Module            = (*Redis)(nil)
	_ Addressed         = (*Redis)(nil)
	_ caddy.Provisioner = (*Redis)(nil)
)
