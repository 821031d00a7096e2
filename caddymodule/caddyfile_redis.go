package caddymodule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
func (s *RedisStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	s.Addresses = d.RemainingArgs()
	if len(s.Addresses) == 0 {
		return syntaxError{d.Errf(errParsing, "store redis", errors.New("no address; write: store redis <host:port> [<host:port>]"))}
	}
	for _, address := range s.Addresses {
		if password := passwordIn(address); password != "" {
			warnOfLiteral(d, "the password in an address of store redis", password)
		}
	}
	return words{
		"username":          {"username <user>", text(&s.Username), false},
		"password":          {"password {file./run/secrets/redis}", secret("password", &s.Password), false},
		"db":                {"db <number>", s.readDB, false},
		"sentinel_master":   {"sentinel_master <name>", text(&s.SentinelMaster), false},
		"sentinel_username": {"sentinel_username <user>", text(&s.SentinelUsername), false},
		"sentinel_password": {"sentinel_password {file./run/secrets/sentinel}", secret("sentinel_password", &s.SentinelPassword), false},
		"cluster":           {"cluster", flag(&s.Cluster), false},
		"tls":               {"tls [{ ca <file> … }]", s.readTLS, false},
		"namespace":         {"namespace <name>", text(&s.NamespaceName), false},
		"allow_eviction":    {"allow_eviction", flag(&s.AllowEviction), false},

		"min_replicas_max_lag": {"min_replicas_max_lag 1s", duration(&s.MinReplicasMaxLag), false},
		"allow_split_brain":    {"allow_split_brain", flag(&s.AllowSplitBrain), false},
	}.read(d)
}

// passwordIn returns what stands in an address where a password belongs. With
// placeholders in it, or without a scheme, it is no URL.
func passwordIn(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	_, password, _ := strings.Cut(address[:max(0, strings.LastIndexByte(address, '@'))], ":")
	return password
}

// secret reads one value, and warns if it is the secret itself.
func secret(word string, value *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := text(value)(d); err != nil {
			return err
		}
		warnOfLiteral(d, word, *value)
		return nil
	}
}

func (s *RedisStore) readDB(d *caddyfile.Dispenser) error {
	var value string
	if err := text(&value)(d); err != nil {
		return err
	}
	db, err := strconv.Atoi(value)
	if err != nil || db < 0 {
		return fmt.Errorf("%q is not the number of a database", value)
	}
	s.DB = db
	return nil
}

func (s *RedisStore) readTLS(d *caddyfile.Dispenser) error {
	if d.CountRemainingArgs() != 0 {
		return errors.New("values before the block")
	}
	s.TLS = new(RedisTLS)
	return words{
		"ca":          {"ca <file>", text(&s.TLS.CA), false},
		"cert":        {"cert <file>", text(&s.TLS.Cert), false},
		"key":         {"key <file>", text(&s.TLS.Key), false},
		"server_name": {"server_name <name>", text(&s.TLS.ServerName), false},
	}.read(d)
}

var _ caddyfile.Unmarshaler = (*RedisStore)(nil)
