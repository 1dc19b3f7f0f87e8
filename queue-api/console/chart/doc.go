// SPDX-License-Identifier: Apache-2.0

// Package chart draws the console's pictures as SVG to stand in an HTML page: Bars (plain and stacked), Meter, Sparkline,
// Columns (stacked over time), Timeline, Graph (layered from left to right) and Grid. Start with Part, which most are made of.
//
// A picture has no style and no script of its own: it names classes, which the page's stylesheet colours. Each says in its
// title and description what it shows, for those who do not see it. Where the text beside a picture has to be read on a narrow
// screen, positions are percentages, so that the picture narrows and the letters do not.
//
// Labels are taken from anywhere. They are escaped, cut, and freed of what could not be seen or would turn the text around;
// classes and links that are not of the form that the console makes are left out. How much is drawn is bounded.
//
// The package is pure and draws the same picture of the same values.
package chart
