// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// Printer prints in one format.
type Printer struct {
	Out    io.Writer
	Format Format
	// IsTerminal says that Out is one.
	IsTerminal bool
	// Columns is the terminal's width, 0 for any.
	Columns int
	// Colors says that text may be painted.
	Colors bool
	// NoHeaders leaves out the first line of tables.
	NoHeaders bool
}

// View is an answer in all the forms that it can be printed in.
type View struct {
	// Object is what JSON, YAML and templates show, with the names that the API gives things.
	Object any
	// Names are what -o name prints, a line each: what other commands take as an argument.
	Names []string
	// Human prints it as a table. It cleans what it prints; see Clean.
	Human func(p *Printer) error
}

// Writer is for text that may hold anything: a terminal gets it clean, anything else byte by byte.
func (p *Printer) Writer() io.Writer {
	if p.IsTerminal {
		return &cleaner{w: p.Out}
	}
	return p.Out
}

// Print prints a View in the printer's format.
func (p *Printer) Print(v View) error {
	switch p.Format.Kind {
	case JSON:
		return p.json(v.Object)
	case YAML:
		content, err := yaml.Marshal(v.Object)
		if err != nil {
			return fmt.Errorf("print YAML: %w", err)
		}
		_, err = p.Writer().Write(content)
		return err
	case JSONPath, GoTemplate:
		return p.template(v.Object)
	case Name:
		for _, name := range v.Names {
			if _, err := fmt.Fprintln(p.Out, Clean(name)); err != nil {
				return err
			}
		}
		return nil
	case TableKind, Wide:
	}
	return v.Human(p)
}

func (p *Printer) json(object any) error {
	encoder := json.NewEncoder(p.Writer())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// template prints what a jsonpath or a Go template makes of an object, through kubectl's own printers. What one of them made until
// it failed, and says about its failure, is too long to be shown.
func (p *Printer) template(object any) error {
	printer, err := p.Format.printer()
	if err != nil {
		return err
	}
	content, err := contentOf(object)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := printer.PrintObj(&unstructured.Unstructured{Object: content}, &b); err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		text, _, _ = strings.Cut(text, ". Printing more")
		return fmt.Errorf("-o %s: %s", p.Format.Kind, text)
	}
	if b.Len() > 0 && p.Format.Kind == JSONPath && p.IsTerminal && b.Bytes()[b.Len()-1] != '\n' {
		b.WriteByte('\n') // else the shell's prompt stands behind it
	}
	_, err = p.Writer().Write(b.Bytes())
	return err
}

func (f Format) printer() (printers.ResourcePrinter, error) {
	if f.Kind == GoTemplate {
		printer, err := printers.NewGoTemplatePrinter([]byte(f.Template))
		if err != nil {
			return nil, fmt.Errorf("-o go-template: %w", err)
		}
		return printer, nil
	}
	printer, err := printers.NewJSONPathPrinter(braced(f.Template))
	if err != nil {
		return nil, fmt.Errorf("-o jsonpath: %w", err)
	}
	printer.AllowMissingKeys(true)
	return printer, nil
}

// braced lets a single path stand without its braces, and without its leading dot, as kubectl does.
func braced(path string) string {
	if strings.ContainsAny(path, "{}") {
		return path
	}
	return "{." + strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".") + "}"
}

// contentOf is an object as templates see it, with integers as such. A list is what is at items.
func contentOf(object any) (map[string]any, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	if bytes.HasPrefix(encoded, []byte("[")) {
		encoded = append(append([]byte(`{"items":`), encoded...), '}')
	}
	content := map[string]any{}
	if err := kjson.Unmarshal(encoded, &content); err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	return runtime.DeepCopyJSON(content), nil
}
