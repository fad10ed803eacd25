//! A blob from a registry: where the connection breaks, the rest is asked for; a large one comes by several ranges at once.

mod fetch;
mod ranges;

use std::io;

use bytes::Bytes;
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_model::descriptor::Descriptor;

use crate::remote::Remote;
use fetch::{Answered, Fetch};

/// The blob from byte `from` on, of the announced length or an error; `None` where it is not there.
pub(crate) async fn blob(remote: &Remote, descriptor: &Descriptor, from: u64) -> Result<Option<Body>, Error> {
    let size = descriptor.size;
    if from > 0 && from >= size {
        return Ok(Some(Body::empty()));
    }
    let registry = remote.registry();
    let place = registry.gate().read().await;
    let transfer = registry.http().transfer().clone();
    let by_ranges = transfer.ranges > 1 && (transfer.ranges_at_home || !registry.origin().is_loopback());
    let is_large = by_ranges && size - from > transfer.ranges_from.max(transfer.range);
    let end = if is_large { from + transfer.range.max(1) } else { size };
    let mut first = Fetch::new(remote, descriptor, from, end);
    match first.begin().await? {
        Answered::Missing => return Ok(None),
        Answered::Part if is_large => return Ok(Some(Body::new(Some(size - from), ranges::stream(first, place)))),
        // It takes no ranges: then as a whole.
        Answered::Part | Answered::Whole => first.extend(size),
    }
    let chunks = futures_util::stream::unfold((first, place), |(mut fetch, place)| async {
        let chunk = fetch.next().await?;
        Some((chunk, (fetch, place)))
    });
    Ok(Some(Body::new(Some(size - from), chunks)))
}

/// A chunk of a body.
type Chunk = io::Result<Bytes>;
