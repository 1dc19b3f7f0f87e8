// SPDX-License-Identifier: Apache-2.0

package console

// pages is the index of the console.
func pages() []Page {
	return []Page{
		{Path: "{$}", Nav: "Overview", Key: "o", Template: "overview", Load: loadOverview},
		{Path: "logs", Nav: "Logs", Key: "l", Template: "logs", Script: "logs.js", Load: loadLogs},
		{Path: "nodes", Nav: "Nodes", Key: "n", Template: "nodes", Load: loadNodes},
		{Path: "shares", Nav: "Shares", Key: "s", Template: "shares", Load: loadShares},
		{Path: "cost", Nav: "Cost", Key: "c", Template: "cost", Load: loadCost},
		{Path: "decisions", Nav: "Decisions", Key: "d", Template: "decisions", Load: loadDecisions},
	}
}

// actions are what forms do.
func actions() []Action {
	return nil
}
