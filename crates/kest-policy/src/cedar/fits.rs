//! Proves at start that documents have what a schema declares, so that a misspelt member is no surprise later.

use crate::input::Input;
use crate::input::schema::everything;

use super::shape::{Members, Presence, Shape, Unfit, context};

/// Refuses a context with members that no document has, or has as another type.
///
/// The optional ones too: a rule about a member that is never there would quietly never apply.
pub(super) fn fits(declared: &Members) -> Result<(), Unfit> {
    let mut declared = declared.clone();
    if let Some(Shape::Record(object)) = declared.get_mut("object").map(|object| &mut object.shape)
        && let Some(attributes) = object.get_mut("attributes")
        && matches!(attributes.shape, Shape::Record(_))
    {
        attributes.shape = Shape::Record(Members::new());
    }
    require_all(&mut declared);
    context(&declared, &everything(Input::members()).to_string()).map(drop)
}

fn require_all(members: &mut Members) {
    for member in members.values_mut() {
        member.presence = Presence::Required;
        if let Shape::Record(members) = &mut member.shape {
            require_all(members);
        }
    }
}
