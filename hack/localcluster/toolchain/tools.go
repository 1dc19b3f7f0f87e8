// SPDX-License-Identifier: Apache-2.0

package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Toolchain builds the tools of one checkout.
type Toolchain struct {
	// Source is the root of the checkout.
	Source string
	// Cache is the folder of what was built, a folder per tool and version.
	Cache string
}

// Tool is a module under hack/tools and the programs built from it.
type Tool struct {
	// Name is the module's folder.
	Name string
	// module is the dependency whose version is the tool's; empty for a tool that is its own source.
	module   string
	programs []program
	// stamp is the variable, if any, that a program reports its version from.
	stamp string
	// static tools run inside containers that hold nothing else.
	static bool
}

// program is one binary: its name, and the package it is built from.
type program struct {
	name, pkg string
}

// The tools.
var (
	Kubernetes = Tool{
		Name: "kubernetes", module: "k8s.io/kubernetes", stamp: "k8s.io/component-base/version.gitVersion",
		programs: []program{
			{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
			{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
			{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
			{"kubectl", "k8s.io/kubernetes/cmd/kubectl"},
		},
	}
	Etcd = Tool{
		Name: "etcd", module: "go.etcd.io/etcd/server/v3",
		programs: []program{{"etcd", "go.etcd.io/etcd/server/v3"}},
	}
	Kwok = Tool{
		Name: "kwok", module: "sigs.k8s.io/kwok", stamp: "sigs.k8s.io/kwok/pkg/consts.Version",
		programs: []program{{"kwok", "sigs.k8s.io/kwok/cmd/kwok"}},
	}
	Helm = Tool{
		Name: "helm", module: "helm.sh/helm/v4", stamp: "helm.sh/helm/v4/internal/version.version",
		programs: []program{{"helm", "helm.sh/helm/v4/cmd/helm"}},
	}
	VersityGW = Tool{
		Name: "versitygw", module: "github.com/versity/versitygw", stamp: "main.Version", static: true,
		programs: []program{{"versitygw", "github.com/versity/versitygw/cmd/versitygw"}},
	}
	Registry = Tool{
		Name: "registry", static: true,
		programs: []program{{"registry", "."}, {"pause", "./pause"}},
	}
)

// All are all tools.
var All = []Tool{Etcd, Registry, Kubernetes, Kwok, Helm, VersityGW}

// Tools are the tools that a cluster with real nodes, or simulated ones, needs.
func Tools(simulated bool) []Tool {
	if simulated {
		return []Tool{Etcd, Kubernetes, Kwok}
	}
	return []Tool{Etcd, Registry, Kubernetes}
}

// Binary is where the named program of a tool is, or will be once built.
func (t Toolchain) Binary(tool Tool, name string) string {
	return filepath.Join(t.folder(tool), name)
}

// Find is where the named program is, whichever tool's it is.
func (t Toolchain) Find(name string) (file string, ok bool) {
	for _, tool := range All {
		if slices.ContainsFunc(tool.programs, func(p program) bool { return p.name == name }) {
			return t.Binary(tool, name), true
		}
	}
	return "", false
}

// IsBuilt reports whether every program of a tool is there.
func (t Toolchain) IsBuilt(tool Tool) bool {
	for _, p := range tool.programs {
		if _, err := os.Stat(t.Binary(tool, p.name)); err != nil {
			return false
		}
	}
	return true
}

func (t Toolchain) folder(tool Tool) string {
	return filepath.Join(t.Cache, tool.Name+"-"+t.Version(tool))
}

func (t Toolchain) module(tool Tool) string {
	return filepath.Join(t.Source, "hack", "tools", tool.Name)
}

// Version is the version that the tool's go.mod requires, or a hash of the source of a tool that is its own.
func (t Toolchain) Version(tool Tool) string {
	if tool.module == "" {
		return hash(t.module(tool))
	}
	content, err := os.ReadFile(filepath.Join(t.module(tool), "go.mod"))
	if err != nil {
		return unknown
	}
	required := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(tool.module) + ` (v\S+)`)
	match := required.FindSubmatch(content)
	if match == nil {
		return unknown
	}
	return string(match[1])
}

// unknown is the version of a tool that the checkout does not have.
const unknown = "unknown"

// hash is a short digest of the Go files below dir.
func hash(dir string) string {
	digest := sha256.New()
	_ = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(file, "_test.go") {
			return err
		}
		content, err := os.ReadFile(file)
		fmt.Fprintln(digest, strings.TrimPrefix(file, dir), len(content))
		digest.Write(content)
		return err
	})
	return hex.EncodeToString(digest.Sum(nil))[:12]
}
