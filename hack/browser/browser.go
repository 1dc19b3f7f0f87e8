// SPDX-License-Identifier: Apache-2.0

// Package browser readies headless Chromium for scripts that drive it with playwright-core: Install puts what they import beside
// them, Path finds the browser, which playwright-core does not bring.
package browser

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// locked are npm's lists of what is installed, by version and digest.
//
//go:embed package.json package-lock.json
var locked embed.FS

// Install makes a directory and puts into it what scripts import, and the scripts themselves.
func Install(ctx context.Context, dir string, scripts fs.FS) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, files := range []fs.FS{locked, scripts} {
		if err := put(dir, files); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefer-offline", "--fetch-retries=5")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// put copies the files, over those of their names.
func put(dir string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600)
	})
}

// Path is where Chromium is.
func Path() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium: as root, apt-get install chromium")
}
