package caddymodule

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheTagOfABuildFromATag(t *testing.T) {
	const fork = "example.com/fork"
	other := &debug.Module{Path: "example.com/other", Version: "v9.9.9"}
	for name, c := range map[string]struct {
		module *debug.Module
		want   string
	}{
		"from a tag":          {&debug.Module{Path: modulePath, Version: "v1.2.3"}, "v1.2.3"},
		"from a directory":    {&debug.Module{Path: modulePath, Version: "v0.0.0", Replace: &debug.Module{Path: "/src", Version: "(devel)"}}, Version},
		"from a fork's tag":   {&debug.Module{Path: modulePath, Version: "v1.2.3", Replace: &debug.Module{Path: fork, Version: "v1.2.4"}}, "v1.2.4"},
		"of another main":     {other, Version},
		"without its version": {&debug.Module{Path: modulePath}, Version},
	} {
		t.Run(name, func(t *testing.T) {
			if got := versionOf(&debug.BuildInfo{Deps: []*debug.Module{other, c.module}}); got != c.want {
				t.Errorf("version is %q, want %q", got, c.want)
			}
		})
	}
}
