//! Tokens that the issuer bound to a key (RFC 9449): for its holder, and for thieves.

use kest_core::Confirmation;
use kest_identity::Requirement::{Optional, Required};
use kest_servers::issuer::Issuer;

use crate::client::{Bound, Holder, ORDERS, token};
use crate::forged;
use crate::service::{Service, check_refused, get};

#[tokio::test]
async fn bound_token_is_taken_from_the_holder_of_its_key() {
    let issuer = Issuer::start().await;
    for holder in [Holder::ed25519(1), Holder::p256()] {
        let Bound { token, .. } = holder.token(&issuer).await;
        assert_eq!(forged::read(&token)[1]["cnf"]["jkt"], holder.thumbprint());
        for requirement in [Optional, Required] {
            let service = Service::configured(&issuer, |builder| builder.dpop(requirement)).await;
            for _ in 0..2 {
                let who = service.dpop(&token, &holder.proof(&token)).await.unwrap();
                assert_eq!((who.user(), who.task()), (Some("agent-1"), Some("read write")));
                assert_eq!(who.confirmation(), Some(&Confirmation::Jkt(holder.thumbprint().into())));
            }
        }
    }
}

#[tokio::test]
async fn stolen_bound_token_is_refused_without_a_new_proof_by_its_holder() {
    let (issuer, holder, thief) = (Issuer::start().await, Holder::p256(), Holder::p256());
    let Bound { token, spent } = holder.token(&issuer).await;
    let Bound { token: other, .. } = holder.token(&issuer).await;
    for requirement in [Optional, Required] {
        let service = Service::configured(&issuer, |builder| builder.dpop(requirement)).await;
        check_refused(service.bearer(&token).await, "bound_as_bearer");
        check_refused(get(&service.authenticator, &format!("DPoP {token}"), &[]).await, "no_proof");
        check_refused(service.dpop(&token, &thief.proof(&token)).await, "proof_other_key");
        // Seen on its way to the issuer, or to us with another token.
        check_refused(service.dpop(&token, &spent).await, "proof_claim");
        check_refused(service.dpop(&token, &holder.proof(&other)).await, "proof_other_token");
        let proof = holder.proof(&token);
        assert!(service.dpop(&token, &proof).await.is_ok());
        check_refused(service.dpop(&token, &proof).await, "proof_replayed");
    }
}

#[tokio::test]
async fn bound_token_is_refused_where_nobody_would_ask_for_its_proof() {
    let (issuer, holder) = (Issuer::start().await, Holder::ed25519(1));
    let service = Service::trusting(&issuer).await;
    let Bound { token, .. } = holder.token(&issuer).await;
    check_refused(service.bearer(&token).await, "confirmation_off");
    check_refused(service.dpop(&token, &holder.proof(&token)).await, "not_bearer");
}

#[tokio::test]
async fn bearer_token_is_refused_where_every_token_must_be_bound() {
    let (issuer, holder) = (Issuer::start().await, Holder::ed25519(1));
    let token = token(&issuer, Some(ORDERS)).await;
    let service = Service::configured(&issuer, |builder| builder.dpop(Required)).await;
    check_refused(service.bearer(&token).await, "must_be_bound");
    check_refused(service.dpop(&token, &holder.proof(&token)).await, "must_be_bound");
    let service = Service::configured(&issuer, |builder| builder.dpop(Optional)).await;
    assert!(service.bearer(&token).await.is_ok());
    check_refused(service.dpop(&token, &holder.proof(&token)).await, "not_bound");
}
