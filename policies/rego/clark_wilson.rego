# Clark-Wilson: constrained data is changed by certified transformations only, and by more than one pair of hands.
#
# D. D. Clark, D. R. Wilson, A Comparison of Commercial and Military Computer Security Policies, IEEE Symposium on
# Security and Privacy, 1987. Of its rules:
#
#   E1, E2   the operation is one that is certified for this object
#   E3       the user was authenticated
#   C1, C5   what validates the data (integrity verification procedures, checks of unconstrained input) was done before,
#           to this very object: that another one was validated proves nothing about it
#   C3, E2   separation of duty: who took a step with this object before does not take this one too
#
# Both are about entries whose signed resource is this object, by its id: services that hand it on have to name it in
# the same way. A step that was not signed with the object's id counts for neither.
#
# C4, the log, is the passport itself. C2 and E4, who certifies, is the author of these attributes.
#
# reads    object.attributes.certified_operations   set of strings
#          object.attributes.required_operations    set of strings; empty requires nothing before
#          object.attributes.separation_of_duty     true or false
#          environment.operation, subject.user, subject.identity_source, object.history
#          environment.hop_proof, environment.is_root
# needs    passports that are bound to their requests: who took part can be cut off the end of another, and who copied one
#          from a request about validated data could send it again with other data.
# missing  any of the three missing or of another type, no user or an empty one, a passport that is bound to nothing: denied
package kest.clark_wilson

default allow := false

allow if {
	is_bound
	input.environment.operation in strings(input.object.attributes.certified_operations)
	user_is_known
	required := strings(input.object.attributes.required_operations)
	count(required - strings(input.object.history.operations)) == 0
	duty_is_separate
}

user_is_known if {
	is_string(input.subject.user)
	input.subject.user != ""
	input.subject.identity_source in {"jwt", "lineage"}
}

duty_is_separate if input.object.attributes.separation_of_duty == false

duty_is_separate if {
	input.object.attributes.separation_of_duty == true
	not input.subject.user in input.object.history.users
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
