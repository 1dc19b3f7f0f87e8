// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"strconv"
)

// Cells are the states of many things, such as the children of an array, in their order.
type Cells struct {
	// States are what a cell may be in; their Values are not read.
	States []Part
	// Of is each cell's state: an index into States. What is none is not drawn.
	Of []uint8
	// Columns is how many cells a row has; 0 stands for 100.
	Columns int
}

const (
	// maxCells is the largest array of AWS Batch.
	maxCells = 10_000
	cellSize = 8
)

// Grid draws a cell for each thing. All cells of a state are one path, of a move and a stroke per run of equal cells, so that
// 10,000 of them are light; a dash pattern sets them apart. The picture carries its number of columns in data-columns, by which
// a script finds the cell that is under a pointer.
func Grid(title string, cells Cells) template.HTML {
	of := cells.Of[:min(len(cells.Of), maxCells)]
	columns := cells.Columns
	if columns <= 0 || columns > maxCells {
		columns = 100
	}
	rows := max((len(of)+columns-1)/columns, 1)
	states := cells.States[:min(len(cells.States), maxParts)]
	counts := make([]Part, len(states))
	copy(counts, states)
	for i := range counts {
		counts[i].Value = 0
	}
	for _, state := range of {
		if int(state) < len(counts) {
			counts[state].Value++
		}
	}
	var s svg
	s.open("grid", title+": "+describe(counts), "viewBox", "0 0 "+strconv.Itoa(columns*cellSize)+" "+strconv.Itoa(rows*cellSize),
		"data-columns", strconv.Itoa(columns), "data-cells", strconv.Itoa(len(of)))
	for i, state := range counts {
		if state.Value > 0 {
			s.element("path", state.Label+" "+num(state.Value), "class", "cells"+classOf(state.Class), "d", runs(of, uint8(i), columns),
				"stroke-width", strconv.Itoa(cellSize-1), "stroke-dasharray", strconv.Itoa(cellSize-1)+" 1", "fill", "none")
		}
	}
	return s.close()
}

// runs is a path along every run of cells of a state, row by row. Moves are relative, which is shorter.
func runs(of []uint8, state uint8, columns int) string {
	var path []byte
	atX, atY := 0, 0 // where the path is, in units
	move := func(letter byte, x, y int) {
		path = append(path, letter)
		path = strconv.AppendInt(path, int64(x), 10)
		if y >= 0 {
			path = append(path, ' ')
		}
		path = strconv.AppendInt(path, int64(y), 10)
	}
	for i := 0; i < len(of); i++ {
		if of[i] != state {
			continue
		}
		end := i + 1
		for end < len(of) && of[end] == state && end%columns != 0 {
			end++
		}
		x, y := i%columns*cellSize, i/columns*cellSize+cellSize/2
		move('m', x-atX, y-atY)
		length := (end-i)*cellSize - 1
		path = append(path, 'h')
		path = strconv.AppendInt(path, int64(length), 10)
		atX, atY = x+length, y
		i = end - 1
	}
	return string(path)
}
