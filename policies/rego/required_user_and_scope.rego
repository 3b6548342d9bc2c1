# Required user and scope: a known caller asks, and was granted what this takes.
#
# Scopes as granted by the caller's own token (RFC 6749 section 3.3). A name that was not verified names no one:
# identity_source must be jwt or lineage, never unverified or anonymous. An identity from the lineage brings no scopes,
# so it passes only where none are required.
#
# reads    object.attributes.required_scopes   set of strings; empty asks for a user only
#          subject.user, subject.identity_source, subject.scopes
# missing  required_scopes missing or anything but a set of strings, no user or an empty one: denied
package kest.required_user_and_scope

default allow := false

allow if {
	user_is_known
	required := strings(input.object.attributes.required_scopes)
	count(required - strings(input.subject.scopes)) == 0
}

user_is_known if {
	is_string(input.subject.user)
	input.subject.user != ""
	input.subject.identity_source in {"jwt", "lineage"}
}

strings(list) := {text | some text in list} if {
	is_array(list)
	every text in list {
		is_string(text)
	}
}
