package redisstore

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is what the addresses and the fields of Options say together.
type target struct {
	network            string // "tcp" or "unix"
	addresses          []string
	username, password string
	db                 int
	cluster            bool
	sentinel           sentinel
	tls                *TLS // nil for none
	// The passwords that connections use, once the store is open; nil for none.
	ofRedis, ofSentinels *password
}

// sentinel is how to ask sentinels for the primary. Without a master, the
// addresses are not sentinels.
type sentinel struct{ master, username, password string }

// address is one parsed address. Parts that it does not name are zero.
type address struct {
	network, host      string
	tls                bool
	username, password string
	db                 int
}

// resolve parses the addresses and joins them with the other fields. Errors name an
// address by its position and quote nothing of it. In a malformed one, such as
// gate:password@host or redis://gate:1/2@host, a password is where a port or a database
// belongs.
func (o Options) resolve() (target, error) {
	t := target{
		username: o.Username, password: o.Password, db: o.DB, tls: o.TLS,
		cluster:  o.Cluster || len(o.Addresses) > 1 && o.SentinelMaster == "",
		sentinel: sentinel{master: o.SentinelMaster, username: o.SentinelUsername, password: o.SentinelPassword},
	}
	port := "6379"
	if o.SentinelMaster != "" {
		port = "26379"
	}
	if len(o.Addresses) == 0 {
		return t, fmt.Errorf("checking redis addresses: there is none")
	}
	plain := false
	for i, text := range o.Addresses {
		a, err := parseAddress(text, port)
		if err == nil {
			err = t.add(a)
		}
		if err != nil {
			return t, fmt.Errorf("parsing redis address %d: %w", i+1, err)
		}
		plain = plain || strings.HasPrefix(text, "redis://") || a.network == "unix"
	}
	if plain && t.tls != nil {
		return t, fmt.Errorf("checking redis addresses: TLS is configured, and redis:// and unix:// have no TLS; use rediss://")
	}
	return t, t.validate(o)
}

// add adopts what one address says, unless something else was said before.
func (t *target) add(a address) error {
	switch {
	case t.network != "" && t.network != a.network:
		return fmt.Errorf("unix sockets and hosts do not mix")
	case a.username != "" && t.username != "" && a.username != t.username:
		return fmt.Errorf("the username differs from another one in the configuration")
	case a.password != "" && t.password != "" && a.password != t.password:
		return fmt.Errorf("the password differs from another one in the configuration")
	case a.db != 0 && t.db != 0 && a.db != t.db:
		return fmt.Errorf("database %d differs from %d in the configuration", a.db, t.db)
	}
	t.network = a.network
	t.addresses = append(t.addresses, a.host)
	if a.username != "" {
		t.username = a.username
	}
	if a.password != "" {
		t.password = a.password
	}
	if a.db != 0 {
		t.db = a.db
	}
	if a.tls && t.tls == nil {
		t.tls = &TLS{}
	}
	return nil
}

// validate checks the fields against each other.
func (t *target) validate(o Options) error {
	switch {
	case o.SentinelMaster != "" && o.Cluster:
		return fmt.Errorf("checking redis options: a Cluster has no sentinels")
	case t.network == "unix" && (t.cluster || o.SentinelMaster != ""):
		return fmt.Errorf("checking redis options: a unix socket reaches one server, no Cluster and no sentinel")
	case t.cluster && t.db != 0:
		return fmt.Errorf("checking redis options: a Cluster has only database 0")
	case t.db < 0:
		return fmt.Errorf("checking redis options: database %d is negative", t.db)
	case t.username != "" && t.password == "", o.SentinelUsername != "" && o.SentinelPassword == "":
		return fmt.Errorf("checking redis options: a username without a password")
	case o.RenewPassword != nil && t.password == "", o.RenewSentinelPassword != nil && o.SentinelPassword == "":
		return fmt.Errorf("checking redis options: a password is renewed, and there is none")
	case o.SentinelMaster == "" && o.SentinelPassword != "":
		return fmt.Errorf("checking redis options: a password for sentinels without sentinel_master")
	}
	return t.tls.validate()
}

func parseAddress(text, port string) (address, error) {
	if !strings.Contains(text, "://") {
		host, err := hostPort(text, port)
		return address{network: "tcp", host: host}, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("it is not a URL") // the error of url.Parse quotes the password
	}
	a := address{network: "tcp"}
	a.username = u.User.Username()
	a.password, _ = u.User.Password()
	db := strings.Trim(u.Path, "/")
	query := u.Query()
	switch u.Scheme {
	case "redis", "rediss":
		a.tls = u.Scheme == "rediss"
		if a.host, err = hostPort(u.Host, port); err != nil {
			return address{}, err
		}
	case "unix":
		if u.Host != "" || db == "" {
			return address{}, fmt.Errorf("want unix:///path/to/socket")
		}
		a.network, a.host = "unix", u.Path
		db = query.Get("db")
		query.Del("db")
	default:
		return address{}, fmt.Errorf("its scheme is not redis, rediss or unix")
	}
	if len(query) > 0 || u.Fragment != "" {
		return address{}, fmt.Errorf("the URL has parameters; use the options instead")
	}
	if db != "" {
		if a.db, err = strconv.Atoi(db); err != nil || a.db < 0 {
			return address{}, fmt.Errorf("its database is not a number")
		}
	}
	return a, nil
}

// hostPort returns text with a port, its own or the given one.
func hostPort(text, port string) (string, error) {
	host, own, err := net.SplitHostPort(text)
	if err != nil {
		host, own = strings.Trim(text, "[]"), port
	}
	if own == "" {
		own = port
	}
	number, err := strconv.ParseUint(own, 10, 16)
	if err != nil || number == 0 {
		return "", fmt.Errorf("its port is not between 1 and 65535")
	}
	if host == "" || strings.ContainsAny(host, "/@ \t") || strings.Count(host, ":") == 1 {
		return "", fmt.Errorf("want host:port, redis://host:port, rediss://host:port or unix:///path")
	}
	return net.JoinHostPort(host, own), nil
}
