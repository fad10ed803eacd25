//! The search index in PostgreSQL keeps the contract, also where several servers share it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use wharf_store::search::postgres::Postgres;
use wharf_store::search::{Asked, Search, SearchError, Standing};

async fn bench() -> (Arc<dyn Search>, ()) {
    (open(&wharf_testkit::postgres::database()), ())
}

wharf_store::search_contract!(bench);

const HERE: Standing = Standing { version: 1, seq: 7, at: 0, scanned: None };

fn open(url: &str) -> Arc<dyn Search> {
    Postgres::new(url).expect("an address")
}

async fn run(url: &str, text: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute(text).await.expect("it runs");
}

/// Of two servers one fills it; the other asks, and goes on when that one is gone.
#[tokio::test]
async fn one_fills_it_at_a_time() {
    let url = wharf_testkit::postgres::database();
    let (one, other) = (open(&url), open(&url));
    assert_eq!((one.leads().await, other.leads().await), (Ok(true), Ok(false)));
    one.begin(HERE).await.expect("made");
    assert_eq!(other.standing().await, Ok(Some(HERE)));
    other.find(Asked::default()).await.expect("asked");
    let there = Standing { seq: 8, ..HERE };
    for refused in [other.apply(Vec::new(), there).await, other.begin(there).await] {
        assert!(matches!(refused, Err(SearchError::Unavailable(_))), "{refused:?}");
    }
    one.apply(Vec::new(), there).await.expect("made");
    assert_eq!(other.standing().await, Ok(Some(there)));
    drop(one);
    while other.leads().await != Ok(true) {
        tokio::task::yield_now().await;
    }
    // Who has not looked since then does not know what is in it.
    assert!(matches!(other.apply(Vec::new(), HERE).await, Err(SearchError::Unavailable(_))));
    assert_eq!(other.standing().await, Ok(Some(there)));
    other.apply(Vec::new(), Standing { seq: 9, ..HERE }).await.expect("made");
}

/// The connection of the one that fills it breaks: somebody else may have filled it meanwhile.
#[tokio::test]
async fn who_lost_the_lock_looks_again() {
    let url = wharf_testkit::postgres::database();
    let index = open(&url);
    index.begin(HERE).await.expect("made");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&url, end).await;
    let there = Standing { seq: 8, ..HERE };
    while index.apply(Vec::new(), there).await.is_ok() {}
    assert_eq!(index.standing().await, Ok(Some(HERE)));
    index.apply(Vec::new(), there).await.expect("made");
}

/// Whatever is there in place of our tables, also under a running server, it is no index, and one can be made there.
#[tokio::test]
async fn what_cannot_be_read_is_made_anew() {
    let url = wharf_testkit::postgres::database();
    let index = open(&url);
    assert_eq!(index.standing().await, Ok(None));
    assert!(matches!(index.find(Asked::default()).await, Err(SearchError::Corrupt(_))));
    for torn in [
        "DROP SCHEMA IF EXISTS wharf_search CASCADE",
        "UPDATE wharf_search.standing SET form = 99",
        "DROP TABLE wharf_search.brief",
        "ALTER TABLE wharf_search.standing RENAME form TO shape",
    ] {
        index.begin(HERE).await.expect("made anew");
        assert_eq!(index.standing().await, Ok(Some(HERE)));
        index.find(Asked::default()).await.expect("asked");
        run(&url, torn).await;
        let asked = index.find(Asked::default()).await;
        assert!(matches!(asked, Err(SearchError::Corrupt(_))), "{torn}: {asked:?}");
    }
    index.begin(HERE).await.expect("made anew");
    let again = open(&url);
    assert_eq!(again.standing().await, Ok(Some(HERE)), "it is there after a restart");
}
