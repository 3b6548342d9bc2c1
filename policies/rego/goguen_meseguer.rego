# Goguen-Meseguer, noninterference: what is high leaves no mark on what is low.
#
# J. A. Goguen, J. Meseguer, Security Policies and Security Models, IEEE Symposium on Security and Privacy, 1982: a low
# output must be what it would be had no high user issued any command. An object of the domain "low" therefore takes
# nothing into which something high went:
#
#   labels    a taint of the data, or the origin of the operation's own data, is one of high_taints
#   sources   a user, workload, operation or resource of the lineage, or of this operation, is one of high_sources
#
# Sources are transitive: the lineage keeps them whatever a sanitizer took from the taints. To let a sanitizer
# downgrade (intransitive noninterference: J. Rushby, SRI-CSL-92-02, 1992), leave the source out and rely on the labels.
# An object of the domain "high" takes everything.
#
# reads    object.attributes.domain         "low" or "high"
#          object.attributes.high_taints    set of strings: taints and origins
#          object.attributes.high_sources   set of strings: users, workloads, operations, resource ids
#          subject.taints, subject.user, subject.workload, environment.operation, environment.source_type, chain
#          environment.hop_proof, environment.is_root
# needs    passports that are bound to their requests: who cuts the last entries off another has had nothing to do with them.
# missing  any of the three attributes missing or anything else: denied, whatever the domain; a passport that is bound to
#          nothing: denied where the domain is low
package kest.goguen_meseguer

default allow := false

allow if {
	strings(input.object.attributes.high_taints)
	strings(input.object.attributes.high_sources)
	input.object.attributes.domain == "high"
}

allow if {
	input.object.attributes.domain == "low"
	is_bound
	count(strings(input.object.attributes.high_taints) & labels) == 0
	count(strings(input.object.attributes.high_sources) & sources) == 0
}

labels := {label | some label in input.subject.taints} | {input.environment.source_type}

# What was not named is null in the lists, which no string equals.
sources := {name |
	some names in [
		input.chain.users, input.chain.principals, input.chain.operations, input.chain.resources,
		[input.subject.user, input.subject.workload, input.environment.operation],
	]
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
