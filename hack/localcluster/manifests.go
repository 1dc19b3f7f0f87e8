// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// manifest is one object of the manifests: as much of it as says where it goes, and its text.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	text []byte
}

// applied are the kinds that a local cluster takes from the manifests, in the order they are needed: what the programs
// run as and may do, and what pods may say, but not the programs themselves, which run as processes. By kind: the resource,
// and whether it lies in a namespace.
var applied = []struct {
	kind, resource string
	namespaced     bool
}{
	{kind: "Namespace", resource: "namespaces"},
	{kind: "CustomResourceDefinition", resource: "customresourcedefinitions"},
	{kind: "PriorityClass", resource: "priorityclasses"},
	{kind: "ServiceAccount", resource: "serviceaccounts", namespaced: true},
	{kind: "ClusterRole", resource: "clusterroles"},
	{kind: "ClusterRoleBinding", resource: "clusterrolebindings"},
	{kind: "Role", resource: "roles", namespaced: true},
	{kind: "RoleBinding", resource: "rolebindings", namespaced: true},
	{kind: "ValidatingAdmissionPolicy", resource: "validatingadmissionpolicies"},
	{kind: "ValidatingAdmissionPolicyBinding", resource: "validatingadmissionpolicybindings"},
}

// applyManifests gives the API server the namespaces, permissions and admission policies of manifests/base.
func (c *cluster) applyManifests(ctx context.Context, line *progress.Step) error {
	all, err := readManifests(filepath.Join(c.Source, "manifests", "base"))
	if err != nil {
		return err
	}
	count := 0
	for _, kind := range applied {
		for _, m := range all {
			if m.Kind != kind.kind {
				continue
			}
			if err := c.apply(ctx, m, kind.resource, kind.namespaced); err != nil {
				return fmt.Errorf("apply %s %s: %w", m.Kind, m.Metadata.Name, err)
			}
			count++
		}
	}
	line.Note("%d objects", count)
	return nil
}

// apply is a server-side apply, which takes YAML as it stands.
func (c *cluster) apply(ctx context.Context, m manifest, resource string, namespaced bool) error {
	group := "/apis/" + m.APIVersion
	if m.APIVersion == "v1" {
		group = "/api/v1"
	}
	if namespaced {
		group += "/namespaces/" + url.PathEscape(m.Metadata.Namespace)
	}
	target := fmt.Sprintf("%s%s/%s/%s?fieldManager=localcluster&force=true", c.apiServerURL(), group, resource, url.PathEscape(m.Metadata.Name))
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, target, bytes.NewReader(m.text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	response, err := c.api.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(body))
	}
	return nil
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

// readManifests reads every object below dir. Objects without a namespace get that of the system, as kustomize would
// give them.
func readManifests(dir string) ([]manifest, error) {
	var all []manifest
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(file)) {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, text := range separator.Split(string(content), -1) {
			m := manifest{text: []byte(text)}
			if err := yaml.Unmarshal(m.text, &m); err != nil {
				return fmt.Errorf("parse %s: %w", file, err)
			}
			if m.Metadata.Namespace == "" {
				m.Metadata.Namespace = systemNamespace
			}
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return all, nil
}
