// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Login is what a login left to be used again at one endpoint, and nowhere else.
type Login struct {
	Token string `json:"token"`
	// The rest is there if the token can be made anew when it ends.
	Refresh  string    `json:"refresh,omitzero"`
	Issuer   string    `json:"issuer,omitzero"`
	ClientID string    `json:"clientId,omitzero"`
	Expiry   time.Time `json:"expiry,omitzero"`
}

// Logins is the file of saved logins, which only its owner may read. The zero Logins is that of the user.
type Logins struct {
	// Path is the file's; empty is muster/logins.json in the user's folder for settings.
	Path string
}

func (l Logins) path() (string, error) {
	if l.Path != "" {
		return l.Path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("saved logins: %w", err)
	}
	return filepath.Join(dir, "muster", "logins.json"), nil
}

// Load gives the login saved for an endpoint. ok is false if there is none.
func (l Logins) Load(endpoint string) (login Login, ok bool, err error) {
	all, err := l.read()
	if err != nil {
		return login, false, err
	}
	login, ok = all[endpoint]
	return login, ok, nil
}

// Save keeps a login for an endpoint; one without a token takes away what is there.
func (l Logins) Save(endpoint string, login Login) error {
	all, err := l.read()
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]Login{}
	}
	all[endpoint] = login
	if login.Token == "" {
		delete(all, endpoint)
	}
	return l.write(all)
}

// read gives what is saved, by endpoint. No file is nothing saved; nor is there anything where the user has no folder.
func (l Logins) read() (map[string]Login, error) {
	path, err := l.path()
	if err != nil {
		return nil, nil //nolint:nilerr // as in a container: nobody can have logged in
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("saved logins: %w", err)
	}
	var all map[string]Login
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("saved logins: %s: %w", path, err)
	}
	return all, nil
}

// write replaces the file whole.
func (l Logins) write(all map[string]Login) (err error) {
	path, err := l.path()
	if err != nil {
		return err
	}
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("saved logins: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("saved logins: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".logins.*") // 0600
	if err != nil {
		return fmt.Errorf("saved logins: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(append(content, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("saved logins: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("saved logins: %w", err)
	}
	return nil
}
