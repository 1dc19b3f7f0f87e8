// SPDX-License-Identifier: Apache-2.0

// Package login gets tokens of an OpenID Connect issuer for a person at a terminal: with a browser on the same machine
// (authorization code with PKCE, answered on a port of loopback), or with a code that is typed on another one (device grant).
// Start with Issuer.
//
// The client is a public one, without a secret. A token is given out only after its signature, issuer, audience and, from a browser,
// nonce were checked. What the issuer says in errors is hostile: whoever prints it cleans it.
package login
