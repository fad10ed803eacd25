# METADATA
# title: Limits
package a.b

import rego.v1

default allow := false

allow if {
	input.x
}

deny contains msg if { msg := `x` }
