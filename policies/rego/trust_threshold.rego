# Trust threshold: data that is trusted too little does not get here.
#
# A score is never above the lowest score of what went into the data (the low-water mark of K. J. Biba, Integrity
# Considerations for Secure Computer Systems, MTR-3153, 1977), so one comparison covers the whole lineage.
#
# reads    object.attributes.min_trust   whole number, 0 to 100
#          subject.trust_score
# missing  min_trust missing, below 0 or anything but a whole number: denied
package kest.trust_threshold

default allow := false

allow if {
	min_trust := input.object.attributes.min_trust
	is_number(min_trust)
	min_trust == floor(min_trust)
	min_trust >= 0
	input.subject.trust_score >= min_trust
}
