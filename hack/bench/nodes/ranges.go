// SPDX-License-Identifier: Apache-2.0

package main

import _ "embed"

//go:embed ranges.yaml
var rangesYAML []byte
