// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// sealer makes text that browsers keep and only servers of the same store read.
type sealer struct {
	key func(context.Context) ([]byte, error)
}

// errSeal means that text was not sealed by us, or for another purpose.
var errSeal = errors.New("not sealed here")

func (s sealer) seal(ctx context.Context, purpose string, v any) (string, error) {
	gcm, err := s.gcm(ctx)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(gcm.Seal(nil, nil, plain, []byte(purpose))), nil
}

func (s sealer) open(ctx context.Context, purpose, text string, v any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errSeal
	}
	gcm, err := s.gcm(ctx)
	if err != nil {
		return err
	}
	plain, err := gcm.Open(nil, nil, sealed, []byte(purpose))
	if err != nil || json.Unmarshal(plain, v) != nil {
		return errSeal
	}
	return nil
}

// gcm has a key of its own: the store's also seals tokens of the API.
func (s sealer) gcm(ctx context.Context) (cipher.AEAD, error) {
	secret, err := s.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "muster.sh/console", 32)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
