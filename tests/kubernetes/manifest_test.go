package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// sidecarFile is the manifest that the README names.
const sidecarFile = root + "/deploy/kubernetes/sidecar.yaml"

// manifest holds the documents of one file by kind. A kind that the file lacks is nil.
type manifest struct {
	configMap     *corev1.ConfigMap
	deployment    *appsv1.Deployment
	service       *corev1.Service
	networkPolicy *networkingv1.NetworkPolicy
}

// decoder knows the kinds in the manifests. It decodes like the API server with strict
// field validation: unknown and duplicate fields are errors, and so is a field in another
// letter case.
var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(appsv1.AddToScheme(scheme))
	utilruntime.Must(networkingv1.AddToScheme(scheme))
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
}()

// decode reads every document of a manifest.
func decode(r io.Reader) ([]runtime.Object, error) {
	var objects []runtime.Object
	documents := yaml.NewYAMLReader(bufio.NewReader(r))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading document %d: %w", len(objects)+1, err)
		}
		if onlyComments(document) {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("decoding document %d: %w", len(objects)+1, err)
		}
		objects = append(objects, object)
	}
}

func onlyComments(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "---" {
			return false
		}
	}
	return true
}

// sidecar returns the documents of the sidecar's manifest, one of each kind.
func sidecar(t *testing.T) manifest {
	t.Helper()
	content, err := os.ReadFile(sidecarFile)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	for _, object := range objects {
		switch object := object.(type) {
		case *corev1.ConfigMap:
			m.configMap = object
		case *appsv1.Deployment:
			m.deployment = object
		case *corev1.Service:
			m.service = object
		case *networkingv1.NetworkPolicy:
			m.networkPolicy = object
		default:
			// A Secret in the file would be known to everybody.
			t.Fatalf("document of type %T in %s", object, sidecarFile)
		}
	}
	if len(objects) != 4 || m.configMap == nil || m.deployment == nil || m.service == nil || m.networkPolicy == nil {
		t.Fatalf("%s has %d documents, want one ConfigMap, Deployment, Service and NetworkPolicy", sidecarFile, len(objects))
	}
	return m
}

func TestEveryManifestDecodesStrictly(t *testing.T) {
	files, err := filepath.Glob(root + "/deploy/kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no manifest in deploy/kubernetes")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := decode(bytes.NewReader(content))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if len(objects) == 0 {
			t.Errorf("%s holds no document", file)
		}
	}
}

// Without strict decoding, a mistyped restartPolicy is dropped without an error: the gate
// is then an ordinary init container, and the app never starts. The cases prove that the
// decoder above reports it.
func TestDecodingRefusesWhatTheServerWouldDrop(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - name: gate\n    restartPolicy: Always\n"
	if _, err := decode(strings.NewReader(pod)); err != nil {
		t.Fatalf("decoding the Pod as it should be: %v", err)
	}
	cases := map[string]string{
		"unknown field":     strings.Replace(pod, "restartPolicy", "restartPolice", 1),
		"other letter case": strings.Replace(pod, "restartPolicy", "restartpolicy", 1),
		"duplicate field":   pod + "    restartPolicy: Never\n",
		"unknown kind":      strings.Replace(pod, "kind: Pod", "kind: Pot", 1),
		"unknown version":   strings.Replace(pod, "apiVersion: v1", "apiVersion: v7", 1),
	}
	for name, document := range cases {
		if _, err := decode(strings.NewReader(document)); err == nil {
			t.Errorf("%s: decoded without an error", name)
		}
	}
}
