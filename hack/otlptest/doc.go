// SPDX-License-Identifier: Apache-2.0

// Package otlptest is an OTLP endpoint for tests: it takes spans and keeps them. Start with Start.
package otlptest
