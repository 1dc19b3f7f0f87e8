// SPDX-License-Identifier: Apache-2.0

package console

// pages is the index of the console.
func pages() []Page {
	return []Page{
		{Path: "{$}", Nav: "Overview", Key: "o", Template: "overview", Load: loadOverview},
	}
}

// actions are what forms do.
func actions() []Action {
	return nil
}
