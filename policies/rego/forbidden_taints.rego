# Forbidden taints: data that carries one of these labels does not get here.
#
# Labels travel with data and only a signed sanitizer takes one away: the lattice of D. E. Denning, A Lattice Model of
# Secure Information Flow, Communications of the ACM 19(5), 1976, with sets of labels for its classes.
#
# reads    object.attributes.forbidden_taints   set of strings; empty forbids nothing
#          subject.taints
# missing  forbidden_taints missing or anything but a set of strings: denied
package kest.forbidden_taints

default allow := false

allow if {
	forbidden := strings(input.object.attributes.forbidden_taints)
	count(forbidden & strings(input.subject.taints)) == 0
}

strings(list) := {text | some text in list} if {
	is_array(list)
	every text in list {
		is_string(text)
	}
}
