// SPDX-License-Identifier: Apache-2.0

// Package console is the web console, which queue-api serves under /console/ on the port of the Batch API. Start with Console,
// then pages.go, the index of its pages, and page.go, which says what a page is.
//
// A page gets what it shows through API: the routes of the Batch API and of /x/v1, in this process and as the user who looks at
// it. So a page shows, and an action does, what its user's own calls would. The console reads no store and no cluster.
//
// Pages are html/template files in templates/, whole without JavaScript. static/ has what makes them live: a stream of
// server-sent events says that something changed, and the page fetches itself again and takes over what differs. Nothing is
// inline, neither script nor style, and nothing comes from elsewhere: headers.go has the policy that holds it to that.
//
// Who looks is in a cookie that only servers of the same store can read (session.go). Whoever changes something must have its
// session's secret and come from the console's own origin (csrf.go). What tenants wrote is escaped by html/template, by
// context, everywhere: no template makes its text safe by itself.
package console
