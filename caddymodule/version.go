package caddymodule

import (
	"runtime/debug"
	"sync"
)

const (
	// modulePath is the name of this module in the binary's module list.
	modulePath = "github.com/sessiongate/sessiongate"
	// Version is the version of this source. A binary that was built from a tag reports the
	// tag instead.
	Version = "v0.1.0-dev"
)

// version is the version that the log at start and the health handler report.
var version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Version
	}
	return versionOf(info)
})

// versionOf returns the tag that a binary was built from. If the source was a directory, it
// returns Version: the version that the build gives to a directory (`xcaddy build --with
// module@v0.0.0=.`) is a placeholder.
func versionOf(info *debug.BuildInfo) string {
	for _, module := range info.Deps {
		if module.Path != modulePath {
			continue
		}
		if module.Replace != nil {
			module = module.Replace
		}
		if module.Version == "" || module.Version == "(devel)" { // a directory
			break
		}
		return module.Version
	}
	return Version
}
