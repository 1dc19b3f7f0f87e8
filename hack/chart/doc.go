// SPDX-License-Identifier: Apache-2.0

// Command chart keeps the Helm chart to what it is made of: the files of manifests/ that it renders as they stand, which a
// chart cannot reach outside its folder, are copied into it; its values.yaml, and the table of values in docs/install.md, are
// written from values.schema.json, where each value is described once. `make generate` runs it in manifests/.
package main
