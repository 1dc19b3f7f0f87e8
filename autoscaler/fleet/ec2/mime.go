// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
)

// part is one document of user data.
type part struct {
	contentType, content string
}

// withPart makes user data of several parts of the user's own, which may be one script, and one of ours. The same parts make
// the same text.
func withPart(own string, ours part) (string, error) {
	parts, err := split(own)
	if err != nil {
		return "", err
	}
	parts = append(parts, ours)
	sum := sha256.New()
	for _, p := range parts {
		_, _ = sum.Write([]byte(p.contentType + "\x00" + p.content + "\x00"))
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.SetBoundary("muster-" + hex.EncodeToString(sum.Sum(nil)[:12])); err != nil {
		return "", fmt.Errorf("join user data: %w", err)
	}
	for _, p := range parts {
		out, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {p.contentType}})
		if err != nil {
			return "", fmt.Errorf("join user data: %w", err)
		}
		_, _ = io.WriteString(out, p.content)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("join user data: %w", err)
	}
	return "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"" + w.Boundary() + "\"\n\n" + body.String(), nil
}

// split takes a user's user data apart. AWS Batch takes an archive of several parts; a plain script is taken, too.
func split(own string) ([]part, error) {
	switch {
	case strings.TrimSpace(own) == "":
		return nil, nil
	case strings.HasPrefix(own, "#!"):
		return []part{{"text/x-shellscript; charset=\"us-ascii\"", own}}, nil
	}
	message, err := mail.ReadMessage(strings.NewReader(own))
	if err != nil {
		return nil, invalid("the launch template's user data is neither a script nor a MIME archive")
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return nil, invalid("the launch template's user data is no MIME archive of several parts")
	}
	var out []part
	for r := multipart.NewReader(message.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, invalid("the launch template's user data is cut off: %v", err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return nil, invalid("the launch template's user data is cut off: %v", err)
		}
		out = append(out, part{p.Header.Get("Content-Type"), string(content)})
	}
}
