# Brewer-Nash, the Chinese wall: who has touched one competitor's data does not touch another's.
#
# D. F. C. Brewer, M. J. Nash, The Chinese Wall Security Policy, IEEE Symposium on Security and Privacy, 1989. The wall
# is built by history; here the history is the verified lineage. An object names what stands on the other side of its
# wall: the datasets of its conflict of interest class except its own, by resource id, by the workloads that keep them,
# or by the operations that read them.
#
# reads    object.attributes.conflicts   set of strings; empty: in conflict with nothing
#          chain.resources, chain.principals, chain.operations
#          environment.hop_proof, environment.is_root
# needs    passports that are bound to their requests: the carrier of another can cut entries off its end and announce the
#          shorter tip, and would then be on neither side of the wall. A lineage that starts here has nothing to cut.
# missing  conflicts missing or anything but a set of strings, a passport that is bound to nothing: denied
package kest.brewer_nash

default allow := false

allow if {
	is_bound
	conflicts := strings(input.object.attributes.conflicts)
	count(conflicts & touched) == 0
}

# An entry without a signed resource stands as null in chain.resources, which no string equals.
touched := {name |
	some names in [input.chain.resources, input.chain.principals, input.chain.operations]
	some name in names
}

# A lineage that starts here has nothing that could have been cut off.
is_bound if input.environment.is_root == true

is_bound if input.environment.hop_proof in {"signature", "peer"}

strings(list) := {text | some text in list} if {
	is_array(list)
	every text in list {
		is_string(text)
	}
}
