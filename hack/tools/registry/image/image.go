// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Program is the image of the static program at file, its entrypoint, of the certificates at roots that it trusts others
// by, unless that is empty, and of nothing else but other names of the program. It runs as nobody unless the pod says otherwise.
func Program(file, roots string, origin Origin, links ...string) (v1.Image, error) {
	binary, err := readStatic(file)
	if err != nil {
		return nil, err
	}
	entry := "/" + filepath.Base(file)
	nodes := []node{{name: entry, mode: 0o755, data: binary}}
	for _, link := range links {
		nodes = append(nodes, node{name: "/" + link, mode: 0o755, link: entry})
	}
	if roots != "" {
		certificates, err := os.ReadFile(roots)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node{name: rootsFile, mode: 0o644, data: certificates})
	}
	return build(nodes, v1.Config{
		Entrypoint: []string{entry}, User: "65534:65534", Env: []string{searchPath}, Labels: origin.labels(filepath.Base(file)),
	}, architecture(binary), origin.Created)
}

// rootsFile is where Go looks for certificates.
const rootsFile = "/etc/ssl/certs/ca-certificates.crt"

// architecture is what a program runs on, as images name it.
func architecture(binary []byte) string {
	program, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return runtime.GOARCH
	}
	switch program.Machine {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	default:
		return runtime.GOARCH
	}
}

// Origin says what a program was built from.
type Origin struct {
	Version  string
	Revision string // of the source
	Source   string // where that is
	Licence  string // its SPDX identifier
	Created  time.Time
}

func (o Origin) labels(title string) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title": title, "org.opencontainers.image.version": o.Version, "org.opencontainers.image.revision": o.Revision,
		"org.opencontainers.image.source": o.Source, "org.opencontainers.image.licenses": o.Licence,
	}
	if !o.Created.IsZero() {
		labels["org.opencontainers.image.created"] = o.Created.UTC().Format(time.RFC3339)
	}
	maps.DeleteFunc(labels, func(_, v string) bool { return v == "" })
	return labels
}

// Busybox is the image of the static busybox at file, as Docker Hub's: every applet a link, /bin/sh, users root and
// nobody, a world-writable /tmp.
func Busybox(file string) (v1.Image, error) {
	binary, err := readStatic(file)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(file, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("list applets: %w", err)
	}
	nodes := []node{
		{name: "/bin/busybox", mode: 0o755, data: binary},
		{name: "/etc/passwd", mode: 0o644, data: []byte(passwd)},
		{name: "/etc/group", mode: 0o644, data: []byte(group)},
		{name: "/tmp/", mode: 0o1777},
		{name: "/var/tmp/", mode: 0o1777},
		{name: "root/", mode: 0o700},
		{name: "/home/", mode: 0o755},
	}
	linked := map[string]bool{"/bin/busybox": true}
	for applet := range strings.FieldsSeq(string(applets)) {
		// Docker Hub's image has every applet in /bin; Debian's busybox names each where Debian has it.
		for _, name := range []string{path.Join("/bin", path.Base(applet)), path.Join("/", applet)} {
			if !linked[name] {
				linked[name] = true
				nodes = append(nodes, node{name: name, mode: 0o755, link: "/bin/busybox"})
			}
		}
	}
	return build(nodes, v1.Config{Cmd: []string{"sh"}, Env: []string{searchPath}}, runtime.GOARCH, time.Time{})
}

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
	group  = "root:x:0:\ndaemon:x:1:\nusers:x:100:\nnogroup:x:65534:\n"
)

// readStatic reads a program and refuses one that needs a dynamic linker: an image holds nothing but the program.
func readStatic(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	program, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is dynamically linked", file)
		}
	}
	return data, nil
}

// node is one entry of a layer: a folder when the name ends in a slash, a hard link when link is set, else a file.
type node struct {
	name string
	mode int64
	data []byte
	link string
}

func (n node) header() *tar.Header {
	header := &tar.Header{Name: strings.TrimPrefix(n.name, "/"), Mode: n.mode, Typeflag: tar.TypeReg, Size: int64(len(n.data))}
	switch {
	case strings.HasSuffix(n.name, "/"):
		header.Typeflag = tar.TypeDir
	case n.link != "":
		header.Typeflag, header.Linkname = tar.TypeLink, strings.TrimPrefix(n.link, "/")
	}
	return header
}

// build makes an image of one layer, in the form that OCI has agreed on. The same nodes give the same digest.
func build(nodes []node, config v1.Config, architecture string, created time.Time) (v1.Image, error) {
	content, err := archive(nodes)
	if err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make layer: %w", err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return nil, fmt.Errorf("append layer: %w", err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config, file.Created = "linux", architecture, config, v1.Time{Time: created.UTC()}
	return mutate.ConfigFile(img, file)
}

// archive writes nodes as a tar file, each after the folders it lies in.
func archive(nodes []node) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	made := map[string]bool{"./": true, "/": true}
	for _, n := range nodes {
		for _, entry := range append(folders(n.name), n) {
			header := entry.header()
			if header.Typeflag == tar.TypeDir && made[entry.name] {
				continue
			}
			made[entry.name] = true
			if err := writer.WriteHeader(header); err != nil {
				return nil, err
			}
			if _, err := writer.Write(entry.data); err != nil {
				return nil, err
			}
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// folders are the folders above name, outermost first.
func folders(name string) []node {
	var above []node
	for dir := path.Dir(strings.TrimSuffix(name, "/")); dir != "/" && dir != "."; dir = path.Dir(dir) {
		above = append([]node{{name: dir + "/", mode: 0o755}}, above...)
	}
	return above
}
