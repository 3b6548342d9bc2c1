//! Inflate bombs, bytes after the stream, truncated streams, wrong checksums.

use kest_core::Limits;
use kest_tests::forge;
use kest_tests::raw;
use kest_tests::service::Setup;

use super::check_headers;

#[tokio::test]
async fn inflate_bombs_and_broken_streams_are_refused() {
    assert_eq!(check_headers(7).await, 30);
}

#[tokio::test]
async fn bomb_of_250_kilobytes_is_refused_where_such_headers_are_allowed() {
    let mut limits = Limits::default();
    limits.header_bytes = 400_000;
    let service = Setup { limits, ..Setup::default() }.start().await;
    let bomb = forge::deflate(&vec![b' '; 190_000_000]);
    assert!((200_000..300_000).contains(&bomb.len()), "{}", bomb.len());
    let header = format!("kest.passport_z={bomb},kest.chain_tip=0");
    service.refused(&raw::call().baggage(header), &[431]).await;
}
