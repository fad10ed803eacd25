//! Tells a stream that fails from something that is wrong with what it holds.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

/// Where the error of a stream is kept.
pub(crate) type Failed = Rc<RefCell<Option<io::Error>>>;

/// A stream whose own last error is kept, whatever becomes of it further up.
pub(crate) struct Watched<R> {
    stream: R,
    failed: Failed,
}

impl<R> Watched<R> {
    /// The stream, and where its error will be.
    pub(crate) fn new(stream: R) -> (Watched<R>, Failed) {
        let failed = Failed::default();
        (Watched { stream, failed: Rc::clone(&failed) }, failed)
    }
}

/// How the stream failed, if it did.
pub(crate) fn failure(failed: &Failed) -> Option<io::Error> {
    failed.borrow_mut().take()
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.read(bytes).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                let copy = io::Error::new(error.kind(), error.to_string());
                *self.failed.borrow_mut() = Some(copy);
            }
        })
    }
}
