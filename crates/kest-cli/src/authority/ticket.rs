//! `kest authority ticket`: the right to enrol one identity once.

use kest_authority::Place;

use super::{AuthorityError, flags, open};
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Prints the ticket alone, for a file or a secret that a service is started with.
pub(crate) async fn run(flags: flags::Ticket) -> Result<Answer, Failure> {
    let authority = open(&flags.place).await?;
    let place = if flags.replace { Place::Taken } else { Place::Free };
    let ticket = authority.give_ticket(&flags.identity, flags.lives, place).await;
    let ticket = ticket.map_err(AuthorityError::Ticket)?;
    let mut output = Output::open();
    output.line(&ticket.reveal())?;
    output.flush()?;
    output::say(&format!("ticket for {}, good once within {:?}", flags.identity, flags.lives));
    Ok(Answer::Yes)
}
