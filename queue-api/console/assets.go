// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// assets are the static files, under a path that changes with any of them, so that browsers may keep them for ever.
type assets struct {
	version string
	files   map[string]asset
}

type asset struct {
	kind         string
	plain, small []byte // small is compressed
}

// kinds of static files. A file of another kind is not served.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (assets, error) {
	a := assets{files: map[string]asset{}}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return a, fmt.Errorf("static files: %w", err)
	}
	sum := sha256.New()
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return a, fmt.Errorf("static files: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", e.Name(), len(content), content)
		kind, ok := kinds[path.Ext(e.Name())]
		if !ok {
			return a, fmt.Errorf("static file %s: of no known kind", e.Name())
		}
		a.files[e.Name()] = asset{kind: kind, plain: content, small: compress(content)}
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return a, nil
}

// link is where a file is.
func (a assets) link(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("there is no static file %s", name)
	}
	return Root + "static/" + a.version + "/" + name, nil
}

// ServeHTTP serves the file of a path. A page of another version of the server, while it is upgraded, gets ours and does not keep
// it.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	if r.PathValue("version") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	write(w, r, http.StatusOK, file.plain, file.small)
}

// writeHTML sends a page.
func writeHTML(w http.ResponseWriter, r *http.Request, status int, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var small []byte
	if takesGzip(r) {
		small = compress(page)
	}
	write(w, r, status, page, small)
}

func write(w http.ResponseWriter, r *http.Request, status int, plain, small []byte) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	body := plain
	if takesGzip(r) && len(small) < len(plain) {
		h.Set("Content-Encoding", "gzip")
		body = small
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // fails only when the client is gone
	}
}

func takesGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.Copy(z, bytes.NewReader(content)) // a buffer always takes it
	_ = z.Close()
	return b.Bytes()
}
