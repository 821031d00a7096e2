package kubernetes

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestContainersRunWithoutPrivileges(t *testing.T) {
	m := sidecar(t)
	pod := m.deployment.Spec.Template.Spec
	security := pod.SecurityContext
	if security == nil || !isTrue(security.RunAsNonRoot) || security.RunAsUser == nil || *security.RunAsUser == 0 {
		t.Error("Pod may run as root")
	}
	if security.SeccompProfile == nil || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("Pod has no seccomp profile")
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("Pod is given a token of the API server")
	}
	for _, container := range append(pod.InitContainers, pod.Containers...) {
		security := container.SecurityContext
		if security == nil || security.Capabilities == nil {
			t.Errorf("container %q has no security context", container.Name)
			continue
		}
		if security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation {
			t.Errorf("container %q may gain privileges", container.Name)
		}
		if !isTrue(security.ReadOnlyRootFilesystem) {
			t.Errorf("container %q may write to its root file system", container.Name)
		}
		if !slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(security.Capabilities.Add) > 0 {
			t.Errorf("container %q keeps capabilities", container.Name)
		}
		if security.RunAsUser != nil || security.RunAsNonRoot != nil {
			t.Errorf("container %q overrides the user of the Pod", container.Name)
		}
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

// Attack: code in the app's container posts a configuration without a gate to the admin
// API, which has no password. Loopback is no protection, because the containers of a Pod
// share it. A socket in a volume is.
func TestAppCannotReachTheAdminAPI(t *testing.T) {
	m := sidecar(t)
	pod := m.deployment.Spec.Template.Spec
	gate, app := gateAndApp(t, m)
	address, isUnix := strings.CutPrefix(adapted(t, m).Admin.Listen, "unix/")
	if !isUnix {
		t.Fatalf("admin API listens on %q, want a unix socket", address)
	}
	socket, mode, _ := strings.Cut(address, "|")
	if mode != "0600" {
		t.Errorf("admin socket has mode %q, want 0600", mode)
	}
	volume := mountOf(t, gate, socket)
	for _, mount := range app.VolumeMounts {
		if mount.Name == volume {
			t.Errorf("app mounts the volume %q of the admin socket", volume)
		}
	}
	if isTrue(pod.ShareProcessNamespace) {
		t.Error("containers share their processes, and through /proc their files")
	}
}

// mountOf returns the volume in which the container finds the file.
func mountOf(t *testing.T, container corev1.Container, file string) string {
	t.Helper()
	for _, mount := range container.VolumeMounts {
		if strings.HasPrefix(path.Clean(file), mount.MountPath+"/") {
			return mount.Name
		}
	}
	t.Fatalf("container %q has no volume for %q", container.Name, file)
	return ""
}

func TestMountsAndVolumesBelongTogether(t *testing.T) {
	m := sidecar(t)
	pod := m.deployment.Spec.Template.Spec
	gate, _ := gateAndApp(t, m)
	used := make(map[string]bool)
	for _, container := range append(pod.InitContainers, pod.Containers...) {
		for _, mount := range container.VolumeMounts {
			used[mount.Name] = true
		}
	}
	volumes := make(map[string]corev1.VolumeSource)
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = volume.VolumeSource
		if !used[volume.Name] {
			t.Errorf("volume %q is mounted nowhere", volume.Name)
		}
		delete(used, volume.Name)
	}
	for name := range used {
		t.Errorf("mounted volume %q does not exist", name)
	}
	config := volumes[mountOf(t, gate, "/etc/caddy/Caddyfile")].ConfigMap
	if config == nil || config.Name != m.configMap.Name {
		t.Errorf("gate's Caddyfile comes from %v, want the ConfigMap %q", config, m.configMap.Name)
	}
	for _, file := range secretFiles(t, m) {
		secret := volumes[mountOf(t, gate, file)].Secret
		if secret == nil || secret.DefaultMode == nil || *secret.DefaultMode != 0o440 {
			t.Errorf("%q does not come from a Secret with mode 0440", file)
		}
	}
}

// A stopped Pod still gets requests for some seconds. The app has to outlive them, and the
// kubelet has to wait for the app and for the gate.
func TestPodDrainsBeforeItIsKilled(t *testing.T) {
	m := sidecar(t)
	_, app := gateAndApp(t, m)
	if app.Lifecycle == nil || app.Lifecycle.PreStop == nil || app.Lifecycle.PreStop.Sleep == nil {
		t.Fatal("app ends as soon as the Pod is stopped")
	}
	const appDrain = 20 * time.Second
	needed := time.Duration(app.Lifecycle.PreStop.Sleep.Seconds)*time.Second + appDrain
	grace := time.Duration(adapted(t, m).Apps.HTTP.GracePeriod)
	if grace <= 0 {
		t.Error("gate waits for its requests without an end")
	}
	given := time.Duration(*m.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if given < needed+grace {
		t.Errorf("Pod is killed after %v, needs %v", given, needed+grace)
	}
}
