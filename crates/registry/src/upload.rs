//! Uploads: bytes come in, one chunk or many, and become a blob of the repository in the commit that finishes them.
//!
//! A session that has received nothing is not stored anywhere: its name carries its algorithm and the hour of its birth,
//! sealed for the repository and the actor that began it. So beginning uploads costs nothing, and a session of offset zero
//! survives everything. The first chunk that is answered makes a note in the ledger. Up to [`INLINE_BLOB_BYTES_MAX`] the
//! bytes are in that note, and a blob that ends there goes into the ledger's own transaction; beyond, they go to the heap.
//!
//! Receiving runs in a task of its own: when the connection breaks, what came is made durable and noted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit as _, Mac as _};
use moka::sync::Cache;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tracing::Instrument as _;
use wharf_content::body::{Body, Broken};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::id::Id;
use wharf_model::limits::{
    BLOB_BYTES_MAX, INLINE_BLOB_BYTES_MAX, QUOTA_FIRST_STEP_BYTES, QUOTA_STEP_BYTES, UPLOAD_CHECKPOINT_BYTES,
};
use wharf_model::name::RepositoryName;
use wharf_model::range::ByteRange;
use wharf_store::blobs::{BlobsError, UploadState, state};
use wharf_store::clock::Millis;
use wharf_store::ids;
use wharf_store::ledger::change::{Change, Known, Place, Refused};
use wharf_store::ledger::notes::UploadNote;

use crate::access::{self, Action, Readable};
use crate::error::{Error, SizeError};
use crate::registry::{Access, Registry};
use crate::secret::MasterKey;

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Names the session in URLs; opaque.
    pub session: String,
    /// The part of it that is a UUID.
    pub uuid: String,
    /// Bytes received and kept.
    pub offset: u64,
}

/// What a request sends to a session.
#[derive(Debug)]
pub struct Chunk {
    /// Where it says that it belongs.
    pub range: Option<ByteRange>,
    /// The bytes.
    pub body: Body,
}

impl Registry {
    /// A new session; stores nothing.
    ///
    /// # Errors
    /// No randomness, or no clock.
    pub async fn begin_upload(&self, access: &Access, algorithm: Algorithm) -> Result<Progress, Error> {
        access.expect(&[Action::Push])?;
        let begun = self.0.ledger.now().await?;
        let name = SessionName { id: ids::random()?, algorithm, begun_hour: (begun / HOUR) as u32 };
        Ok(self.progress(access, &name, 0))
    }

    /// Where the session stands.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`].
    pub async fn upload_status(&self, access: &Access, session: &str) -> Result<Progress, Error> {
        access.expect(&[Action::Push])?;
        let name = self.0.sessions.open(session, access)?;
        let upload = self.load(access, &name).await?;
        Ok(self.progress(access, &name, upload.offset()))
    }

    /// Adds a chunk. What is answered with is durable.
    ///
    /// # Errors
    /// [`Error::RangeInvalid`] where the chunk does not begin at the offset, [`Error::SenderGone`] where it broke off (what
    /// came is kept), [`Error::SizeInvalid`] where it is not as long as it said (of a long one some may have been kept: the
    /// offset tells).
    pub async fn append_upload(&self, access: &Access, session: &str, chunk: Chunk) -> Result<Progress, Error> {
        access.expect(&[Action::Push])?;
        let name = self.0.sessions.open(session, access)?;
        let lock = self.0.sessions.lock(name.id)?;
        let (registry, access) = (self.clone(), access.clone());
        detached(async move {
            let _busy = registry.busy().await;
            let _lock = lock;
            let appended = registry.append(&access, &name, chunk).await;
            registry.give_back_after(&appended, name.id).await;
            registry.explained(appended).await
        })
        .await
    }

    /// Adds a last chunk, which may be empty, and makes the blob.
    ///
    /// # Errors
    /// As [`Registry::append_upload`]; [`Error::DigestMismatch`] ends the session.
    pub async fn finish_upload(
        &self,
        access: &Access,
        session: &str,
        chunk: Chunk,
        digest: Digest,
    ) -> Result<(), Error> {
        access.expect(&[Action::Push])?;
        let name = self.0.sessions.open(session, access)?;
        let lock = self.0.sessions.lock(name.id)?;
        let (registry, access) = (self.clone(), access.clone());
        detached(async move {
            let _busy = registry.busy().await;
            let _lock = lock;
            let finished = registry.append_and_finish(&access, &name, chunk, digest).await;
            registry.give_back_after(&finished, name.id).await;
            registry.explained(finished).await
        })
        .await
    }

    /// Ends the session; what it received is thrown away.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`].
    pub async fn cancel_upload(&self, access: &Access, session: &str) -> Result<(), Error> {
        access.expect(&[Action::Push])?;
        let name = self.0.sessions.open(session, access)?;
        let _lock = self.0.sessions.lock(name.id)?;
        let mut upload = self.load(access, &name).await?;
        self.discard(&mut upload).await
    }

    /// Makes a blob of another repository one of this, without moving a byte: of `from`, or of any that the caller may read.
    /// `false` where that cannot be, and the client is to upload it.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn mount_blob(
        &self,
        access: &Access,
        digest: Digest,
        from: Option<RepositoryName>,
    ) -> Result<bool, Error> {
        access.expect(&[Action::Push])?;
        let mut readable = access::readable(&access.subject, &self.0.settings.policy);
        let from = match from {
            Some(from) => {
                readable = Readable::All;
                from
            }
            // Looked for here, not in the commit: a blob may be in very many repositories that the caller may not read.
            None => match self.0.ledger.home_of_blob(&digest, &readable).await? {
                Some(from) => from,
                None => return Ok(false),
            },
        };
        let from_project = match self.authorise(&access.subject, Action::Pull, &from).await {
            Ok(source) => source.expects(),
            Err(Error::Denied | Error::Unauthorized) => return Ok(false),
            Err(error) => return Err(error),
        };
        let repository = access.repository.clone();
        let mount = Change::MountBlob { repository, digest, from, from_project, readable };
        match self.commit_into(access, |_| Ok(()), vec![mount]).await? {
            None => Ok(true),
            Some(Refused::BlobUnknown(_) | Refused::RepositoryUnknown) => Ok(false),
            Some(refused) => Err(self.with_trash(Error::refused(refused, &access.repository)).await),
        }
    }

    async fn explained<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            Err(error) => Err(self.with_trash(error).await),
            done => done,
        }
    }

    fn progress(&self, access: &Access, name: &SessionName, offset: u64) -> Progress {
        Progress { session: self.0.sessions.seal(name, access), uuid: name.uuid(), offset }
    }

    async fn append(&self, access: &Access, name: &SessionName, chunk: Chunk) -> Result<Progress, Error> {
        let mut upload = self.load(access, name).await?;
        self.receive(&mut upload, chunk).await?;
        self.keep_upload(&mut upload).await?;
        Ok(self.progress(access, name, upload.offset()))
    }

    async fn append_and_finish(
        &self,
        access: &Access,
        name: &SessionName,
        chunk: Chunk,
        digest: Digest,
    ) -> Result<(), Error> {
        let mut upload = self.load(access, name).await?;
        if let Some(noted) = upload.noted_digest.filter(|noted| *noted != digest) {
            // A finish that failed may have put the bytes to rest under that name, and only by it are they found again.
            self.discard(&mut upload).await?;
            return Err(Error::UploadInvalid(format!("it was to be finished as {noted}")));
        }
        if upload.offset() == 0 {
            upload.state = UploadState::new(upload.state.id, digest.algorithm());
        }
        upload.state.digest = Some(digest);
        self.receive(&mut upload, chunk).await?;
        self.finish(access, upload, digest).await
    }

    /// Where the disk is full, what the request brought beyond what is noted is thrown away at once rather than when the
    /// session ends: somebody else needs the room. Where the project's quota is used up the session ends, for what it holds of
    /// that others need.
    async fn give_back_after<T: Sync>(&self, outcome: &Result<T, Error>, id: Id) {
        if !matches!(outcome, Err(Error::Full | Error::Quota { .. })) {
            return;
        }
        let Ok(Some(note)) = self.0.ledger.upload(id).await else { return };
        let Some(mut upload) = Upload::from_note(note) else { return };
        if !matches!(outcome, Err(Error::Full)) {
            if let Err(error) = self.discard(&mut upload).await {
                tracing::warn!(%error, "what an upload holds of a quota that is used up it holds until its session ends");
            }
            return;
        }
        let given = match upload.state.offset() {
            // Only what has no final name yet: that may go without a claim to the note, for which there is no room.
            0 => self.0.blobs.cancel(&UploadState { digest: None, ..upload.state.clone() }).await,
            _ => self.0.blobs.append(&mut upload.state, &mut Body::empty(), 0).await.map(drop),
        };
        if let Err(error) = given {
            tracing::warn!(%error, "what an upload left on a full disk stays until its session ends");
        }
    }

    async fn load(&self, access: &Access, name: &SessionName) -> Result<Upload, Error> {
        if self.0.sessions.ended.contains_key(&name.id) {
            return Err(Error::UploadUnknown);
        }
        let Some(note) = self.0.ledger.upload(name.id).await? else {
            let age = self.0.ledger.now().await? - Millis::from(name.begun_hour) * HOUR;
            if age > self.0.settings.upload_idle + HOUR {
                return Err(Error::UploadUnknown);
            }
            return Upload::new(access, name);
        };
        if note.repository != access.repository || note.actor != access.subject.actor.key() {
            return Err(Error::UploadUnknown);
        }
        let upload = Upload::from_note(note).map(|upload| Upload { has_quota: access.rules().has_quota, ..upload });
        upload.ok_or_else(|| Error::UploadInvalid("it was begun by another release".to_owned()))
    }

    /// Takes in a chunk: into the note's own bytes while they are few, else onto the heap.
    async fn receive(&self, upload: &mut Upload, chunk: Chunk) -> Result<(), Error> {
        let Chunk { range, mut body } = chunk;
        let expected = check_range(upload.offset(), range, body.length())?;
        if expected.is_some_and(|end| end > BLOB_BYTES_MAX) {
            return Err(too_long());
        }
        if upload.state.offset() == 0 {
            self.receive_first(upload, body, expected).await?;
        } else if body.length() != Some(0) {
            // Nothing is asked of the heap for nothing: after a finish that failed the bytes may be at rest already, and to
            // finish once more is all that is left to do.
            self.receive_on_heap(upload, &mut body, expected).await?;
        }
        match expected {
            Some(end) if end != upload.offset() => Err(ended_elsewhere(end)),
            _ => Ok(()),
        }
    }

    /// Takes in a chunk while nothing is on the heap.
    async fn receive_first(&self, upload: &mut Upload, mut body: Body, expected: Option<u64>) -> Result<(), Error> {
        let room = INLINE_BLOB_BYTES_MAX - upload.tail.len();
        match body.collect(room).await {
            Ok(Ok(bytes)) => {
                upload.extend_tail(&bytes);
                Ok(())
            }
            Ok(Err(start)) => {
                if let Some(end) = expected.filter(|end| *end <= INLINE_BLOB_BYTES_MAX as u64) {
                    return Err(ended_elsewhere(end));
                }
                self.begin_on_heap(upload, expected).await?;
                body.unread(start);
                let mut body = body.prepend(upload.tail.clone());
                self.receive_on_heap(upload, &mut body, expected).await
            }
            Err(Broken { read, error }) => {
                let came = upload.offset() + read.len() as u64;
                if let Some(end) = expected.filter(|end| *end < came) {
                    return Err(ended_elsewhere(end));
                }
                if !read.is_empty() {
                    upload.extend_tail(&read);
                    self.keep_upload(upload).await?;
                }
                Err(Error::SenderGone(error.to_string()))
            }
        }
    }

    /// The note is there before the first byte is on the heap, so that whatever a crash leaves is found. What an earlier
    /// attempt left there goes first: the note that is written now may know it no more.
    async fn begin_on_heap(&self, upload: &mut Upload, expected: Option<u64>) -> Result<(), Error> {
        self.clear_heap(upload).await?;
        upload.on_heap = true;
        upload.draw_up();
        if upload.has_quota { self.reserve(upload, expected).await } else { self.put_note(upload, 0).await }
    }

    /// Removes what an attempt that came to nothing left on the heap, while the offset says that nothing is there.
    async fn clear_heap(&self, upload: &mut Upload) -> Result<(), Error> {
        if upload.on_heap {
            self.claim(upload).await?;
            let noted = UploadState { digest: upload.noted_digest, ..upload.state.clone() };
            self.0.blobs.cancel(&noted).await?;
        }
        Ok(())
    }

    /// Takes in what the body has, up to where it must end, and looks that nothing comes after that.
    async fn receive_on_heap(&self, upload: &mut Upload, body: &mut Body, expected: Option<u64>) -> Result<(), Error> {
        let end = expected.unwrap_or(BLOB_BYTES_MAX);
        loop {
            let broken = match self.receive_some(upload, body, expected).await? {
                Came::All => return Ok(()),
                Came::Some if upload.state.offset() < end => continue,
                Came::Some => match body.next().await {
                    None => return Ok(()),
                    Some(Ok(_)) => return Err(expected.map_or_else(too_long, ended_elsewhere)),
                    Some(Err(error)) => error,
                },
                Came::Broken(error) => error,
            };
            self.keep_upload(upload).await?;
            return Err(Error::SenderGone(broken.to_string()));
        }
    }

    /// Takes in as much as may come before the next note: until a checkpoint is due, or what is reserved of the project's
    /// quota is used up.
    async fn receive_some(&self, upload: &mut Upload, body: &mut Body, expected: Option<u64>) -> Result<Came, Error> {
        let end = expected.unwrap_or(BLOB_BYTES_MAX);
        if upload.needs_room() {
            // A body that does not say how long it is may have ended: then nothing more is needed.
            if expected.is_none() {
                match body.next().await {
                    None => return Ok(Came::All),
                    Some(Ok(chunk)) => body.unread(chunk),
                    Some(Err(error)) => return Ok(Came::Broken(error)),
                }
            }
            self.reserve(upload, expected).await?;
        }
        let checkpoint = upload.noted_offset + UPLOAD_CHECKPOINT_BYTES;
        let room = if upload.has_quota { upload.reserved } else { u64::MAX };
        let limit = end.min(room).min(checkpoint).saturating_sub(upload.state.offset());
        let result = self.0.blobs.append(&mut upload.state, body, limit).await;
        if upload.state.offset() > 0 {
            upload.tail = Bytes::new();
        }
        match result {
            Ok(true) => Ok(Came::All),
            Ok(false) => {
                if (checkpoint..end).contains(&upload.state.offset()) {
                    self.keep_upload(upload).await?;
                }
                Ok(Came::Some)
            }
            Err(BlobsError::Sender(error)) => Ok(Came::Broken(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what was noted last or is drawn up, with a step of what comes next reserved of the project's quota. Where the end
    /// is not known, steps are small at first, and what is left will do.
    async fn reserve(&self, upload: &mut Upload, expected: Option<u64>) -> Result<(), Error> {
        let offset = upload.offset();
        let step = expected.map_or(offset.max(QUOTA_FIRST_STEP_BYTES), |end| end.saturating_sub(offset));
        let step = step.min(QUOTA_STEP_BYTES);
        match self.put_note(upload, offset + step).await {
            Err(Error::Quota { exceeded, .. }) if expected.is_none() && upload.reserved + exceeded.left() > offset => {
                self.put_note(upload, upload.reserved + exceeded.left()).await
            }
            put => put,
        }
    }

    /// Takes the note for this request, before bytes go that may rest under their final name: a commit that made them a
    /// blob, and of which nobody learned whether it was made, may have been made or still come. It ends the note as it was,
    /// so of the two exactly one comes first; where it was the commit, the bytes are the blob's.
    async fn claim(&self, upload: &mut Upload) -> Result<(), Error> {
        if upload.noted_digest.is_none() {
            return Ok(());
        }
        match self.note(upload).await {
            Err(Error::UploadBusy) if self.0.ledger.upload(upload.id).await?.is_none() => {
                self.0.sessions.ended.insert(upload.id, ());
                Err(Error::UploadUnknown)
            }
            claimed => claimed,
        }
    }

    /// Makes what was received durable, and notes it.
    async fn keep_upload(&self, upload: &mut Upload) -> Result<(), Error> {
        if upload.state.offset() > 0 {
            self.0.blobs.sync(&upload.state).await?;
        }
        self.note(upload).await
    }

    /// Notes where it stands. What it has received stays reserved, what it had reserved beyond that is given back.
    async fn note(&self, upload: &mut Upload) -> Result<(), Error> {
        upload.draw_up();
        let reserved = if upload.has_quota { upload.offset() } else { 0 };
        self.put_note(upload, reserved).await
    }

    /// Writes the note that is drawn up, with so much reserved.
    async fn put_note(&self, upload: &mut Upload, reserved: u64) -> Result<(), Error> {
        match self.0.ledger.put_upload(&upload.next_note(reserved)).await {
            Ok(true) => {
                (upload.version, upload.reserved) = (upload.version + 1, reserved);
                Ok(())
            }
            Ok(false) => Err(Error::UploadBusy),
            Err(refused) => Err(Error::refused(refused, &upload.repository)),
        }
    }

    async fn finish(&self, access: &Access, mut upload: Upload, digest: Digest) -> Result<(), Error> {
        let (size, place) = if upload.state.offset() == 0 {
            let actual = Digest::of(digest.algorithm(), &upload.tail);
            if actual != digest {
                self.discard(&mut upload).await?;
                return Err(Error::digest_mismatch(digest, actual));
            }
            self.clear_heap(&mut upload).await?;
            (upload.tail.len() as u64, Place::Ledger(upload.tail.clone()))
        } else {
            // From here on the bytes may have their final name. A note that has a part of them on the heap would not find
            // that part again.
            let is_noted_in_part = upload.noted_offset > 0 && upload.noted_offset != upload.state.offset();
            if upload.noted_digest != Some(digest) || is_noted_in_part {
                self.keep_upload(&mut upload).await?;
            }
            match self.0.blobs.finish(&upload.state).await {
                Ok(stored) => (stored.size, Place::Heap(stored.location)),
                Err(BlobsError::Digest { actual }) => {
                    self.discard(&mut upload).await?;
                    return Err(Error::digest_mismatch(digest, actual));
                }
                Err(error) => return Err(error.into()),
            }
        };
        let ended = (upload.version > 0).then_some((upload.id, upload.version));
        let repository = access.repository.clone();
        let put = |known| {
            let (repository, place) = (repository.clone(), place.clone());
            Change::PutBlob { repository, digest, size, place, known, upload: ended, adopted: false }
        };
        self.put_blob(access, size, put).await?;
        self.0.sessions.ended.insert(upload.id, ());
        Ok(())
    }

    /// Makes the blob. Where the ledger knows its bytes already they should be there: whether they are is asked only then,
    /// and if they are not, or not all of them, what was received takes their place.
    async fn put_blob(&self, access: &Access, size: u64, put: impl Fn(Known) -> Change) -> Result<(), Error> {
        let mut known = Known::Tell;
        for _ in 0..KNOWN_ASKED_MAX {
            let location = match self.commit_into(access, |_| Ok(()), vec![put(known)]).await? {
                None => return Ok(()),
                Some(Refused::Known(location)) => location,
                Some(refused) => return Err(Error::refused(refused, &access.repository)),
            };
            known = if self.0.blobs.stat(&location).await? == Some(size) {
                Known::Keep
            } else {
                tracing::warn!(?location, "bytes that the ledger knows are lost; those of a new upload replace them");
                Known::Replace(location)
            };
        }
        Err(Error::Unavailable("the blob is being replaced by others".to_owned()))
    }

    /// Bytes first, then the note: were it the other way round, a crash between them would leave bytes that nobody finds.
    async fn discard(&self, upload: &mut Upload) -> Result<(), Error> {
        if upload.version > 0 {
            self.claim(upload).await?;
            self.0.blobs.cancel(&upload.state).await?;
            self.0.ledger.delete_upload(upload.id).await?;
        }
        self.0.sessions.ended.insert(upload.id, ());
        Ok(())
    }

    /// Ends sessions that have received nothing for as long as the settings allow, at most `limit`; how many it were. One
    /// that cannot be ended keeps no other from it: it is left for that long once more.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub(crate) async fn expire_uploads(&self, limit: usize) -> Result<usize, Error> {
        let idle = self.0.ledger.idle_uploads(self.0.settings.upload_idle, limit).await?;
        let mut ended = 0;
        for note in idle {
            let Ok(_lock) = self.0.sessions.lock(note.id) else { continue };
            match self.expire(&note).await {
                Ok(is_over) => ended += usize::from(is_over),
                Err(Error::UploadUnknown | Error::UploadBusy) => {}
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(upload = %note.id, %error, "what an upload left could not be removed; later again");
                    let later = UploadNote { version: note.version + 1, ..note };
                    let put = self.0.ledger.put_upload(&later).await;
                    put.map_err(|refused| Error::refused(refused, &later.repository))?;
                }
            }
        }
        Ok(ended)
    }

    /// Whether it was ended.
    async fn expire(&self, note: &UploadNote) -> Result<bool, Error> {
        // Until it was locked it may have gone on, or have become a blob.
        if self.0.ledger.upload(note.id).await?.is_none_or(|current| current.version != note.version) {
            return Ok(false);
        }
        match Upload::from_note(note.clone()).or_else(|| Upload::from_remains(note.clone())) {
            Some(mut upload) => self.discard(&mut upload).await?,
            None => self.0.ledger.delete_upload(note.id).await?,
        }
        Ok(true)
    }
}

const HOUR: Millis = 3_600_000;
/// How often a blob is committed anew because others replaced its bytes meanwhile.
const KNOWN_ASKED_MAX: usize = 4;

fn too_long() -> Error {
    SizeError::TooLong.into()
}

/// The chunk ended before or after the byte at which it was to end.
fn ended_elsewhere(end: u64) -> Error {
    SizeError::Ended { end }.into()
}

/// Runs `work` to its end even where whoever waits for it goes away.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => result,
        Err(error) => Err(Error::Internal(format!("an upload's task ended: {error}"))),
    }
}

/// Where the chunk must end, if that is known. A chunk without a range goes wherever the session stands.
fn check_range(offset: u64, range: Option<ByteRange>, length: Option<u64>) -> Result<Option<u64>, Error> {
    let Some(range) = range else { return Ok(length.and_then(|length| offset.checked_add(length))) };
    if range.start != offset {
        return Err(Error::RangeInvalid { offset });
    }
    if let Some(length) = length.filter(|length| *length != range.len()) {
        return Err(SizeError::Chunk { range: range.len(), length }.into());
    }
    Ok(Some(range.end))
}

/// A session in the hands of the one request that may change it.
struct Upload {
    id: Id,
    repository: RepositoryName,
    actor: String,
    /// Of the note; 0 while there is none.
    version: u64,
    /// The bytes while they are few; then the state is at zero.
    tail: Bytes,
    /// Its id is drawn anew for each session that stores something, and so is the location: a session's name outlives the
    /// session, and coming back by it must never hit the blob that came of it.
    state: UploadState,
    /// Whether something of it may be on the heap, though the state be at zero.
    on_heap: bool,
    noted_digest: Option<Digest>,
    /// Of the state in the note.
    noted_offset: u64,
    /// What the note holds, or is to hold.
    noted: Bytes,
    /// How many bytes of the project's quota the note holds.
    reserved: u64,
    /// Whether the project may use only so much: then nothing comes that is not reserved.
    has_quota: bool,
}

/// What came of receiving.
enum Came {
    /// All there is.
    All,
    /// As much as was asked for.
    Some,
    /// What there was before the sender broke off.
    Broken(std::io::Error),
}

/// What a note holds.
#[derive(Serialize, Deserialize)]
struct Noted {
    tail: String,
    state: String,
    #[serde(default)]
    on_heap: bool,
    /// Apart from the state, whose layout another release may not know: enough to remove what is on the heap.
    #[serde(default)]
    heap: Option<Heap>,
}

/// What is on the heap, be it whole or in part.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Heap {
    /// What the upload is named there.
    id: Id,
    /// What its bytes are to be named, once that is known.
    digest: Option<Digest>,
}

/// As much of a note as every release can read.
#[derive(Deserialize)]
struct Remains {
    heap: Heap,
}

impl Upload {
    fn new(access: &Access, name: &SessionName) -> Result<Upload, Error> {
        Ok(Upload {
            id: name.id,
            repository: access.repository.clone(),
            actor: access.subject.actor.key(),
            version: 0,
            tail: Bytes::new(),
            state: UploadState::new(ids::random()?, name.algorithm),
            on_heap: false,
            noted_digest: None,
            noted_offset: 0,
            noted: Bytes::new(),
            reserved: 0,
            has_quota: access.rules().has_quota,
        })
    }

    fn from_note(note: UploadNote) -> Option<Upload> {
        let noted: Noted = serde_json::from_slice(&note.state).ok()?;
        let state = state::decode(noted.state.as_bytes())?;
        Some(Upload {
            id: note.id,
            repository: note.repository,
            actor: note.actor,
            version: note.version,
            tail: URL_SAFE_NO_PAD.decode(noted.tail).ok()?.into(),
            on_heap: noted.on_heap,
            noted_digest: state.digest,
            noted_offset: state.offset(),
            noted: note.state,
            reserved: note.reserved,
            has_quota: false,
            state,
        })
    }

    /// An upload of which nothing can be said but that it is to be removed from the heap.
    fn from_remains(note: UploadNote) -> Option<Upload> {
        let Remains { heap } = serde_json::from_slice(&note.state).ok()?;
        let algorithm = heap.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        Some(Upload {
            id: note.id,
            repository: note.repository,
            actor: note.actor,
            version: note.version,
            tail: Bytes::new(),
            state: UploadState { digest: heap.digest, ..UploadState::new(heap.id, algorithm) },
            on_heap: true,
            noted_digest: heap.digest,
            noted_offset: 0,
            noted: note.state,
            reserved: note.reserved,
            has_quota: false,
        })
    }

    /// Draws up what a note of where it stands now holds.
    fn draw_up(&mut self) {
        (self.noted_digest, self.noted_offset) = (self.state.digest, self.state.offset());
        let state = String::from_utf8_lossy(&state::encode(&self.state)).into_owned();
        let heap = self.on_heap.then_some(Heap { id: self.state.id, digest: self.state.digest });
        let noted = Noted { tail: URL_SAFE_NO_PAD.encode(&self.tail), state, on_heap: self.on_heap, heap };
        self.noted = serde_json::to_vec(&noted).unwrap_or_default().into();
    }

    /// The next note: what was drawn up last, with so much reserved.
    fn next_note(&self, reserved: u64) -> UploadNote {
        UploadNote {
            id: self.id,
            repository: self.repository.clone(),
            actor: self.actor.clone(),
            reserved,
            version: self.version + 1,
            state: self.noted.clone(),
            updated_at: 0,
        }
    }

    /// Whether nothing more may come before more is reserved.
    fn needs_room(&self) -> bool {
        self.has_quota && self.reserved <= self.offset()
    }

    fn offset(&self) -> u64 {
        self.state.offset() + self.tail.len() as u64
    }

    fn extend_tail(&mut self, bytes: &Bytes) {
        if self.tail.is_empty() {
            self.tail = bytes.clone();
        } else if !bytes.is_empty() {
            let mut all = BytesMut::from(&self.tail[..]);
            all.extend_from_slice(bytes);
            self.tail = all.freeze();
        }
    }
}

/// What the name of a session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionName {
    id: Id,
    algorithm: Algorithm,
    begun_hour: u32,
}

impl SessionName {
    fn uuid(&self) -> String {
        let hex = self.id.to_string();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Length of the seal in a session's name, in bytes.
const SEAL_BYTES: usize = 16;

/// The sessions of this process: the seal of their names, who is at work on which, which have ended of late.
pub(crate) struct Sessions {
    seal: Hmac<Sha256>,
    at_work: Arc<Mutex<HashSet<Id>>>,
    /// An ended session whose name still unseals would come back at offset zero; for a while it is known to be over. It is
    /// a courtesy to clients, nothing depends on it.
    ended: Cache<Id, ()>,
}

impl Sessions {
    pub(crate) fn new(key: &MasterKey) -> Sessions {
        let seal = Hmac::new(&key.derive("upload session").into());
        let ended = Cache::builder().max_capacity(20_000).time_to_live(Duration::from_secs(3600)).build();
        Sessions { seal, at_work: Arc::default(), ended }
    }

    /// `<uuid>.<algorithm, hour and seal>`
    fn seal(&self, name: &SessionName, access: &Access) -> String {
        let mut rest = vec![name.algorithm.id()];
        rest.extend_from_slice(&name.begun_hour.to_be_bytes());
        rest.extend_from_slice(&self.sealed(name, access)[..SEAL_BYTES]);
        format!("{}.{}", name.uuid(), URL_SAFE_NO_PAD.encode(rest))
    }

    fn sealed(&self, name: &SessionName, access: &Access) -> [u8; 32] {
        let mut seal = self.seal.clone();
        seal.update(&name.id.0);
        seal.update(&[name.algorithm.id()]);
        seal.update(&name.begun_hour.to_be_bytes());
        seal.update(access.repository.as_str().as_bytes());
        seal.update(&[0]);
        seal.update(access.subject.actor.key().as_bytes());
        seal.finalize().into_bytes().into()
    }

    /// Reads a name that [`Sessions::seal`] made for the same repository and actor.
    fn open(&self, session: &str, access: &Access) -> Result<SessionName, Error> {
        let name = parse_session(session).ok_or(Error::UploadUnknown)?;
        let sealed = self.seal(&name, access);
        // Compared as text of equal length over all its bytes: how long it takes tells nothing.
        let differs = sealed.len() != session.len()
            || sealed.bytes().zip(session.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) != 0;
        if differs { Err(Error::UploadUnknown) } else { Ok(name) }
    }

    fn lock(&self, id: Id) -> Result<SessionLock, Error> {
        if self.at_work.lock().insert(id) {
            Ok(SessionLock { id, at_work: self.at_work.clone() })
        } else {
            Err(Error::UploadBusy)
        }
    }
}

fn parse_session(session: &str) -> Option<SessionName> {
    let (uuid, rest) = session.split_once('.')?;
    let id = uuid.replace('-', "").parse().ok()?;
    let rest = URL_SAFE_NO_PAD.decode(rest).ok()?;
    let (&[algorithm, h0, h1, h2, h3], seal) = rest.split_first_chunk()?;
    let algorithm = Algorithm::from_id(algorithm)?;
    (seal.len() == SEAL_BYTES).then_some(SessionName {
        id,
        algorithm,
        begun_hour: u32::from_be_bytes([h0, h1, h2, h3]),
    })
}

/// Held by the one request that works on a session.
struct SessionLock {
    id: Id,
    at_work: Arc<Mutex<HashSet<Id>>>,
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        self.at_work.lock().remove(&self.id);
    }
}

mod rest;

pub(crate) use rest::Rested;

#[cfg(test)]
mod fuzz;
