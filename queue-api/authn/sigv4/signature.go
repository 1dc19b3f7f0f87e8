// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// TimeFormat is that of X-Amz-Date.
	TimeFormat = "20060102T150405Z"
	dayFormat  = "20060102"

	headerAuthorization = "Authorization"
	headerDate          = "X-Amz-Date"
	headerToken         = "X-Amz-Security-Token"
	headerContent       = "X-Amz-Content-Sha256"

	// unsignedPayload in the content header says that the body is not part of what is signed.
	unsignedPayload = "UNSIGNED-PAYLOAD"

	// maxKeyID and maxRegion bound what a claim may say of itself.
	maxKeyID  = 128
	maxRegion = 64
)

// Signature is what a request claims: who signed it, when, for what and over which of its parts.
type Signature struct {
	AccessKeyID string
	Region      string
	Service     string
	// Time is that of X-Amz-Date, else of Date.
	Time time.Time
	// Token is the session token, empty for keys that need none. Invariant: it is among what is signed.
	Token string

	day     string   // of the credential scope
	headers []string // signed ones, lower-case, sorted
	mac     []byte
	payload string // X-Amz-Content-Sha256, empty if not sent
}

// IsSigned reports whether h is AWS4-HMAC-SHA256's.
func IsSigned(h http.Header) bool { return strings.HasPrefix(h.Get(headerAuthorization), algorithm) }

// Parse reads the claim. Its error is an IncompleteSignatureException that says what is missing.
func Parse(r *http.Request) (Signature, error) {
	var s Signature
	list := r.Header[headerAuthorization]
	if len(list) != 1 {
		return s, incomplete("Request must have one Authorization header")
	}
	rest, ok := strings.CutPrefix(list[0], algorithm+" ")
	if !ok {
		return s, incomplete("Authorization header must begin with '" + algorithm + "'")
	}
	fields, err := parseFields(rest)
	if err != nil {
		return s, err
	}
	if err := s.parseCredential(fields["Credential"]); err != nil {
		return s, err
	}
	s.headers = strings.Split(fields["SignedHeaders"], ";")
	if s.mac, err = hex.DecodeString(fields["Signature"]); err != nil || len(s.mac) != 32 {
		return s, incomplete("Authorization header requires a 'Signature' of 64 hexadecimal digits")
	}
	return s, s.parseHeaders(r)
}

// parseFields reads "Credential=…, SignedHeaders=…, Signature=…" in any order, each once.
func parseFields(text string) (map[string]string, error) {
	fields := make(map[string]string, 3)
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if fields[name] != "" {
			return nil, incomplete("Authorization header has more than one '" + name + "' parameter")
		}
		fields[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if fields[name] == "" {
			return nil, incomplete("Authorization header requires '" + name + "' parameter")
		}
	}
	if len(fields) != 3 {
		return nil, incomplete("Authorization header has parameters that do not belong there")
	}
	return fields, nil
}

// parseCredential reads <access key id>/<date>/<region>/<service>/aws4_request, from the end: an access key id of one's
// own making may hold slashes.
func (s *Signature) parseCredential(text string) error {
	parts := strings.Split(text, "/")
	n := len(parts) - 4
	if n < 1 || parts[n+3] != terminator {
		return incomplete("Credential must have the form <access key id>/<date>/<region>/<service>/" + terminator)
	}
	s.AccessKeyID, s.day, s.Region, s.Service = strings.Join(parts[:n], "/"), parts[n], parts[n+1], parts[n+2]
	if !isPlain(s.AccessKeyID, maxKeyID) || !isRegion(s.Region) {
		return incomplete("Credential must name an access key id and a region")
	}
	return nil
}

// parseHeaders reads what the other headers say and holds the list of signed ones to the rules.
func (s *Signature) parseHeaders(r *http.Request) error {
	if !slices.IsSorted(s.headers) || len(slices.Compact(slices.Clone(s.headers))) != len(s.headers) {
		return incomplete("SignedHeaders must be sorted and name each header once")
	}
	if !s.Signs("host") {
		return incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization")
	}
	for _, name := range []string{headerDate, headerToken, headerContent} {
		if len(r.Header[name]) > 1 {
			return incomplete(name + " must be sent once")
		}
		if r.Header.Get(name) != "" && !s.Signs(strings.ToLower(name)) {
			return incomplete("'" + name + "' must be a 'SignedHeader' in the AWS Authorization")
		}
	}
	s.Token, s.payload = r.Header.Get(headerToken), r.Header.Get(headerContent)
	return s.parseTime(r.Header)
}

func (s *Signature) parseTime(h http.Header) error {
	var err error
	if date := h.Get(headerDate); date != "" {
		s.Time, err = time.Parse(TimeFormat, date)
	} else if date = h.Get("Date"); date != "" && s.Signs("date") {
		if s.Time, err = http.ParseTime(date); err != nil {
			s.Time, err = time.Parse(TimeFormat, date)
		}
	} else {
		return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header")
	}
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	s.Time = s.Time.UTC()
	return nil
}

// Signs reports whether the header of that lower-case name is part of what is signed.
func (s *Signature) Signs(name string) bool { return slices.Contains(s.headers, name) }

// Check holds the claim to the server's service and clock. AWS: clocks may differ by five minutes. Its error is an
// InvalidSignatureException, which makes SDKs set their clock by the reply's Date and try again.
func (s *Signature) Check(service string, now time.Time, skew time.Duration) error {
	switch {
	case s.Service != service:
		return invalid("Credential should be scoped to correct service: '" + service + "'. ")
	case s.day != s.Time.Format(dayFormat):
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			s.day + "' != '" + s.Time.Format(dayFormat) + "', from '" + s.Time.Format(TimeFormat) + "'.")
	case s.Time.Before(now.Add(-skew)):
		return invalid("Signature expired: " + s.Time.Format(TimeFormat) + " is now earlier than " + now.UTC().Add(-skew).Format(TimeFormat))
	case s.Time.After(now.Add(skew)):
		return invalid("Signature not yet current: " + s.Time.Format(TimeFormat) + " is still later than " + now.UTC().Add(skew).Format(TimeFormat))
	}
	return nil
}

func incomplete(text string) error {
	return &batch.Error{Code: batch.CodeIncompleteSignature, Message: text}
}

func invalid(text string) error {
	return &batch.Error{Code: batch.CodeInvalidSignature, Message: text}
}

// isPlain reports whether s is of up to limit printable ASCII characters without spaces.
func isPlain(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isRegion reports whether s can stand in an ARN: lower-case letters, digits and hyphens.
func isRegion(s string) bool {
	if !isPlain(s, maxRegion) {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
