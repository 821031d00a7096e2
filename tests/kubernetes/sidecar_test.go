package kubernetes

import (
	"maps"
	"net"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// gateAndApp returns the two containers of the Pod.
func gateAndApp(t *testing.T, m manifest) (gate, app corev1.Container) {
	t.Helper()
	pod := m.deployment.Spec.Template.Spec
	if len(pod.InitContainers) != 1 || len(pod.Containers) != 1 {
		t.Fatalf("Pod has %d init containers and %d containers, want the gate and the app",
			len(pod.InitContainers), len(pod.Containers))
	}
	return pod.InitContainers[0], pod.Containers[0]
}

// portNumber resolves a port of a container as the kubelet does: by name among
// the container's own ports, or by number.
func portNumber(t *testing.T, container corev1.Container, port intstr.IntOrString) int32 {
	t.Helper()
	for _, p := range container.Ports {
		if p.Name == port.StrVal && port.Type == intstr.String || p.ContainerPort == port.IntVal {
			return p.ContainerPort
		}
	}
	t.Fatalf("container %q has no port %q", container.Name, port.String())
	return 0
}

// An init container without restartPolicy Always has to end before the app starts, and a
// gate never ends.
func TestGateIsANativeSidecar(t *testing.T) {
	gate, _ := gateAndApp(t, sidecar(t))
	if gate.RestartPolicy == nil || *gate.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("restartPolicy of the gate is %v, want Always", gate.RestartPolicy)
	}
}

func TestProbesAskTheHealthOfTheGate(t *testing.T) {
	gate, app := gateAndApp(t, sidecar(t))
	probes := map[string]*corev1.Probe{
		"/startupz": gate.StartupProbe,
		"/readyz":   gate.ReadinessProbe,
		"/livez":    gate.LivenessProbe,
	}
	for path, probe := range probes {
		if probe == nil || probe.HTTPGet == nil {
			t.Errorf("no HTTP probe for %s", path)
			continue
		}
		if probe.HTTPGet.Path != path {
			t.Errorf("probe asks %q, want %q", probe.HTTPGet.Path, path)
		}
		if got := portNumber(t, gate, probe.HTTPGet.Port); got != 9180 {
			t.Errorf("probe of %s asks port %d, want 9180", path, got)
		}
	}
	// The kubelet reaches the app only through the gate.
	if app.ReadinessProbe == nil || app.ReadinessProbe.HTTPGet == nil {
		t.Fatal("no HTTP probe for the app")
	}
	if got := portNumber(t, gate, app.ReadinessProbe.HTTPGet.Port); got != 8080 {
		t.Errorf("readiness probe of the app asks port %d, want the gate's 8080", got)
	}
}

// Attack: another Pod in the cluster talks to the app directly, bypasses the gate, and
// sends the identity header of its choice.
func TestOnlyWayToTheAppIsTheGate(t *testing.T) {
	m := sidecar(t)
	gate, app := gateAndApp(t, m)
	pod := m.deployment.Spec.Template
	if len(app.Ports) != 0 {
		t.Errorf("app declares the ports %v, want none", app.Ports)
	}
	if pod.Spec.HostNetwork {
		t.Error("Pod uses the host's network")
	}
	host, _, err := net.SplitHostPort(listenAddress(t, app))
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("app listens on %q (%v), want loopback", host, err)
	}
	if !maps.Equal(m.service.Spec.Selector, pod.Labels) {
		t.Errorf("Service selects %v, Pod has %v", m.service.Spec.Selector, pod.Labels)
	}
	if len(m.service.Spec.Ports) != 1 {
		t.Fatalf("Service has %d ports, want the gate's one", len(m.service.Spec.Ports))
	}
	target := m.service.Spec.Ports[0].TargetPort
	if target.Type != intstr.String || portNumber(t, gate, target) != 8080 {
		t.Errorf("Service leads to port %q, want the gate's port http", target.String())
	}
}

// listenAddress returns the address on which the app is configured to listen.
func listenAddress(t *testing.T, app corev1.Container) string {
	t.Helper()
	for _, variable := range app.Env {
		if variable.Name == "LISTEN" {
			return variable.Value
		}
	}
	t.Fatal("app has no listen address")
	return ""
}

// A policy that selects no Pod, or names no ports, allows everything, and looks the same in
// a review.
func TestNetworkPolicyLetsInOnlyThePortsOfTheGate(t *testing.T) {
	m := sidecar(t)
	gate, _ := gateAndApp(t, m)
	policy := m.networkPolicy.Spec
	if !slices.Equal(policy.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
		t.Errorf("policy types are %v, want Ingress", policy.PolicyTypes)
	}
	if !maps.Equal(policy.PodSelector.MatchLabels, m.deployment.Spec.Template.Labels) {
		t.Errorf("policy selects %v, Pod has %v", policy.PodSelector.MatchLabels, m.deployment.Spec.Template.Labels)
	}
	var open []int32
	for i, rule := range policy.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			t.Errorf("rule %d lets in everybody, or to every port", i)
		}
		for _, port := range rule.Ports {
			open = append(open, portNumber(t, gate, *port.Port))
		}
	}
	slices.Sort(open)
	if !slices.Equal(open, []int32{8080, 9180}) {
		t.Errorf("policy opens the ports %v, want 8080 and 9180", open)
	}
}
