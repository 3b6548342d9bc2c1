//! Proves at start that documents have what a schema declares, so that a misspelt member is no surprise later.

use crate::input::Input;
use crate::input::schema::{Form, Member, everything};

use super::shape::{Members, Presence, Shape, Unfit, context};

/// Refuses a context with members that no document has, or has as another type.
///
/// The optional ones too: a rule about a member that is never there would quietly never apply.
pub(super) fn fits(declared: &Members) -> Result<(), Unfit> {
    let mut declared = declared.clone();
    forget_free(&mut declared, Input::members());
    require_all(&mut declared);
    context(&declared, &everything(Input::members()).to_string()).map(drop)
}

/// What a service or an issuer fills is its own affair.
fn forget_free(declared: &mut Members, table: &[Member]) {
    for member in table {
        let Some(Shape::Record(inside)) = declared.get_mut(member.name).map(|declared| &mut declared.shape)
        else {
            continue;
        };
        if matches!(member.form, Form::Attributes | Form::Free(_)) {
            inside.clear();
        } else {
            forget_free(inside, member.form.members());
        }
    }
}

fn require_all(members: &mut Members) {
    for member in members.values_mut() {
        member.presence = Presence::Required;
        if let Shape::Record(members) = &mut member.shape {
            require_all(members);
        }
    }
}
