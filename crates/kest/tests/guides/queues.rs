//! A job in a queue continues the lineage of the operation that put it there.

use std::time::Duration;

use kest::{Carrier as _, Operation, dangerous_allow_all};
use kest_testkit::{TestCaller, TestKest};

mod printed {
    use super::super::check_printed;

    include!("queues/printed.rs");

    pub(super) async fn sent(admission: &Admission) -> HashMap<String, String> {
        send(admission).await.unwrap()
    }

    pub(super) async fn worked(
        kest: &Kest,
        headers: &HashMap<String, String>,
    ) -> Result<Admission, BoxError> {
        work(kest, headers).await
    }

    pub(super) async fn worked_for_its_user(
        kest: &Kest,
        headers: &HashMap<String, String>,
    ) -> Result<Admission, BoxError> {
        work_for_its_user(kest, headers).await
    }

    pub(super) fn headers() -> impl kest::Carrier {
        Headers(vec![("Baggage".to_owned(), b"tenant=acme".to_vec())])
    }

    pub(super) fn doubled() -> impl kest::Carrier {
        Headers(vec![("baggage".to_owned(), Vec::new()), ("Baggage".to_owned(), Vec::new())])
    }

    #[test]
    fn guide_prints_the_code_that_is_run_here() {
        check_printed("queues.md", include_str!("queues/printed.rs"));
    }
}

fn service(kit: &TestKest) -> kest::Kest {
    kest::Kest::builder(kit.signer("pictures"))
        .trust(kit.keys())
        .clock(kit.clock())
        .without_deployment_policies()
        .build()
        .unwrap()
}

#[tokio::test]
async fn job_follows_what_sent_it_a_day_ago() {
    let kit = TestKest::new(["gateway", "pictures"]);
    let kest = service(&kit);
    let upload = kit.admission("upload").service("gateway").caller(TestCaller::user("alice")).admit();
    let headers = printed::sent(&upload).await;
    kit.clock().advance(Duration::from_secs(24 * 3600));
    let job = printed::worked(&kest, &headers).await.unwrap();
    assert_eq!(job.caller().user(), None, "the queue was not believed");
    assert_eq!(job.entry().parents(), [upload.entry().hash()]);
    kit.clock().advance(Duration::from_secs(3600));
    assert!(printed::worked(&kest, &headers).await.is_err(), "it waited for too long");
}

#[tokio::test]
async fn job_of_a_queue_that_is_believed_knows_on_whose_behalf_it_was_sent() {
    let kit = TestKest::new(["gateway", "pictures"]);
    let kest = service(&kit);
    let upload = kit.admission("upload").service("gateway").caller(TestCaller::user("alice")).admit();
    let job = printed::worked_for_its_user(&kest, &printed::sent(&upload).await).await.unwrap();
    assert_eq!(job.caller().user(), Some("alice"));
}

#[tokio::test]
async fn carrier_of_ones_own_keeps_the_baggage_of_others_and_takes_no_second_line() {
    let kit = TestKest::new(["gateway", "pictures"]);
    let kest = service(&kit);
    let upload = kit.admission("upload").service("gateway").caller(TestCaller::user("alice")).admit();
    let mut headers = printed::headers();
    kest::carry(&upload, &mut headers).await.unwrap();
    assert!(headers.get("baggage").unwrap().starts_with("tenant=acme"));
    let message = kest.continue_from(&headers).max_age(Duration::from_secs(60)).await.unwrap();
    let job = message.admit(&Operation::from_static("resize"), &dangerous_allow_all()).await.unwrap();
    assert_eq!(job.passport().len(), upload.passport().len() + 1);
    assert!(kest.continue_from(&printed::doubled()).max_age(Duration::from_secs(60)).await.is_err());
}
