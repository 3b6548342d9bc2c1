# Biba, strict integrity: no read down, no write up.
#
# K. J. Biba, Integrity Considerations for Secure Computer Systems, MTR-3153, 1977. The subject's integrity is the trust
# of the data in its hands, which falls with every input that is trusted less. Two of the model's three axioms:
#
#   simple integrity   read:  the object's integrity is not below the subject's
#   star property      write: the object's integrity is not above the subject's
#
# The third, invocation, is about calling other subjects; ask kest/trust_threshold at the service that is called.
#
# reads    object.attributes.integrity   whole number, 0 to 100
#          object.attributes.access      "read" or "write"
#          subject.trust_score
# missing  integrity or access missing or anything else: denied
package kest.biba

default allow := false

allow if {
	input.object.attributes.access == "read"
	object_integrity >= input.subject.trust_score
}

allow if {
	input.object.attributes.access == "write"
	object_integrity <= input.subject.trust_score
}

object_integrity := integrity if {
	integrity := input.object.attributes.integrity
	is_number(integrity)
	integrity == floor(integrity)
	integrity >= 0
	integrity <= 100
}
