# Bell-LaPadula: no read up, no write down.
#
# D. E. Bell, L. J. LaPadula, Secure Computer Systems: Mathematical Foundations, MTR-2547 volume I, 1973; names of the
# properties as in Unified Exposition and Multics Interpretation, MTR-2997, 1976. Three conditions:
#
#   current level     the flow's level is not above the subject's clearance (f_S dominates f_C)
#   simple security   read:  the object's level is not above the clearance
#   star property     write: the object's level is not below the flow's level
#
# A write alters without observing (the model's "append"), so a blind write up is allowed. The flow's level is the
# highest level taint that it carries, none counting as 0; a service that reads at level 2 adds the taint level:2, and
# so the level floats up with what was read. Only a signed sanitizer lowers it: the model's trusted subject.
#
# reads    object.attributes.level    whole number, 0 to 3
#          object.attributes.access   "read" or "write"
#          subject.roles              clearance:0 to clearance:3, the highest counts
#          subject.identity_source    roles count from jwt and lineage only
#          subject.taints             level:0 to level:3, the highest counts
# missing  level or access missing or anything else, no clearance: denied
package kest.bell_lapadula

default allow := false

allow if {
	input.object.attributes.access == "read"
	current_level <= clearance
	object_level <= clearance
}

allow if {
	input.object.attributes.access == "write"
	current_level <= clearance
	object_level >= current_level
}

object_level := level if {
	level := input.object.attributes.level
	level in {0, 1, 2, 3}
}

clearance := max({level | some role in input.subject.roles; level := clearances[role]}) if {
	input.subject.identity_source in {"jwt", "lineage"}
}

current_level := max({0} | {level | some taint in input.subject.taints; level := levels[taint]})

clearances := {"clearance:0": 0, "clearance:1": 1, "clearance:2": 2, "clearance:3": 3}

levels := {"level:0": 0, "level:1": 1, "level:2": 2, "level:3": 3}
