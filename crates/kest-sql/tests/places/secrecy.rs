//! Who hears what is said to a server, and what is told of it.

use kest_audit::Durability;
use kest_servers::postgres::{PASSWORD, PostgresServer};
use kest_sql::Postgres;

use crate::rig::{PATIENCE, Service, signer, verify};

/// Attack: another server answers in the place of the one that was meant.
#[tokio::test(flavor = "multi_thread")]
async fn server_with_a_certificate_of_another_authority_is_not_written_to() {
    let server = PostgresServer::start().await;
    let url = format!("{}?sslmode=verify-full", server.url());
    let place =
        Postgres::builder(&url).timeout(PATIENCE).root_certificates(server.authority()).build().unwrap();
    let service = Service::patient(place.recorder(signer(), Durability::Required)).await;
    service.operate().await;
    let by_tls = "SELECT count(*) FROM pg_stat_ssl AS it JOIN pg_stat_activity USING (pid) \
        WHERE ssl AND datname = 'audit' AND pid <> pg_backend_pid()";
    assert_eq!(server.execute(by_tls).await, "1");
    service.log.close().await.unwrap();
    assert!(verify(&place.log().unwrap(), None).holds());

    let other = Postgres::builder(&url).build().unwrap();
    let refused = other.recorder(signer(), Durability::Required).open().await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
}

/// Attack: one who reads the lines of a service learns the password of its log.
#[tokio::test(flavor = "multi_thread")]
async fn password_is_in_no_error_and_in_no_debug_form() {
    let server = PostgresServer::start().await;
    let wrong = server.url().replace("secret", "wrong-secret");
    for url in [server.url(), wrong] {
        let builder = Postgres::builder(&url).password("another secret of the test");
        let told = format!("{builder:?}");
        let place = builder.build().unwrap();
        let recorder = place.recorder(signer(), Durability::Required);
        let told = format!("{told}{place:?}{recorder:?}");
        let refused = recorder.open().await.unwrap_err();
        let mut told = format!("{told}{refused:?}");
        let mut cause: Option<&dyn std::error::Error> = Some(&refused);
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(told.contains("password authentication failed"), "{told}");
        assert!(!told.contains(PASSWORD) && !told.contains("secret"), "{told}");
    }
}
