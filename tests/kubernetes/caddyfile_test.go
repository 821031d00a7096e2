package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// configuration is the part of Caddy's JSON that must agree with the Pod.
type configuration struct {
	Admin struct {
		Listen string `json:"listen"`
	} `json:"admin"`
	Apps struct {
		HTTP struct {
			GracePeriod int64 `json:"grace_period"`
			Servers     map[string]struct {
				Listen []string `json:"listen"`
			} `json:"servers"`
		} `json:"http"`
	} `json:"apps"`
}

// caddyfile writes the manifest's Caddyfile into a directory of the test.
func caddyfile(t *testing.T, content string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

// adapted returns the adapted Caddyfile of the manifest.
func adapted(t *testing.T, m manifest) configuration {
	t.Helper()
	dir, file := caddyfile(t, m.configMap.Data["Caddyfile"])
	var c configuration
	if err := json.Unmarshal(caddy(t, dir, "adapt", "--config", file, "--adapter", "caddyfile"), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

var filePlaceholder = regexp.MustCompile(`\{file\.([^}]+)\}`)

// secretFiles lists the files from which the Caddyfile reads secrets.
func secretFiles(t *testing.T, m manifest) []string {
	t.Helper()
	var files []string
	for _, match := range filePlaceholder.FindAllStringSubmatch(m.configMap.Data["Caddyfile"], -1) {
		files = append(files, match[1])
	}
	if len(files) == 0 {
		t.Fatal("Caddyfile reads no secret from a file")
	}
	return files
}

// The binary refuses a missing secret, so the test writes its own secrets and changes the
// placeholders to them. The rest of the Caddyfile is unchanged.
func TestCaddyfileOfTheConfigMapIsValid(t *testing.T) {
	m := sidecar(t)
	content := m.configMap.Data["Caddyfile"]
	secrets := t.TempDir()
	for _, file := range secretFiles(t, m) {
		own := filepath.Join(secrets, filepath.Base(file))
		if err := os.WriteFile(own, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
			t.Fatal(err)
		}
		content = strings.ReplaceAll(content, "{file."+file+"}", "{file."+own+"}")
	}
	dir, file := caddyfile(t, content)
	caddy(t, dir, "fmt", "--diff", file)
	caddy(t, dir, "validate", "--config", file, "--adapter", "caddyfile")
}

func TestGateListensOnThePortsOfItsContainer(t *testing.T) {
	m := sidecar(t)
	gate, app := gateAndApp(t, m)
	var want, got []string
	for _, port := range gate.Ports {
		want = append(want, fmt.Sprintf(":%d", port.ContainerPort))
	}
	for _, server := range adapted(t, m).Apps.HTTP.Servers {
		got = append(got, server.Listen...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("gate listens on %v, its container has %v", got, want)
	}
	if upstream := "reverse_proxy " + listenAddress(t, app); !strings.Contains(m.configMap.Data["Caddyfile"], upstream+"\n") {
		t.Errorf("Caddyfile has no line %q, where the app listens", upstream)
	}
}

// A change of only the ConfigMap restarts nothing: the gates would keep the old
// configuration until somebody replaces the Pods. The checksum makes every change of the
// Caddyfile a change of the Pod.
func TestChangeOfTheCaddyfileReplacesThePods(t *testing.T) {
	m := sidecar(t)
	sum := sha256.Sum256([]byte(m.configMap.Data["Caddyfile"]))
	want := hex.EncodeToString(sum[:])
	if got := m.deployment.Spec.Template.Annotations["checksum/caddyfile"]; got != want {
		t.Errorf("annotation checksum/caddyfile is %q, want %q", got, want)
	}
}
