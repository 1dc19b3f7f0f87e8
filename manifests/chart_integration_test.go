// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/hack/kubetest"
)

const chart = "chart"

// helm runs helm without any configuration of the user's.
func helm(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	cmd := kubetest.Command(kubetest.Binary(t, "helm-v*", "helm"), args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

// template renders the chart, as kustomize renders an overlay: the namespace of the programs with it.
func template(t *testing.T, args ...string) string {
	t.Helper()
	all := append([]string{"template", "muster", chart, "--namespace=" + system, "--set=namespace.create=true,image.tag=latest"}, args...)
	out, err := helm(t, all...)
	if err != nil {
		t.Errorf("helm %s: %v\n%s", strings.Join(all, " "), err, out)
	}
	return out
}

// charts are what the chart installs, by the kustomizations that it has to be equal to.
func charts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"with node-notices": template(t, "--no-hooks", "--values="+chart+"/overlays/ha.yaml", "--set=nodeNotices.enabled=true")}
	files, err := filepath.Glob(chart + "/overlays/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = template(t, "--no-hooks", "--values="+file)
	}
	return all
}

// documents are objects by kind, namespace and name.
func documents(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, document := range regexp.MustCompile(`(?m)^---\s*$`).Split(text, -1) {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if object == nil {
			continue
		}
		metadata, _ := object["metadata"].(map[string]any)
		namespace, _ := metadata["namespace"].(string)
		kind, _ := object["kind"].(string)
		name, _ := metadata["name"].(string)
		key := strings.Join([]string{kind, namespace, name}, "/")
		if all[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		all[key] = object
	}
	return all
}

// generatedName is what kustomize adds to the name of a ConfigMap that it makes, and the chart in its own way, so that a change
// restarts who reads it.
var generatedName = regexp.MustCompile(`\bbatch-scheduler-config-[0-9a-z]{10}\b`)

// untagged is an image without a tag, which stands for the tag latest.
var untagged = regexp.MustCompile(`(?m)^(\s*(?:- )?image: muster/[a-z-]+)$`)

func normal(text string) string {
	return untagged.ReplaceAllString(generatedName.ReplaceAllString(text, "batch-scheduler-config-HASH"), "$1:latest")
}

// split tells what helm does at other times than installing from the rest, without helm's own annotations.
func split(all map[string]map[string]any) (installed, hooks map[string]map[string]any) {
	installed, hooks = map[string]map[string]any{}, map[string]map[string]any{}
	for key, object := range all {
		metadata, _ := object["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		into := installed
		if annotations["helm.sh/hook"] != nil {
			into = hooks
		}
		maps.DeleteFunc(annotations, func(name string, _ any) bool { return strings.HasPrefix(name, "helm.sh/") })
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
		into[key] = object
	}
	return installed, hooks
}

func kustomized(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	out, err := kubetest.Command(kubetest.Binary(t, "kubernetes-v*", "kubectl"), "kustomize", dir).Output()
	if err != nil {
		t.Fatalf("render %s: %v", dir, err)
	}
	return documents(t, normal(string(out)))
}

// TestChartIsTheOverlays holds the chart to what kustomize makes: the same objects, and nothing besides.
func TestChartIsTheOverlays(t *testing.T) {
	t.Parallel()
	rendered, overlays := charts(t), kustomizations(t)
	overlays["clusters"] = kustomization(t, "resources: [OVERLAYS/ha]\ncomponents: [OVERLAYS/../components/clusters]\n")
	rendered["clusters"] = template(t, "--values="+chart+"/overlays/ha.yaml", "--set=cluster.name=CLUSTER,cluster.others=true")
	overlays["podgroups"] = kustomization(t, "resources: [OVERLAYS/dev]\ncomponents: [OVERLAYS/../components/podgroups]\n")
	rendered["podgroups"] = template(t, "--values="+chart+"/overlays/dev.yaml", "--set=podGroups.install=true")
	overlays["monitoring"] = kustomization(t, "resources: [OVERLAYS/dev]\ncomponents: [OVERLAYS/../components/monitoring]\n")
	rendered["monitoring"] = template(t, "--values="+chart+"/overlays/dev.yaml", "--set=monitoring.rules=true")
	if got, want := slices.Sorted(maps.Keys(rendered)), slices.Sorted(maps.Keys(overlays)); !slices.Equal(got, want) {
		t.Errorf("values for %v, overlays %v", got, want)
	}
	for name, dir := range overlays {
		got, _ := split(documents(t, normal(rendered[name])))
		if diff := cmp.Diff(kustomized(t, dir), got); diff != "" {
			t.Errorf("%s: (-kustomize +helm)\n%s", name, diff)
		}
	}
}

// What helm runs before it deletes anything is what manifests/uninstall has.
func TestChartUninstallsAsTheManifestsDo(t *testing.T) {
	t.Parallel()
	_, hooks := split(documents(t, normal(template(t))))
	if diff := cmp.Diff(kustomized(t, "uninstall"), hooks); diff != "" {
		t.Errorf("(-kustomize +helm)\n%s", diff)
	}
}

func TestChartHasNothingToLint(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(chart + "/overlays/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, chart+"/values.yaml") {
		out, err := helm(t, "lint", chart, "--strict", "--values="+file)
		if err != nil || strings.Contains(out, "[WARNING]") || strings.Contains(out, "[ERROR]") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// TestWrongValuesAreRefused also says what is wrong with them.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ set, want string }{
		"a value that there is not":           {"queueApi.replica=2", "replica"},
		"a number of another kind":            {"queueApi.replicas=two", "replicas"},
		"no replica":                          {"scheduler.replicas=0", "replicas"},
		"an unknown fleet":                    {"autoscaler.fleet=gce", "fleet"},
		"a way of authentication":             {"queueApi.auth={password}", "auth"},
		"an argument that is no flag":         {"autoscaler.extraArgs={v=4}", "extraArgs"},
		"a namespace that cannot be":          {"jobs.namespace=Jobs", "namespace"},
		"a level that there is not":           {"jobs.podSecurity=strict", "podSecurity"},
		"a time without a unit":               {"uninstall.timeout=30", "timeout"},
		"EC2 without a cluster":               {"autoscaler.fleet=ec2", "autoscaler.ec2.cluster must be set"},
		"a command's fleet without a command": {"autoscaler.fleet=exec", "autoscaler.command must be set"},
		"a queue of another fleet":            {"autoscaler.ec2.interruptionQueue=q", "needs autoscaler.fleet=ec2"},
		"a member without a name":             {"queueApi.enabled=false", "cluster.name must be set"},
		"a member that knows no Batch API":    {"queueApi.enabled=false,cluster.name=c", "autoscaler.batchEndpoint must be set"},
		"others, and no name of one's own":    {"cluster.others=true", "cluster.name must be set"},
		"two that keep everything in memory":  {"queueApi.dev=true,queueApi.replicas=2", "queueApi.replicas must be 1"},
		"logs in two places":                  {"queueApi.logs.claim=c,queueApi.logs.url=s3://b", "exclude each other"},
		"jobs where queue-api may not be":     {"jobs.onlyIn={other}", "jobs.onlyIn must have jobs.namespace"},
	}
	for name, tc := range cases {
		out, err := helm(t, "template", "muster", chart, "--set="+tc.set)
		if err == nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v, want %q in\n%s", name, err, tc.want, out)
		}
	}
}

// Every name follows the release's namespace and that of jobs.
func TestChartInOtherNamespaces(t *testing.T) {
	t.Parallel()
	out, err := helm(t, "template", "muster", chart, "--namespace=batch", "--values="+chart+"/overlays/restricted.yaml",
		"--set=jobs.namespace=work,jobs.onlyIn={work,more}", "--show-only=templates/*.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	objects := documents(t, out)
	for key := range objects {
		if strings.Contains(key, "muster-system") || strings.Contains(key, "/muster-jobs/") {
			t.Error(key)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^\s*[^#\s].*(muster-system|muster-jobs\b).*$`).FindAllString(out, -1) {
		t.Errorf("left: %s", line)
	}
	for _, want := range []string{
		"RoleBinding/work/muster-queue-api-jobs", "RoleBinding/more/muster-queue-api-jobs",
		"NetworkPolicy/work/no-instance-metadata", "NetworkPolicy/more/no-instance-metadata", "NetworkPolicy/more/jobs", "Deployment/batch/queue-api",
	} {
		if objects[want] == nil {
			t.Errorf("no %s", want)
		}
	}
	for _, want := range []string{"--namespace=work", "--leader-elect-namespace=batch", "http://queue-api.batch.svc", "system:serviceaccount:batch:queue-api"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
}
