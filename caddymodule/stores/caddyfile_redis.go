package stores

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
)

// UnmarshalCaddyfile reads a redis store. Syntax:
//
//	store redis <address>... {
//		username <user>
//		password {file./run/secrets/redis}
//		db 0
//		sentinel_master <name>
//		sentinel_username <user>
//		sentinel_password {file./run/secrets/sentinel}
//		cluster
//		tls {
//			ca <file>
//			cert <file>
//			key <file>
//			server_name <name>
//		}
//		namespace default
//		allow_eviction
//		min_replicas_max_lag 1s
//		allow_split_brain
//	}
func (s *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	s.Addresses = d.RemainingArgs()
	if len(s.Addresses) == 0 {
		return config.Parsing(d, "store redis", errors.New("no address; write: store redis <host:port> [<host:port>]"))
	}
	for _, address := range s.Addresses {
		if password := passwordIn(address); password != "" {
			config.WarnOfLiteral(d, "the password in an address of store redis", password)
		}
	}
	return config.Words{
		"username":          {Usage: "username <user>", Read: config.Text(&s.Username)},
		"password":          {Usage: "password {file./run/secrets/redis}", Read: config.Secret("password", &s.Password)},
		"db":                {Usage: "db <number>", Read: s.readDB},
		"sentinel_master":   {Usage: "sentinel_master <name>", Read: config.Text(&s.SentinelMaster)},
		"sentinel_username": {Usage: "sentinel_username <user>", Read: config.Text(&s.SentinelUsername)},
		"sentinel_password": {Usage: "sentinel_password {file./run/secrets/sentinel}", Read: config.Secret("sentinel_password", &s.SentinelPassword)},
		"cluster":           {Usage: "cluster", Read: config.Flag(&s.Cluster)},
		"tls":               {Usage: "tls [{ ca <file> … }]", Read: s.readTLS},
		"namespace":         {Usage: "namespace <name>", Read: config.Text(&s.NamespaceName)},
		"allow_eviction":    {Usage: "allow_eviction", Read: config.Flag(&s.AllowEviction)},

		"min_replicas_max_lag": {Usage: "min_replicas_max_lag 1s", Read: config.Duration(&s.MinReplicasMaxLag)},
		"allow_split_brain":    {Usage: "allow_split_brain", Read: config.Flag(&s.AllowSplitBrain)},
	}.Read(d)
}

// passwordIn returns the password in an address. The address need not be a URL: it may have
// placeholders, or no scheme.
func passwordIn(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	_, password, _ := strings.Cut(address[:max(0, strings.LastIndexByte(address, '@'))], ":")
	return password
}

func (s *Redis) readDB(d *caddyfile.Dispenser) error {
	var value string
	if err := config.Text(&value)(d); err != nil {
		return err
	}
	db, err := strconv.Atoi(value)
	if err != nil || db < 0 {
		return fmt.Errorf("%q is not the number of a database", value)
	}
	s.DB = db
	return nil
}

func (s *Redis) readTLS(d *caddyfile.Dispenser) error {
	if d.CountRemainingArgs() != 0 {
		return errors.New("values before the block")
	}
	s.TLS = new(RedisTLS)
	return config.Words{
		"ca":          {Usage: "ca <file>", Read: config.Text(&s.TLS.CA)},
		"cert":        {Usage: "cert <file>", Read: config.Text(&s.TLS.Cert)},
		"key":         {Usage: "key <file>", Read: config.Text(&s.TLS.Key)},
		"server_name": {Usage: "server_name <name>", Read: config.Text(&s.TLS.ServerName)},
	}.Read(d)
}

var _ caddyfile.Unmarshaler = (*Redis)(nil)
