// SPDX-License-Identifier: Apache-2.0

package console

// pages is the index of the console.
func pages() []Page {
	return []Page{
		{Path: "{$}", Nav: "Overview", Key: "o", Template: "overview", Load: loadOverview},
		{Path: "queues", Nav: "Queues", Key: "q", Template: "queues", Load: loadQueues},
		{Path: "queues/{name}", Template: "queue", Load: loadQueue},
		{Path: "jobs", Nav: "Jobs", Key: "j", Template: "jobs", Script: "jobs.js", Load: loadJobs},
		{Path: "jobs/{id}", Template: "job", Script: "job.js", Load: loadJob},
		{Path: "jobs/{id}/child", Load: toChild},
		{Path: "logs", Nav: "Logs", Key: "l", Template: "logs", Script: "logs.js", Load: loadLogs},
		{Path: "nodes", Nav: "Nodes", Key: "n", Template: "nodes", Load: loadNodes},
		{Path: "shares", Nav: "Shares", Key: "s", Template: "shares", Load: loadShares},
		{Path: "cost", Nav: "Cost", Key: "c", Template: "cost", Load: loadCost},
		{Path: "decisions", Nav: "Decisions", Key: "d", Template: "decisions", Load: loadDecisions},
	}
}

// actions are what forms do.
func actions() []Action {
	return []Action{
		{Path: "do/queue", Do: changeQueue},
		{Path: "do/jobs", Do: changeJobs},
	}
}
