// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// Verify reports whether secret made the signature over this request and body. It takes the same time wherever signatures
// differ. r must be as the server received it: its RequestURI is what the client sent.
func (s *Signature) Verify(r *http.Request, body []byte, secret string) bool {
	key := s.signingKey(secret)
	for _, order := range orders {
		canonical, ok := s.canonicalRequest(r, body, order)
		if !ok {
			return false
		}
		if hmac.Equal(s.mac, sign(key, s.stringToSign(canonical))) {
			return true
		}
		if !strings.Contains(r.RequestURI, "&") { // one parameter has one order
			return false
		}
	}
	return false
}

// canonicalRequest is the request in the form that both sides sign. ok is false if the request has none: it names a header
// that is not there, its body is not the one it claims, or its target is malformed.
func (s *Signature) canonicalRequest(r *http.Request, body []byte, order order) (text string, ok bool) {
	path, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	query, ok := canonicalQuery(rawQuery, order)
	if !ok || !strings.HasPrefix(path, "/") {
		return "", false
	}
	payload, ok := s.payloadHash(body)
	if !ok {
		return "", false
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escape(cleanPath(path), "/") + "\n" + query + "\n")
	for _, name := range s.headers {
		value, ok := headerValue(r, name)
		if !ok {
			return "", false
		}
		b.WriteString(name + ":" + value + "\n")
	}
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + payload)
	return b.String(), true
}

// payloadHash is the last line of the canonical request. A hash that the client sent must be the body's own.
func (s *Signature) payloadHash(body []byte) (hash string, ok bool) {
	if s.payload == unsignedPayload { // parseHeaders saw that this word is signed
		return unsignedPayload, true
	}
	sum := sha256.Sum256(body)
	hash = hex.EncodeToString(sum[:])
	return hash, s.payload == "" || s.payload == hash
}

// headerValue joins a header's values, runs of spaces made one. net/http keeps the host and the length apart.
func headerValue(r *http.Request, name string) (value string, ok bool) {
	switch name {
	case "host":
		return strings.TrimSpace(r.Host), r.Host != ""
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ","), len(r.TransferEncoding) > 0
	}
	values := r.Header[http.CanonicalHeaderKey(name)]
	if len(values) == 0 || name != strings.ToLower(name) {
		return "", false
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' || c == '\t' }), " ")
	}
	return strings.Join(trimmed, ","), true
}

func (s *Signature) scope() string {
	return s.day + "/" + s.Region + "/" + s.Service + "/" + terminator
}

func (s *Signature) stringToSign(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return algorithm + "\n" + s.Time.Format(TimeFormat) + "\n" + s.scope() + "\n" + hex.EncodeToString(sum[:])
}

func (s *Signature) signingKey(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.day, s.Region, s.Service, terminator} {
		key = sign(key, part)
	}
	return key
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// cleanPath resolves dots and doubled slashes, as AWS does for every service but S3, and keeps a slash at the end.
func cleanPath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	parts := strings.Split(path, "/")
	for _, part := range parts {
		switch part {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, part)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	last := parts[len(parts)-1]
	if len(kept) > 0 && (last == "" || last == "." || last == "..") {
		clean += "/"
	}
	return clean
}

// parameter is one of a query's, decoded.
type parameter struct{ name, value string }

func (p parameter) encode() string { return escape(p.name, "") + "=" + escape(p.value, "") }

// order compares parameters.
type order func(a, b parameter) int

// orders are those in which clients sign a query: AWS's documentation and botocore sort what is encoded, the Go SDK sorts
// before it encodes. Both sign the same parameters.
var orders = [...]order{byEncoded, byDecoded}

func byEncoded(a, b parameter) int {
	return byDecoded(parameter{escape(a.name, ""), escape(a.value, "")}, parameter{escape(b.name, ""), escape(b.value, "")})
}

func byDecoded(a, b parameter) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
}

// canonicalQuery sorts and encodes the parameters. A plus means a space, as it does to whoever reads the parameters
// afterwards. ok is false for a broken escape.
func canonicalQuery(raw string, order order) (query string, ok bool) {
	var list []parameter
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, nameOK := unescape(name)
		v, valueOK := unescape(value)
		if !nameOK || !valueOK {
			return "", false
		}
		list = append(list, parameter{n, v})
	}
	slices.SortFunc(list, order)
	pairs := make([]string, len(list))
	for i, p := range list {
		pairs[i] = p.encode()
	}
	return strings.Join(pairs, "&"), true
}

const upperHex = "0123456789ABCDEF"

// escape encodes every byte that is neither unreserved (RFC 3986) nor one of keep.
func escape(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isUnreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return b.String()
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// unescape decodes a query's name or value.
func unescape(s string) (text string, ok bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] != '%':
			b.WriteByte(s[i])
		case i+2 >= len(s):
			return "", false
		default:
			c, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", false
			}
			b.Write(c)
			i += 2
		}
	}
	return b.String(), true
}
