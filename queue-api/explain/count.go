// SPDX-License-Identifier: Apache-2.0

package explain

// What follows is for who counts jobs by their codes, and explains none of them.

// Code is the job's, as Explain would give it of the same facts.
func (f *Facts) Code() Code {
	code, _, _ := f.judge()
	return code
}

// CodeOf is the code of what the job is, or is about to be, told: of a stored reason of one that does not run.
func (f *Facts) CodeOf(reason string) Code { return f.codeOf(reason) }

// Unusable is why no environment of the queue takes work, where none does.
func (f *Facts) Unusable() Code { return f.unusable() }
