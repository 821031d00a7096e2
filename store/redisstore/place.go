package redisstore

import (
	"fmt"
	"strings"
)

// maxShown is how many addresses a text names.
const maxShown = 4

// Address says where Redis is, for people: hosts and ports or the path of a socket, and the
// master of sentinels, the Cluster and the number of the database if the options name them. It
// holds no user and no password. It is empty if the options are not valid.
func (o Options) Address() string {
	t, err := o.resolve()
	if err != nil {
		return ""
	}
	return t.address()
}

func (t target) address() string {
	shown := t.addresses
	if len(shown) > maxShown {
		shown = append(shown[:maxShown:maxShown], fmt.Sprintf("%d more", len(t.addresses)-maxShown))
	}
	text := strings.Join(shown, ", ")
	switch {
	case t.sentinel.master != "":
		text = fmt.Sprintf("master %s of sentinel %s", t.sentinel.master, text)
	case t.cluster:
		text = "cluster " + text
	}
	if t.db != 0 {
		text += fmt.Sprintf(", database %d", t.db)
	}
	return text
}

// place says where an error of Redis comes from: the address, or the primary that the
// sentinels name.
func (s *Store) place() string {
	if s.sentinels != nil {
		if primary := s.sentinels.following(); primary != "" {
			return fmt.Sprintf("%s, the primary of %s", primary, s.options.SentinelMaster)
		}
	}
	return s.address
}
