// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// decodeBody reads the bounded body of r into the struct that in points to. An empty body is an empty object; members
// that the struct does not know are ignored, and null is as good as absent. The content type is not looked at: old
// clients send none.
func decodeBody(r *http.Request, limit int64, in any) error {
	buf := getBuffer()
	defer putBuffer(buf)
	if err := readBody(r, limit, buf); err != nil {
		return err
	}
	return decode(buf.Bytes(), in)
}

// readBody reads the bounded body of r.
func readBody(r *http.Request, limit int64, buf *bytes.Buffer) error {
	if r.ContentLength > limit {
		return errTooLarge(limit)
	}
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return batch.Invalidf("Request body could not be read: it ended early or came too slowly")
	}
	if int64(buf.Len()) > limit {
		return errTooLarge(limit)
	}
	return nil
}

func errTooLarge(limit int64) error {
	return batch.Invalidf("Request body must be at most %d bytes (%d KiB)", limit, limit>>10)
}

// decode reads one JSON object. It keeps no reference to data.
func decode(data []byte, in any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if depth(data) > maxDepth {
		return batch.Invalidf("Request body must be nested at most %d deep", maxDepth)
	}
	err := json.Unmarshal(data, in)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return batch.Invalidf("Request body is not valid JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &mismatch):
		return batch.Invalidf("%s", mismatchText(mismatch))
	}
	return fmt.Errorf("decode request: %w", err)
}

// mismatchText names the member and the type that it should have had.
func mismatchText(e *json.UnmarshalTypeError) string {
	member := e.Field
	if member == "" {
		member = "Request body"
	}
	value, literal, isNumber := strings.Cut(e.Value, " ")
	if isNumber && len(literal) <= maxIdentity {
		value += " " + literal
	}
	return member + " must be " + wanted(e.Type) + ", not " + value
}

// kinds says what JSON each kind of Go value in a request is read from; all others are objects.
var kinds = map[reflect.Kind]string{
	reflect.String:  "a string",
	reflect.Bool:    "true or false",
	reflect.Int:     "an integer",
	reflect.Int64:   "an integer",
	reflect.Float64: "a number",
	reflect.Slice:   "a list",
}

func wanted(t reflect.Type) string { return cmp.Or(kinds[t.Kind()], "an object") }
