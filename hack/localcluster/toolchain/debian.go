// SPDX-License-Identifier: Apache-2.0

package toolchain

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Package is a Debian package and what shows that it, or another that does the same, is there. Looking for the program and
// not for the package leaves another vendor's containerd alone, which apt would replace.
type Package struct {
	Name    string
	isThere func() bool
}

// Packages are what a cluster needs of Debian: Redis always, a container runtime for real nodes.
func Packages(simulated bool) []Package {
	packages := []Package{{"redis-server", inPath("redis-server")}}
	if simulated {
		return packages
	}
	return append(packages,
		Package{"containerd", inPath("containerd", "ctr", "containerd-shim-runc-v2")},
		Package{"runc", inPath("runc")},
		Package{"containernetworking-plugins", func() bool { return CNIFolder() != "" }},
		Package{"busybox-static", func() bool { return Busybox() != "" }},
		Package{"conntrack", inPath("conntrack")},
		Package{"iptables", inPath("iptables")},
	)
}

// ClientPackages are AWS's clients, which people and the tests use, the browser that the tests of the console use, and Prometheus'
// promtool, which those of alerts use; the cluster itself does without.
func ClientPackages() []Package {
	return []Package{
		{"awscli", func() bool { return isFile("/usr/bin/aws") || isFile("/usr/local/bin/aws") }},
		{"python3-boto3", func() bool { return isFile("/usr/lib/python3/dist-packages/boto3/__init__.py") }},
		{"nodejs", inPath("node")},
		{"npm", inPath("npm")},
		{"chromium", func() bool { return inPath("chromium")() || inPath("chromium-browser")() || inPath("google-chrome")() }},
		{"prometheus", inPath("promtool")},
	}
}

// Missing are the names of those packages that are not there.
func Missing(packages []Package) []string {
	var missing []string
	for _, p := range packages {
		if !p.isThere() {
			missing = append(missing, p.Name)
		}
	}
	return missing
}

// Install installs packages by apt-get, which needs root. The error holds what apt-get printed.
func Install(ctx context.Context, names []string, report Report) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("missing: %s; as root: apt-get install %s", strings.Join(names, ", "), strings.Join(names, " "))
	}
	install := append([]string{"install", "-y", "--no-install-recommends"}, names...)
	for _, args := range [][]string{{"update"}, install} {
		report("apt-get %s", strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w:\n%s", args[0], err, output)
		}
	}
	return nil
}

// LookPath finds a program in PATH or where Debian keeps those of root, which a user's PATH may lack.
func LookPath(name string) string {
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if file := filepath.Join(dir, name); isFile(file) {
			return file
		}
	}
	return ""
}

// CNIFolder is where the network plugins are: Debian's place, then upstream's.
func CNIFolder() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if isFile(filepath.Join(dir, "ptp")) && isFile(filepath.Join(dir, "loopback")) {
			return dir
		}
	}
	return ""
}

// Busybox is a busybox that runs in an empty container: a static one.
func Busybox() string {
	const file = "/bin/busybox"
	program, err := elf.Open(file)
	if err != nil {
		return ""
	}
	defer program.Close()
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return ""
		}
	}
	return file
}

func inPath(names ...string) func() bool {
	return func() bool {
		for _, name := range names {
			if LookPath(name) == "" {
				return false
			}
		}
		return true
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
