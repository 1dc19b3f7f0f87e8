// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	// maxFile bounds one file, maxDocuments what is applied at once.
	maxFile      = 8 << 20
	maxDocuments = 5000
)

// Document says how one thing is to be.
type Document struct {
	Kind *Kind
	Name string
	// Body has what can be set. A tag that is nil is to be taken away.
	Body map[string]any
	// Source says where it stands, for messages.
	Source string
}

// ID names the thing on a command line.
func (d *Document) ID() string { return d.Kind.Short + "/" + d.Name }

// Load reads files, folders and, for -, stdin, in the order of creation. Of folders the files count that end in .yaml, .yml or .json,
// with recursive also those of folders in them.
func Load(paths []string, recursive bool, stdin io.Reader) ([]Document, error) {
	var docs []Document
	for _, path := range paths {
		files := []string{path}
		if path != "-" {
			var err error
			if files, err = filesAt(path, recursive); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			found, err := loadFile(file, stdin)
			if err != nil {
				return nil, err
			}
			if docs = append(docs, found...); len(docs) > maxDocuments {
				return nil, fmt.Errorf("more than %d documents: apply them in parts", maxDocuments)
			}
		}
	}
	if len(docs) == 0 {
		return nil, fmt.Errorf("no documents in %s", strings.Join(paths, ", "))
	}
	return docs, order(docs)
}

// filesAt are the files that a path means.
func filesAt(path string, recursive bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && at != path && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(at)):
			files = append(files, at)
		}
		return nil
	})
	return files, err
}

func loadFile(path string, stdin io.Reader) ([]Document, error) {
	if path == "-" {
		return Read(stdin, "stdin")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, path)
}

// order puts documents in the order of creation, as they were within a kind, and refuses two that say how the same thing is to be.
func order(docs []Document) error {
	slices.SortStableFunc(docs, func(a, b Document) int { return a.Kind.rank() - b.Kind.rank() })
	seen := map[string]string{}
	for i := range docs {
		id := docs[i].ID()
		if other, ok := seen[id]; ok {
			return fmt.Errorf("%s: %s is in %s, too", docs[i].Source, id, other)
		}
		seen[id] = docs[i].Source
	}
	return nil
}

// Read reads the documents of one file: YAML, separated by ---, or JSON values behind each other.
func Read(r io.Reader, source string) ([]Document, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: is larger than %d MiB", source, maxFile>>20)
	}
	var docs []Document
	err = eachValue(content, func(n int, value any) error {
		return eachBody(value, fmt.Sprintf("%s: document %d", source, n), func(d Document) error {
			if docs = append(docs, d); len(docs) > maxDocuments {
				return fmt.Errorf("%s: has more than %d documents", source, maxDocuments)
			}
			return nil
		})
	}, source)
	return docs, err
}

// eachValue decodes one document after the other; n counts from 1.
func eachValue(content []byte, do func(n int, value any) error, source string) error {
	if isJSON(content) {
		return eachJSON(content, do, source)
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for n := 1; ; n++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: document %d: %w", source, n, err)
		}
		converted, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return fmt.Errorf("%s: document %d: %w", source, n, plain(err))
		}
		value, err := decodeValue(json.NewDecoder(bytes.NewReader(converted)))
		if err != nil {
			return fmt.Errorf("%s: document %d: %w", source, n, err)
		}
		if value == nil { // comments only
			n--
			continue
		}
		if err := do(n, value); err != nil {
			return err
		}
	}
}

// isJSON reports whether content is JSON objects and lists behind each other. Everything else is YAML, or what is wrong with it is said
// in YAML's terms.
func isJSON(content []byte) bool {
	if start := bytes.TrimSpace(content); len(start) == 0 || start[0] != '{' && start[0] != '[' {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func eachJSON(content []byte, do func(n int, value any) error, source string) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	for n := 1; ; n++ {
		value, err := decodeValue(decoder)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: document %d: %w", source, n, err)
		}
		if err := do(n, value); err != nil {
			return err
		}
	}
}

// decodeValue keeps numbers as they were written.
func decodeValue(decoder *json.Decoder) (any, error) {
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// plain leaves out the words that the YAML reader's packages begin their errors with.
func plain(err error) error {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(text)
}

// eachBody takes lists apart.
func eachBody(value any, source string, do func(Document) error) error {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			if err := eachBody(item, fmt.Sprintf("%s, item %d", source, i+1), do); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if kind, _ := value[memberKind].(string); kind == kindList {
			items, ok := value[memberItems].([]any)
			if !ok {
				return fmt.Errorf("%s: items must be a list", source)
			}
			return eachBody(items, source, do)
		}
		d, err := newDocument(value, source)
		if err != nil {
			return err
		}
		return do(d)
	}
	return fmt.Errorf("%s: must be an object with a kind, one of %s", source, kindNames())
}
