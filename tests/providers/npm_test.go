package providers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// installLimit is how long npm may take. It retries by itself.
const installLimit = 3 * time.Minute

// script is the provider's script, beside the packages that it imports. Set by install.
var script string

// install puts the provider's script and the packages of the lock file into a new directory,
// outside the repository. Later runs find the packages in the cache of npm.
func install() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "providers")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installLimit)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("installing oidc-provider with npm ci: %w\n%s"+
			"npm needs its registry, or the packages of tests/providers/testdata/package-lock.json in its cache", err, output)
	}
	script = filepath.Join(dir, "provider.mjs")
	return func() { _ = os.RemoveAll(dir) }, nil
}
